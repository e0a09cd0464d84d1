// SPDX-License-Identifier: GPL-3.0-or-later
// The steps of encoding, 256 bits wide: what avx2_encode.cpp and avx2_clip.cpp share; each gets copies of its own.
#pragma once

#include "core/kernels/avx2_common.h"
#include "core/kernels/encode_tables.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

constexpr int toNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

// w / s rounded correctly, from y = 1 / s rounded correctly (Markstein 1990).
NIBBLESCOPE_INLINE __m256 quotient(__m256 w, __m256 s, __m256 y) {
    const __m256 q = _mm256_mul_ps(w, y);
    return _mm256_fmadd_ps(_mm256_fnmadd_ps(q, s, w), y, q);
}

NIBBLESCOPE_INLINE __m256 clamp(__m256 v, float low, float high) {
    return _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(low)), _mm256_set1_ps(high));
}

NIBBLESCOPE_INLINE __m256 above(__m256 v, __m256 boundary) { return _mm256_cmp_ps(v, boundary, _CMP_GT_OQ); }

// 2 * place - mask: the next bit of a search, whose masks are 0 or -1.
NIBBLESCOPE_INLINE __m256i nextBit(__m256i place, __m256 mask) {
    return _mm256_sub_epi32(_mm256_add_epi32(place, place), _mm256_castps_si256(mask));
}

// How the boundaries lie in registers: the middle one, its two neighbours in the search, and so on.
struct SearchTables {
    __m256 first, second[2], third, fourth;
};

// Number of the fifteen boundaries that v is greater than.
NIBBLESCOPE_INLINE __m256i placeOf(__m256 v, const SearchTables &tables) {
    const __m256 m1 = above(v, tables.first);
    const __m256 m2 = above(v, _mm256_blendv_ps(tables.second[0], tables.second[1], m1));
    const __m256i p2 = nextBit(_mm256_srli_epi32(_mm256_castps_si256(m1), 31), m2);
    const __m256i p3 = nextBit(p2, above(v, _mm256_permutevar8x32_ps(tables.third, p2)));
    return nextBit(p3, above(v, _mm256_permutevar8x32_ps(tables.fourth, p3)));
}
// The same among the seven boundaries of E2M1's magnitudes.
NIBBLESCOPE_INLINE __m256i placeOfMagnitude(__m256 v, const SearchTables &tables) {
    const __m256 m1 = above(v, tables.first);
    const __m256 m2 = above(v, _mm256_blendv_ps(tables.second[0], tables.second[1], m1));
    const __m256i p2 = nextBit(_mm256_srli_epi32(_mm256_castps_si256(m1), 31), m2);
    return nextBit(p2, above(v, _mm256_permutevar8x32_ps(tables.third, p2)));
}

template <Format format>
NIBBLESCOPE_INLINE SearchTables searchTables(const EncodeTables &tables) {
    const float *const b = tables.boundary;
    SearchTables search{};
    if constexpr (format == Format::Mxfp4) {
        search.first = _mm256_set1_ps(b[11]);
        search.second[0] = _mm256_set1_ps(b[9]);
        search.second[1] = _mm256_set1_ps(b[13]);
        search.third = _mm256_setr_ps(b[8], b[10], b[12], b[14], 0, 0, 0, 0);
    } else {
        search.first = _mm256_set1_ps(b[7]);
        search.second[0] = _mm256_set1_ps(b[3]);
        search.second[1] = _mm256_set1_ps(b[11]);
        search.third = _mm256_setr_ps(b[1], b[5], b[9], b[13], 0, 0, 0, 0);
        search.fourth = _mm256_setr_ps(b[0], b[2], b[4], b[6], b[8], b[10], b[12], b[14]);
    }
    return search;
}

struct GroupConstants {
    __m256 scale, inverse, decode, zeroPoint, clipLow, clipHigh;
};

struct Coded {
    __m256i code;
    __m256 decoded;
};

