// SPDX-License-Identifier: GPL-3.0-or-later
// The steps of quantizing a run, 512 bits wide: what avx512_quantize.cpp and avx512_quantize_fused.cpp share. Each of
// them gets copies of its own, so that nothing of it has external linkage.
//
// A tile is up to sixteen groups. Its largest magnitudes are reduced in one tree, and one division serves all its
// scales.
#pragma once

#include <immintrin.h>

#include "core/kernels/avx512_encode_steps.h"
#include "core/kernels/avx512_scales.h"
#include "core/kernels/avx512_transpose.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t tileGroups = 16;
constexpr std::size_t blockWeights = 64;
constexpr std::size_t mostBlocks = chunkWeights / blockWeights;

template <InputType input>
constexpr std::size_t bytesEach = input == InputType::F32 ? 4 : 2;

// A place in the weights.
struct Source {
    const char *bytes;
    template <InputType input>
    NIBBLESCOPE_INLINE Source after(std::size_t weights) const {
        return {bytes + weights * bytesEach<input>};
    }
};

// BF16 is widened by lanes of 32 bits: even and odd weights come into different vectors.
template <InputType input>
constexpr bool evenAndOdd = input == InputType::Bf16;

// 64 weights in four vectors: in their order, or the even and the odd ones of the first 32, then of the others.
template <InputType input>
NIBBLESCOPE_INLINE void loadBlock(Source from, __m512 (&w)[4]) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        if constexpr (input == InputType::F32) {
            w[i] = _mm512_loadu_ps(from.bytes + 64 * i);
        } else if constexpr (input == InputType::F16) {
            w[i] = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from.bytes + 32 * i)));
        } else {
            const __m512i both = _mm512_loadu_si512(from.bytes + 64 * (i / 2));
            w[i] = _mm512_castsi512_ps(i % 2 == 0 ? _mm512_slli_epi32(both, 16)
                                                  : _mm512_and_si512(both, _mm512_set1_epi32(-65536)));
        }
    }
}

// The larger magnitude, without its sign. It passes over NaN.
NIBBLESCOPE_INLINE __m512 largerMagnitude(__m512 a, __m512 b) { return _mm512_range_ps(a, b, 11); }

// Bits of magnitudes are compared as integers: they rise with them, and NaN is the largest. 16-bit weights stay two a
// lane until largestOf().
template <InputType input>
NIBBLESCOPE_INLINE __m512i larger(__m512i a, __m512i b) {
    return input == InputType::F32 ? _mm512_max_epi32(a, b) : _mm512_max_epu16(a, b);
}
NIBBLESCOPE_INLINE __m512i magnitudes(Source from, std::size_t vector) {
    const __m512i bits = _mm512_loadu_si512(from.bytes + 64 * vector);
    return _mm512_and_si512(bits, _mm512_set1_epi32(0x7fff7fff));
}

// Peaks of the groups of a block of 64 weights: one vector each, in `peaks`. NaN is not seen in F32, and a peak in 16
// bits.
template <std::size_t groupsPerBlock>
NIBBLESCOPE_INLINE void peaksOfFloats(const __m512 (&w)[4], __m512i *peaks) {
    const __m512 first = largerMagnitude(w[0], w[1]);
    const __m512 second = largerMagnitude(w[2], w[3]);
    if constexpr (groupsPerBlock == 2) {
        _mm512_store_si512(peaks, _mm512_castps_si512(first));
        _mm512_store_si512(peaks + 1, _mm512_castps_si512(second));
    } else {
        _mm512_store_si512(peaks, _mm512_castps_si512(largerMagnitude(first, second)));
    }
}
template <InputType input, std::size_t groupsPerBlock>
NIBBLESCOPE_INLINE void peaksOfHalves(Source block, __m512i *peaks) {
    constexpr std::size_t each = 2 / groupsPerBlock;
    NIBBLESCOPE_UNROLL
    for (std::size_t g = 0; g < groupsPerBlock; ++g) {
        __m512i peak = magnitudes(block, g * each);
        if constexpr (each == 2)
            peak = _mm512_max_epu16(peak, magnitudes(block, 1));
        _mm512_store_si512(peaks + g, peak);
    }
}

struct MaxOfBits {
    static NIBBLESCOPE_INLINE __m512 of(__m512 a, __m512 b) {
        return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
    }
};

