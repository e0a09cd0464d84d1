// SPDX-License-Identifier: GPL-3.0-or-later
// The steps of encoding, 512 bits wide: what avx512_encode.cpp and avx512_encode_fused.cpp share. Each of them gets
// copies of its own, so that nothing of it has external linkage.
#pragma once

#include <immintrin.h>

#include "core/kernels/encode_tables.h"
#include "core/kernels/isa_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

// w / s rounded correctly, from y = 1 / s rounded correctly (Markstein 1990): three operations where a division
// takes ten times as long. Needs s and the quotient far from overflow and underflow.
NIBBLESCOPE_INLINE __m512 quotient(__m512 w, __m512 s, __m512 y) {
    const __m512 q = _mm512_mul_ps(w, y);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(q, s, w), y, q);
}

NIBBLESCOPE_INLINE __m512 clamp(__m512 v, float low, float high) {
    return _mm512_min_ps(_mm512_max_ps(v, _mm512_set1_ps(low)), _mm512_set1_ps(high));
}

NIBBLESCOPE_INLINE __m512 rounded(__m512 v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// Number of `count` rising boundaries (1, 3, 7 or 15) that v is greater than.
template <int count>
NIBBLESCOPE_INLINE __m512i placeAmong(__m512 v, __m512 boundaries) {
    __m512i place = _mm512_setzero_si512();
    NIBBLESCOPE_UNROLL
    for (int step = (count + 1) / 2; step >= 1; step /= 2) {
        const __m512i next = _mm512_add_epi32(place, _mm512_set1_epi32(step));
        const __m512 boundary = _mm512_permutexvar_ps(_mm512_add_epi32(place, _mm512_set1_epi32(step - 1)), boundaries);
        place = _mm512_mask_mov_epi32(place, _mm512_cmp_ps_mask(v, boundary, _CMP_GT_OQ), next);
    }
    return place;
}

struct GroupConstants {
    __m512 scale;
    __m512 inverse;
    __m512 decode;
    __m512 zeroPoint;
    __m512 clipLow;
    __m512 clipHigh;
};

struct Coded {
    __m512i code;   // 32 bits each; may still lie outside its range where `decoded` was not asked for
    __m512 decoded; // set if asked for
};

// `check` collects squares that are not small where a weight is not finite or absurdly large for its scale.
template <Format format, bool withDecoded>
NIBBLESCOPE_INLINE Coded encodeVector(__m512 w, const GroupConstants &group, const EncodeTables &tables,
                                      __m512 &check) {
    Coded result;
    result.decoded = w;
    if constexpr (format == Format::Int4 || format == Format::Int8 || format == Format::Int4Asym) {
        const __m512 q = quotient(w, group.scale, group.inverse);
        check = _mm512_fmadd_ps(q, q, check);
        constexpr float low = format == Format::Int4 ? -8.0F : format == Format::Int8 ? -127.0F : 0.0F;
        constexpr float high = format == Format::Int4 ? 7.0F : format == Format::Int8 ? 127.0F : 15.0F;
        if constexpr (!withDecoded) {
            result.code = _mm512_cvtps_epi32(q);
            if constexpr (format == Format::Int4Asym)
                result.code = _mm512_add_epi32(result.code, _mm512_cvtps_epi32(group.zeroPoint));
        } else if constexpr (format == Format::Int4Asym) {
            const __m512 code = clamp(_mm512_add_ps(rounded(q), group.zeroPoint), low, high);
            result.code = _mm512_cvtps_epi32(code);
            result.decoded = _mm512_mul_ps(_mm512_sub_ps(code, group.zeroPoint), group.decode);
        } else {
            const __m512 code = rounded(clamp(q, low, high));
            result.code = _mm512_cvtps_epi32(code);
            // + 0 turns -0 into the level's +0.
            result.decoded = _mm512_mul_ps(_mm512_add_ps(code, _mm512_setzero_ps()), group.decode);
        }
    } else if constexpr (format == Format::Int4Max) {
        const __m512 shifted = _mm512_add_ps(_mm512_mul_ps(w, group.inverse), _mm512_set1_ps(8.5F));
        check = _mm512_fmadd_ps(shifted, shifted, check);
        result.code = _mm512_cvttps_epi32(clamp(shifted, 0.0F, 15.0F));
        if constexpr (withDecoded)
            result.decoded =
                _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(result.code, _mm512_set1_epi32(8))), group.decode);
    } else {
        const __m512 value = _mm512_mul_ps(w, group.inverse);
        check = _mm512_fmadd_ps(value, value, check);
        if constexpr (format == Format::Nf4) {
            const __m512 inside = _mm512_range_ps(value, _mm512_set1_ps(1.0F), 2); // magnitude at most 1, own sign
            const __m512i bin = _mm512_castps_si512(
                _mm512_fmadd_ps(inside, _mm512_set1_ps(nf4BinsPerUnit), _mm512_set1_ps(roundingMagic)));
            const __m512 boundary = _mm512_permutex2var_ps(_mm512_load_ps(tables.binBoundary), bin,
                                                           _mm512_load_ps(tables.binBoundary + 16));
            const __m512i base = _mm512_permutex2var_epi32(_mm512_load_si512(tables.binBase), bin,
                                                           _mm512_load_si512(tables.binBase + 16));
            const __mmask16 above = _mm512_cmp_ps_mask(inside, boundary, _CMP_GT_OQ);
            result.code = _mm512_mask_add_epi32(base, above, base, _mm512_set1_epi32(1));
        } else if constexpr (format == Format::Fp4) {
            const __m512i place = placeAmong<15>(value, _mm512_load_ps(tables.boundary));
            result.code = _mm512_permutexvar_epi32(place, _mm512_load_si512(tables.code));
        } else {
            // Boundaries of the magnitudes stand behind those of the negative levels and the two zeros.
            const __m512i place = placeAmong<7>(_mm512_abs_ps(value), _mm512_maskz_loadu_ps(0x7f, tables.boundary + 8));
            const __m512i sign =
                _mm512_and_si512(_mm512_srli_epi32(_mm512_castps_si512(value), 28), _mm512_set1_epi32(8));
            result.code = _mm512_mask_or_epi32(place, _mm512_test_epi32_mask(place, place), place, sign);
        }
        if constexpr (withDecoded)
            result.decoded =
                _mm512_mul_ps(_mm512_permutexvar_ps(result.code, _mm512_load_ps(tables.level)), group.decode);
    }
    return result;
}

