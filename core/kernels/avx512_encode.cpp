// SPDX-License-Identifier: GPL-3.0-or-later
// Codes, packing, error sums and code counts in one pass, 512 bits wide.
//
// A chunk of weights becomes one byte a code in a buffer that stays in the first-level cache; packing and counting read
// it back. Chunks that hold NaN, Inf or something absurd are noticed by one accumulator and left to the definition.
#include "core/kernels/isa_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "core/kernels/encode_tables.h"
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

constexpr std::size_t countBlock = 512; // weights that one round of the counting takes
constexpr std::size_t bufferBytes = chunkWeights + countBlock;

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

// The codes of a chunk as bytes. False: the chunk holds something that the fast path cannot do; redo it.
template <Format format, bool withSums, bool withDecoded>
bool encodeBytes(const EncodeSpan &span, std::uint8_t *bytes) {
    alignas(64) float inverses[chunkWeights + 1];
    const std::size_t groups = (span.firstInGroup + span.count + span.groupSize - 1) / span.groupSize;
    if (groups > chunkWeights + 1 || !invert<format>(span.encodeScales, groups, inverses))
        return false;
    const EncodeTables &tables = encodeTables(format);
    constexpr bool decode = withSums || withDecoded;
    SumLanes sums{};
    __m512 check = _mm512_setzero_ps();
    std::size_t done = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t group = 0; done < span.count; ++group) {
        const GroupConstants constants = constantsOf<format>(span, group, inverses[group], tables);
        const std::size_t left = span.count - done;
        const std::size_t end = done + (span.groupSize - inGroup < left ? span.groupSize - inGroup : left);
        inGroup = 0;
        for (; done + 64 <= end; done += 64) {
            Coded coded[4];
            for (int i = 0; i < 4; ++i) {
                const __m512 w = _mm512_loadu_ps(span.weights + done + 16 * i);
                coded[i] = encodeVector<format, decode>(w, constants, tables, check);
                if constexpr (withSums) {
                    addErrors(sums, w, coded[i].decoded);
                    addClipped(sums, w, constants);
                }
                if constexpr (withDecoded)
                    _mm512_storeu_ps(span.decoded + done + 16 * i, coded[i].decoded);
            }
            _mm512_storeu_si512(bytes + done,
                                bytesOf<format>(coded[0].code, coded[1].code, coded[2].code, coded[3].code));
        }
        for (; done < end; done += end - done < 16 ? end - done : 16) {
            const auto live = static_cast<__mmask16>(end - done >= 16 ? 0xffffU : (1U << (end - done)) - 1U);
            const __m512 w = _mm512_maskz_loadu_ps(live, span.weights + done);
            const Coded coded = encodeVector<format, decode>(w, constants, tables, check);
            if constexpr (withSums) {
                addErrors(sums, w, _mm512_maskz_mov_ps(live, coded.decoded));
                addClipped(sums, w, constants);
            }
            if constexpr (withDecoded)
                _mm512_mask_storeu_ps(span.decoded + done, live, coded.decoded);
            const __m512i packed = bytesOf<format>(coded.code, coded.code, coded.code, coded.code);
            _mm_mask_storeu_epi8(bytes + done, live, _mm512_castsi512_si128(packed));
        }
    }
    if constexpr (withSums)
        *span.sums = finished(sums, span.count);
    return _mm512_cmp_ps_mask(check, _mm512_set1_ps(0x1p60F), _CMP_NLT_UQ) == 0;
}

// Two codes a byte, the first in the high nibble. `bytes` is readable, and 0, up to a multiple of 128.
NIBBLESCOPE_INLINE void packNibbles(const std::uint8_t *bytes, std::size_t count, std::uint8_t *codes) {
    const __m512i weights = _mm512_set1_epi16(0x0110); // 16 * first + 1 * second
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const std::size_t out = (count + 1) / 2;
    for (std::size_t i = 0; i < out; i += 64) {
        const __m512i a = _mm512_maddubs_epi16(_mm512_loadu_si512(bytes + 2 * i), weights);
        const __m512i b = _mm512_maddubs_epi16(_mm512_loadu_si512(bytes + 2 * i + 64), weights);
        const __m512i packed = _mm512_permutexvar_epi64(order, _mm512_packus_epi16(a, b));
        if (out - i >= 64)
            _mm512_storeu_si512(codes + i, packed);
        else
            _mm512_mask_storeu_epi8(codes + i, (1ULL << (out - i)) - 1U, packed);
    }
}

// Full adder of bits: a + b + c = sum + 2 * carry.
struct Added {
    __m512i sum;
    __m512i carry;
};
NIBBLESCOPE_INLINE Added addBits(__m512i a, __m512i b, __m512i c) {
    return {_mm512_ternarylogic_epi32(a, b, c, 0x96), _mm512_ternarylogic_epi32(a, b, c, 0xe8)};
}

