// SPDX-License-Identifier: GPL-3.0-or-later
// How one weight becomes a code, and a group's range becomes a scale: the definitions of the formats, written once. The
// scalar kernels loop over these; the SIMD kernels are tested against them. F32 arithmetic; rint rounds half to even.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/kernels/format.h"
#include "core/kernels/kernels.h"

namespace nibblescope {

inline constexpr float smallestAbsmax = 1e-38F; // divisions by less are done with this; the stored absmax stays true

// Scale (or absmax) of a group before it is rounded to its storage type. mxfp4: the power of two itself.
inline float exactScale(Format format, const GroupRange &range) {
    switch (format) {
    case Format::Int4:
        return range.absmax / 7.0F;
    case Format::Int4Max:
        return range.signedMax / -8.0F;
    case Format::Int4Asym:
        return (range.max - range.min) / 15.0F;
    case Format::Int8:
        return range.absmax / 127.0F;
    case Format::Nf4:
    case Format::Fp4:
    case Format::Fitted:
        return range.absmax;
    case Format::Mxfp4:
        // An all-zero group has exponent byte 0, which is 2^-127.
        return range.absmax == 0.0F ? std::ldexp(1.0F, -127)
                                    : std::ldexp(1.0F, std::clamp(std::ilogb(range.absmax) - 2, -127, 127));
    case Format::None:
        break;
    }
    return 0.0F;
}

// A signed d whose reciprocal overflows counts as 0.
inline float usableScale(Format format, float scale) {
    return format == Format::Int4Max && std::isinf(1.0F / scale) ? 0.0F : scale;
}

// int4-asym: rint(-lo / s), kept in 4 bits. 0 where the scale is 0.
inline std::uint8_t zeroPointFor(float lowest, float scale) {
    if (scale == 0.0F)
        return 0;
    return static_cast<std::uint8_t>(std::clamp(std::nearbyint(-lowest / scale), 0.0F, 15.0F));
}

// The nibble (0 ... 15) or, for int8, the byte of one weight against its group's scale. NaN gets the zero code, Inf the
// outer code of its sign; scale 0 gives the zero code. A codebook that was fitted need not hold a zero: its zero code
// is that of the level nearest to it. `codebook` is for that format only; null: NF4's.
template <Format format>
inline std::uint8_t encodeOne(float weight, float scale, std::uint8_t zeroPoint,
                              [[maybe_unused]] const SortedLevels *codebook = nullptr) {
    if constexpr (format == Format::Int4) {
        if (scale == 0.0F || std::isnan(weight))
            return 8;
        return static_cast<std::uint8_t>(static_cast<int>(std::clamp(std::nearbyint(weight / scale), -8.0F, 7.0F)) + 8);
    } else if constexpr (format == Format::Int4Max) {
        if (scale == 0.0F || std::isnan(weight))
            return 8;
        const float inverse = 1.0F / scale;
        const float shifted = weight * inverse + 8.5F;
        return static_cast<std::uint8_t>(std::clamp(shifted, 0.0F, 15.0F)); // truncates
    } else if constexpr (format == Format::Int4Asym) {
        const auto zero = static_cast<float>(zeroPoint);
        if (scale == 0.0F || std::isnan(weight))
            return zeroPoint;
        return static_cast<std::uint8_t>(std::clamp(std::nearbyint(weight / scale) + zero, 0.0F, 15.0F));
    } else if constexpr (format == Format::Int8) {
        if (scale == 0.0F || std::isnan(weight))
            return 0;
        return static_cast<std::uint8_t>(
            static_cast<std::int8_t>(std::clamp(std::nearbyint(weight / scale), -127.0F, 127.0F)));
    } else if constexpr (format == Format::Mxfp4) {
        if (std::isnan(weight))
            return 0;
        // 2^-e is exact for every exponent that the format holds, and so is the product.
        const float value = weight * (1.0F / scale);
        const float magnitude = std::fabs(value);
        constexpr std::array<float, 7> boundary{0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5.0F};
        std::uint8_t code = 0;
        for (const float limit : boundary)
            code = static_cast<std::uint8_t>(code + (magnitude > limit ? 1 : 0)); // a tie goes to the smaller magnitude
        return static_cast<std::uint8_t>(code != 0 && value < 0.0F ? code | 8 : code);
    } else { // nf4, fp4, fitted
        const SortedLevels &sorted = format == Format::Fitted && codebook != nullptr ? *codebook : sortedLevels(format);
        const bool none = scale == 0.0F || std::isnan(weight);
        if (none && format != Format::Fitted)
            return format == Format::Nf4 ? 7 : 0;
        const float value = none ? 0.0F : weight * (1.0F / std::max(scale, smallestAbsmax));
        std::size_t place = 0;
        for (const float limit : sorted.boundary)
            place += value > limit ? 1 : 0; // a tie goes to the lower level
        return sorted.code[place];
    }
}

template <Format format>
inline float decodeOne(std::uint8_t code, float scale, std::uint8_t zeroPoint,
                       [[maybe_unused]] const SortedLevels *codebook = nullptr) {
    if constexpr (format == Format::Int8)
        return static_cast<float>(static_cast<std::int8_t>(code)) * scale;
    else if constexpr (format == Format::Int4Asym)
        return static_cast<float>(static_cast<int>(code) - static_cast<int>(zeroPoint)) * scale;
    else if constexpr (format == Format::Fitted)
        return (codebook != nullptr ? *codebook : sortedLevels(format)).level[code] * scale; // codes rise with levels
    else
        return levels(format)[code] * scale;
}

// Weights beyond these, in units of the decoding scale, are clipped: an outer level and half of that end's step.
struct ClipLimits {
    float low;
    float high;
};
inline ClipLimits clipLimits(Format format, std::uint8_t zeroPoint, const SortedLevels *codebook = nullptr) {
    switch (format) {
    case Format::Int8:
        return {-127.5F, 127.5F};
    case Format::Int4Asym:
        return {-0.5F - static_cast<float>(zeroPoint), 15.5F - static_cast<float>(zeroPoint)};
    case Format::Nf4:
    case Format::Fp4:
    case Format::Mxfp4:
    case Format::Fitted: {
        const auto &level = (codebook != nullptr ? *codebook : sortedLevels(format)).level;
        return {level[0] - (level[1] - level[0]) / 2.0F, level[15] + (level[15] - level[14]) / 2.0F};
    }
    case Format::None:
    case Format::Int4:
    case Format::Int4Max:
        break;
    }
    return {-8.5F, 7.5F};
}

} // namespace nibblescope