// 64 codes of four vectors as bytes in their order, brought into their range.
template <Format format>
NIBBLESCOPE_INLINE __m512i bytesOf(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i bytes = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
    if constexpr (format == Format::Int4)
        bytes = _mm512_add_epi8(_mm512_min_epi8(_mm512_max_epi8(bytes, _mm512_set1_epi8(-8)), _mm512_set1_epi8(7)),
                                _mm512_set1_epi8(8));
    else if constexpr (format == Format::Int4Asym)
        bytes = _mm512_min_epi8(_mm512_max_epi8(bytes, _mm512_setzero_si512()), _mm512_set1_epi8(15));
    else if constexpr (format == Format::Int8)
        bytes = _mm512_max_epi8(bytes, _mm512_set1_epi8(-127));
    return _mm512_permutexvar_epi32(order, bytes);
}

struct SumLanes {
    __m512d signal[2], error[2], dot[2], decoded[2];
    __m512 largest;
    std::uint64_t clipped;
};

NIBBLESCOPE_INLINE __m512d lowDoubles(__m512 v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
NIBBLESCOPE_INLINE __m512d highDoubles(__m512 v) {
    return _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}

NIBBLESCOPE_INLINE void addHalf(SumLanes &sums, int half, __m512d w, __m512d d, __m512d e) {
    sums.signal[half] = _mm512_fmadd_pd(w, w, sums.signal[half]);
    sums.dot[half] = _mm512_fmadd_pd(w, d, sums.dot[half]);
    sums.decoded[half] = _mm512_fmadd_pd(d, d, sums.decoded[half]);
    sums.error[half] = _mm512_fmadd_pd(e, e, sums.error[half]);
}

NIBBLESCOPE_INLINE void addErrors(SumLanes &sums, __m512 w, __m512 d) {
    const __m512 e = _mm512_sub_ps(w, d);
    addHalf(sums, 0, lowDoubles(w), lowDoubles(d), lowDoubles(e));
    addHalf(sums, 1, highDoubles(w), highDoubles(d), highDoubles(e));
    sums.largest = _mm512_max_ps(sums.largest, _mm512_abs_ps(e));
}

NIBBLESCOPE_INLINE void addClipped(SumLanes &sums, __m512 w, const GroupConstants &group) {
    const auto low = _mm512_cmp_ps_mask(w, group.clipLow, _CMP_LT_OQ);
    const auto high = _mm512_cmp_ps_mask(w, group.clipHigh, _CMP_GT_OQ);
    sums.clipped += static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(low | high)));
}

