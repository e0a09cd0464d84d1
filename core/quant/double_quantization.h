// SPDX-License-Identifier: GPL-3.0-or-later
// Double quantization: the scales of a tensor as 8-bit codes in blocks of 256, after their mean was taken off. Dettmers
// et al., QLoRA (2023), section 3; the dynamic map is that of Dettmers, 8-Bit Approximations (2016).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/quant/quantized_tensor.h"

namespace nibblescope {

inline constexpr std::uint64_t secondLevelBlock = 256;
inline std::uint64_t secondLevelBlocks(std::uint64_t groups) {
    return (groups + secondLevelBlock - 1) / secondLevelBlock;
}

// 256 values in rising order: 0, 1, and for i = 0 ... 6 the midpoints of 2^i even steps over [0.1, 1] times 10^(i - 6),
// with both signs.
const std::array<float, 256> &dynamicMap();

// Offset = mean of the scales (F64 sum, rounded to F32); residuals coded block by block.
SecondLevel quantizeScales(std::span<const float> scales, DoubleQuant kind);
// The same against a given offset.
SecondLevel quantizeScales(std::span<const float> scales, DoubleQuant kind, float offset);

// What decodes: map[code] * blockScale + offset (dynamic), code * blockScale + offset (int8), in F32, product then sum.
std::vector<float> restoreScales(const SecondLevel &second, DoubleQuant kind);

} // namespace nibblescope
