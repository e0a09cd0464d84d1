// SPDX-License-Identifier: GPL-3.0-or-later
// Codes, packing, error sums and code counts in one pass, 256 bits wide. The scheme is that of avx512_encode.cpp.
#if defined(__x86_64__)
#include <cstring>

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

struct SumLanes {
    __m256d signal[2], error[2], dot[2], decoded[2];
    __m256 largest;
    std::uint64_t clipped;
};

NIBBLESCOPE_INLINE void addHalf(SumLanes &sums, int half, __m256d w, __m256d d, __m256d e) {
    sums.signal[half] = _mm256_fmadd_pd(w, w, sums.signal[half]);
    sums.dot[half] = _mm256_fmadd_pd(w, d, sums.dot[half]);
    sums.decoded[half] = _mm256_fmadd_pd(d, d, sums.decoded[half]);
    sums.error[half] = _mm256_fmadd_pd(e, e, sums.error[half]);
}

NIBBLESCOPE_INLINE void addErrors(SumLanes &sums, __m256 w, __m256 d, const GroupConstants &group) {
    const __m256 e = _mm256_sub_ps(w, d);
    addHalf(sums, 0, lowDoubles(w), lowDoubles(d), lowDoubles(e));
    addHalf(sums, 1, highDoubles(w), highDoubles(d), highDoubles(e));
    sums.largest = _mm256_max_ps(sums.largest, magnitude(e));
    const __m256 outside =
        _mm256_or_ps(_mm256_cmp_ps(w, group.clipLow, _CMP_LT_OQ), _mm256_cmp_ps(w, group.clipHigh, _CMP_GT_OQ));
    sums.clipped += static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(outside))));
}

NIBBLESCOPE_INLINE ErrorSums finished(const SumLanes &lanes, std::size_t count) {
    ErrorSums sums;
    sums.signal = total(_mm256_add_pd(lanes.signal[0], lanes.signal[1]));
    sums.error = total(_mm256_add_pd(lanes.error[0], lanes.error[1]));
    sums.dot = total(_mm256_add_pd(lanes.dot[0], lanes.dot[1]));
    sums.decoded = total(_mm256_add_pd(lanes.decoded[0], lanes.decoded[1]));
    sums.maxAbsError = largestOf(lanes.largest);
    sums.clipped = lanes.clipped;
    sums.finite = count;
    return sums;
}

constexpr std::size_t countBlock = 256; // weights that one round of the counting takes
constexpr std::size_t bufferBytes = chunkWeights + countBlock;

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

// The codes of a chunk as bytes. False: the chunk holds something that the fast path cannot do; redo it.
template <Format format, bool withSums, bool withDecoded>
bool encodeBytes(const EncodeSpan &span, std::uint8_t *bytes) {
    alignas(32) float inverses[chunkWeights + 8];
    const std::size_t groups = (span.firstInGroup + span.count + span.groupSize - 1) / span.groupSize;
    if (groups > chunkWeights + 1 || !invert<format>(span.encodeScales, groups, inverses))
        return false;
    const EncodeTables &tables = encodeTables(format);
    const SearchTables search = searchTables<format>(tables);
    constexpr bool decode = withSums || withDecoded;
    SumLanes sums{};
    __m256 check = _mm256_setzero_ps();
    std::size_t done = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t group = 0; done < span.count; ++group) {
        const GroupConstants constants = constantsOf<format>(span, group, inverses[group], tables);
        const std::size_t left = span.count - done;
        const std::size_t end = done + (span.groupSize - inGroup < left ? span.groupSize - inGroup : left);
        inGroup = 0;
        for (; done + 32 <= end; done += 32) {
            Coded coded[4];
            for (int i = 0; i < 4; ++i) {
                const __m256 w = _mm256_loadu_ps(span.weights + done + 8 * i);
                coded[i] = encodeVector<format, decode>(w, constants, tables, search, check);
                if constexpr (withSums)
                    addErrors(sums, w, coded[i].decoded, constants);
                if constexpr (withDecoded)
                    _mm256_storeu_ps(span.decoded + done + 8 * i, coded[i].decoded);
            }
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(bytes + done),
                                bytesOf<format>(coded[0].code, coded[1].code, coded[2].code, coded[3].code));
        }
        for (; done < end; done += end - done < 8 ? end - done : 8) {
            const __m256 w = loadFirst(span.weights + done, end - done);
            const Coded coded = encodeVector<format, decode>(w, constants, tables, search, check);
            if constexpr (withSums) {
                const __m256 live = _mm256_castsi256_ps(firstLanes(end - done));
                addErrors(sums, w, _mm256_and_ps(coded.decoded, live), constants);
            }
            if constexpr (withDecoded)
                storeFirst(span.decoded + done, end - done, coded.decoded);
            // Eight bytes whatever is left: what comes next overwrites them, or the padding takes them.
            const __m256i packed = bytesOf<format>(coded.code, coded.code, coded.code, coded.code);
            const __m128i low = _mm256_castsi256_si128(packed);
            _mm_storel_epi64(reinterpret_cast<__m128i *>(bytes + done), low);
        }
    }
    if constexpr (withSums)
        *span.sums = finished(sums, span.count);
    return _mm256_movemask_ps(_mm256_cmp_ps(check, _mm256_set1_ps(0x1p60F), _CMP_NLT_UQ)) == 0;
}

