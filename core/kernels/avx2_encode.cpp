// SPDX-License-Identifier: GPL-3.0-or-later
// Codes, packing, error sums and code counts in one pass, 256 bits wide. The scheme is that of avx512_encode.cpp.
#if defined(__x86_64__)
#include <cstring>

#include "core/kernels/avx2_encode_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

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
            fetchAhead(span.weights + span.count, span.count * sizeof(float), done * sizeof(float), Ahead::SecondHalf);
            Coded coded[4];
            NIBBLESCOPE_UNROLL
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
        NIBBLESCOPE_UNROLL
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
        NIBBLESCOPE_UNROLL
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
        NIBBLESCOPE_UNROLL
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
