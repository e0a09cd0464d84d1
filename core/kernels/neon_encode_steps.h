// SPDX-License-Identifier: GPL-3.0-or-later
// The steps of encoding with NEON: what neon_encode.cpp and neon_clip.cpp share; each gets copies of its own.
#pragma once

#include "core/kernels/neon_decode_steps.h"

namespace nibblescope {
namespace {

// How the boundaries between levels lie in registers.
struct SearchTables {
    // A bisection: the middle one, its two neighbours in the search, then four and eight as bytes.
    float32x4_t first, second[2];
    uint8x16_t third;
    uint8x16x2_t fourth;
    uint8x16_t codes; // of the levels in rising order
    // NF4: by bin, see EncodeTables. MXFP4: codes by the rounded magnitude.
    LongFloatTable binBoundary;
    uint8x16x2_t binBase;
};

NIBBLESCOPE_INLINE uint8x16_t asBytes(float32x4_t v) { return vreinterpretq_u8_f32(v); }

NIBBLESCOPE_INLINE void fillBisection(SearchTables &search, const float *b, const std::uint8_t *codes) {
    const float third[4] = {b[1], b[5], b[9], b[13]};
    const float fourth[8] = {b[0], b[2], b[4], b[6], b[8], b[10], b[12], b[14]};
    search.first = vdupq_n_f32(b[7]);
    search.second[0] = vdupq_n_f32(b[3]);
    search.second[1] = vdupq_n_f32(b[11]);
    search.third = asBytes(vld1q_f32(third));
    search.fourth = {{asBytes(vld1q_f32(fourth)), asBytes(vld1q_f32(fourth + 4))}};
    search.codes = vld1q_u8(codes);
}

template <Format format>
NIBBLESCOPE_INLINE SearchTables searchTables(const EncodeTables &tables, const SortedLevels *codebook) {
    SearchTables search{};
    if constexpr (format == Format::Nf4) {
        search.binBoundary = longTableOf(tables.binBoundary);
        search.binBase = longTableOf(reinterpret_cast<const float *>(tables.binBase)).byte[0];
    } else if constexpr (format == Format::Mxfp4) {
        // All boundaries k are quarters, and magnitude > k / 4 means that four magnitudes, rounded up, are above k.
        static constexpr std::uint8_t codes[32] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6,
                                                   6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
        search.binBase = {{vld1q_u8(codes), vld1q_u8(codes + 16)}};
    } else if constexpr (format == Format::Fitted) {
        if (codebook != nullptr)
            fillBisection(search, codebook->boundary.data(), codebook->code.data());
        else
            fillBisection(search, tables.boundary, tables.codes);
    } else if constexpr (format == Format::Fp4) {
        fillBisection(search, tables.boundary, tables.codes);
    }
    return search;
}

// w / s rounded correctly, from y = 1 / s rounded correctly (Markstein 1990).
NIBBLESCOPE_INLINE float32x4_t quotient(float32x4_t w, float32x4_t s, float32x4_t y) {
    const float32x4_t q = vmulq_f32(w, y);
    return vfmaq_f32(q, vfmsq_f32(w, q, s), y);
}

// Sixteen integers nearest to the values, kept in the range of the result. (A conversion keeps in range too.)
NIBBLESCOPE_INLINE int16x8_t nearestWords(float32x4_t a, float32x4_t b) {
    return vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(a)), vcvtnq_s32_f32(b));
}
NIBBLESCOPE_INLINE int8x16_t nearestBytes(const Sixteen &v) {
    return vqmovn_high_s16(vqmovn_s16(nearestWords(v.v[0], v.v[1])), nearestWords(v.v[2], v.v[3]));
}
// The same rounded up or down, for values that are not negative; negative ones become 0.
NIBBLESCOPE_INLINE uint8x16_t bytesOf(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d) {
    const uint16x8_t ab = vqmovn_high_u32(vqmovn_u32(a), b);
    const uint16x8_t cd = vqmovn_high_u32(vqmovn_u32(c), d);
    return vqmovn_high_u16(vqmovn_u16(ab), cd);
}
NIBBLESCOPE_INLINE uint8x16_t bytesRoundedUp(const Sixteen &v) {
    return bytesOf(vcvtpq_u32_f32(v.v[0]), vcvtpq_u32_f32(v.v[1]), vcvtpq_u32_f32(v.v[2]), vcvtpq_u32_f32(v.v[3]));
}
NIBBLESCOPE_INLINE uint8x16_t bytesRoundedDown(const Sixteen &v) {
    return bytesOf(vcvtq_u32_f32(v.v[0]), vcvtq_u32_f32(v.v[1]), vcvtq_u32_f32(v.v[2]), vcvtq_u32_f32(v.v[3]));
}

