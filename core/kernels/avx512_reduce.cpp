// SPDX-License-Identifier: GPL-3.0-or-later
// Ranges, scales, moments and error sums, 512 bits wide.
#include "core/kernels/isa_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "core/kernels/avx512_scales.h"
#include "core/kernels/avx512_transpose.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

NIBBLESCOPE_INLINE __mmask16 firstLanes(std::size_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1U);
}

// The second operand of min and max is what a NaN in the first one leaves standing: NaN weights are passed over.
struct MinOf {
    static NIBBLESCOPE_INLINE __m512 of(__m512 v, __m512 kept) { return _mm512_min_ps(v, kept); }
};
struct MaxOf {
    static NIBBLESCOPE_INLINE __m512 of(__m512 v, __m512 kept) { return _mm512_max_ps(v, kept); }
};

NIBBLESCOPE_INLINE __m512 lowPairs(__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
NIBBLESCOPE_INLINE __m512 highPairs(__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}

float firstOfMagnitude(const float *weights, std::size_t count, float magnitude) {
    for (std::size_t i = 0; i < count; ++i)
        if (weights[i] == magnitude || weights[i] == -magnitude)
            return weights[i];
    return 0.0F;
}

GroupRange rangeOf(const float *weights, std::size_t count) {
    __m512 low[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    __m512 high[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    std::size_t i = 0;
    for (; i + 32 <= count; i += 32)
        NIBBLESCOPE_UNROLL
    for (int k = 0; k < 2; ++k) {
        const __m512 w = _mm512_loadu_ps(weights + i + 16 * k);
        low[k] = MinOf::of(w, low[k]);
        high[k] = MaxOf::of(w, high[k]);
    }
    for (; i < count; i += 16) {
        const __m512 w = _mm512_maskz_loadu_ps(firstLanes(count - i), weights + i);
        low[0] = MinOf::of(w, low[0]);
        high[0] = MaxOf::of(w, high[0]);
    }
    GroupRange range;
    range.min = _mm512_reduce_min_ps(_mm512_min_ps(low[0], low[1]));
    range.max = _mm512_reduce_max_ps(_mm512_max_ps(high[0], high[1]));
    range.absmax = -range.min > range.max ? -range.min : range.max;
    if (range.absmax > 3.4028235e38F)
        return rangeByDefinition(weights, count); // holds Inf
    if (-range.min == range.max)
        range.signedMax = range.absmax == 0.0F ? 0.0F : firstOfMagnitude(weights, count, range.absmax);
    else
        range.signedMax = -range.min > range.max ? range.min : range.max;
    return range;
}

// Sixteen groups in memory order, each of `vectors` full vectors.
NIBBLESCOPE_INLINE void ranges16(const float *weights, std::size_t vectors, GroupRange *out) {
    const std::size_t groupSize = 16 * vectors;
    __m512 lows[16];
    __m512 highs[16];
    NIBBLESCOPE_UNROLL
    for (std::size_t g = 0; g < 16; ++g) {
        const float *const group = weights + g * groupSize;
        __m512 low = _mm512_setzero_ps();
        __m512 high = _mm512_setzero_ps();
        for (std::size_t i = 0; i < vectors; ++i) {
            const __m512 w = _mm512_loadu_ps(group + 16 * i);
            low = MinOf::of(w, low);
            high = MaxOf::of(w, high);
        }
        lows[g] = low;
        highs[g] = high;
    }
    const __m512 low = reduce16<MinOf>(lows);
    const __m512 high = reduce16<MaxOf>(highs);
    const __m512 negated = _mm512_sub_ps(_mm512_setzero_ps(), low);
    const __m512 largest = _mm512_max_ps(negated, high);
    const __mmask16 below = _mm512_cmp_ps_mask(negated, high, _CMP_GT_OQ);
    const __m512 chosen = _mm512_mask_mov_ps(high, below, low);
    // Four fields a group: transposed in lanes of 128 bits, then the lanes.
    const __m512 lh0 = _mm512_unpacklo_ps(low, high), lh1 = _mm512_unpackhi_ps(low, high);
    const __m512 ac0 = _mm512_unpacklo_ps(largest, chosen), ac1 = _mm512_unpackhi_ps(largest, chosen);
    const __m512 r0 = lowPairs(lh0, ac0), r1 = highPairs(lh0, ac0);
    const __m512 r2 = lowPairs(lh1, ac1), r3 = highPairs(lh1, ac1);
    const __m512 a = _mm512_shuffle_f32x4(r0, r1, 0x44), b = _mm512_shuffle_f32x4(r2, r3, 0x44);
    const __m512 c = _mm512_shuffle_f32x4(r0, r1, 0xee), d = _mm512_shuffle_f32x4(r2, r3, 0xee);
    float *const fields = reinterpret_cast<float *>(out);
    _mm512_storeu_ps(fields, _mm512_shuffle_f32x4(a, b, 0x88));
    _mm512_storeu_ps(fields + 16, _mm512_shuffle_f32x4(a, b, 0xdd));
    _mm512_storeu_ps(fields + 32, _mm512_shuffle_f32x4(c, d, 0x88));
    _mm512_storeu_ps(fields + 48, _mm512_shuffle_f32x4(c, d, 0xdd));
    // Both ends equal (whose sign is the first one's?), or Inf.
    const __mmask16 tie =
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(high, _mm512_setzero_ps(), _CMP_NEQ_OQ), negated, high, _CMP_EQ_OQ);
    const __mmask16 infinite = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(3.4028235e38F), _CMP_GT_OQ);
    for (unsigned left = static_cast<unsigned>(tie | infinite); left != 0; left &= left - 1) {
        const auto g = static_cast<std::size_t>(__builtin_ctz(left));
        out[g] = rangeOf(weights + g * groupSize, groupSize);
    }
}

void groupRanges(const float *weights, std::size_t count, std::size_t groupSize, GroupRange *out) {
    static_assert(sizeof(GroupRange) == 16);
    std::size_t begin = 0;
    if (groupSize % 16 == 0)
        for (; begin + 16 * groupSize <= count; begin += 16 * groupSize, out += 16) {
            ranges16(weights + begin, groupSize / 16, out);
            for (std::size_t i = 0; i < 16 * groupSize; i += 32)
                fetchAhead(weights + count, count * sizeof(float), (begin + i) * sizeof(float), Ahead::FirstHalf);
        }
    for (; begin < count; begin += groupSize)
        *out++ = rangeOf(weights + begin, count - begin < groupSize ? count - begin : groupSize);
}

NIBBLESCOPE_INLINE __m512d lowDoubles(__m512 v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
NIBBLESCOPE_INLINE __m512d highDoubles(__m512 v) {
    return _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}
NIBBLESCOPE_INLINE __m512d doubles(const float *from, __mmask16 live, int half) {
    return half == 0 ? lowDoubles(_mm512_maskz_loadu_ps(live, from)) : highDoubles(_mm512_maskz_loadu_ps(live, from));
}

Moments moments(const float *weights, std::size_t count) {
    Moments result;
    if (count == 0)
        return result;
    __m512d sum[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    __m512 low = _mm512_set1_ps(weights[0]);
    __m512 high = low;
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        const __m512 w = _mm512_maskz_loadu_ps(live, weights + i);
        low = _mm512_mask_min_ps(low, live, low, w);
        high = _mm512_mask_max_ps(high, live, high, w);
        sum[0] = _mm512_add_pd(sum[0], lowDoubles(w));
        sum[1] = _mm512_add_pd(sum[1], highDoubles(w));
    }
    const double total = _mm512_reduce_add_pd(_mm512_add_pd(sum[0], sum[1]));
    if (!(total < 1e300 && total > -1e300))
        return momentsByDefinition(weights, count); // holds NaN or Inf
    result.finite = count;
    result.mean = total / static_cast<double>(count);
    result.min = _mm512_reduce_min_ps(low);
    result.max = _mm512_reduce_max_ps(high);
    const __m512d mean = _mm512_set1_pd(result.mean);
    __m512d m2[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    __m512d m3[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    __m512d m4[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        NIBBLESCOPE_UNROLL
        for (int half = 0; half < 2; ++half) {
            const auto lanes = static_cast<__mmask8>(live >> (8 * half));
            const __m512d d = _mm512_maskz_sub_pd(lanes, doubles(weights + i, live, half), mean);
            const __m512d square = _mm512_mul_pd(d, d);
            m2[half] = _mm512_add_pd(m2[half], square);
            m3[half] = _mm512_fmadd_pd(square, d, m3[half]);
            m4[half] = _mm512_fmadd_pd(square, square, m4[half]);
        }
    }
    result.m2 = _mm512_reduce_add_pd(_mm512_add_pd(m2[0], m2[1]));
    result.m3 = _mm512_reduce_add_pd(_mm512_add_pd(m3[0], m3[1]));
    result.m4 = _mm512_reduce_add_pd(_mm512_add_pd(m4[0], m4[1]));
    return result;
}

ErrorSums errorSums(const float *weights, const float *decoded, std::size_t count) {
    __m512d signal[2] = {}, error[2] = {}, dot[2] = {}, square[2] = {};
    __m512 largest = _mm512_setzero_ps();
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        const __m512 w = _mm512_maskz_loadu_ps(live, weights + i);
        const __m512 d = _mm512_maskz_loadu_ps(live, decoded + i);
        const __m512 e = _mm512_sub_ps(w, d);
        largest = _mm512_max_ps(_mm512_abs_ps(e), largest);
        const __m512d ws[2] = {lowDoubles(w), highDoubles(w)};
        const __m512d ds[2] = {lowDoubles(d), highDoubles(d)};
        const __m512d es[2] = {lowDoubles(e), highDoubles(e)};
        NIBBLESCOPE_UNROLL
        for (int half = 0; half < 2; ++half) {
            signal[half] = _mm512_fmadd_pd(ws[half], ws[half], signal[half]);
            error[half] = _mm512_fmadd_pd(es[half], es[half], error[half]);
            dot[half] = _mm512_fmadd_pd(ws[half], ds[half], dot[half]);
            square[half] = _mm512_fmadd_pd(ds[half], ds[half], square[half]);
        }
    }
    ErrorSums sums;
    sums.signal = _mm512_reduce_add_pd(_mm512_add_pd(signal[0], signal[1]));
    if (!(sums.signal < 1e300))
        return errorSumsByDefinition(weights, decoded, count); // holds NaN or Inf
    sums.error = _mm512_reduce_add_pd(_mm512_add_pd(error[0], error[1]));
    sums.dot = _mm512_reduce_add_pd(_mm512_add_pd(dot[0], dot[1]));
    sums.decoded = _mm512_reduce_add_pd(_mm512_add_pd(square[0], square[1]));
    sums.maxAbsError = _mm512_reduce_max_ps(largest);
    sums.finite = count;
    return sums;
}

struct SixteenRanges {
    __m512 min, max, absmax, signedMax;
};

NIBBLESCOPE_INLINE SixteenRanges loadRanges(const GroupRange *ranges, std::size_t count) {
    const float *const fields = reinterpret_cast<const float *>(ranges);
    __m512 v[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        v[i] = _mm512_maskz_loadu_ps(firstLanes(4 * count > 16 * i ? 4 * count - 16 * i : 0), fields + 16 * i);
    const __m512i evens = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(2));
    const __m512 a = _mm512_permutex2var_ps(v[0], evens, v[1]), b = _mm512_permutex2var_ps(v[2], evens, v[3]);
    const __m512 c = _mm512_permutex2var_ps(v[0], odds, v[1]), d = _mm512_permutex2var_ps(v[2], odds, v[3]);
    SixteenRanges result;
    result.min = _mm512_shuffle_f32x4(a, b, 0x44);
    result.max = _mm512_shuffle_f32x4(a, b, 0xee);
    result.absmax = _mm512_shuffle_f32x4(c, d, 0x44);
    result.signedMax = _mm512_shuffle_f32x4(c, d, 0xee);
    return result;
}

template <Format format>
NIBBLESCOPE_INLINE __m512 exactScales(const SixteenRanges &ranges) {
    switch (format) {
    case Format::Int4:
        return _mm512_div_ps(ranges.absmax, _mm512_set1_ps(7.0F));
    case Format::Int4Max:
        return _mm512_mul_ps(ranges.signedMax, _mm512_set1_ps(-0.125F)); // exact, as the division is
    case Format::Int4Asym:
        return _mm512_div_ps(_mm512_sub_ps(ranges.max, ranges.min), _mm512_set1_ps(15.0F));
    case Format::Int8:
        return _mm512_div_ps(ranges.absmax, _mm512_set1_ps(127.0F));
    case Format::Mxfp4: {
        const __m512 exponent = _mm512_sub_ps(_mm512_getexp_ps(ranges.absmax), _mm512_set1_ps(2.0F));
        const __m512 held = _mm512_min_ps(_mm512_max_ps(exponent, _mm512_set1_ps(-127.0F)), _mm512_set1_ps(127.0F));
        return _mm512_scalef_ps(_mm512_set1_ps(1.0F), held);
    }
    default:
        return ranges.absmax;
    }
}

template <Format format>
ScaleRounding groupScales(const ScaleSpan &span) {
    ScaleRounding result;
    const bool stored = span.rounded && format != Format::Mxfp4;
    const __m512 zero = _mm512_setzero_ps();
    for (std::size_t i = 0; i < span.count; i += 16) {
        const std::size_t count = span.count - i < 16 ? span.count - i : 16;
        const __mmask16 live = firstLanes(count);
        const SixteenRanges ranges = loadRanges(span.ranges + i, count);
        const __m512 exact = exactScales<format>(ranges);
        __m512 scale = stored ? roundedToType(exact, span.type) : exact;
        if (stored) {
            // Overflow: rounding moved the magnitude to the largest finite value of the type, or took Inf away.
            const float limit = overflowLimit(span.type);
            const auto over = _mm512_mask_cmp_ps_mask(live, _mm512_abs_ps(exact), _mm512_set1_ps(limit), _CMP_GE_OQ);
            result.overflow += static_cast<unsigned>(__builtin_popcount(over));
        }
        if constexpr (format == Format::Int4Max) {
            const __m512 inverse = _mm512_abs_ps(_mm512_div_ps(_mm512_set1_ps(1.0F), scale));
            const auto usable = _mm512_cmp_ps_mask(inverse, _mm512_set1_ps(3.4028234663852886e38F), _CMP_LE_OQ);
            scale = _mm512_maskz_mov_ps(usable, scale);
        }
        const __mmask16 gone = _mm512_mask_cmp_ps_mask(live, scale, zero, _CMP_EQ_OQ);
        result.underflow +=
            static_cast<unsigned>(__builtin_popcount(_mm512_mask_cmp_ps_mask(gone, exact, zero, _CMP_NEQ_OQ)));
        _mm512_mask_storeu_ps(span.scales + i, live, scale);
        if (span.zeroPoints != nullptr) {
            const __m512 negated = _mm512_xor_ps(ranges.min, _mm512_set1_ps(-0.0F));
            const __m512 quotient = _mm512_maskz_div_ps(static_cast<__mmask16>(live & ~gone), negated, scale);
            const __m512 rounded = _mm512_roundscale_ps(quotient, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
            const __m512 held = _mm512_min_ps(_mm512_max_ps(rounded, zero), _mm512_set1_ps(15.0F));
            const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(held));
            _mm_mask_storeu_epi8(span.zeroPoints + i, live, bytes);
        }
    }
    return result;
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Reduce(Kernels &table) {
    table.groupRanges = groupRanges;
    table.moments = moments;
    table.errorSums = errorSums;
    setEntry(table.groupScales, Format::Int4, groupScales<Format::Int4>);
    setEntry(table.groupScales, Format::Int4Max, groupScales<Format::Int4Max>);
    setEntry(table.groupScales, Format::Int4Asym, groupScales<Format::Int4Asym>);
    setEntry(table.groupScales, Format::Nf4, groupScales<Format::Nf4>);
    setEntry(table.groupScales, Format::Fp4, groupScales<Format::Fp4>);
    setEntry(table.groupScales, Format::Mxfp4, groupScales<Format::Mxfp4>);
    setEntry(table.groupScales, Format::Int8, groupScales<Format::Int8>);
}

} // namespace nibblescope
#endif
