// SPDX-License-Identifier: GPL-3.0-or-later
// Constants of the formats laid out for vector registers, so that the files of instruction sets need no container.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/format.h"

namespace nibblescope {

struct alignas(64) EncodeTables {
    float level[16];        // by code
    float boundary[16];     // between the levels in rising order; the last is +Inf
    float sorted[16];       // the levels in rising order
    std::int32_t code[16];  // of the levels in rising order
    std::uint8_t codes[16]; // the same as bytes
    float clipLow;          // clipLimits() with zero-point 0
    float clipHigh;
    // NF4: v in [-1, 1] falls into bin rint(v * nf4BinsPerUnit) mod 32. A bin holds at most one boundary.
    alignas(64) float binBoundary[32];
    alignas(64) std::int32_t binBase[32]; // code of the values below the bin's boundary
    // The same in 16-bit fixed point: y = rint(v * nf4WordsPerUnit) + 2^15 falls into bin y / 2^11. Above the bin's
    // boundary the code is one more, below it that of the bin; at the boundary F32 decides.
    alignas(64) std::uint16_t wordBoundary[32];
    alignas(64) std::uint16_t wordBase[32]; // code * 2^12
};

// Built on first use. Formats with 4-bit codes, and int8 for its clip limits.
const EncodeTables &encodeTables(Format format);

inline constexpr float nf4BinsPerUnit = 15.49F;
// Chosen so that no boundary comes near the middle between two words.
inline constexpr float nf4WordsPerUnit = 31724.75F;
inline constexpr float roundingMagic = 12582912.0F; // 1.5 * 2^23: adding it leaves an integer in the low mantissa bits

} // namespace nibblescope