// Lane g: the largest magnitude of group g, from `peaks` vectors a group.
template <InputType input>
NIBBLESCOPE_INLINE __m512 largestOf(const __m512i *peaks, std::size_t peaksPerGroup, std::size_t groups) {
    __m512 all[tileGroups];
    NIBBLESCOPE_UNROLL
    for (std::size_t g = 0; g < tileGroups; ++g) {
        __m512i peak = _mm512_setzero_si512();
        if (g < groups) {
            peak = _mm512_load_si512(peaks + g * peaksPerGroup);
            for (std::size_t i = 1; i < peaksPerGroup; ++i)
                peak = larger<input>(peak, _mm512_load_si512(peaks + g * peaksPerGroup + i));
        }
        if constexpr (input != InputType::F32)
            peak = _mm512_and_si512(larger<input>(peak, _mm512_srli_epi32(peak, 16)), _mm512_set1_epi32(0xffff));
        all[g] = _mm512_castsi512_ps(peak);
    }
    const __m512 bits = reduce16<MaxOfBits>(all);
    if constexpr (input == InputType::F32)
        return bits;
    else if constexpr (input == InputType::F16)
        return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_castps_si512(bits)));
    else
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(bits), 16));
}

struct alignas(64) Tile {
    float scale[tileGroups];
    float inverse[tileGroups];
    float absmax[tileGroups];
};

// Scales of a tile. False: NaN, Inf, or a scale that is not within rounding of the exact one; then a weight might lie
// beyond the outer levels, and what follows would be wrong.
template <Format format>
NIBBLESCOPE_INLINE bool scalesOf(__m512 absmax, ScaleType type, Tile &tile) {
    const __m512 zero = _mm512_setzero_ps();
    const __m512 exact =
        format == Format::Nf4 ? absmax : _mm512_div_ps(absmax, _mm512_set1_ps(format == Format::Int8 ? 127.0F : 7.0F));
    const __m512 scale = roundedToType(exact, type);
    const __mmask16 used = _mm512_cmp_ps_mask(absmax, zero, _CMP_NEQ_UQ);
    _mm512_store_ps(tile.scale, scale);
    _mm512_store_ps(tile.absmax, absmax);
    _mm512_store_ps(tile.inverse, _mm512_maskz_div_ps(used, _mm512_set1_ps(1.0F), scale));
    constexpr float farthest = 1.00196F; // BF16 keeps eight bits
    __mmask16 fit = _mm512_cmp_ps_mask(exact, _mm512_mul_ps(scale, _mm512_set1_ps(farthest)), _CMP_LE_OQ);
    fit = _mm512_mask_cmp_ps_mask(fit, exact, _mm512_set1_ps(overflowLimit(type)), _CMP_LT_OQ);
    fit = _mm512_mask_cmp_ps_mask(fit, scale, _mm512_set1_ps(0x1p-60F), _CMP_GE_OQ);
    fit = _mm512_mask_cmp_ps_mask(fit, scale, _mm512_set1_ps(0x1p100F), _CMP_LE_OQ);
    return static_cast<__mmask16>(used & ~fit) == 0;
}

// Bitwise choice: a where mask has ones, b elsewhere.
NIBBLESCOPE_INLINE __m512i choose(__m512i mask, __m512i a, __m512i b) {
    return _mm512_ternarylogic_epi32(mask, a, b, 0xca);
}

// The low words of two vectors, lane by lane.
NIBBLESCOPE_INLINE __m512i lowWords(__m512 a, __m512 b) {
    return choose(_mm512_set1_epi32(0xffff), _mm512_castps_si512(a), _mm512_slli_epi32(_mm512_castps_si512(b), 16));
}

// Codes of 64 weights are one byte each: lane i holds those of lane i of the vectors 0, 2, 1, 3 for nibbles, of 0, 1,
// 2, 3 for int8.

// 64 bytes, lane i of the vectors 0, 1, 2, 3 in lane i, in the order of vectors.
NIBBLESCOPE_INLINE __m512i inOrder(__m512i bytes) {
    const __m512i inLane = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(lanes, _mm512_shuffle_epi8(bytes, inLane));
}

template <InputType input>
NIBBLESCOPE_INLINE __m512i int8InOrder(__m512i bytes) {
    if constexpr (!evenAndOdd<input>)
        return inOrder(bytes);
    const __m512i words = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1, 30, 28, 26, 24,
                                           22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutexvar_epi16(words, bytes);
}