NIBBLESCOPE_INLINE double total(const __m512d (&lanes)[2]) {
    return _mm512_reduce_add_pd(_mm512_add_pd(lanes[0], lanes[1]));
}

NIBBLESCOPE_INLINE ErrorSums finished(const SumLanes &lanes, std::size_t count) {
    ErrorSums sums;
    sums.signal = total(lanes.signal);
    sums.error = total(lanes.error);
    sums.dot = total(lanes.dot);
    sums.decoded = total(lanes.decoded);
    sums.maxAbsError = _mm512_reduce_max_ps(lanes.largest);
    sums.clipped = lanes.clipped;
    sums.finite = count;
    return sums;
}

// Reciprocals of the scales of a chunk's groups. False: a scale out of the range that the fast path is exact in.
template <Format format>
NIBBLESCOPE_INLINE bool invert(const float *scales, std::size_t groups, float *inverses) {
    const __m512 one = _mm512_set1_ps(1.0F);
    __mmask16 absurd = 0;
    for (std::size_t i = 0; i < groups; i += 16) {
        const auto live = static_cast<__mmask16>(groups - i >= 16 ? 0xffffU : (1U << (groups - i)) - 1U);
        const __m512 scale = _mm512_maskz_loadu_ps(live, scales + i);
        const __mmask16 used = _mm512_mask_cmp_ps_mask(live, scale, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        const __m512 divisor =
            format == Format::Nf4 || format == Format::Fp4 ? _mm512_max_ps(scale, _mm512_set1_ps(1e-38F)) : scale;
        _mm512_mask_storeu_ps(inverses + i, live, _mm512_maskz_div_ps(used, one, divisor));
        if constexpr (format == Format::Int4 || format == Format::Int4Asym || format == Format::Int8) {
            const __mmask16 small = _mm512_mask_cmp_ps_mask(used, scale, _mm512_set1_ps(0x1p-60F), _CMP_NGE_UQ);
            const __mmask16 large = _mm512_mask_cmp_ps_mask(used, scale, _mm512_set1_ps(0x1p100F), _CMP_NLE_UQ);
            absurd = static_cast<__mmask16>(absurd | small | large);
        }
    }
    return absurd == 0;
}

template <Format format>
NIBBLESCOPE_INLINE GroupConstants constantsOf(const EncodeSpan &span, std::size_t group, float inverse,
                                              const EncodeTables &tables) {
    GroupConstants constants;
    constants.scale = _mm512_set1_ps(span.encodeScales[group]);
    constants.inverse = _mm512_set1_ps(inverse);
    constants.decode = _mm512_set1_ps(span.decodeScales[group]);
    const float zero = format == Format::Int4Asym ? static_cast<float>(span.zeroPoints[group]) : 0.0F;
    constants.zeroPoint = _mm512_set1_ps(zero);
    const __m512 a = _mm512_mul_ps(_mm512_set1_ps(tables.clipLow - zero), constants.decode);
    const __m512 b = _mm512_mul_ps(_mm512_set1_ps(tables.clipHigh - zero), constants.decode);
    constants.clipLow = _mm512_min_ps(a, b);
    constants.clipHigh = _mm512_max_ps(a, b);
    return constants;
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
