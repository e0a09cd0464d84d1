// SPDX-License-Identifier: GPL-3.0-or-later
// Histograms, counts of codes by group and errors by code, 512 bits wide.
#include "core/kernels/isa_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "core/kernels/avx512_bit_counts.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t tabledBins = 1024;
constexpr std::size_t mostBins = 65000;   // slots are numbers of 16 bits
constexpr std::size_t mostByteBins = 250; // or bytes
constexpr std::size_t slotBlock = 512;    // so few that values and tables lie in the first level of the cache together
constexpr std::size_t fetchedAhead = 768; // values
constexpr int notFinite = 0x99;           // classes of vfpclassps: both NaN, both infinities

NIBBLESCOPE_INLINE std::uint64_t firstBits(std::size_t count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}
NIBBLESCOPE_INLINE __mmask16 firstLanes(std::size_t count) { return static_cast<__mmask16>(firstBits(count)); }

enum class Counted { Values, Differences, Scaled };

// What the values of a histogram have in common.
struct Axis {
    __m512 lower, inverseWidth, bins;
    __m512i none; // the slot of what is not counted: one behind the last

    NIBBLESCOPE_INLINE explicit Axis(const HistogramSpan &span)
        : lower(_mm512_set1_ps(span.lower)), inverseWidth(_mm512_set1_ps(span.inverseWidth)),
          bins(_mm512_set1_ps(static_cast<float>(span.bins))),
          none(_mm512_set1_epi32(static_cast<int>(span.bins) + 2)) {}

    // Slots of `lanes` of the sixteen values from `first` on, as the definition numbers them.
    template <Counted what>
    NIBBLESCOPE_INLINE __m512i slots(const HistogramSpan &span, std::size_t first, __mmask16 lanes, float factor,
                                     float shift) const {
        __m512 v = _mm512_maskz_loadu_ps(lanes, span.values + first);
        __mmask16 counted;
        if constexpr (what == Counted::Scaled) { // which makes no NaN of what is finite
            counted = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(v, notFinite));
            v = _mm512_add_ps(_mm512_mul_ps(v, _mm512_set1_ps(factor)), _mm512_set1_ps(shift));
        } else if constexpr (what == Counted::Differences) {
            const __m512 minus = _mm512_maskz_loadu_ps(lanes, span.minus + first);
            v = _mm512_sub_ps(v, minus);
            counted = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(minus, notFinite));
            counted = _mm512_mask_cmp_ps_mask(counted, v, v, _CMP_ORD_Q);
        } else {
            counted = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
        }
        const __m512 place = _mm512_mul_ps(_mm512_sub_ps(v, lower), inverseWidth);
        const __m512 kept = _mm512_min_ps(_mm512_max_ps(place, _mm512_set1_ps(-1)), bins);
        const __m512i bin = _mm512_cvt_roundps_epi32(kept, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        return _mm512_mask_add_epi32(none, counted, bin, _mm512_set1_epi32(1));
    }
};

// Slots of up to slotBlock values from `first` on. Writes up to 15 behind the last.
template <Counted what>
NIBBLESCOPE_INLINE void slotsOf(const HistogramSpan &span, std::size_t first, std::size_t count, std::uint16_t *slots,
                                float factor = 1, float shift = 0) {
    const Axis axis(span);
    // What comes from memory is asked for early: the hardware stops fetching while a block is counted.
    const float *const fetched = (what == Counted::Differences ? span.minus : span.values) + first + fetchedAhead;
    for (std::size_t i = 0; i < count; i += 16) {
        __builtin_prefetch(fetched + i, 0, 2);
        const __m512i slot = axis.slots<what>(span, first + i, firstLanes(count - i), factor, shift);
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(slots + i), _mm512_cvtepi32_epi16(slot));
    }
}

// The same of values that are scaled by their group's factor.
NIBBLESCOPE_INLINE void scaledSlotsOf(const HistogramSpan &span, std::size_t first, std::size_t count,
                                      std::uint16_t *slots) {
    const std::size_t place = span.firstInGroup + first;
    std::size_t group = place / span.groupSize;
    std::size_t left = span.groupSize - place % span.groupSize;
    for (std::size_t done = 0; done < count; ++group, left = span.groupSize) {
        const std::size_t size = count - done < left ? count - done : left;
        slotsOf<Counted::Scaled>(span, first + done, size, slots + done, span.factors[group], span.shifts[group]);
        done += size;
    }
}

