// SPDX-License-Identifier: GPL-3.0-or-later
// Runs of weights to codes, 512 bits wide, where only codes and scales are wanted.
//
// A quotient becomes fixed point by one fused multiply-add with a large constant: its low bits are the code and a
// fraction. Where the fraction says "on a boundary", F32 decides for the block; everywhere else the code is certain.
#include "core/kernels/isa_tables.h"

#if defined(__x86_64__)
#include "core/kernels/avx512_quantize.h"
#include "core/kernels/avx512_quantize_steps.h"
#include "core/kernels/quantize_by_parts.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

// Units of the fixed point numbers: their fraction has 12 bits (int4) or 13 (int8). NF4 has tables in its own unit.
template <Format format>
constexpr float unitsPerScale() {
    return format == Format::Int4 ? 4096.0F : format == Format::Int8 ? 8192.0F : nf4WordsPerUnit;
}
// Adding it leaves the number in the low bits: int4 as code * 2^12 + fraction, a half added so that codes are cut off.
template <Format format>
constexpr float fixedPointMagic() {
    return roundingMagic + (format == Format::Int4 ? 34816.0F : format == Format::Int8 ? 4096.0F : 32768.0F);
}

// Codes of a block the exact way, as codesOfBlock() leaves them.
template <Format format, InputType input, std::size_t groupsPerBlock>
__attribute__((noinline)) __m512i exactBlock(Source block, const float *scale, const float *inverse) {
    const EncodeTables &tables = encodeTables(format);
    __m512 w[4];
    loadBlock<input>(block, w);
    __m512i code[4];
    __m512 check = _mm512_setzero_ps();
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        GroupConstants constants;
        constants.scale = _mm512_set1_ps(scale[i * groupsPerBlock / 4]);
        constants.inverse = _mm512_set1_ps(inverse[i * groupsPerBlock / 4]);
        code[i] = encodeVector<format, false>(w[i], constants, tables, check).code;
        if constexpr (format == Format::Int4)
            code[i] = _mm512_add_epi32(
                _mm512_min_epi32(_mm512_max_epi32(code[i], _mm512_set1_epi32(-8)), _mm512_set1_epi32(7)),
                _mm512_set1_epi32(8));
    }
    const __m512i bytes = blockBytes<format>(code[0], code[1], code[2], code[3]);
    return format == Format::Int8 ? bytes : _mm512_slli_epi32(bytes, 4);
}

// The codes of 64 weights a byte each, nibbles high.
template <Format format, InputType input, std::size_t groupsPerBlock>
NIBBLESCOPE_INLINE __m512i codesOfBlock(Source block, const float *unit, const WordTables &tables, bool &certain) {
    __m512 w[4], t[4];
    loadBlock<input>(block, w);
    fixedPoint<groupsPerBlock>(w, unit, fixedPointMagic<format>(), t);
    if constexpr (format == Format::Int8) {
        const __m512i fraction = _mm512_set1_epi32(0x1fff);
        const __m512i v0 = _mm512_castps_si512(t[0]), v1 = _mm512_castps_si512(t[1]);
        const __m512i v2 = _mm512_castps_si512(t[2]), v3 = _mm512_castps_si512(t[3]);
        const auto on =
            static_cast<__mmask16>(_mm512_testn_epi32_mask(v0, fraction) | _mm512_testn_epi32_mask(v1, fraction) |
                                   _mm512_testn_epi32_mask(v2, fraction) | _mm512_testn_epi32_mask(v3, fraction));
        certain = on == 0;
        const __m512i a = choose(_mm512_set1_epi32(0xff), _mm512_srli_epi32(v0, 13), _mm512_srli_epi32(v1, 5));
        const __m512i b = choose(_mm512_set1_epi32(0xff0000), _mm512_slli_epi32(v2, 3), _mm512_slli_epi32(v3, 11));
        return choose(_mm512_set1_epi32(0xffff), a, b);
    } else {
        __m512i a = lowWords(t[0], t[1]);
        __m512i b = lowWords(t[2], t[3]);
        const __mmask32 onA = codesOfWords<format>(a, tables);
        const __mmask32 onB = codesOfWords<format>(b, tables);
        certain = (onA | onB) == 0;
        return choose(_mm512_set1_epi16(0xff), _mm512_srli_epi16(a, 8), b);
    }
}

template <Format format, InputType input, std::size_t groupsPerBlock>
struct Encoder {
    const QuantizeSpan &span;
    const std::size_t blocksPerGroup;
    const WordTables words;

    // Peaks of all groups of a tile of F32. False: NaN is among the weights.
    NIBBLESCOPE_INLINE bool look(Source weights, std::size_t blocks, __m512i *peaks) const {
        __mmask16 nan = 0;
        for (std::size_t b = 0; b < blocks; ++b) {
            __m512 w[4];
            loadBlock<input>(weights.template after<input>(b * blockWeights), w);
            peaksOfFloats<groupsPerBlock>(w, peaks + b * groupsPerBlock);
            nan = static_cast<__mmask16>(nan | _mm512_cmp_ps_mask(w[0], w[1], _CMP_UNORD_Q) |
                                         _mm512_cmp_ps_mask(w[2], w[3], _CMP_UNORD_Q));
        }
        return nan == 0;
    }

