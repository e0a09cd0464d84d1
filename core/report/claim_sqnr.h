// SPDX-License-Identifier: GPL-3.0-or-later
// The part of the claims' evidence for which weights are enough.
#pragma once

#include <vector>

#include "core/analysis/selection_rule.h"
#include "core/base/work.h"
#include "core/io/model.h"
#include "core/report/claims.h"

namespace nibblescope {

// Bits and SQNR of each of the recipes over all tensors that the rule quantizes, one sum of signal and one of error. Of
// a tensor of more than about `most` weights evenly spread rows are looked at, and the evidence is marked as a sample.
// A recipe that cannot be carried out on a tensor is left out.
std::vector<RecipeEvidence> sqnrEvidence(const Model &model, const SelectionRule &rule,
                                         const std::vector<Recipe> &recipes, const Work &work,
                                         std::uint64_t most = 1U << 20);

} // namespace nibblescope
