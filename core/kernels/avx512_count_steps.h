// SPDX-License-Identifier: GPL-3.0-or-later
// Counting of codes and values, 512 bits wide; each file that needs it gets a copy of its own.
#pragma once

#include <immintrin.h>

#include "core/kernels/kernels.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

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

    // Sum of eight bits beside plane 0: what it carries into plane 3.
    NIBBLESCOPE_INLINE __m512i add8(const __m512i (&in)[8]) {
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
        return g.carry;
    }
    NIBBLESCOPE_INLINE void carry(__m512i first, __m512i second) {
        const Added a = addBits(plane[3], first, second);
        plane[3] = a.sum;
        __m512i carry = a.carry;
        NIBBLESCOPE_UNROLL
        for (int p = 4; p < 7; ++p) {
            const __m512i next = _mm512_and_si512(plane[p], carry);
            plane[p] = _mm512_xor_si512(plane[p], carry);
            carry = next;
        }
    }
    NIBBLESCOPE_INLINE void addTo(std::uint32_t *counts) const {
        NIBBLESCOPE_UNROLL
        for (int bit = 0; bit < 8; ++bit) {
            const __m512i wanted = _mm512_set1_epi8(static_cast<char>(1 << bit));
            std::uint64_t count = 0;
            NIBBLESCOPE_UNROLL
            for (int p = 0; p < 7; ++p)
                count += static_cast<std::uint64_t>(__builtin_popcountll(_mm512_test_epi8_mask(plane[p], wanted))) << p;
            counts[bit] += static_cast<std::uint32_t>(count);
        }
    }
};

// Counts 4-bit codes, two a byte; a last low nibble that is none is 0. count <= chunkWeights.
NIBBLESCOPE_INLINE void countNibbles(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    constexpr std::size_t vectorCodes = 128;
    const __m512i lowTable =
        _mm512_broadcast_i32x4(_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m512i highTable =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128));
    const __m512i nibble = _mm512_set1_epi8(15);
    BitCounter low{};
    BitCounter high{};
    std::size_t done = 0;
    while (done < count) {
        __m512i carries[2][2];
        NIBBLESCOPE_UNROLL
        for (auto &carry : carries) {
            __m512i a[8];
            __m512i b[8];
            NIBBLESCOPE_UNROLL
            for (int i = 0; i < 8; i += 2) {
                const std::size_t left = done < count ? (count - done + 1) / 2 : 0;
                const __mmask64 live = left >= 64 ? ~0ULL : (1ULL << left) - 1U;
                const __m512i bytes = _mm512_maskz_loadu_epi8(live, codes + done / 2);
                const __m512i second = _mm512_and_si512(bytes, nibble);
                const __m512i first = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
                a[i] = _mm512_shuffle_epi8(lowTable, first);
                b[i] = _mm512_shuffle_epi8(highTable, first);
                a[i + 1] = _mm512_shuffle_epi8(lowTable, second);
                b[i + 1] = _mm512_shuffle_epi8(highTable, second);
                done += vectorCodes;
            }
            carry[0] = low.add8(a);
            carry[1] = high.add8(b);
        }
        low.carry(carries[0][0], carries[1][0]);
        high.carry(carries[0][1], carries[1][1]);
    }
    low.addTo(counts);
    high.addTo(counts + 8);
    counts[0] -= static_cast<std::uint32_t>(done - count); // what was read as 0 behind the end
}

// Tables of counters by bytes: several, so that equal neighbours do not wait for each other.
struct ByteCounter {
    std::uint32_t tables[4][256];

    // Four tables at a time: of one loop through all GCC 12 makes a string instruction, which takes longer.
    NIBBLESCOPE_INLINE void clear(std::size_t kinds) {
        for (std::size_t i = 0; i < kinds; i += 16)
            for (auto &table : tables)
                _mm512_storeu_si512(table + i, _mm512_setzero_si512());
    }
    NIBBLESCOPE_INLINE void add8(const std::uint8_t *bytes) {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 8; ++i)
            ++tables[i % 4][bytes[i]];
    }
    // Of sixteen bytes.
    NIBBLESCOPE_INLINE __m512i totals(std::size_t first) const {
        const auto of = [&](int table) __attribute__((always_inline)) {
            return _mm512_loadu_si512(tables[table] + first);
        };
        return _mm512_add_epi32(_mm512_add_epi32(of(0), of(1)), _mm512_add_epi32(of(2), of(3)));
    }
};

NIBBLESCOPE_INLINE void countBytes(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    ByteCounter counter;
    counter.clear(256);
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        counter.add8(bytes + i);
    for (; i < count; ++i)
        ++counter.tables[0][bytes[i]];
    for (std::size_t first = 0; first < 256; first += 16)
        _mm512_storeu_si512(counts + first,
                            _mm512_add_epi32(_mm512_loadu_si512(counts + first), counter.totals(first)));
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
