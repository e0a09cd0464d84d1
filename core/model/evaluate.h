// SPDX-License-Identifier: GPL-3.0-or-later
// What quantization does to a model's next-token distributions, on a text. The unquantized model P and the quantized
// one Q run side by side, so that nothing but sums is kept.
//
//   nll         mean of -ln p over all predictions; perplexity = exp(nll)
//   KL          at each position sum P ln(P / Q) over the vocabulary, natural logarithm; mean, median and 99th
//               percentile over all predictions (linear between order statistics)
//   top-1       share of positions at which both models find the same token most probable
//   standard errors: windows as clusters. With m the mean over a window, std(m, ddof = 1) / sqrt(windows); for a
//               difference between two models m is the mean difference in the window (paired).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/work.h"
#include "core/model/llama.h"
#include "core/model/token_windows.h"
#include "core/quant/activation_quant.h"

namespace nibblescope {

struct Estimate {
    double mean = 0;
    std::optional<double> standardError; // absent for a single window
};
// Windows as clusters; all windows have the same number of predictions.
Estimate estimateOf(const std::vector<double> &windowMeans);

struct Comparison {
    Estimate referenceNll; // of the unquantized model
    Estimate nllDifference;
    Estimate kl;
    double klMedian = 0;
    double klP99 = 0;
    double top1Agreement = 0;
    // Relative error of the hidden states behind each layer, sqrt(sum (h' - h)^2 / sum h^2): how errors pile up.
    std::vector<double> depthErrors;
    // Means of single windows, in window order: two recipes on the same windows are compared window by window.
    std::vector<double> windowKl;
    std::vector<double> windowNllDifference;
};

struct Evaluation {
    std::size_t context = 0;
    std::size_t windows = 0; // that were measured
    std::size_t plannedWindows = 0;
    std::size_t tokens = 0; // predictions
    Estimate nll;
    double perplexity = 0;
    std::optional<Comparison> comparison;
    std::optional<ProductsUsed> products; // where they are not Products::Blas
    std::optional<Error> problem;         // why it was not run, where others were run beside it; alone it is thrown

    bool complete() const { return windows == plannedWindows; }
};

// A model that is held against the unquantized one: with edited weights, and with the inputs of its linears (of all its
// layers, not the head) rounded, each window by itself. One of the two may be absent; without both nothing is compared.
struct ModelVariant {
    const WeightEdit *edit = nullptr;
    std::optional<ActivationQuant> activations = {};
    Products products = Products::Blas; // of its quantized linears; all else, and the unquantized model, is on the BLAS
};

// Told, from the calling thread, how the means stand as windows are done. Medians, percentiles and what is kept of
// single windows are not filled in.
using EvaluationSink = std::function<void(const Evaluation &soFar)>;
using EvaluationsSink = std::function<void(const std::vector<Evaluation> &soFar)>;

// Runs the model, and where the variant differs from it that one beside it. A stop ends it early: what was
// measured is returned (see complete()); Error{Fault::Interrupted} if that is nothing. Windows are worked on in groups
// as large as memory allows; a model that is small stays decoded in memory, a larger one is read once a group.
Evaluation evaluate(const Llama &llama, const TokenWindows &windows, const ModelVariant &variant, const Work &work,
                    const EvaluationSink &soFar = {});

// The same figures for several, to the digit, in the order of `variants`. They run window by window beside one run of
// the unquantized model, as many at a time as memory allows; the others follow (no windows so far). After a stop those
// that did not begin have no windows. One whose weights cannot be edited (Error{Fault::Input}) leaves the others alone.
std::vector<Evaluation> evaluateSideBySide(const Llama &llama, const TokenWindows &windows,
                                           std::span<const ModelVariant> variants, const Work &work,
                                           const EvaluationsSink &soFar = {});

// Keys: those of ProductsUsed where they are not Products::Blas; perplexity, nll, nll_stderr, tokens, and with a
// comparison kl_mean, kl_stderr, kl_median, kl_p99, top1_agreement, nll_difference, nll_difference_stderr,
// reference_perplexity, reference_nll, depth_errors.
void addJson(const Evaluation &evaluation, nlohmann::ordered_json &json);

} // namespace nibblescope