    NIBBLESCOPE_INLINE void tile(const Tile &tile, Source weights, std::size_t firstGroup, std::size_t blocks) const {
        alignas(64) float units[tileGroups];
        _mm512_store_ps(units, _mm512_mul_ps(_mm512_load_ps(tile.inverse), _mm512_set1_ps(unitsPerScale<format>())));
        // Fetching stops while the codes of a long group are made: half of what comes next is asked for meanwhile.
        const bool longGroup = blocksPerGroup > tileGroups;
        const char *const ahead = weights.template after<input>(blocks * blockWeights).bytes;
        std::size_t group = 0;
        std::size_t inGroup = 0;
        const auto step = [&](std::size_t b) __attribute__((always_inline)) {
            const Source block = weights.template after<input>(b * blockWeights);
            if (longGroup) {
                __builtin_prefetch(ahead + 2 * b * 64, 0, 2);
                __builtin_prefetch(ahead + (2 * b + 1) * 64, 0, 2);
            }
            askAhead<input>(block);
            bool certain = true;
            __m512i bytes = codesOfBlock<format, input, groupsPerBlock>(block, units + group, words, certain);
            if (__builtin_expect(!certain, 0))
                bytes = exactBlock<format, input, groupsPerBlock>(block, tile.scale + group, tile.inverse + group);
            if (groupsPerBlock == 2) {
                group += 2;
            } else if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                ++group;
            }
            return bytes;
        };
        const std::size_t first = firstGroup * span.groupSize;
        std::size_t b = 0;
        if constexpr (format == Format::Int8) {
            for (; b < blocks; ++b)
                _mm512_storeu_si512(span.codes + first + b * blockWeights, int8InOrder<input>(step(b)));
        } else {
            std::uint8_t *const codes = span.codes + first / 2;
            for (; b + 2 <= blocks; b += 2) {
                const __m512i even = step(b);
                const __m512i odd = step(b + 1);
                _mm512_storeu_si512(codes + b * blockWeights / 2, packBlocks<input, true>(even, odd));
            }
            if (b < blocks) {
                const __m512i last = step(b);
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(codes + b * blockWeights / 2),
                                    _mm512_castsi512_si256(packBlocks<input, true>(last, last)));
            }
        }
    }
};

template <Format format, InputType input, std::size_t groupsPerBlock>
std::size_t quantizeGroups(const QuantizeSpan &span, std::size_t groups) {
    const Encoder<format, input, groupsPerBlock> encoder{span, span.groupSize / blockWeights,
                                                         wordTables<format>(encodeTables(format))};
    return walkTiles<format, input, groupsPerBlock>(encoder, span, groups);
}

// `count` weights from `first` on.
QuantizeSpan partOf(const QuantizeSpan &span, Format format, std::size_t first, std::size_t count) {
    QuantizeSpan part = span;
    part.weights = static_cast<const char *>(span.weights) + first * (span.input == InputType::F32 ? 4 : 2);
    part.count = count;
    part.scales += first / span.groupSize;
    part.codes += format == Format::Int8 ? first : first / 2;
    return part;
}

template <Format format, InputType input>
std::size_t quantizeInput(const QuantizeSpan &span, std::size_t groups) {
    return span.groupSize == 32 ? quantizeGroups<format, input, 2>(span, groups)
                                : quantizeGroups<format, input, 1>(span, groups);
}

// Whole groups. Returns how many were done.
template <Format format>
std::size_t quantizePlain(const QuantizeSpan &span, std::size_t groups) {
    switch (span.input) {
    case InputType::F32:
        return quantizeInput<format, InputType::F32>(span, groups);
    case InputType::F16:
        return quantizeInput<format, InputType::F16>(span, groups);
    case InputType::Bf16:
        return quantizeInput<format, InputType::Bf16>(span, groups);
    }
    return 0;
}

template <Format format>
ScaleRounding quantize(const QuantizeSpan &span) {
    const bool more =
        span.sums != nullptr || span.decoded != nullptr || span.codeCounts != nullptr || span.histogram != nullptr;
    const bool usual = span.groupSize == 32 || (span.groupSize % blockWeights == 0 && span.groupSize <= chunkWeights);
    ScaleRounding rounding;
    if (more || !usual) {
        if (!more || !usual || span.count > chunkWeights || !quantizeFusedAvx512(format, span))
            rounding = quantizeByParts(kernelsFor(Isa::Avx512), format, span);
        return rounding;
    }
    const std::size_t atOnce = span.groupSize == 32 ? 2 : 1; // groups that a block holds
    const std::size_t piece = chunkWeights / span.groupSize * span.groupSize;
    std::size_t done = 0;
    while (done < span.count) {
        const std::size_t whole = (span.count - done) / span.groupSize / atOnce * atOnce;
        done += quantizePlain<format>(partOf(span, format, done, span.count - done), whole) * span.groupSize;
        if (done == span.count)
            break;
        // What refused, or a rest.
        const std::size_t count = span.count - done < piece ? span.count - done : piece;
        const ScaleRounding part = quantizeByParts(kernelsFor(Isa::Avx512), format, partOf(span, format, done, count));
        rounding.underflow += part.underflow;
        rounding.overflow += part.overflow;
        done += count;
    }
    return rounding;
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Quantize(Kernels &table) {
    setEntry(table.quantize, Format::Int4, quantize<Format::Int4>);
    setEntry(table.quantize, Format::Nf4, quantize<Format::Nf4>);
    setEntry(table.quantize, Format::Int8, quantize<Format::Int8>);
}

} // namespace nibblescope
#endif