// Values of few bins, whose slots are bytes and are counted as such: `count` of them, a multiple of 64 and at most
// chunkWeights. Groups consist of whole vectors. The slots lie in an order of their own.
template <Counted what>
NIBBLESCOPE_INLINE void countAsBytes(const HistogramSpan &span, std::size_t first, std::size_t count) {
    alignas(64) std::uint8_t slots[chunkWeights];
    const Axis axis(span);
    const float *const fetched = (what == Counted::Differences ? span.minus : span.values) + first + chunkWeights;
    const std::size_t place = what == Counted::Scaled ? span.firstInGroup + first : 0;
    std::size_t group = place / span.groupSize;
    std::size_t left = span.groupSize - place % span.groupSize;
    for (std::size_t i = 0; i < count; i += 64) {
        __m512i slot[4];
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 4; ++k) {
            const std::size_t at = i + 16 * k;
            __builtin_prefetch(fetched + at, 0, 2);
            if constexpr (what == Counted::Scaled) {
                slot[k] = axis.slots<what>(span, first + at, 0xffff, span.factors[group], span.shifts[group]);
                left -= 16;
                group += left == 0 ? 1 : 0;
                left = left == 0 ? span.groupSize : left;
            } else {
                slot[k] = axis.slots<what>(span, first + at, 0xffff, 1, 0);
            }
        }
        _mm512_store_si512(
            slots + i, _mm512_packus_epi16(_mm512_packs_epi32(slot[0], slot[1]), _mm512_packs_epi32(slot[2], slot[3])));
    }
    countSlotsAvx512(slots, count, span.bins + 2, span.counts);
}

// How many values were counted so.
std::size_t countAsBytes(const HistogramSpan &span) {
    const bool wholeVectors = span.factors == nullptr || (span.groupSize % 16 == 0 && span.firstInGroup % 16 == 0);
    if (span.bins > mostByteBins || !wholeVectors)
        return 0;
    std::size_t done = 0;
    while (span.count - done >= 64) {
        const std::size_t left = (span.count - done) / 64 * 64;
        const std::size_t count = left < chunkWeights ? left : chunkWeights;
        if (span.factors != nullptr)
            countAsBytes<Counted::Scaled>(span, done, count);
        else if (span.minus != nullptr)
            countAsBytes<Counted::Differences>(span, done, count);
        else
            countAsBytes<Counted::Values>(span, done, count);
        done += count;
    }
    return done;
}

// Four tables, so that equal neighbours do not wait for each other.
struct SlotTables {
    std::uint32_t counts[4][tabledBins + 3];

    NIBBLESCOPE_INLINE void clear(std::size_t slots) {
        for (auto &table : counts)
            for (std::size_t i = 0; i < slots; i += 16)
                _mm512_mask_storeu_epi32(table + i, firstLanes(slots - i), _mm512_setzero_si512());
    }
    NIBBLESCOPE_INLINE void add4(const std::uint16_t *slots) {
        std::uint64_t four;
        __builtin_memcpy(&four, slots, sizeof(four));
        ++counts[0][four & 0xffff];
        ++counts[1][four >> 16 & 0xffff];
        ++counts[2][four >> 32 & 0xffff];
        ++counts[3][four >> 48];
    }
    NIBBLESCOPE_INLINE void addTo(std::uint64_t *total, std::size_t slots) const {
        for (std::size_t i = 0; i < slots; ++i)
            total[i] += static_cast<std::uint64_t>(counts[0][i]) + counts[1][i] + counts[2][i] + counts[3][i];
    }
};

void histogram(const HistogramSpan &span) {
    if (span.bins > mostBins) {
        scalarKernels().histogram(span);
        return;
    }
    const std::size_t counted = countAsBytes(span);
    if (counted == span.count)
        return;
    std::uint16_t slots[slotBlock + 15];
    SlotTables tables;
    const bool tabled = span.bins <= tabledBins;
    if (tabled)
        tables.clear(span.bins + 3);
    for (std::size_t done = counted; done < span.count; done += slotBlock) {
        const std::size_t count = span.count - done < slotBlock ? span.count - done : slotBlock;
        if (span.factors != nullptr)
            scaledSlotsOf(span, done, count, slots);
        else if (span.minus != nullptr)
            slotsOf<Counted::Differences>(span, done, count, slots);
        else
            slotsOf<Counted::Values>(span, done, count, slots);
        std::size_t i = 0;
        if (tabled)
            for (; i + 8 <= count; i += 8) {
                tables.add4(slots + i);
                tables.add4(slots + i + 4);
            }
        for (; i < count; ++i)
            if (slots[i] < span.bins + 2)
                ++span.counts[slots[i]];
    }
    if (tabled)
        tables.addTo(span.counts, span.bins + 2);
}

