// SPDX-License-Identifier: GPL-3.0-or-later
// Codes, packing, error sums and code counts in one pass, 512 bits wide.
//
// A chunk of weights becomes one byte a code in a buffer that stays in the first-level cache; packing and counting read
// it back. Chunks that hold NaN, Inf or something absurd are noticed by one accumulator and left to the definition.
#if defined(__x86_64__)
#include "core/kernels/avx512_encode.h"
#include "core/kernels/avx512_encode_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t countBlock = 512; // weights that one round of the counting takes
constexpr std::size_t bufferBytes = chunkWeights + countBlock;

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
            for (std::size_t i = 0; i < 64; i += 32)
                fetchAhead(span.weights + span.count, span.count * sizeof(float), (done + i) * sizeof(float),
                           Ahead::SecondHalf);
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
    bool done = span.sums != nullptr && encodeFusedAvx512(format, span, bytes);
    if (done) {
    } else if (span.sums != nullptr)
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
