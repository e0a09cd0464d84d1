// SPDX-License-Identifier: GPL-3.0-or-later
// What the integer products with AVX-512 VNNI share; each file that needs it gets a copy of its own.
//
// Weights are the unsigned operand of the dot product: code + 8, level + 128, code + 128. What that adds, a multiple of
// the sum of the activations, is the start value of each accumulator and costs nothing.
#pragma once

#include <immintrin.h>

#include "core/kernels/products_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_VNNI)
namespace {

NIBBLESCOPE_INLINE __mmask64 firstBytes(std::size_t count) { return count >= 64 ? ~0ULL : (1ULL << count) - 1U; }

// Entries of a table of 256 words, 32 for each vector of codes. What is read of the table serves all of them.
template <std::size_t vectors>
NIBBLESCOPE_INLINE void lookUp(const std::uint16_t *table, const __m512i (&codes)[vectors], __m512i (&out)[vectors]) {
    __m512i part[vectors][4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        const __m512i low = _mm512_load_si512(table + 64 * i), high = _mm512_load_si512(table + 64 * i + 32);
        NIBBLESCOPE_UNROLL
        for (std::size_t v = 0; v < vectors; ++v)
            part[v][i] = _mm512_permutex2var_epi16(low, codes[v], high);
    }
    NIBBLESCOPE_UNROLL
    for (std::size_t v = 0; v < vectors; ++v) {
        const __mmask32 bit6 = _mm512_test_epi16_mask(codes[v], _mm512_set1_epi16(64));
        const __mmask32 bit7 = _mm512_test_epi16_mask(codes[v], _mm512_set1_epi16(128));
        const __m512i low = _mm512_mask_mov_epi16(part[v][0], bit6, part[v][1]);
        out[v] = _mm512_mask_mov_epi16(low, bit7, _mm512_mask_mov_epi16(part[v][2], bit6, part[v][3]));
    }
}

struct alignas(64) SplitMap { // an F32 table of 256 as its lower and upper halves
    std::uint16_t low[256];
    std::uint16_t high[256];
};

NIBBLESCOPE_INLINE void split(const float *map, SplitMap &out) {
    for (std::size_t i = 0; i < 256; i += 16) {
        const __m512i bits = _mm512_loadu_si512(map + i);
        _mm256_store_si256(reinterpret_cast<__m256i *>(out.low + i), _mm512_cvtepi32_epi16(bits));
        _mm256_store_si256(reinterpret_cast<__m256i *>(out.high + i),
                           _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
    }
}

// 32 double-quantized scales for each vector, from scale `first` on.
template <std::size_t vectors>
NIBBLESCOPE_INLINE void restoreScales(const ProductWeights &weights, std::size_t first, const SplitMap &map,
                                      float *out) {
    const __m512 offset = _mm512_set1_ps(weights.offset);
    const __m512i lowQuads = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i highQuads = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    __m512i codes[vectors], low[vectors], high[vectors];
    NIBBLESCOPE_UNROLL
    for (std::size_t v = 0; v < vectors; ++v)
        codes[v] = _mm512_cvtepu8_epi16(
            _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights.scaleCodes + first + 32 * v)));
    lookUp(map.low, codes, low);
    lookUp(map.high, codes, high);
    NIBBLESCOPE_UNROLL
    for (std::size_t v = 0; v < vectors; ++v, out += 32) {
        const __m512i a = _mm512_unpacklo_epi16(low[v], high[v]);
        const __m512i b = _mm512_unpackhi_epi16(low[v], high[v]);
        const __m512 block = _mm512_set1_ps(weights.blockScales[(first + 32 * v) / 256]);
        const __m512 x = _mm512_castsi512_ps(_mm512_permutex2var_epi64(a, lowQuads, b));
        const __m512 y = _mm512_castsi512_ps(_mm512_permutex2var_epi64(a, highQuads, b));
        _mm512_storeu_ps(out, _mm512_add_ps(_mm512_mul_ps(x, block), offset));
        _mm512_storeu_ps(out + 16, _mm512_add_ps(_mm512_mul_ps(y, block), offset));
    }
}

// The scales of a row as F32, with eight zeros behind them. Double-quantized: rows of a multiple of 32 scales.
NIBBLESCOPE_INLINE void unpackScales(const ProductWeights &weights, std::size_t row, const SplitMap &map, float *out) {
    const std::size_t first = row * weights.groups;
    const std::size_t count = weights.groups;
    if (weights.scaleCodes == nullptr) {
        for (std::size_t i = 0; i < count; i += 16) {
            const auto live = static_cast<__mmask16>(firstBytes(count - i));
            _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(live, weights.scales + first + i)));
        }
        if (count % 16 == 0)
            _mm256_storeu_ps(out + count, _mm256_setzero_ps());
        return;
    }
    if (count % 32 != 0) {
        rowScales(weights, row, out);
        _mm256_storeu_ps(out + count, _mm256_setzero_ps());
        return;
    }
    __builtin_prefetch(weights.scaleCodes + first + 4 * count, 0, 3); // a line a row: the hardware is late with it
    std::size_t i = 0;
    for (; i + 64 <= count; i += 64)
        restoreScales<2>(weights, first + i, map, out + i);
    if (i < count)
        restoreScales<1>(weights, first + i, map, out + i);
    _mm256_storeu_ps(out + count, _mm256_setzero_ps());
}

struct Nibbles {
    __m512i first;  // of even columns
    __m512i second; // of odd columns
};

template <WeightKind kind>
NIBBLESCOPE_INLINE Nibbles unpack(__m512i packed, __m512i table) {
    const __m512i mask = _mm512_set1_epi8(15);
    Nibbles nibbles{_mm512_and_si512(_mm512_srli_epi16(packed, 4), mask), _mm512_and_si512(packed, mask)};
    if constexpr (kind == WeightKind::Codebook4) {
        nibbles.first = _mm512_shuffle_epi8(table, nibbles.first);
        nibbles.second = _mm512_shuffle_epi8(table, nibbles.second);
    }
    return nibbles;
}

NIBBLESCOPE_INLINE __m512i shiftedLevels(const ProductWeights &weights) {
    const __m128i levels = _mm_loadu_si128(reinterpret_cast<const __m128i *>(weights.level8.data()));
    return _mm512_broadcast_i32x4(_mm_xor_si128(levels, _mm_set1_epi8(-128)));
}

template <WeightKind kind>
constexpr int bias() {
    return kind == WeightKind::Int4 ? 8 : 128;
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