NIBBLESCOPE_INLINE uint8x16_t above(const Sixteen &v, const Sixteen &boundary) {
    return lowBytes(vcgtq_f32(v.v[0], boundary.v[0]), vcgtq_f32(v.v[1], boundary.v[1]),
                    vcgtq_f32(v.v[2], boundary.v[2]), vcgtq_f32(v.v[3], boundary.v[3]));
}

// NF4: the bin gives the code or the one below it, and the bin's boundary decides.
NIBBLESCOPE_INLINE uint8x16_t codesByBins(const Sixteen &v, const SearchTables &tables) {
    const int8x16_t nearest = nearestBytes(scaled(v, vdupq_n_f32(nf4BinsPerUnit)));
    const int8x16_t kept = vminq_s8(vmaxq_s8(nearest, vdupq_n_s8(-15)), vdupq_n_s8(16));
    const uint8x16_t bin = vandq_u8(vreinterpretq_u8_s8(kept), vdupq_n_u8(31));
    return vsubq_u8(vqtbl2q_u8(tables.binBase, bin), above(v, lookUp(tables.binBoundary, bin)));
}

// How many of the fifteen boundaries each value is greater than: a step of the search finds one bit, the highest first.
// A lane holds 4 * place + (0, 1, 2, 3), the bytes of the next boundary.
NIBBLESCOPE_INLINE uint8x16_t placesOf(const Sixteen &v, const SearchTables &tables) {
    const uint32x4_t bytes = vdupq_n_u32(0x03020100);
    const uint32x4_t next = vdupq_n_u32(0x04040404);
    uint32x4_t offset[4];
    uint32x4_t last[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        const uint32x4_t m1 = vcgtq_f32(v.v[i], tables.first);
        const uint32x4_t m2 = vcgtq_f32(v.v[i], vbslq_f32(m1, tables.second[1], tables.second[0]));
        const uint32x4_t two = vbslq_u32(m1, vaddq_u32(bytes, vaddq_u32(next, next)), bytes);
        const uint32x4_t o3 = vorrq_u32(two, vandq_u32(m2, next));
        const uint8x16_t b3 = vqtbl1q_u8(tables.third, vreinterpretq_u8_u32(o3));
        const uint32x4_t m3 = vcgtq_f32(v.v[i], vreinterpretq_f32_u8(b3));
        offset[i] = vorrq_u32(vsubq_u32(vaddq_u32(o3, o3), bytes), vandq_u32(m3, next));
        const uint8x16_t b4 = vqtbl2q_u8(tables.fourth, vreinterpretq_u8_u32(offset[i]));
        last[i] = vcgtq_f32(v.v[i], vreinterpretq_f32_u8(b4));
    }
    const uint8x16_t places = vshrq_n_u8(lowBytes(offset[0], offset[1], offset[2], offset[3]), 1);
    return vsubq_u8(places, lowBytes(last[0], last[1], last[2], last[3]));
}

// E2M1 codes: the sign only where the magnitude is not 0.
NIBBLESCOPE_INLINE uint8x16_t codesByQuarters(const Sixteen &v, const SearchTables &tables) {
    Sixteen quarters;
    uint32x4_t sign[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        quarters.v[i] = vmulq_n_f32(vabsq_f32(v.v[i]), 4.0F);
        sign[i] = vcltzq_f32(v.v[i]);
    }
    const uint8x16_t place = vminq_u8(bytesRoundedUp(quarters), vdupq_n_u8(31));
    const uint8x16_t code = vqtbl2q_u8(tables.binBase, place);
    const uint8x16_t negative = vandq_u8(lowBytes(sign[0], sign[1], sign[2], sign[3]), vdupq_n_u8(8));
    return vorrq_u8(code, vbicq_u8(negative, vceqzq_u8(code)));
}

struct GroupConstants {
    float32x4_t scale, inverse, decode, clipLow, clipHigh;
    std::uint8_t zeroPoint;
};

// Not finite where a value was not: Inf and NaN leave no product and no sum finite.
struct Check {
    float32x4_t sum[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};

