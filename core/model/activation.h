// SPDX-License-Identifier: GPL-3.0-or-later
// The element-wise steps of a layer, F32. The exponential is a polynomial that is within 2 units in the last place of
// the exact one; what lies below e^-87 counts as e^-87.
#pragma once

#include <cstddef>

namespace nibblescope {

// x = exp(x - max x) / sum, over `count` values. The sum is made in F64.
void softmax(float *x, std::size_t count);
// gate = gate / (1 + exp(-gate)) * up (Shazeer, GLU Variants Improve Transformer, 2020).
void siluTimes(float *gate, const float *up, std::size_t count);
// out = x / sqrt(mean x^2 + epsilon) * weight (Zhang and Sennrich, Root Mean Square Layer Normalization, 2019), the
// mean in F64.
void rmsNorm(const float *x, const float *weight, double epsilon, std::size_t count, float *out);
// Sum in F64 of exp(x - shift), each in F32, over `count` values; they are left in `x`.
double exponentials(float *x, std::size_t count, float shift);

} // namespace nibblescope
