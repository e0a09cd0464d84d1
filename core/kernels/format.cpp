// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/format.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/half.h"

namespace nibblescope {
namespace {

constexpr std::array<FormatTraits, formatCount> formatTable{{
    {Format::None, "none", "None", "none", "Statistics only.", 0, 0, false, false, 0},
    {Format::Int4, "int4", "INT4 symmetric", "INT4", "16 even steps, scale max/7; code −8 is never used.", 4, -8, false,
     false, 0},
    {Format::Int4Max, "int4-max", "INT4 signed max", "INT4 max", "The largest weight maps to −8: all 16 codes in use.",
     4, -8, false, false, 0},
    {Format::Int4Asym, "int4-asym", "INT4 asymmetric", "INT4 asym",
     "Even steps from the smallest to the largest weight; 4 more bits a group for the zero-point.", 4, 0, false, true,
     0},
    {Format::Nf4, "nf4", "NF4", "NF4", "16 levels at normal quantiles, scaled by the largest magnitude.", 4, 0, true,
     false, 0},
    {Format::Fp4, "fp4", "FP4", "FP4", "Sign, exponent, mantissa, as bitsandbytes has it.", 4, 0, true, false, 0},
    {Format::Mxfp4, "mxfp4", "MXFP4", "MXFP4", "E2M1 with one power-of-two scale for 32 weights.", 4, 0, true, false,
     32},
    {Format::Int8, "int8", "INT8", "INT8", "The yardstick: 256 even steps.", 8, -128, false, false, 0},
    {Format::Fitted, "fitted", "Fitted codebook", "Fitted", "16 levels of each tensor's own, Lloyd-Max from NF4's.", 4,
     0, true, false, 0},
}};

// Dettmers et al., QLoRA (2023), appendix E: normal quantiles, as the published F32 table has them.
constexpr std::array<float, 16> nf4Levels{
    -1.0F,
    -0.6961928009986877F,
    -0.5250730514526367F,
    -0.39491748809814453F,
    -0.28444138169288635F,
    -0.18477343022823334F,
    -0.09105003625154495F,
    0.0F,
    0.07958029955625534F,
    0.16093020141124725F,
    0.24611230194568634F,
    0.33791524171829224F,
    0.44070982933044434F,
    0.5626170039176941F,
    0.7229568362236023F,
    1.0F,
};
// Sign bit 8, magnitudes in twelfths: 0, 1/16, 8, 12, 4, 6, 2, 3.
constexpr std::array<float, 16> fp4Levels{
    0.0F,  0.0625F / 12.0F,  8.0F / 12.0F,  1.0F,  4.0F / 12.0F,  0.5F,  2.0F / 12.0F,  0.25F,
    -0.0F, -0.0625F / 12.0F, -8.0F / 12.0F, -1.0F, -4.0F / 12.0F, -0.5F, -2.0F / 12.0F, -0.25F,
};
// OCP Microscaling Formats (MX) v1.0: E2M1.
constexpr std::array<float, 16> e2m1Levels{
    0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F, -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F,
};
constexpr std::array<float, 16> signedLevels{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
constexpr std::array<float, 16> unsignedLevels{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

SortedLevels sorted(std::span<const float, 16> table) {
    SortedLevels result{};
    std::iota(result.code.begin(), result.code.end(), std::uint8_t{0});
    // Stable: of the two zeros of FP4 and MXFP4 code 0 stands before code 8.
    std::stable_sort(result.code.begin(), result.code.end(),
                     [&table](std::uint8_t a, std::uint8_t b) { return table[a] < table[b]; });
    for (std::size_t i = 0; i < 16; ++i)
        result.level[i] = table[result.code[i]];
    for (std::size_t i = 0; i < 15; ++i)
        result.boundary[i] = (result.level[i] + result.level[i + 1]) / 2.0F;
    return result;
}

} // namespace

std::span<const FormatTraits> allFormats() { return formatTable; }

const FormatTraits &traits(Format format) { return formatTable[static_cast<std::size_t>(format)]; }

std::optional<Format> formatFromId(std::string_view id) {
    const auto found =
        std::find_if(formatTable.begin(), formatTable.end(), [id](const FormatTraits &row) { return row.id == id; });
    return found == formatTable.end() ? std::nullopt : std::optional(found->format);
}

std::span<const float, 16> levels(Format format) {
    switch (format) {
    case Format::Nf4:
    case Format::Fitted:
        return nf4Levels;
    case Format::Fp4:
        return fp4Levels;
    case Format::Mxfp4:
        return e2m1Levels;
    case Format::Int4Asym:
        return unsignedLevels;
    case Format::None:
    case Format::Int4:
    case Format::Int4Max:
    case Format::Int8:
        break;
    }
    return signedLevels;
}

const SortedLevels &sortedLevels(Format format) {
    static const std::array<SortedLevels, formatCount> tables = [] {
        std::array<SortedLevels, formatCount> all{};
        for (const FormatTraits &row : formatTable)
            all[static_cast<std::size_t>(row.format)] = sorted(levels(row.format));
        return all;
    }();
    return tables[static_cast<std::size_t>(format)];
}

SortedLevels sortedLevels(std::span<const float, 16> levels) { return sorted(levels); }

namespace {

float nearestOfType(float scale, ScaleType type) {
    switch (type) {
    case ScaleType::F16:
        return f32FromF16(f16FromF32(scale));
    case ScaleType::BF16:
        return f32FromBf16(bf16FromF32(scale));
    case ScaleType::F32:
        break;
    }
    return scale;
}

constexpr std::array<float, 3> largestOfType{std::numeric_limits<float>::max(), 65504.0F, 0x1.fep127F};

} // namespace

float roundToScaleType(float scale, ScaleType type) {
    const float rounded = nearestOfType(scale, type);
    return std::isinf(rounded) ? std::copysign(largestOfType[static_cast<std::size_t>(type)], rounded) : rounded;
}

bool overflowsScaleType(float scale, ScaleType type) { return std::isinf(nearestOfType(scale, type)); }

} // namespace nibblescope
