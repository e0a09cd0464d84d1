// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/activation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace nibblescope {
namespace {

// Loops over whole blocks have a constant length, which compilers turn into vector code.
constexpr std::size_t block = 16;
using Block = std::array<float, block>;

// exp of each value: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r (the coefficients are those of Moshier's
// Cephes library, single precision), and n added to the exponent.
void exponential(Block &x) {
    constexpr float roundingShift = 12582912.0F; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    for (std::size_t i = 0; i < block; ++i) {
        const float value = std::min(std::max(x[i], -87.0F), 88.0F);
        const float shifted = value * 1.44269504088896341F + roundingShift;
        const float n = shifted - roundingShift;
        const float r = (value - n * 0.693359375F) - n * -2.12194440e-4F;
        float p = 1.9875691500e-4F;
        p = p * r + 1.3981999507e-3F;
        p = p * r + 8.3334519073e-3F;
        p = p * r + 4.1665795894e-2F;
        p = p * r + 1.6666665459e-1F;
        p = p * r + 5.0000001201e-1F;
        p = p * r * r + r + 1.0F;
        const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U;
        x[i] = p * std::bit_cast<float>(exponent);
    }
}

Block loadBlock(const float *from, std::size_t count) {
    Block values{};
    std::copy_n(from, std::min(count, block), values.begin());
    return values;
}

} // namespace

double exponentials(float *x, std::size_t count, float shift) {
    double sum = 0;
    for (std::size_t at = 0; at < count; at += block) {
        const std::size_t length = std::min(block, count - at);
        Block values = loadBlock(x + at, length);
        for (float &value : values)
            value -= shift;
        exponential(values);
        std::copy_n(values.begin(), length, x + at);
        std::fill(values.begin() + static_cast<std::ptrdiff_t>(length), values.end(), 0.0F);
        std::array<double, 4> parts{};
        for (std::size_t i = 0; i < block; ++i)
            parts[i % 4] += static_cast<double>(values[i]);
        sum += (parts[0] + parts[1]) + (parts[2] + parts[3]);
    }
    return sum;
}

void softmax(float *x, std::size_t count) {
    const double sum = exponentials(x, count, *std::max_element(x, x + count));
    const auto inverse = static_cast<float>(1.0 / sum);
    for (std::size_t i = 0; i < count; ++i)
        x[i] *= inverse;
}

void siluTimes(float *gate, const float *up, std::size_t count) {
    for (std::size_t at = 0; at < count; at += block) {
        const std::size_t length = std::min(block, count - at);
        const Block g = loadBlock(gate + at, length);
        const Block u = loadBlock(up + at, length);
        Block e;
        for (std::size_t i = 0; i < block; ++i)
            e[i] = -g[i];
        exponential(e);
        for (std::size_t i = 0; i < block; ++i)
            e[i] = g[i] / (1.0F + e[i]) * u[i];
        std::copy_n(e.begin(), length, gate + at);
    }
}

void rmsNorm(const float *x, const float *weight, double epsilon, std::size_t count, float *out) {
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i)
        squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    const auto scale = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(count) + epsilon));
    for (std::size_t i = 0; i < count; ++i)
        out[i] = x[i] * scale * weight[i];
}

} // namespace nibblescope
