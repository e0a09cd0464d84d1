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
#include <vector>

#include <nlohmann/json.hpp>

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

    bool complete() const { return windows == plannedWindows; }
};

// Runs the model, and with `edit` the edited one against it. `soFar` is called from the calling thread as windows are
// done. A stop ends it early: what was measured is returned (see complete()); Error{Fault::Interrupted} if that is
// nothing. Windows are worked on in groups as large as memory allows; a model that is small stays decoded in memory, a
// larger one is read once a group. With `activations` the inputs of the edited model's linears (of all its layers, not
// the head) are rounded too, each window by itself; `edit` may then be null.
Evaluation evaluate(const Llama &llama, const TokenWindows &windows, const WeightEdit *edit, const Work &work,
                    const std::function<void(const Evaluation &)> &soFar = {},
                    const std::optional<ActivationQuant> &activations = {});

// Keys: perplexity, nll, nll_stderr, tokens, and with a comparison kl_mean, kl_stderr, kl_median, kl_p99,
// top1_agreement, nll_difference, nll_difference_stderr, reference_perplexity, reference_nll, depth_errors.
void addJson(const Evaluation &evaluation, nlohmann::ordered_json &json);

} // namespace nibblescope
