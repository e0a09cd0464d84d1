// SPDX-License-Identifier: GPL-3.0-or-later
// The evidence for claims that takes a run: of the model over a text, and of the kernels on this machine.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/base/progress.h"
#include "core/model/llama.h"
#include "core/model/token_windows.h"
#include "core/report/claims.h"

namespace nibblescope {

struct ClaimRuns {
    ModelPlan plan; // its recipe is run too; its calibration is for that one
    // Of the unquantized model, for GPTQ and AWQ; null: they are left out.
    std::shared_ptr<const StatisticsSource> calibration;
    std::string text; // what the windows are cut from: "heldout.txt"
};

// Runs claimRunRecipes() and INT8 and INT4 activations over the windows, each beside the unquantized model. A recipe
// that this model cannot have is left out, which adds to `warnings`.
ClaimEvidence runEvidence(const Llama &llama, const TokenWindows &windows, const ClaimRuns &runs,
                          std::vector<std::string> &warnings, const Work &work);

// Products of a 4096 x 4096 matrix out of the cache with one vector: INT8, INT4 and NF4, on all processors. About ten
// seconds; nothing else should run.
ClaimEvidence speedEvidence(const std::stop_token &stop, const ProgressSink &progress);

} // namespace nibblescope