    NIBBLESCOPE_INLINE void take(const Sixteen &values) {
        sum[0] = vfmaq_f32(sum[0], values.v[0], values.v[1]);
        sum[1] = vfmaq_f32(sum[1], values.v[2], values.v[3]);
    }
    NIBBLESCOPE_INLINE bool allFinite() const {
        return vmaxvq_f32(vmaxq_f32(vabsq_f32(sum[0]), vabsq_f32(sum[1]))) < __builtin_inff(); // false for NaN
    }
};

// `check` takes the weights in units of the scale.
template <Format format>
NIBBLESCOPE_INLINE uint8x16_t encodeSixteen(const Sixteen &w, const GroupConstants &group, const SearchTables &tables,
                                            Check &check) {
    Sixteen q;
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        if constexpr (format == Format::Int4 || format == Format::Int4Asym || format == Format::Int8)
            q.v[i] = quotient(w.v[i], group.scale, group.inverse);
        else
            q.v[i] = vmulq_f32(w.v[i], group.inverse);
    }
    check.take(q);
    if constexpr (format == Format::Int4 || format == Format::Int4Asym) {
        const int16x8_t zero = vdupq_n_s16(format == Format::Int4 ? 8 : group.zeroPoint);
        const int16x8_t low = vqaddq_s16(nearestWords(q.v[0], q.v[1]), zero);
        const int16x8_t high = vqaddq_s16(nearestWords(q.v[2], q.v[3]), zero);
        return vminq_u8(vqmovun_high_s16(vqmovun_s16(low), high), vdupq_n_u8(15));
    } else if constexpr (format == Format::Int8) {
        return vreinterpretq_u8_s8(vmaxq_s8(nearestBytes(q), vdupq_n_s8(-127)));
    } else if constexpr (format == Format::Int4Max) {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i)
            q.v[i] = vaddq_f32(q.v[i], vdupq_n_f32(8.5F));
        return vminq_u8(bytesRoundedDown(q), vdupq_n_u8(15));
    } else if constexpr (format == Format::Nf4) {
        return codesByBins(q, tables);
    } else if constexpr (format == Format::Mxfp4) {
        return codesByQuarters(q, tables);
    } else {
        return vqtbl1q_u8(tables.codes, placesOf(q, tables));
    }
}

// The reciprocal of a scale, 0 for 0. Negative infinity: the scale is out of the range that quotients are exact in.
template <Format format>
NIBBLESCOPE_INLINE float inverseOf(float scale) {
    if (scale == 0.0F)
        return 0.0F;
    if constexpr (format == Format::Int4 || format == Format::Int4Asym || format == Format::Int8)
        if (!(scale >= 0x1p-60F && scale <= 0x1p100F))
            return -__builtin_inff();
    constexpr bool codebook = format == Format::Nf4 || format == Format::Fp4 || format == Format::Fitted;
    return 1.0F / (codebook && scale < 1e-38F ? 1e-38F : scale);
}

// Weights beyond these, in units of the decoding scale, are clipped; zero-point 0.
struct Clip {
    float low, high;
};
template <Format format>
NIBBLESCOPE_INLINE Clip clipOf(const EncodeTables &tables, const SortedLevels *codebook) {
    if (format != Format::Fitted || codebook == nullptr)
        return {tables.clipLow, tables.clipHigh};
    const float *const level = codebook->level.data();
    return {level[0] - (level[1] - level[0]) / 2.0F, level[15] + (level[15] - level[14]) / 2.0F};
}

template <Format format>
NIBBLESCOPE_INLINE GroupConstants constantsOf(float encodeScale, float decodeScale, float inverse,
                                              std::uint8_t zeroPoint, const Clip &clip) {
    GroupConstants constants;
    constants.scale = vdupq_n_f32(encodeScale);
    constants.inverse = vdupq_n_f32(inverse);
    constants.decode = vdupq_n_f32(decodeScale);
    constants.zeroPoint = zeroPoint;
    const float zero = format == Format::Int4Asym ? static_cast<float>(zeroPoint) : 0.0F;
    const float32x4_t a = vdupq_n_f32((clip.low - zero) * decodeScale);
    const float32x4_t b = vdupq_n_f32((clip.high - zero) * decodeScale);
    constants.clipLow = vminq_f32(a, b);
    constants.clipHigh = vmaxq_f32(a, b);
    return constants;
}

} // namespace
} // namespace nibblescope
