// SPDX-License-Identifier: GPL-3.0-or-later
// Counting of codes and values, 512 bits wide; each file that needs it gets a copy of its own.
#pragma once

#include <immintrin.h>

#include "core/kernels/kernels.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t countBlock = 512; // weights that one round of the counting takes

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
        NIBBLESCOPE_UNROLL
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

// Tables of counters by bytes: several, so that equal neighbours do not wait for each other.
struct ByteCounter {
    std::uint32_t tables[4][256];

    NIBBLESCOPE_INLINE void clear() {
        for (std::size_t i = 0; i < 4 * 256; i += 16)
            _mm512_storeu_si512(tables[0] + i, _mm512_setzero_si512());
    }
    NIBBLESCOPE_INLINE void add8(const std::uint8_t *bytes) {
        std::uint64_t eight;
        __builtin_memcpy(&eight, bytes, sizeof(eight));
        ++tables[0][eight & 255];
        ++tables[1][eight >> 8 & 255];
        ++tables[2][eight >> 16 & 255];
        ++tables[3][eight >> 24 & 255];
        ++tables[0][eight >> 32 & 255];
        ++tables[1][eight >> 40 & 255];
        ++tables[2][eight >> 48 & 255];
        ++tables[3][eight >> 56];
    }
    NIBBLESCOPE_INLINE std::uint32_t total(std::size_t byte) const {
        return tables[0][byte] + tables[1][byte] + tables[2][byte] + tables[3][byte];
    }
};

NIBBLESCOPE_INLINE void countBytes(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    ByteCounter counter;
    counter.clear();
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        counter.add8(bytes + i);
    for (; i < count; ++i)
        ++counter.tables[0][bytes[i]];
    for (std::size_t code = 0; code < 256; ++code)
        counts[code] += counter.total(code);
}

// A histogram of finite values, 64 at a time. Bins are found by vectors and counted by plain additions: these run
// beside the vector work of others, as the counters of one block are raised while the next one is computed.
class ValueCounter {
public:
    static constexpr std::size_t mostBins = 250;

    NIBBLESCOPE_INLINE void begin(const HistogramSpan &span) {
        m_counter.clear();
        m_waiting = false;
        m_lower = span.lower;
        m_inverseWidth = span.inverseWidth;
        m_bins = static_cast<float>(span.bins);
        m_above = static_cast<char>(span.bins + 1);
    }
    NIBBLESCOPE_INLINE void add(const __m512 (&v)[4]) {
        if (m_waiting)
            count();
        m_waiting = true;
        __m512i slot[4];
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            const __m512 place =
                _mm512_mul_ps(_mm512_sub_ps(v[i], _mm512_set1_ps(m_lower)), _mm512_set1_ps(m_inverseWidth));
            slot[i] = _mm512_cvt_roundps_epi32(_mm512_min_ps(_mm512_set1_ps(m_bins), place),
                                               _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        }
        // Below is anything negative: it saturates at 0.
        const __m512i one = _mm512_set1_epi16(1);
        const __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(slot[0], slot[1]), one);
        const __m512i b = _mm512_adds_epi16(_mm512_packs_epi32(slot[2], slot[3]), one);
        _mm512_store_si512(m_slots, _mm512_min_epu8(_mm512_packus_epi16(a, b), _mm512_set1_epi8(m_above)));
    }
    NIBBLESCOPE_INLINE void finish(const HistogramSpan &span) {
        if (m_waiting)
            count();
        for (std::size_t i = 0; i < span.bins + 2; ++i)
            span.counts[i] += m_counter.total(i);
    }

private:
    NIBBLESCOPE_INLINE void count() {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 64; i += 8)
            m_counter.add8(m_slots + i);
    }

    alignas(64) std::uint8_t m_slots[64];
    ByteCounter m_counter;
    bool m_waiting;
    float m_lower;
    float m_inverseWidth;
    float m_bins;
    char m_above;
};

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
