// SPDX-License-Identifier: GPL-3.0-or-later
// What the field says about 4-bit quantization, beside what was measured on this model and this machine; and the
// questions that learners are asked, each answered with those numbers. One table: the Accuracy page, the report and the
// command line show the same sentences.
//
// A claim is judged by what was measured and by nothing else: without the measurement it is open, and its reason says
// what to run. A claim is held where the measured value, give or take two standard errors, lies in the range that is
// claimed; a cost below that range is "not held" too, and the reason says that it is less.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/analysis/memory_model.h"
#include "core/analysis/results.h"
#include "core/bench/timing.h"
#include "core/quant/recipe.h"

namespace nibblescope {

enum class ClaimMark : std::uint8_t { Open, Held, NotHeld }; // Open: not measured
std::string_view idOf(ClaimMark mark);                       // "held", "not_held", "open"
std::string_view displayName(ClaimMark mark);                // "held", "not held", "not measured"

struct Claim {
    std::string id;       // "rtn-groups"
    std::string said;     // what the field says, a sentence
    std::string measured; // "+0.78 ± 0.07 % (INT4 128)"; "–" where nothing was measured
    ClaimMark mark = ClaimMark::Open;
    std::string reason; // one sentence: why it is held or not, or what to run
    std::string page;   // id of the page that shows it: "accuracy", "bins", "distribution", "memory", "speed" ...
};

struct Answer {
    std::string id;       // "why-not-everywhere"
    std::string question; // "Why not INT4 everywhere?"
    std::string answer;   // one or two sentences with measured numbers
    std::string page;
};

// A value with its standard error, where that is known.
struct MeasuredValue {
    double value = 0;
    std::optional<double> error;
};

// One recipe on the whole model.
struct RecipeEvidence {
    Recipe recipe;
    double bpw = 0;                                // over the quantized tensors
    std::optional<double> sqnrDb;                  // over the quantized tensors, one sum of signal, one of error
    bool sample = false;                           // sqnrDb is of a part of each tensor
    std::optional<MeasuredValue> perplexityChange; // share: 0.052 is 5.2 % more than unquantized; paired error
    std::optional<MeasuredValue> kl;
};

// How the quantized tensors are spread.
struct ShapeEvidence {
    std::uint64_t tensors = 0;
    std::uint64_t normal = 0;        // with a kurtosis of 2.7 ... 3.3
    double medianKurtosis = 0;       // over the tensors
    double largestKurtosis = 0;      // and the tensor that has it
    std::string largestKurtosisName; // as people read it
    double largestSigmas = 0;        // largest |w - mean| over the tensor's standard deviation
    std::string largestSigmasName;   // and the tensor that has it
    std::uint64_t shortestRow = 0;   // of the quantized matrices
    std::uint64_t longestRow = 0;
};

struct MemoryEvidence {
    Recipe recipe;
    MemoryBreakdown memory;
    std::uint64_t fp32WeightsBytes = 0;   // of the same model
    std::uint64_t fp32QuantizedBytes = 0; // of the tensors that are quantized
};

struct ActivationEvidence {
    std::optional<MeasuredValue> klInt8; // INT8 activations, one scale a token, weights not quantized
    std::optional<MeasuredValue> klInt4; // INT4 activations, one scale a token
    std::optional<double> largestSpread; // largest channel over median channel, of the worst input of a linear
    std::string largestSpreadName;
    std::uint64_t outlierChannels = 0; // beyond 6 times the median channel, over all inputs
    std::uint64_t channels = 0;
};

// What is known. Anything may be absent.
struct ClaimEvidence {
    std::uint64_t params = 0;            // of the whole model
    std::vector<RecipeEvidence> recipes; // in any order; a recipe at most once
    std::optional<ShapeEvidence> shape;
    std::optional<MemoryEvidence> memory; // of a 4-bit recipe
    std::optional<BenchReport> bench;     // products
    std::optional<ActivationEvidence> activations;
    std::optional<double> referencePerplexity; // of the unquantized model
    std::string text;                          // what it was run on: "heldout.txt"
    std::uint64_t predictions = 0;             // that perplexity and KL are means over
};

// Adds to the evidence of the same recipe, or as a new one; what `more` knows counts.
void addRecipe(ClaimEvidence &evidence, const RecipeEvidence &more);
const RecipeEvidence *findRecipe(const ClaimEvidence &evidence, const Recipe &recipe);

// From results of a whole model (statistics, and sums where they were quantized with one recipe).
std::optional<ShapeEvidence> shapeEvidence(const std::vector<TensorResult> &results);

// The recipes whose SQNR the claims look at, for which weights are enough; and those that are run on a text, the ones
// that need a calibration only where there is one.
std::vector<Recipe> claimRecipes();
std::vector<Recipe> claimRunRecipes(bool calibrated);

// All of them, in a fixed order, whatever is known.
std::vector<Claim> claims(const ClaimEvidence &evidence);
std::vector<Answer> learnersAnswers(const ClaimEvidence &evidence);

// Arrays of objects: id, said, measured, mark, reason, page; id, question, answer, page.
nlohmann::ordered_json toJson(const std::vector<Claim> &claims);
nlohmann::ordered_json toJson(const std::vector<Answer> &answers);

} // namespace nibblescope
