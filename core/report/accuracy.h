// SPDX-License-Identifier: GPL-3.0-or-later
// Recipes run over a text: what was measured, how two of them compare, and what the measurements teach. A difference
// below two standard errors is "not distinguishable"; two recipes on the same text are compared window by window.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/model/evaluate.h"
#include "core/model/linear_errors.h"
#include "core/quant/recipe.h"
#include "core/report/figure.h"
#include "core/report/readings.h"

namespace nibblescope {

struct RecipeEvidence;

// How the means stood after that many windows.
struct AccuracyPoint {
    std::size_t windows = 0;
    Estimate nll;
    Estimate nllDifference;
    Estimate kl;
};
AccuracyPoint accuracyPoint(const Evaluation &soFar);

struct AccuracyResult {
    Recipe recipe;
    double bpw = 0;               // over the quantized tensors
    std::optional<double> sqnrDb; // over the linears of the layers together
    Evaluation evaluation;        // with a comparison
    std::vector<AccuracyPoint> curve;
    std::vector<LinearError> linears; // with output errors where a calibration was given
    std::vector<std::string> remarks; // what a method could not do
};
using SharedAccuracy = std::shared_ptr<const AccuracyResult>;
Products productsOf(const AccuracyResult &result);

nlohmann::ordered_json toJson(const AccuracyResult &result);
// Throws Error{Fault::Input} for what is not such a document.
AccuracyResult accuracyFromJson(const nlohmann::ordered_json &json);

enum class AccuracyRank { Kl, Perplexity, Sqnr };
std::string rankLabel(AccuracyRank rank); // of an axis: "KL divergence (nat)"

// exp(nll) of the unquantized model, and its rise in the quantized one as a share (0.052 = 5.2 %) with its paired
// standard error: exp(d) - 1 and exp(d) se(d), d the mean difference of nll.
double referencePerplexity(const AccuracyResult &result);
Estimate perplexityChange(const Estimate &nllDifference);
Estimate perplexityChange(const AccuracyResult &result);
// Mean difference of KL, `a` less `b`, over the windows that both ran on, paired.
Estimate klDifference(const AccuracyResult &a, const AccuracyResult &b);
bool distinguishable(const Estimate &difference);
// Smaller is better for all three (SQNR is negated).
double rankValue(const AccuracyResult &result, AccuracyRank rank);
// Best first.
std::vector<SharedAccuracy> rankedBy(std::vector<SharedAccuracy> results, AccuracyRank rank);
// Of those not beaten by another in both bits and quantity, by bits. INT8 is left to stand alone.
std::vector<SharedAccuracy> paretoFront(const std::vector<SharedAccuracy> &results, AccuracyRank rank);

// The recipes that the field talks about: INT8 as the yardstick, round to nearest from one scale a tensor to groups of
// 32, the codebooks, the methods without data; with a calibration GPTQ, AWQ and importance weights too.
std::vector<Recipe> usualRecipes(bool calibrated);

// "0.01234 ± 0.00012": the error with two significant digits, the mean with as many decimals.
std::string estimateText(const Estimate &estimate);
std::string changeText(const Estimate &change); // "+0.52 ± 0.06 %"

// What is being measured now.
struct AccuracyRunning {
    Recipe recipe;
    std::size_t planned = 0; // windows
    std::vector<AccuracyPoint> curve;
};

struct AccuracyInput {
    std::vector<SharedAccuracy> results; // all on the same text and windows
    Recipe current;
    std::optional<Recipe> baseline;
    AccuracyRank rank = AccuracyRank::Kl;
    std::string text;                     // what it was measured on: "heldout.txt"
    std::string referenceName;            // of the unquantized model: "F16"
    std::vector<AccuracyRunning> running; // side by side, over the same windows
    // What the quantized linears of `results` and `running` are multiplied with; and what was measured on the same text
    // with others, which is never in one list with them.
    Products products = Products::Blas;
    std::vector<SharedAccuracy> others;
};
RecipeEvidence recipeEvidence(const AccuracyResult &result);
SharedAccuracy findResult(const std::vector<SharedAccuracy> &results, const Recipe &recipe);

// One row of the table of recipes; the first row is the unquantized model.
struct AccuracyRow {
    std::optional<Recipe> recipe; // absent: the unquantized model
    std::string name;
    std::string bpw;
    std::string kl; // this, median and 99 % in thousandths of a nat
    std::string perplexity;
    std::string change;
    std::string klMedian;
    std::string klP99;
    std::string top1;
    std::string sqnr;
    std::string remark; // "first 24 of 64 windows"; for the tooltip of the row
    bool current = false;
    bool baseline = false;
    bool onFront = false;

    bool operator==(const AccuracyRow &) const = default;
};
std::vector<AccuracyRow> accuracyRows(const AccuracyInput &input);
FigureTable accuracyTable(const AccuracyInput &input);

// What the products of `others` cost: their KL less that of the same recipe in `results`, paired by windows.
struct ProductsRow {
    std::string recipe;
    std::string products;
    std::string kl;   // this and the difference in thousandths of a nat
    std::string cost; // "–" where the recipe is not in `results`
    std::string remark;
};
std::vector<ProductsRow> productsRows(const AccuracyInput &input);
// Behind what names the results: ", packed kernels (AVX-512 VNNI), INT8 activations"; empty for Products::Blas.
std::string productsSuffix(const AccuracyInput &input);

Reading accuracyReading(const AccuracyInput &input);
// Sentences with the numbers of this model: what ranks recipes and what does not, which methods lose.
std::vector<std::string> accuracyLessons(const AccuracyInput &input);

} // namespace nibblescope
