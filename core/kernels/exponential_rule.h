// SPDX-License-Identifier: GPL-3.0-or-later
// The constants of exp(x) in single precision, the same for all instruction sets: x = n ln 2 + r with |r| <= ln 2 / 2,
// a polynomial in r (the coefficients are those of Moshier's Cephes library), and n added to the exponent.
#pragma once

#include <cstdint>

namespace nibblescope::exponential_rule {

inline constexpr float lowest = -87.0F;
inline constexpr float highest = 88.0F;
inline constexpr float roundingShift = 12582912.0F; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
inline constexpr float perLn2 = 1.44269504088896341F;
inline constexpr float ln2High = 0.693359375F; // ln 2 in two parts
inline constexpr float ln2Low = -2.12194440e-4F;
inline constexpr float coefficients[] = {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F,
                                         4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F}; // highest power first
inline constexpr std::int32_t bitsOfOne = 0x3f800000;

} // namespace nibblescope::exponential_rule
