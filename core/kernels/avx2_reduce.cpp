// SPDX-License-Identifier: GPL-3.0-or-later
// Ranges, scales, moments, error sums and histograms, 256 bits wide.
#if defined(__x86_64__)
#include "core/kernels/avx2_scales.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

// The second operand of min and max is what a NaN in the first one leaves standing: NaN weights are passed over.
struct MinOf {
    static NIBBLESCOPE_INLINE __m256 of(__m256 v, __m256 kept) { return _mm256_min_ps(v, kept); }
};
struct MaxOf {
    static NIBBLESCOPE_INLINE __m256 of(__m256 v, __m256 kept) { return _mm256_max_ps(v, kept); }
};

NIBBLESCOPE_INLINE __m256 lowPairs(__m256 a, __m256 b) {
    return _mm256_castpd_ps(_mm256_unpacklo_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
}
NIBBLESCOPE_INLINE __m256 highPairs(__m256 a, __m256 b) {
    return _mm256_castpd_ps(_mm256_unpackhi_pd(_mm256_castps_pd(a), _mm256_castps_pd(b)));
}

// Lane i of the result is all lanes of v[i] together.
template <typename Op>
NIBBLESCOPE_INLINE __m256 reduce8(const __m256 (&v)[8]) {
    __m256 half[2];
    NIBBLESCOPE_UNROLL
    for (int i = 0; i < 2; ++i) {
        const __m256 a = v[4 * i], b = v[4 * i + 1], c = v[4 * i + 2], d = v[4 * i + 3];
        const __m256 ab = Op::of(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        const __m256 cd = Op::of(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        half[i] = Op::of(lowPairs(ab, cd), highPairs(ab, cd));
    }
    return Op::of(_mm256_permute2f128_ps(half[0], half[1], 0x20), _mm256_permute2f128_ps(half[0], half[1], 0x31));
}

GroupRange rangeOf(const float *weights, std::size_t count) {
    __m256 low[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    __m256 high[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16)
        NIBBLESCOPE_UNROLL
    for (int k = 0; k < 2; ++k) {
        const __m256 w = _mm256_loadu_ps(weights + i + 8 * k);
        low[k] = MinOf::of(w, low[k]);
        high[k] = MaxOf::of(w, high[k]);
    }
    for (; i < count; i += 8) {
        const __m256 w = loadFirst(weights + i, count - i);
        low[0] = MinOf::of(w, low[0]);
        high[0] = MaxOf::of(w, high[0]);
    }
    GroupRange range;
    range.min = smallestOf(_mm256_min_ps(low[0], low[1]));
    range.max = largestOf(_mm256_max_ps(high[0], high[1]));
    range.absmax = -range.min > range.max ? -range.min : range.max;
    if (range.absmax > largestFloat)
        return rangeByDefinition(weights, count); // holds Inf
    if (-range.min != range.max) {
        range.signedMax = -range.min > range.max ? range.min : range.max;
        return range;
    }
    range.signedMax = 0.0F; // whose sign is the first one's?
    for (i = 0; i < count && range.absmax > 0.0F; ++i)
        if (weights[i] == range.absmax || weights[i] == -range.absmax) {
            range.signedMax = weights[i];
            break;
        }
    return range;
}

// Eight groups in memory order, each of `vectors` full vectors.
NIBBLESCOPE_INLINE void ranges8(const float *weights, std::size_t vectors, GroupRange *out) {
    const std::size_t groupSize = 8 * vectors;
    __m256 lows[8];
    __m256 highs[8];
    NIBBLESCOPE_UNROLL
    for (std::size_t g = 0; g < 8; ++g) {
        __m256 low = _mm256_setzero_ps();
        __m256 high = _mm256_setzero_ps();
        for (std::size_t i = 0; i < vectors; ++i) {
            const __m256 w = _mm256_loadu_ps(weights + g * groupSize + 8 * i);
            low = MinOf::of(w, low);
            high = MaxOf::of(w, high);
        }
        lows[g] = low;
        highs[g] = high;
    }
    const __m256 low = reduce8<MinOf>(lows);
    const __m256 high = reduce8<MaxOf>(highs);
    const __m256 negated = _mm256_sub_ps(_mm256_setzero_ps(), low);
    const __m256 largest = _mm256_max_ps(negated, high);
    const __m256 chosen = _mm256_blendv_ps(high, low, _mm256_cmp_ps(negated, high, _CMP_GT_OQ));
    const __m256 lh0 = _mm256_unpacklo_ps(low, high), lh1 = _mm256_unpackhi_ps(low, high);
    const __m256 ac0 = _mm256_unpacklo_ps(largest, chosen), ac1 = _mm256_unpackhi_ps(largest, chosen);
    const __m256 r0 = lowPairs(lh0, ac0), r1 = highPairs(lh0, ac0); // groups 0 and 4, 1 and 5
    const __m256 r2 = lowPairs(lh1, ac1), r3 = highPairs(lh1, ac1); // 2 and 6, 3 and 7
    float *const fields = reinterpret_cast<float *>(out);
    _mm256_storeu_ps(fields, _mm256_permute2f128_ps(r0, r1, 0x20));
    _mm256_storeu_ps(fields + 8, _mm256_permute2f128_ps(r2, r3, 0x20));
    _mm256_storeu_ps(fields + 16, _mm256_permute2f128_ps(r0, r1, 0x31));
    _mm256_storeu_ps(fields + 24, _mm256_permute2f128_ps(r2, r3, 0x31));
    const __m256 tie =
        _mm256_and_ps(_mm256_cmp_ps(negated, high, _CMP_EQ_OQ), _mm256_cmp_ps(high, _mm256_setzero_ps(), _CMP_NEQ_OQ));
    const __m256 infinite = _mm256_cmp_ps(largest, _mm256_set1_ps(largestFloat), _CMP_GT_OQ);
    for (auto left = static_cast<unsigned>(_mm256_movemask_ps(_mm256_or_ps(tie, infinite))); left != 0;
         left &= left - 1) {
        const auto g = static_cast<std::size_t>(__builtin_ctz(left));
        out[g] = rangeOf(weights + g * groupSize, groupSize);
    }
}

void groupRanges(const float *weights, std::size_t count, std::size_t groupSize, GroupRange *out) {
    static_assert(sizeof(GroupRange) == 16);
    std::size_t begin = 0;
    if (groupSize % 8 == 0)
        for (; begin + 8 * groupSize <= count; begin += 8 * groupSize, out += 8) {
            ranges8(weights + begin, groupSize / 8, out);
            for (std::size_t i = 0; i < 8 * groupSize; i += 32)
                fetchAhead(weights + count, count * sizeof(float), (begin + i) * sizeof(float), Ahead::FirstHalf);
        }
    for (; begin < count; begin += groupSize)
        *out++ = rangeOf(weights + begin, count - begin < groupSize ? count - begin : groupSize);
}

NIBBLESCOPE_INLINE __m256d firstDoubles(__m256d v, std::size_t count) {
    const __m256i places = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i live = _mm256_cmpgt_epi64(_mm256_set1_epi64x(count < 4 ? static_cast<long long>(count) : 4), places);
    return _mm256_and_pd(v, _mm256_castsi256_pd(live));
}

Moments moments(const float *weights, std::size_t count) {
    Moments result;
    if (count == 0)
        return result;
    __m256d sum[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    const __m256 first = _mm256_set1_ps(weights[0]);
    __m256 low = first;
    __m256 high = first;
    for (std::size_t i = 0; i < count; i += 8) {
        const __m256 w = loadFirst(weights + i, count - i);
        const __m256 filled =
            count - i >= 8 ? w : _mm256_blendv_ps(first, w, _mm256_castsi256_ps(firstLanes(count - i)));
        low = _mm256_min_ps(low, filled);
        high = _mm256_max_ps(high, filled);
        sum[0] = _mm256_add_pd(sum[0], lowDoubles(w));
        sum[1] = _mm256_add_pd(sum[1], highDoubles(w));
    }
    const double all = total(_mm256_add_pd(sum[0], sum[1]));
    if (!(all < 1e300 && all > -1e300))
        return momentsByDefinition(weights, count); // holds NaN or Inf
    result.finite = count;
    result.mean = all / static_cast<double>(count);
    result.min = smallestOf(low);
    result.max = largestOf(high);
    const __m256d mean = _mm256_set1_pd(result.mean);
    __m256d m2[2] = {}, m3[2] = {}, m4[2] = {};
    for (std::size_t i = 0; i < count; i += 8) {
        const __m256 w = loadFirst(weights + i, count - i);
        const __m256d parts[2] = {_mm256_sub_pd(lowDoubles(w), mean), _mm256_sub_pd(highDoubles(w), mean)};
        NIBBLESCOPE_UNROLL
        for (std::size_t half = 0; half < 2; ++half) {
            const std::size_t left = count - i > 4 * half ? count - i - 4 * half : 0;
            const __m256d d = firstDoubles(parts[half], left);
            const __m256d square = _mm256_mul_pd(d, d);
            m2[half] = _mm256_add_pd(m2[half], square);
            m3[half] = _mm256_fmadd_pd(square, d, m3[half]);
            m4[half] = _mm256_fmadd_pd(square, square, m4[half]);
        }
    }
    result.m2 = total(_mm256_add_pd(m2[0], m2[1]));
    result.m3 = total(_mm256_add_pd(m3[0], m3[1]));
    result.m4 = total(_mm256_add_pd(m4[0], m4[1]));
    return result;
}

ErrorSums errorSums(const float *weights, const float *decoded, std::size_t count) {
    __m256d signal[2] = {}, error[2] = {}, dot[2] = {}, square[2] = {};
    __m256 largest = _mm256_setzero_ps();
    for (std::size_t i = 0; i < count; i += 8) {
        const __m256 w = loadFirst(weights + i, count - i);
        const __m256 d = loadFirst(decoded + i, count - i);
        const __m256 e = _mm256_sub_ps(w, d);
        largest = _mm256_max_ps(magnitude(e), largest);
        const __m256d ws[2] = {lowDoubles(w), highDoubles(w)};
        const __m256d ds[2] = {lowDoubles(d), highDoubles(d)};
        const __m256d es[2] = {lowDoubles(e), highDoubles(e)};
        NIBBLESCOPE_UNROLL
        for (int half = 0; half < 2; ++half) {
            signal[half] = _mm256_fmadd_pd(ws[half], ws[half], signal[half]);
            error[half] = _mm256_fmadd_pd(es[half], es[half], error[half]);
            dot[half] = _mm256_fmadd_pd(ws[half], ds[half], dot[half]);
            square[half] = _mm256_fmadd_pd(ds[half], ds[half], square[half]);
        }
    }
    ErrorSums sums;
    sums.signal = total(_mm256_add_pd(signal[0], signal[1]));
    if (!(sums.signal < 1e300))
        return errorSumsByDefinition(weights, decoded, count); // holds NaN or Inf
    sums.error = total(_mm256_add_pd(error[0], error[1]));
    sums.dot = total(_mm256_add_pd(dot[0], dot[1]));
    sums.decoded = total(_mm256_add_pd(square[0], square[1]));
    sums.maxAbsError = largestOf(largest);
    sums.finite = count;
    return sums;
}

constexpr std::size_t tabledBins = 1024;

// Slots of up to chunkWeights values, as the definition numbers them; NaN gets one behind the last.
NIBBLESCOPE_INLINE void slotsOf(const HistogramSpan &span, std::size_t first, std::size_t count, std::uint32_t *slots) {
    const __m256 lower = _mm256_set1_ps(span.lower);
    const __m256 inverseWidth = _mm256_set1_ps(span.inverseWidth);
    const __m256 bins = _mm256_set1_ps(static_cast<float>(span.bins));
    const __m256i above = _mm256_set1_epi32(static_cast<int>(span.bins) + 1);
    const __m256i none = _mm256_set1_epi32(static_cast<int>(span.bins) + 2);
    for (std::size_t i = 0; i < count; i += 8) {
        __m256 v = loadFirst(span.values + first + i, count - i);
        if (span.minus != nullptr) {
            const __m256 minus = loadFirst(span.minus + first + i, count - i);
            v = _mm256_add_ps(_mm256_sub_ps(v, minus), _mm256_sub_ps(minus, minus)); // + 0, or NaN
        }
        const __m256 place = _mm256_mul_ps(_mm256_sub_ps(v, lower), inverseWidth);
        const __m256i inside = _mm256_castps_si256(_mm256_cmp_ps(place, _mm256_setzero_ps(), _CMP_GE_OQ));
        __m256i slot = _mm256_and_si256(inside, _mm256_add_epi32(_mm256_cvttps_epi32(place), _mm256_set1_epi32(1)));
        slot = _mm256_blendv_epi8(slot, above, _mm256_castps_si256(_mm256_cmp_ps(place, bins, _CMP_GE_OQ)));
        slot = _mm256_blendv_epi8(slot, none, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(slots + i), slot);
    }
}

void histogram(const HistogramSpan &span) {
    std::uint32_t slots[chunkWeights];
    if (span.bins > 1U << 24 || span.factors != nullptr) {
        scalarKernels().histogram(span);
        return;
    }
    // Four tables, so that equal neighbours do not wait for each other.
    std::uint32_t tables[4][tabledBins + 3];
    const bool tabled = span.bins <= tabledBins;
    if (tabled)
        for (auto &table : tables)
            for (std::size_t i = 0; i < span.bins + 3; ++i)
                table[i] = 0;
    for (std::size_t done = 0; done < span.count; done += chunkWeights) {
        const std::size_t count = span.count - done < chunkWeights ? span.count - done : chunkWeights;
        slotsOf(span, done, count, slots);
        std::size_t i = 0;
        if (tabled)
            for (; i + 4 <= count; i += 4)
                NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 4; ++k)
            ++tables[k][slots[i + k]];
        for (; i < count; ++i)
            if (slots[i] < span.bins + 2)
                ++span.counts[slots[i]];
    }
    if (tabled)
        for (std::size_t i = 0; i < span.bins + 2; ++i)
            span.counts[i] += static_cast<std::uint64_t>(tables[0][i]) + tables[1][i] + tables[2][i] + tables[3][i];
}

struct EightRanges {
    __m256 min, max, absmax, signedMax;
};

NIBBLESCOPE_INLINE EightRanges loadRanges(const GroupRange *ranges, std::size_t count) {
    const float *const fields = reinterpret_cast<const float *>(ranges);
    __m256 v[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) // groups 2i and 2i + 1
        v[i] = loadFirst(fields + 8 * i, 4 * count > 8 * i ? 4 * count - 8 * i : 0);
    const __m256 g04 = _mm256_permute2f128_ps(v[0], v[2], 0x20), g15 = _mm256_permute2f128_ps(v[0], v[2], 0x31);
    const __m256 g26 = _mm256_permute2f128_ps(v[1], v[3], 0x20), g37 = _mm256_permute2f128_ps(v[1], v[3], 0x31);
    const __m256 a = _mm256_unpacklo_ps(g04, g15), b = _mm256_unpacklo_ps(g26, g37);
    const __m256 c = _mm256_unpackhi_ps(g04, g15), d = _mm256_unpackhi_ps(g26, g37);
    return {lowPairs(a, b), highPairs(a, b), lowPairs(c, d), highPairs(c, d)};
}

template <Format format>
NIBBLESCOPE_INLINE __m256 exactScales(const EightRanges &ranges) {
    switch (format) {
    case Format::Int4:
        return _mm256_div_ps(ranges.absmax, _mm256_set1_ps(7.0F));
    case Format::Int4Max:
        return _mm256_mul_ps(ranges.signedMax, _mm256_set1_ps(-0.125F)); // exact, as the division is
    case Format::Int4Asym:
        return _mm256_div_ps(_mm256_sub_ps(ranges.max, ranges.min), _mm256_set1_ps(15.0F));
    case Format::Int8:
        return _mm256_div_ps(ranges.absmax, _mm256_set1_ps(127.0F));
    default:
        return ranges.absmax;
    }
}

NIBBLESCOPE_INLINE unsigned lanesOf(__m256 mask, std::size_t count) {
    const unsigned live = count >= 8 ? 255U : (1U << count) - 1U;
    return static_cast<unsigned>(__builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(mask)) & live));
}

template <Format format>
ScaleRounding groupScales(const ScaleSpan &span) {
    ScaleRounding result;
    const __m256 zero = _mm256_setzero_ps();
    for (std::size_t i = 0; i < span.count; i += 8) {
        const std::size_t count = span.count - i < 8 ? span.count - i : 8;
        const EightRanges ranges = loadRanges(span.ranges + i, count);
        const __m256 exact = exactScales<format>(ranges);
        __m256 scale = span.rounded ? roundedToType(exact, span.type) : exact;
        if (span.rounded)
            result.overflow +=
                lanesOf(_mm256_cmp_ps(magnitude(exact), _mm256_set1_ps(overflowLimit(span.type)), _CMP_GE_OQ), count);
        if constexpr (format == Format::Int4Max) {
            const __m256 inverse = magnitude(_mm256_div_ps(_mm256_set1_ps(1.0F), scale));
            scale = _mm256_and_ps(scale, _mm256_cmp_ps(inverse, _mm256_set1_ps(largestFloat), _CMP_LE_OQ));
        }
        const __m256 gone = _mm256_cmp_ps(scale, zero, _CMP_EQ_OQ);
        result.underflow += lanesOf(_mm256_and_ps(gone, _mm256_cmp_ps(exact, zero, _CMP_NEQ_OQ)), count);
        storeFirst(span.scales + i, count, scale);
        if (span.zeroPoints != nullptr) {
            const __m256 negated = _mm256_xor_ps(ranges.min, _mm256_set1_ps(-0.0F));
            const __m256 divisor = _mm256_blendv_ps(scale, _mm256_set1_ps(1.0F), gone);
            const __m256 quotient = _mm256_andnot_ps(gone, _mm256_div_ps(negated, divisor));
            const __m256 rounded = _mm256_round_ps(quotient, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
            const __m256 held = _mm256_min_ps(_mm256_max_ps(rounded, zero), _mm256_set1_ps(15.0F));
            alignas(32) std::int32_t values[8];
            _mm256_store_si256(reinterpret_cast<__m256i *>(values), _mm256_cvtps_epi32(held));
            for (std::size_t k = 0; k < count; ++k)
                span.zeroPoints[i + k] = static_cast<std::uint8_t>(values[k]);
        }
    }
    return result;
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx2Reduce(Kernels &table) {
    table.groupRanges = groupRanges;
    table.moments = moments;
    table.errorSums = errorSums;
    table.histogram = histogram;
    setEntry(table.groupScales, Format::Int4, groupScales<Format::Int4>);
    setEntry(table.groupScales, Format::Int4Max, groupScales<Format::Int4Max>);
    setEntry(table.groupScales, Format::Int4Asym, groupScales<Format::Int4Asym>);
    setEntry(table.groupScales, Format::Nf4, groupScales<Format::Nf4>);
    setEntry(table.groupScales, Format::Fp4, groupScales<Format::Fp4>);
    setEntry(table.groupScales, Format::Int8, groupScales<Format::Int8>);
}

} // namespace nibblescope
#endif
