// SPDX-License-Identifier: GPL-3.0-or-later
// Codes, packing, error sums and code counts in one pass, 512 bits wide.
//
// A chunk of weights becomes one byte a code in a buffer that stays in the first-level cache; packing and counting read
// it back. Chunks that hold NaN, Inf or something absurd are noticed by one accumulator and left to the definition.
#if defined(__x86_64__)
#include "core/kernels/avx512_encode.h"
#include "core/kernels/avx512_bit_counts.h"
#include "core/kernels/avx512_count_steps.h"
#include "core/kernels/avx512_encode_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t bufferBytes = chunkWeights + 128; // packNibbles() reads to a multiple of that

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
            NIBBLESCOPE_UNROLL
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
        for (std::size_t i = span.count; i % 128 != 0; i = (i + 64) / 64 * 64)
            _mm512_storeu_si512(buffer + i, _mm512_setzero_si512());
        packNibbles(buffer, span.count, span.codes);
        if (span.codeCounts != nullptr)
            countNibblesAvx512(span.codes, span.count, span.codeCounts);
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
