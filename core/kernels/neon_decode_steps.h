// SPDX-License-Identifier: GPL-3.0-or-later
// From codes, a byte each, to values: what decoding and encoding share.
#pragma once

#include "core/kernels/encode_tables.h"
#include "core/kernels/neon_common.h"

namespace nibblescope {
namespace {

// Codes of these are numbers; those of the others are places in a table of levels.
template <Format format>
constexpr bool hasEvenSteps =
    format == Format::Int4 || format == Format::Int4Max || format == Format::Int4Asym || format == Format::Int8;

template <Format format>
NIBBLESCOPE_INLINE FloatTable levelTable(const EncodeTables &tables, const SortedLevels *codebook) {
    if (format == Format::Fitted && codebook != nullptr)
        return tableOf(codebook->level.data()); // its codes rise with the levels
    return tableOf(tables.level);
}

template <Format format>
NIBBLESCOPE_INLINE Sixteen decodeCodes(uint8x16_t codes, const FloatTable &levels, std::uint8_t zeroPoint,
                                       float32x4_t scale) {
    const std::uint8_t zero = format == Format::Int4Asym ? zeroPoint : format == Format::Int8 ? 0 : 8;
    if constexpr (hasEvenSteps<format>)
        return scaled(toFloats(vreinterpretq_s8_u8(vsubq_u8(codes, vdupq_n_u8(zero)))), scale);
    else
        return scaled(lookUp(levels, codes), scale);
}

} // namespace
} // namespace nibblescope
