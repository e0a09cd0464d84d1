// SPDX-License-Identifier: GPL-3.0-or-later
// Measures tensors straight from the file, with memory that does not grow with them: what the command line, the
// whole-model run and the report do.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/analysis/results.h"
#include "core/analysis/selection_rule.h"
#include "core/base/work.h"
#include "core/io/model.h"
#include "core/quant/input_statistics.h"

namespace nibblescope {

// What to do with each tensor of a model.
struct ModelPlan {
    Recipe recipe;
    SelectionRule rule;
    std::shared_ptr<const StatisticsSource> calibration = nullptr; // for methods that need it; else null
};

// Header facts, bpw and the reason to keep it, without reading a weight.
TensorResult describeTensor(const TensorInfo &info, const ModelPlan &plan);

// Statistics and, where it is quantized, errors. Reads row blocks; holds at most wholeTensorLimitBytes and a few
// blocks.
TensorResult analyzeTensor(const Model &model, std::size_t tensor, const ModelPlan &plan, const Work &work);

// All of `tensors` (indices) in that order; `done` is called with each result as it comes, from the calling thread.
std::vector<TensorResult> analyzeModel(const Model &model, const std::vector<std::size_t> &tensors,
                                       const ModelPlan &plan, const Work &work,
                                       const std::function<void(const TensorResult &)> &done = {});

} // namespace nibblescope
