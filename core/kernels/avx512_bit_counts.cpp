// SPDX-License-Identifier: GPL-3.0-or-later
// Counting by planes of bits: eight vectors of bytes become eight vectors that hold bit 0, bit 1 ... of 512 numbers.
// Three planes, each a number's bit or its complement, tell which of the 512 are a given number: an AND, a population
// count and an addition for each possible number, whatever the numbers are. Counters in memory take as long where there
// are many possible numbers, one store a number, since a core stores to one line of its cache a cycle. The two wait for
// other parts of the core: some numbers are counted one way while the rest are counted the other.
#include "core/kernels/avx512_bit_counts.h"

#if defined(__x86_64__)
#include "core/kernels/avx512_count_steps.h"
#include "core/kernels/cpu_features.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_POPCNT)
namespace {

constexpr std::size_t planeNumbers = 512;
constexpr std::size_t mostPlaneBlocks = chunkWeights / planeNumbers;

// Exchanges the bits of `a` that `mask` leaves out, which lie `shift` above those of `b` that it names, with these.
template <int shift>
NIBBLESCOPE_INLINE void exchangeBits(__m512i &a, __m512i &b, __m512i mask) {
    const __m512i low = _mm512_ternarylogic_epi32(mask, a, _mm512_slli_epi64(b, shift), 0xca);
    b = _mm512_ternarylogic_epi32(mask, _mm512_srli_epi64(a, shift), b, 0xca);
    a = low;
}

// Bit k of byte j of vector i becomes bit i of byte j of vector k.
NIBBLESCOPE_INLINE void toPlanes(__m512i (&v)[8]) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        exchangeBits<4>(v[i], v[i + 4], _mm512_set1_epi8(0x0f));
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        exchangeBits<2>(v[i + i / 2 * 2], v[i + i / 2 * 2 + 2], _mm512_set1_epi8(0x33));
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 8; i += 2)
        exchangeBits<1>(v[i], v[i + 1], _mm512_set1_epi8(0x55));
}

// The planes of bytes[begin ... begin + 511]; behind the last of `count` stand bytes of `behind`.
NIBBLESCOPE_INLINE void loadPlanes(const std::uint8_t *bytes, std::size_t count, std::size_t begin, __m512i behind,
                                   __m512i (&v)[8]) {
    if (begin + planeNumbers <= count) {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 8; ++i)
            v[i] = _mm512_loadu_si512(bytes + begin + 64 * i);
    } else {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 8; ++i) {
            const std::size_t at = begin + 64 * i;
            const std::size_t left = count > at ? count - at : 0;
            const __mmask64 live = left >= 64 ? ~0ULL : (1ULL << left) - 1U;
            v[i] = _mm512_mask_loadu_epi8(behind, live, bytes + (left == 0 ? 0 : at));
        }
    }
    toPlanes(v);
}

// Where two bits are 0, 1, 2 and 3.
NIBBLESCOPE_INLINE void tellTwoBits(__m512i low, __m512i high, __m512i (&where)[4]) {
    where[0] = _mm512_ternarylogic_epi32(low, high, high, 0x03);
    where[1] = _mm512_andnot_si512(high, low);
    where[2] = _mm512_andnot_si512(low, high);
    where[3] = _mm512_and_si512(low, high);
}

// Counts of sixteen numbers in lanes of 64 bits, [bits 2 and 3][bits 0 and 1].
using Counts16 = __m512i[4][4];

NIBBLESCOPE_INLINE void clear(Counts16 &sums) {
    NIBBLESCOPE_UNROLL
    for (auto &row : sums)
        row[0] = row[1] = row[2] = row[3] = _mm512_setzero_si512();
}

NIBBLESCOPE_INLINE void addWhere(Counts16 &sums, std::size_t i, __m512i there, const __m512i (&low)[4]) {
    NIBBLESCOPE_UNROLL
    for (std::size_t k = 0; k < 4; ++k) {
        sums[i][k] = _mm512_add_epi64(sums[i][k], _mm512_popcnt_epi64(_mm512_and_si512(there, low[k])));
        __asm__ volatile("" : "+v"(sums[i][k])); // one after the other: GCC 12 would do all ANDs first and store sums
    }
}