// Two codes a byte, the first in the high nibble. `bytes` is readable, and 0, up to a multiple of 64.
NIBBLESCOPE_INLINE void packNibbles(const std::uint8_t *bytes, std::size_t count, std::uint8_t *codes) {
    const __m256i weights = _mm256_set1_epi16(0x0110); // 16 * first + 1 * second
    const std::size_t out = (count + 1) / 2;
    for (std::size_t i = 0; i < out; i += 32) {
        const auto *const from = reinterpret_cast<const __m256i *>(bytes + 2 * i);
        const __m256i a = _mm256_maddubs_epi16(_mm256_loadu_si256(from), weights);
        const __m256i b = _mm256_maddubs_epi16(_mm256_loadu_si256(from + 1), weights);
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
        if (out - i >= 32) {
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(codes + i), packed);
        } else {
            alignas(32) std::uint8_t rest[32];
            _mm256_store_si256(reinterpret_cast<__m256i *>(rest), packed);
            std::memcpy(codes + i, rest, out - i);
        }
    }
}

// Full adder of bits: a + b + c = sum + 2 * carry.
struct Added {
    __m256i sum;
    __m256i carry;
};
NIBBLESCOPE_INLINE Added addBits(__m256i a, __m256i b, __m256i c) {
    const __m256i half = _mm256_xor_si256(a, b);
    return {_mm256_xor_si256(half, c), _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(half, c))};
}

constexpr int planes = 8; // up to 128 vectors of 32 bytes

// Adds up one-hot bytes of eight codes: bit b of byte i of plane p is bit p of how often code b stood at place i.
struct BitCounter {
    __m256i plane[planes];
    NIBBLESCOPE_INLINE void add8(const __m256i (&in)[8]) {
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
        __m256i carry = g.carry;
        for (int p = 3; p < planes; ++p) {
            const __m256i next = _mm256_and_si256(plane[p], carry);
            plane[p] = _mm256_xor_si256(plane[p], carry);
            carry = next;
        }
    }
    NIBBLESCOPE_INLINE void addTo(std::uint32_t *counts) const {
        for (int bit = 0; bit < 8; ++bit) {
            std::uint32_t count = 0;
            for (int p = 0; p < planes; ++p) {
                const __m256i top = _mm256_slli_epi16(plane[p], 7 - bit); // bit 7 of each byte is the wanted one
                const auto mask = static_cast<unsigned>(_mm256_movemask_epi8(top));
                count += static_cast<std::uint32_t>(__builtin_popcount(mask)) << p;
            }
            counts[bit] += count;
        }
    }
};

// Counts 4-bit codes. `bytes` is readable, and 0, up to a multiple of countBlock; count <= chunkWeights.
NIBBLESCOPE_INLINE void countNibbles(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    const __m256i lowTable =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i highTable =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128));
    BitCounter low{};
    BitCounter high{};
    std::size_t done = 0;
    for (; done < count; done += countBlock) {
        __m256i a[8];
        __m256i b[8];
        for (int i = 0; i < 8; ++i) {
            const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(bytes + done + 32 * i));
            a[i] = _mm256_shuffle_epi8(lowTable, codes);
            b[i] = _mm256_shuffle_epi8(highTable, codes);
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
        for (std::size_t k = 0; k < 4; ++k)
            ++tables[k][bytes[i + k]];
    for (; i < count; ++i)
        ++tables[0][bytes[i]];
    for (int code = 0; code < 256; ++code)
        counts[code] += tables[0][code] + tables[1][code] + tables[2][code] + tables[3][code];
}

template <Format format>
void encodeChunk(const EncodeSpan &span) {
    alignas(32) std::uint8_t buffer[bufferBytes];
    bool done = false;
    if (span.sums != nullptr)
        done = span.decoded != nullptr ? encodeBytes<format, true, true>(span, buffer)
                                       : encodeBytes<format, true, false>(span, buffer);
    else
        done = span.decoded != nullptr ? encodeBytes<format, false, true>(span, buffer)
                                       : encodeBytes<format, false, false>(span, buffer);
    if (!done) {
        encodeByDefinition(format, span);
        return;
    }
    if constexpr (format == Format::Int8) {
        std::memcpy(span.codes, buffer, span.count);
        if (span.codeCounts != nullptr)
            countBytes(buffer, span.count, span.codeCounts);
    } else {
        const std::size_t end = (span.count + countBlock - 1) / countBlock * countBlock;
        std::memset(buffer + span.count, 0, end - span.count);
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

void fillAvx2Encode(Kernels &table) {
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