// Adds to the counters of one group. It begins in a high nibble.
NIBBLESCOPE_INLINE void countGroup(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts) {
    const __m256i nibble = _mm256_set1_epi8(15);
    for (std::size_t done = 0; done < count; done += 64, codes += 32) {
        const std::size_t left = count - done;
        const auto high = static_cast<__mmask32>(firstBits(left >= 64 ? 32 : (left + 1) / 2));
        const auto low = static_cast<__mmask32>(firstBits(left >= 64 ? 32 : left / 2));
        const __m256i bytes = _mm256_maskz_loadu_epi8(high, codes);
        const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_and_si256(bytes, nibble)),
                                                _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble), 1);
        const __mmask64 there = static_cast<__mmask64>(high) << 32 | low;
        NIBBLESCOPE_UNROLL
        for (int code = 0; code < 16; ++code)
            counts[code] += static_cast<std::uint32_t>(__builtin_popcountll(
                _mm512_mask_cmpeq_epi8_mask(there, both, _mm512_set1_epi8(static_cast<char>(code)))));
    }
}

void codeCounts(const DecodeSpan &span, std::uint32_t *counts) {
    if (span.groupSize % 2 != 0 || span.firstInGroup % 2 != 0) {
        scalarKernels().codeCounts(span, counts);
        return;
    }
    std::size_t size = span.groupSize - span.firstInGroup;
    for (std::size_t at = 0; at < span.count; counts += 16, at += size, size = span.groupSize) {
        _mm512_storeu_si512(counts, _mm512_setzero_si512());
        countGroup(span.codes + at / 2, span.count - at < size ? span.count - at : size, counts);
        if (span.count - at <= size)
            break;
    }
}

// Squared errors of a block; 0 where the weight is not finite, and up to 15 behind the last.
NIBBLESCOPE_INLINE void squaresOf(const float *weights, const float *decoded, std::size_t count, double *squares) {
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 lanes = i + 16 <= count ? 0xffff : firstLanes(count - i);
        const __m512 w = _mm512_maskz_loadu_ps(lanes, weights + i);
        const __mmask16 finite = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(w, notFinite));
        const __m512 error = _mm512_maskz_sub_ps(finite, w, _mm512_maskz_loadu_ps(lanes, decoded + i));
        const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(error));
        const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(error, 1));
        _mm512_store_pd(squares + i, _mm512_mul_pd(low, low));
        _mm512_store_pd(squares + i + 8, _mm512_mul_pd(high, high));
    }
}

NIBBLESCOPE_INLINE void addPair(double *pair, const double *more) {
    _mm_storeu_pd(pair, _mm_add_pd(_mm_loadu_pd(pair), _mm_load_pd(more)));
}

constexpr std::size_t errorBlock = 256; // weights: squares and sums lie in the first level of the cache together

void codeErrors(const float *weights, const float *decoded, const std::uint8_t *codes, std::size_t count,
                double (*sums)[2]) {
    alignas(64) double squares[errorBlock];
    for (std::size_t begin = 0; begin < count; begin += errorBlock) {
        const std::size_t size = count - begin < errorBlock ? count - begin : errorBlock;
        squaresOf(weights + begin, decoded + begin, size, squares);
        const std::uint8_t *const bytes = codes + begin / 2;
        std::size_t i = 0;
        for (; i + 16 <= size; i += 16) {
            std::uint64_t eight;
            __builtin_memcpy(&eight, bytes + i / 2, sizeof(eight));
            NIBBLESCOPE_UNROLL
            for (unsigned k = 0; k < 8; ++k)
                addPair(sums[eight >> 8 * k & 255], squares + i + 2 * k);
        }
        for (; i < size; i += 2)
            addPair(sums[bytes[i / 2]], squares + i);
    }
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Counts(Kernels &table) {
    table.histogram = histogram;
    table.codeCounts = codeCounts;
    table.codeErrors = codeErrors;
}

} // namespace nibblescope
#endif