// Codes of neighbours in one byte; `high`: the codes are the high nibbles of the bytes, whose low nibbles may hold
// anything; else the low nibbles, the high ones being 0. Vectors in order: the four low bytes of each lane of 64 bits
// are good; even and odd: the two low bytes of each lane of 32 bits.
template <InputType input, bool high>
NIBBLESCOPE_INLINE __m512i nibblePairs(__m512i bytes) {
    if constexpr (evenAndOdd<input> && high)
        return choose(_mm512_set1_epi8(static_cast<char>(0xf0)), bytes, _mm512_srli_epi32(bytes, 20));
    else if constexpr (evenAndOdd<input>)
        return _mm512_or_si512(_mm512_slli_epi32(bytes, 4), _mm512_srli_epi32(bytes, 16));
    else if constexpr (high)
        return choose(_mm512_set1_epi8(static_cast<char>(0xf0)), bytes, _mm512_srli_epi64(bytes, 36));
    else
        return _mm512_or_si512(_mm512_slli_epi64(bytes, 4), _mm512_srli_epi64(bytes, 32));
}

// Two blocks of 64 codes packed.
template <InputType input, bool high>
NIBBLESCOPE_INLINE __m512i packBlocks(__m512i first, __m512i second) {
    const __m512i a = nibblePairs<input, high>(first);
    const __m512i b = nibblePairs<input, high>(second);
    if constexpr (evenAndOdd<input>)
        return inOrder(choose(_mm512_set1_epi32(0xffff), a, _mm512_slli_epi32(b, 16)));
    const __m512i both = _mm512_mask_shuffle_epi32(a, 0xaaaa, b, static_cast<_MM_PERM_ENUM>(0xa0));
    const __m512i inLane = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 8, 2, 10, 1, 9, 3, 11, 4, 12, 6, 14, 5, 13, 7, 15));
    const __m512i words = _mm512_set_epi16(31, 23, 15, 7, 30, 22, 14, 6, 29, 21, 13, 5, 28, 20, 12, 4, 27, 19, 11, 3,
                                           26, 18, 10, 2, 25, 17, 9, 1, 24, 16, 8, 0);
    return _mm512_permutexvar_epi16(words, _mm512_shuffle_epi8(both, inLane));
}

// Codes in lanes of 32 bits as bytes of a block, nibbles low.
template <Format format>
NIBBLESCOPE_INLINE __m512i blockBytes(__m512i c0, __m512i c1, __m512i c2, __m512i c3) {
    const __m512i low = _mm512_set1_epi32(0xff);
    const bool inTurn = format == Format::Int8;
    const __m512i a = choose(low, c0, _mm512_slli_epi32(inTurn ? c1 : c2, 8));
    const __m512i b = choose(low, inTurn ? c2 : c1, _mm512_slli_epi32(c3, 8));
    return choose(_mm512_set1_epi32(0xffff), a, _mm512_slli_epi32(b, 16));
}

// What nf4's words are looked up in.
struct WordTables {
    __m512i boundary;
    __m512i base;
};
template <Format format>
NIBBLESCOPE_INLINE WordTables wordTables(const EncodeTables &tables) {
    if constexpr (format == Format::Nf4)
        return {_mm512_load_si512(tables.wordBoundary), _mm512_load_si512(tables.wordBase)};
    else
        return {_mm512_setzero_si512(), _mm512_setzero_si512()};
}

// `words`: fixed point numbers, turned into codes in their top four bits. Returns where a number is on a boundary.
template <Format format>
NIBBLESCOPE_INLINE __mmask32 codesOfWords(__m512i &words, const WordTables &tables) {
    if constexpr (format == Format::Int4) {
        return _mm512_testn_epi16_mask(words, _mm512_set1_epi16(0x0fff));
    } else {
        const __m512i bin = _mm512_srli_epi16(words, 11);
        const __m512i boundary = _mm512_permutexvar_epi16(bin, tables.boundary);
        const __m512i base = _mm512_permutexvar_epi16(bin, tables.base);
        const __mmask32 above = _mm512_cmpgt_epu16_mask(words, boundary);
        const __mmask32 on = _mm512_cmpeq_epi16_mask(words, boundary);
        words = _mm512_mask_add_epi16(base, above, base, _mm512_set1_epi16(0x1000));
        return on;
    }
}

