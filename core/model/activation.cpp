// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/activation.h"

#include <array>
#include <cmath>

namespace nibblescope {

void softmax(const ElementKernels &kernels, float *x, std::size_t count) {
    const double sum = kernels.exponentials(x, count, kernels.largest(x, count), x);
    const auto inverse = static_cast<float>(1.0 / sum);
    for (std::size_t i = 0; i < count; ++i)
        x[i] *= inverse;
}

void rmsNorm(const float *x, const float *weight, double epsilon, std::size_t count, float *out) {
    constexpr std::size_t laneCount = 4; // one sum would wait for itself at each step
    std::array<double, laneCount> squares{};
    for (std::size_t i = 0; i < count; ++i)
        squares[i % laneCount] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    const double mean = ((squares[0] + squares[1]) + (squares[2] + squares[3])) / static_cast<double>(count);
    const auto scale = static_cast<float>(1.0 / std::sqrt(mean + epsilon));
    for (std::size_t i = 0; i < count; ++i)
        out[i] = x[i] * scale * weight[i];
}

} // namespace nibblescope
