// SPDX-License-Identifier: GPL-3.0-or-later
// Steps of a layer over rows of F32 numbers, made of the element-wise kernels.
#pragma once

#include <cstddef>

#include "core/kernels/elementwise.h"

namespace nibblescope {

// x = exp(x - max x) / sum, over `count` values. The sum is made in F64.
void softmax(const ElementKernels &kernels, float *x, std::size_t count);
// out = x / sqrt(mean x^2 + epsilon) * weight (Zhang and Sennrich, Root Mean Square Layer Normalization, 2019), the
// mean in F64.
void rmsNorm(const float *x, const float *weight, double epsilon, std::size_t count, float *out);

} // namespace nibblescope