// The sixteen sums over the lanes; each must fit 16 bits.
NIBBLESCOPE_INLINE __m256i sumsOf(const Counts16 &sums) {
    __m512i v[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        v[i] = _mm512_or_si512(_mm512_or_si512(sums[i][0], _mm512_slli_epi64(sums[i][1], 16)),
                               _mm512_or_si512(_mm512_slli_epi64(sums[i][2], 32), _mm512_slli_epi64(sums[i][3], 48)));
    const __m512i a = _mm512_add_epi16(_mm512_unpacklo_epi64(v[0], v[1]), _mm512_unpackhi_epi64(v[0], v[1]));
    const __m512i b = _mm512_add_epi16(_mm512_unpacklo_epi64(v[2], v[3]), _mm512_unpackhi_epi64(v[2], v[3]));
    const __m512i pairs = _mm512_add_epi16(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
    const __m512i all = _mm512_add_epi16(pairs, _mm512_shuffle_i64x2(pairs, pairs, 0xb1));
    return _mm512_castsi512_si256(_mm512_permutexvar_epi64(_mm512_setr_epi64(0, 1, 4, 5, 0, 0, 0, 0), all));
}

// What tells bytes apart, in blocks of 512 of them.
struct alignas(64) TellingPlanes {
    __m512i low[mostPlaneBlocks][4];    // bits 0 and 1
    __m512i middle[mostPlaneBlocks][4]; // bits 2 and 3
    __m512i high[mostPlaneBlocks][16];  // bits 4 to 7
};

// Block `block` of `count` bytes.
NIBBLESCOPE_INLINE void tellBytes(const std::uint8_t *bytes, std::size_t count, std::size_t rows, std::size_t block,
                                  TellingPlanes &planes) {
    __m512i v[8];
    loadPlanes(bytes, count, block * planeNumbers, _mm512_set1_epi8(-1), v);
    tellTwoBits(v[0], v[1], planes.low[block]);
    tellTwoBits(v[2], v[3], planes.middle[block]);
    __m512i a[4], b[4];
    tellTwoBits(v[4], v[5], a);
    tellTwoBits(v[6], v[7], b);
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 16; ++i)
        if (i < rows)
            planes.high[block][i] = _mm512_and_si512(a[i % 4], b[i / 4]);
}

// Adds to sixteen counters, or to `kinds` if these are fewer.
NIBBLESCOPE_INLINE void addCounts(std::uint64_t *counts, std::size_t kinds, __m512i more) {
    const auto add = [](std::uint64_t * eight, __mmask8 live, __m256i part) __attribute__((always_inline)) {
        const __m512i before = _mm512_maskz_loadu_epi64(live, eight);
        _mm512_mask_storeu_epi64(eight, live, _mm512_add_epi64(before, _mm512_cvtepu32_epi64(part)));
    };
    const unsigned live = kinds >= 16 ? 0xffffU : (1U << kinds) - 1U;
    add(counts, static_cast<__mmask8>(live), _mm512_castsi512_si256(more));
    if (kinds > 8)
        add(counts + 8, static_cast<__mmask8>(live >> 8), _mm512_extracti64x4_epi64(more, 1));
}

// How many blocks go to planes. A block takes as long to tell apart, and each of its rows that is not empty to count,
// as so many slots take the tables beside it.
std::size_t planeBlocks(std::size_t count, std::size_t usedRows) {
    constexpr std::size_t slotsBeside = 24;
    constexpr std::size_t fewestMixedRows = 3; // few numbers are told apart faster than they are counted in tables
    const std::size_t all = (count + planeNumbers - 1) / planeNumbers;
    if (count < 2 * planeNumbers || usedRows < fewestMixedRows)
        return all;
    const std::size_t share = planeNumbers + slotsBeside * (1 + usedRows);
    return (count + share / 2) / share;
}

NIBBLESCOPE_INLINE std::size_t usedRows(const __m512i *high, std::size_t rows) {
    std::size_t used = 0;
    for (std::size_t row = 0; row < rows; ++row)
        used += _mm512_test_epi64_mask(high[row], high[row]) != 0 ? 1 : 0;
    return used;
}

void slotsByPlanes(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts) {
    constexpr std::size_t besideStep = 32;
    TellingPlanes planes;
    const std::size_t rows = (kinds + 15) / 16;
    if (count == 0)
        return;
    // The first block tells what is to be expected of the others.
    tellBytes(slots, count, rows, 0, planes);
    const std::size_t blocks = planeBlocks(count, usedRows(planes.high[0], rows));
    const std::size_t planed = blocks * planeNumbers < count ? blocks * planeNumbers : count;
    for (std::size_t block = 1; block < blocks; ++block)
        tellBytes(slots, planed, rows, block, planes);
    ByteCounter counter;
    if (planed < count)
        counter.clear(kinds);
    std::size_t at = planed;
    for (std::size_t row = 0; row < rows; ++row) {
        __m512i any = _mm512_setzero_si512();
        for (std::size_t block = 0; block < blocks; ++block)
            any = _mm512_or_si512(any, planes.high[block][row]);
        if (_mm512_test_epi64_mask(any, any) == 0)
            continue;
        Counts16 sums;
        clear(sums);
        for (std::size_t block = 0; block < blocks; ++block) {
            const bool beside = at + besideStep <= count;
            NIBBLESCOPE_UNROLL
            for (std::size_t i = 0; i < 4; ++i) {
                addWhere(sums, i, _mm512_and_si512(planes.high[block][row], planes.middle[block][i]),
                         planes.low[block]);
                if (beside)
                    counter.add8(slots + at + 8 * i);
            }
            at += beside ? besideStep : 0;
        }
        addCounts(counts + 16 * row, kinds - 16 * row, _mm512_cvtepu16_epi32(sumsOf(sums)));
    }
    for (; at + 8 <= count; at += 8)
        counter.add8(slots + at);
    for (; at < count; ++at)
        ++counter.tables[0][slots[at]];
    if (planed < count)
        for (std::size_t first = 0; first < kinds; first += 16)
            addCounts(counts + first, kinds - first, counter.totals(first));
}

void nibblesByPlanes(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    const std::size_t bytes = (count + 1) / 2;
    Counts16 sums;
    clear(sums);
    std::size_t done = 0;
    for (; done < bytes; done += planeNumbers) {
        __m512i v[8];
        loadPlanes(codes, bytes, done, _mm512_setzero_si512(), v);
        NIBBLESCOPE_UNROLL
        for (std::size_t nibble = 0; nibble < 8; nibble += 4) {
            __m512i low[4], high[4];
            tellTwoBits(v[nibble], v[nibble + 1], low);
            tellTwoBits(v[nibble + 2], v[nibble + 3], high);
            NIBBLESCOPE_UNROLL
            for (std::size_t i = 0; i < 4; ++i)
                addWhere(sums, i, high[i], low);
        }
    }
    const __m512i before = _mm512_loadu_si512(counts);
    _mm512_storeu_si512(counts, _mm512_add_epi32(before, _mm512_cvtepu16_epi32(sumsOf(sums))));
    counts[0] -= static_cast<std::uint32_t>(2 * done - count); // what was read as 0 behind the end
}

bool hasPlanes() {
    static const bool has = cpuFeatures().vpopcnt;
    return has;
}

} // namespace
NIBBLESCOPE_TARGET_END

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

void slotsByTables(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts) {
    std::uint32_t bytes[256] = {};
    countBytes(slots, count, bytes);
    for (std::size_t i = 0; i < kinds; ++i)
        counts[i] += bytes[i];
}

void nibblesByAdders(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    countNibbles(codes, count, counts);
}

} // namespace
NIBBLESCOPE_TARGET_END

void countSlotsByPlanes(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts) {
    slotsByPlanes(slots, count, kinds, counts);
}
void countSlotsByTables(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts) {
    slotsByTables(slots, count, kinds, counts);
}
void countNibblesByPlanes(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    nibblesByPlanes(codes, count, counts);
}
void countNibblesByAdders(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    nibblesByAdders(codes, count, counts);
}

void countSlotsAvx512(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts) {
    (hasPlanes() ? slotsByPlanes : slotsByTables)(slots, count, kinds, counts);
}
void countNibblesAvx512(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    (hasPlanes() ? nibblesByPlanes : nibblesByAdders)(codes, count, counts);
}

} // namespace nibblescope
#endif
