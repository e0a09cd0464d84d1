// SPDX-License-Identifier: GPL-3.0-or-later
// What a linear's output loses by other weights, from the statistics of its input.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "core/base/work.h"
#include "core/quant/input_statistics.h"
#include "core/tensor/tensor_info.h"

namespace nibblescope {

// Fills `out` with the values of a matrix E [rows, cols] from the flat index `first` on. Called from several threads.
using MatrixValues = std::function<void(std::size_t first, std::span<double> out)>;

// tr(E G E') with G = X'X: the squared error of X E' over the calibration text. E is made a few rows at a time.
double outputEnergy(const MatrixValues &errors, MatrixShape shape, const InputStatistics &inputs, const Work &work);

// sqrt(tr(E G E') / tr(W G W')), E = W' - W; 0 where W has no output at all.
double relativeOutputError(std::span<const float> weights, std::span<const float> decoded, MatrixShape shape,
                           const InputStatistics &inputs, const Work &work);

} // namespace nibblescope
