// SPDX-License-Identifier: GPL-3.0-or-later
// What an edit does to each linear of a model: to its weights, and to its output on a calibration text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/model/llama.h"
#include "core/quant/input_statistics.h"

namespace nibblescope {

struct LinearError {
    std::string name; // of the tensor
    ErrorSums sums;   // of the weights; `clipped` is not counted
    // sqrt(tr(E G E') / tr(W G W')), absent where the calibration does not know the input.
    std::optional<double> outputError;
};

// Of all linears in the layers that are edited, in model order. Folds are taken out again before weights are compared.
// The statistics are those of the unquantized model, whatever the edit was made with.
std::vector<LinearError> linearErrors(const Llama &llama, const WeightEdit &edit, const StatisticsSource &inputs,
                                      const Work &work);

} // namespace nibblescope
