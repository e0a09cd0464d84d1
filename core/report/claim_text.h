// SPDX-License-Identifier: GPL-3.0-or-later
// Pieces of sentence that claims and answers share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/report/claims.h"

namespace nibblescope {

// "+0.78 ± 0.07 %": two digits of the error; two decimals where none is known.
std::string changeText(const MeasuredValue &share);
// "0.0078 ± 0.0002".
std::string plusMinus(const MeasuredValue &value);
std::string dbText(const RecipeEvidence &recipe); // "18.43 dB", "≈18.43 dB" of a sample
std::string nameOf(const RecipeEvidence &recipe); // "INT4 128"

// The recipe of a format rounded to nearest with scales in F16.
Recipe rounded(Format format, GroupSize size);
// INT4, scales of groups of that size; null where it was not measured.
const RecipeEvidence *roundedEvidence(const ClaimEvidence &evidence, Format format, GroupSize size);
// Symmetric INT4 in groups that was run on a text: of 128, else of 64, else of 32.
const RecipeEvidence *roundedInGroups(const ClaimEvidence &evidence);
// The run of that method with the least KL; null where there is none.
const RecipeEvidence *bestOfMethod(const ClaimEvidence &evidence, const std::string &method);
// The same recipe rounded to nearest, where it was run.
const RecipeEvidence *roundedPartner(const ClaimEvidence &evidence, const Recipe &recipe);

// What a group size brings: from the largest groups to the smallest, with the dB gained a bit by each step.
struct GroupStep {
    const RecipeEvidence *point = nullptr;
    double dbPerBit = 0; // of the step that leads here; 0 for the first
};
std::vector<GroupStep> groupSteps(const ClaimEvidence &evidence, Format format);
// The smallest groups that are worth their bits: up to there each step gained at least 6.02 dB a bit, what a further
// bit of code would bring. Null: fewer than two points.
const RecipeEvidence *sweetSpot(const std::vector<GroupStep> &steps);
inline constexpr double dbPerBitOfCode = 6.0206;

// Double quantization beside the same recipe with scales in F32.
struct DoubledPair {
    const RecipeEvidence *plain = nullptr;
    const RecipeEvidence *doubled = nullptr;
};
std::optional<DoubledPair> doubledPair(const ClaimEvidence &evidence);

// Where 4 bits multiply a vector beside INT8.
struct SpeedPair {
    const KernelTiming *four = nullptr;
    const KernelTiming *eight = nullptr;
    double ratio() const { return eight->medianSeconds / four->medianSeconds; }
    bool memoryBound() const;
};
std::vector<SpeedPair> speedPairs(const ClaimEvidence &evidence);

} // namespace nibblescope
