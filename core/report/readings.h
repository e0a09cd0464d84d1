// SPDX-License-Identifier: GPL-3.0-or-later
// The reading of each page: what its picture says, computed, with the numbers in it. The same sentences stand above the
// plots, in the report and in the terminal. Recipe names and numbers with their units are held together by no-break
// spaces.
//
// Rules: SQNR differences under 0.05 dB and bpw differences under 0.001 are "the same"; comparisons need both sides
// measured exactly on the same tensor; nothing that was not measured is interpolated; numbers of a sample wear "≈" and
// are not compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/memory_model.h"
#include "core/analysis/results.h"
#include "core/analysis/sweep.h"
#include "core/bench/timing.h"

namespace nibblescope {

// Clauses in the order of their weight: whoever shows them takes as many as fit, the first always.
struct Reading {
    std::vector<std::string> clauses;

    std::string text() const; // all of them
};

// The short form of a recipe with no-break spaces: "NF4 64".
std::string recipeText(const Recipe &recipe);
// The short name of a tensor, elided in the middle where it is long: "layers.0.mlp.down_proj".
std::string tensorText(const TensorInfo &info);
// "close to normal", "heavier-tailed than normal", "flatter than normal"; empty between.
std::string kurtosisWord(double kurtosis);

// Weights far out that decide the scales of their groups.
struct Outliers {
    double sigmas = 12;
    std::uint64_t weights = 0; // beyond that many standard deviations
    std::uint64_t groups = 0;  // that hold one
    std::uint64_t allGroups = 0;
};

// `baseline`: the same tensor under the pinned recipe, or null.
Reading distributionReading(const TensorResult &result, const TensorResult *baseline = nullptr,
                            const std::optional<Outliers> &outliers = {});

// `sweep`: of the same tensor, or null while it is computed.
Reading binsReading(const TensorResult &result, const Sweep *sweep = nullptr);

struct LayersReadingInput {
    const std::vector<TensorResult> *results = nullptr; // of the tensors that are done
    std::uint64_t expected = 0;                         // tensors that are to be quantized
    bool running = false;
};
Reading layersReading(const LayersReadingInput &input);

// `largestLeftAlone`: the results that `memory` was made from are searched for the largest rest part.
Reading memoryReading(const MemoryBreakdown &memory, const MemoryBreakdown &fp32, const Recipe &recipe,
                      const std::vector<TensorResult> &results);

struct SpeedReadingInput {
    const BenchReport *report = nullptr; // null: not measured
    std::string recipe;                  // displayFormat() of the recipe's bar: "NF4 64"
    std::string baseline;                // of the baseline's; empty: none
};
Reading speedReading(const SpeedReadingInput &input);

} // namespace nibblescope