// The numbers of a block in fixed point, in the low bits.
template <std::size_t groupsPerBlock>
NIBBLESCOPE_INLINE void fixedPoint(const __m512 (&w)[4], const float *unit, float magic, __m512 (&t)[4]) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        t[i] = _mm512_fmadd_ps(w[i], _mm512_set1_ps(unit[i * groupsPerBlock / 4]), _mm512_set1_ps(magic));
}

constexpr std::size_t tileWeights = 1024;

// Beside the codes of a block: a chunk on, into the second level of the cache.
template <InputType input>
NIBBLESCOPE_INLINE void askAhead(Source block) {
    const char *const ahead = block.template after<input>(chunkWeights).bytes;
    NIBBLESCOPE_UNROLL
    for (std::size_t line = 0; line < blockWeights * bytesEach<input> / 64; ++line)
        __builtin_prefetch(ahead + 64 * line, 0, 2);
}

// Walks through whole groups in tiles of about 1024 weights: the peaks of all its blocks, its scales, then
// `encoder.tile(tile, weights, first group, blocks)` from the cache. `encoder.look(weights, blocks, peaks)` makes the
// peaks of F32. Returns how many groups were done: fewer than all where scalesOf() refuses.
//
// F32 is bound by memory. The hardware stops fetching while codes are made, so that lines are asked for far ahead; near
// ones, larger tiles, scales of the next tile before the codes of this one, and a first pass without other work were
// all slower on Zen 4, however fast in the cache. 16 bits are bound by arithmetic: there the divisions of the next tile
// wait beside the codes of this one.
template <Format format, InputType input, std::size_t groupsPerBlock, typename Encoder>
NIBBLESCOPE_INLINE std::size_t walkTiles(Encoder &encoder, const QuantizeSpan &span, std::size_t groups) {
    constexpr bool scalesAhead = input != InputType::F32;
    const std::size_t size = span.groupSize;
    const std::size_t fitting = size < tileWeights ? tileWeights / size : 1;
    const std::size_t most = fitting < tileGroups ? fitting : tileGroups;
    const std::size_t peaksPerGroup = groupsPerBlock == 2 ? 1 : size / blockWeights;
    const auto place = [&](std::size_t group) __attribute__((always_inline)) {
        return Source{static_cast<const char *>(span.weights)}.template after<input>(group * size);
    };
    alignas(64) __m512i peaks[mostBlocks];
    // Scales of the tile that begins with group `first`. Returns its groups; 0: there is none, or it is refused.
    const auto prepare = [&](std::size_t first, Tile & tile) __attribute__((always_inline))->std::size_t {
        const std::size_t count = groups - first < most ? groups - first : most;
        const std::size_t blocks = count * size / blockWeights;
        bool finite = count != 0;
        if constexpr (input == InputType::F32)
            finite = encoder.look(place(first), blocks, peaks) && finite;
        else
            for (std::size_t b = 0; b < blocks; ++b)
                peaksOfHalves<input, groupsPerBlock>(place(first).template after<input>(b * blockWeights),
                                                     peaks + b * groupsPerBlock);
        const __m512 largest = largestOf<input>(peaks, peaksPerGroup, count);
        return finite && scalesOf<format>(largest, span.scaleType, tile) ? count : 0;
    };
    const auto code = [&](std::size_t first, std::size_t count, const Tile &tile) __attribute__((always_inline)) {
        const auto live = static_cast<__mmask16>((1U << count) - 1U);
        _mm512_mask_storeu_ps(span.scales + first, live, _mm512_load_ps(tile.scale));
        encoder.tile(tile, place(first), first, count * size / blockWeights);
    };
    Tile tiles[2];
    std::size_t done = 0;
    if constexpr (scalesAhead) {
        std::size_t count = 0;
        for (unsigned odd = 0;; odd ^= 1U) {
            const std::size_t next = done + count < groups ? prepare(done + count, tiles[odd]) : 0;
            if (count != 0)
                code(done, count, tiles[odd ^ 1U]);
            done += count;
            if (next == 0)
                return done;
            count = next;
        }
    }
    while (done < groups) {
        const std::size_t count = prepare(done, tiles[0]);
        if (count == 0)
            break;
        code(done, count, tiles[0]);
        done += count;
    }
    return done;
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