// `check` collects squares that are not small where a weight is not finite or absurdly large for its scale.
template <Format format, bool withDecoded>
NIBBLESCOPE_INLINE Coded encodeVector(__m256 w, const GroupConstants &group, const EncodeTables &tables,
                                      const SearchTables &search, __m256 &check) {
    Coded result;
    result.decoded = w;
    if constexpr (format == Format::Int4 || format == Format::Int8 || format == Format::Int4Asym) {
        const __m256 q = quotient(w, group.scale, group.inverse);
        check = _mm256_fmadd_ps(q, q, check);
        constexpr float low = format == Format::Int4 ? -8.0F : format == Format::Int8 ? -127.0F : 0.0F;
        constexpr float high = format == Format::Int4 ? 7.0F : format == Format::Int8 ? 127.0F : 15.0F;
        if constexpr (!withDecoded) {
            result.code = _mm256_cvtps_epi32(q);
            if constexpr (format == Format::Int4Asym)
                result.code = _mm256_add_epi32(result.code, _mm256_cvtps_epi32(group.zeroPoint));
        } else if constexpr (format == Format::Int4Asym) {
            const __m256 code = clamp(_mm256_add_ps(_mm256_round_ps(q, toNearest), group.zeroPoint), low, high);
            result.code = _mm256_cvtps_epi32(code);
            result.decoded = _mm256_mul_ps(_mm256_sub_ps(code, group.zeroPoint), group.decode);
        } else {
            const __m256 code = _mm256_round_ps(clamp(q, low, high), toNearest);
            result.code = _mm256_cvtps_epi32(code);
            // + 0 turns -0 into the level's +0.
            result.decoded = _mm256_mul_ps(_mm256_add_ps(code, _mm256_setzero_ps()), group.decode);
        }
    } else if constexpr (format == Format::Int4Max) {
        const __m256 shifted = _mm256_add_ps(_mm256_mul_ps(w, group.inverse), _mm256_set1_ps(8.5F));
        check = _mm256_fmadd_ps(shifted, shifted, check);
        result.code = _mm256_cvttps_epi32(clamp(shifted, 0.0F, 15.0F));
        if constexpr (withDecoded)
            result.decoded =
                _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(result.code, _mm256_set1_epi32(8))), group.decode);
    } else {
        const __m256 value = _mm256_mul_ps(w, group.inverse);
        check = _mm256_fmadd_ps(value, value, check);
        if constexpr (format == Format::Mxfp4) {
            const __m256i place = placeOfMagnitude(magnitude(value), search);
            const __m256i sign =
                _mm256_and_si256(_mm256_srli_epi32(_mm256_castps_si256(value), 28), _mm256_set1_epi32(8));
            const __m256i zero = _mm256_cmpeq_epi32(place, _mm256_setzero_si256());
            result.code = _mm256_or_si256(place, _mm256_andnot_si256(zero, sign));
        } else {
            result.code = placeOf(value, search);
            if constexpr (format == Format::Fp4) {
                const auto *const codes = reinterpret_cast<const float *>(tables.code);
                result.code = _mm256_castps_si256(lookUp(codes, result.code));
            }
        }
        if constexpr (withDecoded)
            result.decoded = _mm256_mul_ps(lookUp(tables.level, result.code), group.decode);
    }
    return result;
}

// 32 codes of four vectors as bytes in their order, brought into their range.
template <Format format>
NIBBLESCOPE_INLINE __m256i bytesOf(__m256i a, __m256i b, __m256i c, __m256i d) {
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    if constexpr (format == Format::Int4)
        bytes = _mm256_add_epi8(_mm256_min_epi8(_mm256_max_epi8(bytes, _mm256_set1_epi8(-8)), _mm256_set1_epi8(7)),
                                _mm256_set1_epi8(8));
    else if constexpr (format == Format::Int4Asym)
        bytes = _mm256_min_epi8(_mm256_max_epi8(bytes, _mm256_setzero_si256()), _mm256_set1_epi8(15));
    else if constexpr (format == Format::Int8)
        bytes = _mm256_max_epi8(bytes, _mm256_set1_epi8(-127));
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

// Reciprocals of the scales of a chunk's groups. False: a scale out of the range that the fast path is exact in.
template <Format format>
NIBBLESCOPE_INLINE bool invert(const float *scales, std::size_t groups, float *inverses) {
    __m256 absurd = _mm256_setzero_ps();
    for (std::size_t i = 0; i < groups; i += 8) {
        const __m256 scale = loadFirst(scales + i, groups - i);
        const __m256 used = _mm256_cmp_ps(scale, _mm256_setzero_ps(), _CMP_NEQ_UQ);
        const __m256 divisor = format == Format::Nf4 || format == Format::Fp4
                                   ? _mm256_max_ps(scale, _mm256_set1_ps(1e-38F))
                                   : _mm256_blendv_ps(_mm256_set1_ps(1.0F), scale, used);
        const __m256 inverse = _mm256_and_ps(used, _mm256_div_ps(_mm256_set1_ps(1.0F), divisor));
        storeFirst(inverses + i, groups - i, inverse);
        if constexpr (format == Format::Int4 || format == Format::Int4Asym || format == Format::Int8) {
            const __m256 small = _mm256_cmp_ps(scale, _mm256_set1_ps(0x1p-60F), _CMP_NGE_UQ);
            const __m256 large = _mm256_cmp_ps(scale, _mm256_set1_ps(0x1p100F), _CMP_NLE_UQ);
            absurd = _mm256_or_ps(absurd, _mm256_and_ps(used, _mm256_or_ps(small, large)));
        }
    }
    return _mm256_movemask_ps(absurd) == 0;
}

template <Format format>
NIBBLESCOPE_INLINE GroupConstants constantsOf(const EncodeSpan &span, std::size_t group, float inverse,
                                              const EncodeTables &tables) {
    GroupConstants constants;
    constants.scale = _mm256_set1_ps(span.encodeScales[group]);
    constants.inverse = _mm256_set1_ps(inverse);
    constants.decode = _mm256_set1_ps(span.decodeScales[group]);
    const float zero = format == Format::Int4Asym ? static_cast<float>(span.zeroPoints[group]) : 0.0F;
    constants.zeroPoint = _mm256_set1_ps(zero);
    const __m256 a = _mm256_mul_ps(_mm256_set1_ps(tables.clipLow - zero), constants.decode);
    const __m256 b = _mm256_mul_ps(_mm256_set1_ps(tables.clipHigh - zero), constants.decode);
    constants.clipLow = _mm256_min_ps(a, b);
    constants.clipHigh = _mm256_max_ps(a, b);
    return constants;
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
