// SPDX-License-Identifier: GPL-3.0-or-later
// The evidence for claims that the weights alone give: how they are spread, what the formats and group sizes keep of
// them, and what a recipe takes in memory.
#pragma once

#include <vector>

#include "core/analysis/analyze.h"
#include "core/report/claims.h"

namespace nibblescope {

// Weights that all recipes together look at; of a larger model evenly spread rows of each tensor, which is said.
inline constexpr std::uint64_t claimWeights = 1ULL << 22;

// `results`: of the tensors that the claims are about, as analyzeModel() made them with `plan`; which of them count is
// the plan's rule, whatever its recipe. Reads the tensors again, a sample of those that are too large.
ClaimEvidence weightEvidence(const Model &model, const std::vector<TensorResult> &results, const ModelPlan &plan,
                             const MemoryOptions &memory, const Work &work);

// The evidence of both; what `more` knows counts.
void merge(ClaimEvidence &evidence, const ClaimEvidence &more);

} // namespace nibblescope
