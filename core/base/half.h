// SPDX-License-Identifier: GPL-3.0-or-later
// Scalar conversions between F32 and the short floating point types of weight files. All round to nearest even; NaN
// stays a (quiet) NaN; overflow gives Inf. These are the definitions that the kernels are tested against.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace nibblescope {

inline float f32FromBf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

inline std::uint16_t bf16FromF32(float value) {
    const auto u = std::bit_cast<std::uint32_t>(value);
    if ((u & 0x7fffffffU) > 0x7f800000U)
        return static_cast<std::uint16_t>((u >> 16) | 0x40U);
    return static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}

// A float with `ExponentBits` and `MantissaBits`, IEEE style: the top exponent holds Inf and NaN.
template <unsigned ExponentBits, unsigned MantissaBits>
float f32FromMiniFloat(std::uint32_t bits) {
    constexpr std::uint32_t exponentMask = (1U << ExponentBits) - 1U;
    constexpr int bias = static_cast<int>(exponentMask >> 1);
    const std::uint32_t sign = (bits >> (ExponentBits + MantissaBits)) & 1U;
    const std::uint32_t exponent = (bits >> MantissaBits) & exponentMask;
    const std::uint32_t mantissa = bits & ((1U << MantissaBits) - 1U);
    if (exponent == exponentMask)
        return std::bit_cast<float>((sign << 31) | 0x7f800000U | (mantissa << (23U - MantissaBits)) |
                                    (mantissa != 0 ? 0x400000U : 0U));
    // Exponent and mantissa where F32 has them, then the difference of the biases: exact, subnormals included.
    const std::uint32_t magnitudeBits = (bits & ((1U << (ExponentBits + MantissaBits)) - 1U)) << (23U - MantissaBits);
    const float magnitude =
        std::bit_cast<float>(magnitudeBits) * std::bit_cast<float>(static_cast<std::uint32_t>(254 - bias) << 23);
    return sign != 0 ? -magnitude : magnitude;
}

inline float f32FromF16(std::uint16_t bits) { return f32FromMiniFloat<5, 10>(bits); }
inline float f32FromF8E5M2(std::uint8_t bits) { return f32FromMiniFloat<5, 2>(bits); }

// E4M3 in its "fn" form: no Inf, and only 0x7F and 0xFF are NaN, so that 448 is the largest value.
inline float f32FromF8E4M3(std::uint8_t bits) {
    if ((bits & 0x7fU) == 0x7fU)
        return std::bit_cast<float>((static_cast<std::uint32_t>(bits & 0x80U) << 24) | 0x7fc00000U);
    const std::uint32_t exponent = (bits >> 3) & 15U;
    const std::uint32_t mantissa = bits & 7U;
    const float magnitude = exponent == 0
                                ? std::ldexp(static_cast<float>(mantissa), -9)
                                : std::ldexp(static_cast<float>(mantissa + 8U), static_cast<int>(exponent) - 10);
    return (bits & 0x80U) != 0 ? -magnitude : magnitude;
}

inline std::uint16_t f16FromF32(float value) {
    const auto u = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((u >> 16) & 0x8000U);
    const std::uint32_t magnitude = u & 0x7fffffffU;
    if (magnitude > 0x7f800000U)
        return static_cast<std::uint16_t>(sign | 0x7e00U);
    if (magnitude >= 0x477ff000U) // 65520 and above round to Inf
        return static_cast<std::uint16_t>(sign | 0x7c00U);
    if (magnitude < 0x38800000U) { // below 2^-14: subnormal; the unit of the result is 2^-24
        const float scaled = std::bit_cast<float>(magnitude) * 16777216.0F;
        return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(std::nearbyint(scaled)));
    }
    const std::uint32_t rounded = magnitude + 0xfffU + ((magnitude >> 13) & 1U);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>((rounded - 0x38000000U) >> 13));
}

} // namespace nibblescope