// Adds up one-hot bytes of eight codes: bit b of byte i of plane p is bit p of how often code b stood at place i.
struct BitCounter {
    __m512i plane[7];
    NIBBLESCOPE_INLINE void add8(const __m512i (&in)[8]) {
        const Added a = addBits(plane[0], in[0], in[1]);
        const Added b = addBits(a.sum, in[2], in[3]);
        const Added c = addBits(b.sum, in[4], in[5]);
        const Added d = addBits(c.sum, in[6], in[7]);
        plane[0] = d.sum;
        const Added e = addBits(plane[1], a.carry, b.carry);
        const Added f = addBits(e.sum, c.carry, d.carry);
        plane[1] = f.sum;
        const Added g = addBits(plane[2], e.carry, f.carry);
        plane[2] = g.sum;
        __m512i carry = g.carry;
        for (int p = 3; p < 7; ++p) {
            const __m512i next = _mm512_and_si512(plane[p], carry);
            plane[p] = _mm512_xor_si512(plane[p], carry);
            carry = next;
        }
    }
    NIBBLESCOPE_INLINE void addTo(std::uint32_t *counts) const {
        for (int bit = 0; bit < 8; ++bit) {
            const __m512i wanted = _mm512_set1_epi8(static_cast<char>(1 << bit));
            std::uint64_t count = 0;
            for (int p = 0; p < 7; ++p)
                count += static_cast<std::uint64_t>(__builtin_popcountll(_mm512_test_epi8_mask(plane[p], wanted))) << p;
            counts[bit] += static_cast<std::uint32_t>(count);
        }
    }
};

// Counts 4-bit codes. `bytes` is readable, and 0, up to a multiple of countBlock; count <= chunkWeights.
NIBBLESCOPE_INLINE void countNibbles(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    const __m512i lowTable =
        _mm512_broadcast_i32x4(_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m512i highTable =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128));
    BitCounter low{};
    BitCounter high{};
    std::size_t done = 0;
    for (; done < count; done += countBlock) {
        __m512i a[8];
        __m512i b[8];
        for (int i = 0; i < 8; ++i) {
            const __m512i codes = _mm512_loadu_si512(bytes + done + 64 * i);
            a[i] = _mm512_shuffle_epi8(lowTable, codes);
            b[i] = _mm512_shuffle_epi8(highTable, codes);
        }
        low.add8(a);
        high.add8(b);
    }
    low.addTo(counts);
    high.addTo(counts + 8);
    counts[0] -= static_cast<std::uint32_t>(done - count);
}

// Bytes have 256 counters: four tables, so that equal neighbours do not wait for each other.
NIBBLESCOPE_INLINE void countBytes(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    std::uint32_t tables[4][256] = {};
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int k = 0; k < 4; ++k)
            ++tables[k][bytes[i + static_cast<std::size_t>(k)]];
    for (; i < count; ++i)
        ++tables[0][bytes[i]];
    for (int code = 0; code < 256; ++code)
        counts[code] += tables[0][code] + tables[1][code] + tables[2][code] + tables[3][code];
}

template <Format format>
void encodeChunk(const EncodeSpan &span) {
    alignas(64) std::uint8_t buffer[bufferBytes];
    std::uint8_t *const bytes = format == Format::Int8 ? span.codes : buffer;
    bool done = false;
    if (span.sums != nullptr)
        done = span.decoded != nullptr ? encodeBytes<format, true, true>(span, bytes)
                                       : encodeBytes<format, true, false>(span, bytes);
    else
        done = span.decoded != nullptr ? encodeBytes<format, false, true>(span, bytes)
                                       : encodeBytes<format, false, false>(span, bytes);
    if (!done) {
        encodeByDefinition(format, span);
        return;
    }
    if constexpr (format == Format::Int8) {
        if (span.codeCounts != nullptr)
            countBytes(bytes, span.count, span.codeCounts);
    } else {
        const std::size_t end = (span.count + countBlock - 1) / countBlock * countBlock;
        for (std::size_t i = span.count; i < end; i += 64)
            _mm512_storeu_si512(buffer + i, _mm512_setzero_si512());
        packNibbles(buffer, span.count, span.codes);
        if (span.codeCounts != nullptr)
            countNibbles(buffer, span.count, span.codeCounts);
    }
}

template <Format format>
void encode(const EncodeSpan &span) {
    forEachChunk(span, format, encodeChunk<format>);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Encode(Kernels &table) {
    setEntry(table.encode, Format::Int4, encode<Format::Int4>);
    setEntry(table.encode, Format::Int4Max, encode<Format::Int4Max>);
    setEntry(table.encode, Format::Int4Asym, encode<Format::Int4Asym>);
    setEntry(table.encode, Format::Nf4, encode<Format::Nf4>);
    setEntry(table.encode, Format::Fp4, encode<Format::Fp4>);
    setEntry(table.encode, Format::Mxfp4, encode<Format::Mxfp4>);
    setEntry(table.encode, Format::Int8, encode<Format::Int8>);
}

} // namespace nibblescope
#endif
