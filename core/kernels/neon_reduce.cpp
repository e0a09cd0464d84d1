// SPDX-License-Identifier: GPL-3.0-or-later
// Ranges, scales, moments, error sums and histograms with NEON.
#if defined(__aarch64__)
#include "core/kernels/neon_scales.h"

namespace nibblescope {
namespace {

struct LowHigh { // of each lane, 0 included; NaN where a weight was NaN
    float32x4_t low;
    float32x4_t high;
};

NIBBLESCOPE_INLINE void take(LowHigh &lanes, float32x4_t w) {
    lanes.low = vminq_f32(lanes.low, w);
    lanes.high = vmaxq_f32(lanes.high, w);
}

NIBBLESCOPE_INLINE LowHigh lanesOf(const float *weights, std::size_t count) {
    LowHigh a{vdupq_n_f32(0), vdupq_n_f32(0)};
    LowHigh b = a;
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 16; k += 8) {
            take(a, vld1q_f32(weights + i + k));
            take(b, vld1q_f32(weights + i + k + 4));
        }
    }
    for (; i + 4 <= count; i += 4)
        take(a, vld1q_f32(weights + i));
    for (; i < count; ++i)
        take(b, vdupq_n_f32(weights[i]));
    return {vminq_f32(a.low, b.low), vmaxq_f32(a.high, b.high)};
}

// Ranges of up to four groups, of `size` weights each but for the last, which has `lastSize`.
NIBBLESCOPE_INLINE void fourRanges(const float *weights, std::size_t groups, std::size_t size, std::size_t lastSize,
                                   GroupRange *out) {
    LowHigh lanes[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t g = 0; g < 4; ++g)
        lanes[g] = g < groups ? lanesOf(weights + g * size, g + 1 < groups ? size : lastSize) : LowHigh{};
    const float32x4_t lowest =
        vpminq_f32(vpminq_f32(lanes[0].low, lanes[1].low), vpminq_f32(lanes[2].low, lanes[3].low));
    const float32x4_t high =
        vpmaxq_f32(vpmaxq_f32(lanes[0].high, lanes[1].high), vpmaxq_f32(lanes[2].high, lanes[3].high));
    const float32x4_t low = vaddq_f32(lowest, vdupq_n_f32(0)); // +0, not -0
    const float32x4_t negated = vnegq_f32(low);
    const float32x4_t largest = vmaxq_f32(negated, high);
    const float32x4x4_t fields{{low, high, largest, vbslq_f32(vcgtq_f32(negated, high), low, high)}};
    if (groups == 4) {
        vst4q_f32(reinterpret_cast<float *>(out), fields);
    } else {
        GroupRange ranges[4];
        vst4q_f32(reinterpret_cast<float *>(ranges), fields);
        for (std::size_t g = 0; g < groups; ++g)
            out[g] = ranges[g];
    }
    // Of +m and -m the first one counts; NaN and Inf weights are passed over.
    const uint32x4_t tie = vbicq_u32(vceqq_f32(negated, high), vceqzq_f32(high));
    const uint32x4_t finite = vcleq_f32(largest, vdupq_n_f32(largestFloat));
    const uint32x4_t special = vornq_u32(tie, finite);
    if (vmaxvq_u32(special) == 0)
        return;
    std::uint32_t marks[4];
    vst1q_u32(marks, special);
    for (std::size_t g = 0; g < groups; ++g)
        if (marks[g] != 0)
            out[g] = rangeByDefinition(weights + g * size, g + 1 < groups ? size : lastSize);
}

void groupRanges(const float *weights, std::size_t count, std::size_t groupSize, GroupRange *out) {
    static_assert(sizeof(GroupRange) == 16);
    std::size_t begin = 0;
    for (; begin + 4 * groupSize <= count; begin += 4 * groupSize, out += 4)
        fourRanges(weights + begin, 4, groupSize, groupSize, out);
    if (begin < count) {
        const std::size_t groups = (count - begin + groupSize - 1) / groupSize;
        fourRanges(weights + begin, groups, groupSize, count - begin - (groups - 1) * groupSize, out);
    }
}

struct Powers {
    float64x2_t m2, m3, m4;
};

NIBBLESCOPE_INLINE void addPowers(Powers &sums, float64x2_t distance) {
    const float64x2_t square = vmulq_f64(distance, distance);
    sums.m2 = vaddq_f64(sums.m2, square);
    sums.m3 = vfmaq_f64(sums.m3, square, distance);
    sums.m4 = vfmaq_f64(sums.m4, square, square);
}

Moments moments(const float *weights, std::size_t count) {
    const std::size_t whole = count / 4 * 4;
    if (whole == 0)
        return momentsByDefinition(weights, count);
    float64x2_t sum[2] = {vdupq_n_f64(0), vdupq_n_f64(0)};
    float32x4_t low = vld1q_f32(weights);
    float32x4_t high = low;
    for (std::size_t i = 0; i < whole; i += 4) {
        const float32x4_t w = vld1q_f32(weights + i);
        low = vminq_f32(low, w);
        high = vmaxq_f32(high, w);
        sum[0] = vaddq_f64(sum[0], lowDoubles(w));
        sum[1] = vaddq_f64(sum[1], highDoubles(w));
    }
    double all = vaddvq_f64(vaddq_f64(sum[0], sum[1]));
    for (std::size_t i = whole; i < count; ++i) {
        low = vminq_f32(low, vdupq_n_f32(weights[i]));
        high = vmaxq_f32(high, vdupq_n_f32(weights[i]));
        all += static_cast<double>(weights[i]);
    }
    if (!(all < 1e300 && all > -1e300))
        return momentsByDefinition(weights, count); // holds NaN or Inf
    Moments result;
    result.finite = count;
    result.mean = all / static_cast<double>(count);
    result.min = vminvq_f32(low);
    result.max = vmaxvq_f32(high);
    const float64x2_t mean = vdupq_n_f64(result.mean);
    Powers sums[2] = {};
    for (std::size_t i = 0; i < whole; i += 4) {
        const float32x4_t w = vld1q_f32(weights + i);
        addPowers(sums[0], vsubq_f64(lowDoubles(w), mean));
        addPowers(sums[1], vsubq_f64(highDoubles(w), mean));
    }
    for (std::size_t i = whole; i < count; ++i)
        addPowers(sums[0], vsetq_lane_f64(static_cast<double>(weights[i]) - result.mean, vdupq_n_f64(0), 0));
    result.m2 = vaddvq_f64(vaddq_f64(sums[0].m2, sums[1].m2));
    result.m3 = vaddvq_f64(vaddq_f64(sums[0].m3, sums[1].m3));
    result.m4 = vaddvq_f64(vaddq_f64(sums[0].m4, sums[1].m4));
    return result;
}

struct Products {
    float64x2_t signal, error, dot, square;
};

NIBBLESCOPE_INLINE void addProducts(Products &sums, float64x2_t w, float64x2_t d, float64x2_t e) {
    sums.signal = vfmaq_f64(sums.signal, w, w);
    sums.error = vfmaq_f64(sums.error, e, e);
    sums.dot = vfmaq_f64(sums.dot, w, d);
    sums.square = vfmaq_f64(sums.square, d, d);
}

ErrorSums errorSums(const float *weights, const float *decoded, std::size_t count) {
    Products products[2] = {};
    float32x4_t largest = vdupq_n_f32(0);
    const auto add = [&](float32x4_t w, float32x4_t d) {
        const float32x4_t e = vsubq_f32(w, d);
        largest = vmaxq_f32(largest, vabsq_f32(e));
        addProducts(products[0], lowDoubles(w), lowDoubles(d), lowDoubles(e));
        addProducts(products[1], highDoubles(w), highDoubles(d), highDoubles(e));
    };
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        add(vld1q_f32(weights + i), vld1q_f32(decoded + i));
    for (; i < count; ++i)
        add(vsetq_lane_f32(weights[i], vdupq_n_f32(0), 0), vsetq_lane_f32(decoded[i], vdupq_n_f32(0), 0));
    ErrorSums sums;
    sums.signal = vaddvq_f64(vaddq_f64(products[0].signal, products[1].signal));
    if (!(sums.signal < 1e300))
        return errorSumsByDefinition(weights, decoded, count); // holds NaN or Inf
    sums.error = vaddvq_f64(vaddq_f64(products[0].error, products[1].error));
    sums.dot = vaddvq_f64(vaddq_f64(products[0].dot, products[1].dot));
    sums.decoded = vaddvq_f64(vaddq_f64(products[0].square, products[1].square));
    sums.maxAbsError = vmaxvq_f32(largest);
    sums.finite = count;
    return sums;
}

constexpr std::size_t tabledBins = 1024;

// Slots as the definition numbers them; NaN gets one behind the last.
NIBBLESCOPE_INLINE uint32x4_t slotsOf(const HistogramSpan &span, float32x4_t v) {
    const auto bins = static_cast<std::uint32_t>(span.bins);
    const float32x4_t place = vmulq_n_f32(vsubq_f32(v, vdupq_n_f32(span.lower)), span.inverseWidth);
    const uint32x4_t inside = vcgezq_f32(place);
    // The conversion truncates and keeps in range.
    const uint32x4_t slot = vandq_u32(inside, vqaddq_u32(vcvtq_u32_f32(place), vdupq_n_u32(1)));
    const uint32x4_t kept = vminq_u32(slot, vdupq_n_u32(bins + 1));
    return vbslq_u32(vceqq_f32(v, v), kept, vdupq_n_u32(bins + 2));
}

// NaN where what is taken off is not finite.
NIBBLESCOPE_INLINE float32x4_t difference(float32x4_t v, float32x4_t minus) {
    return vaddq_f32(vsubq_f32(v, minus), vsubq_f32(minus, minus));
}

// Four tables, so that equal neighbours do not wait for each other.
void histogram(const HistogramSpan &span) {
    if (span.bins > tabledBins || span.factors != nullptr) {
        scalarKernels().histogram(span); // such tables are seldom, and too large to have four of
        return;
    }
    std::uint32_t tables[4][tabledBins + 3];
    for (auto &table : tables)
        std::memset(table, 0, (span.bins + 3) * sizeof(table[0]));
    std::size_t i = 0;
    for (; i + 4 <= span.count; i += 4) {
        float32x4_t v = vld1q_f32(span.values + i);
        if (span.minus != nullptr)
            v = difference(v, vld1q_f32(span.minus + i));
        const uint32x4_t slots = slotsOf(span, v);
        ++tables[0][vgetq_lane_u32(slots, 0)];
        ++tables[1][vgetq_lane_u32(slots, 1)];
        ++tables[2][vgetq_lane_u32(slots, 2)];
        ++tables[3][vgetq_lane_u32(slots, 3)];
    }
    for (; i < span.count; ++i) {
        float32x4_t v = vdupq_n_f32(span.values[i]);
        if (span.minus != nullptr)
            v = difference(v, vdupq_n_f32(span.minus[i]));
        ++tables[0][vgetq_lane_u32(slotsOf(span, v), 0)];
    }
    for (i = 0; i < span.bins + 2; ++i)
        span.counts[i] += static_cast<std::uint64_t>(tables[0][i]) + tables[1][i] + tables[2][i] + tables[3][i];
}

template <Format format>
NIBBLESCOPE_INLINE float32x4_t exactScales(const float32x4x4_t &ranges) {
    switch (format) {
    case Format::Int4:
        return vdivq_f32(ranges.val[2], vdupq_n_f32(7.0F));
    case Format::Int4Max:
        return vmulq_n_f32(ranges.val[3], -0.125F); // exact, as the division is
    case Format::Int4Asym:
        return vdivq_f32(vsubq_f32(ranges.val[1], ranges.val[0]), vdupq_n_f32(15.0F));
    case Format::Int8:
        return vdivq_f32(ranges.val[2], vdupq_n_f32(127.0F));
    default:
        return ranges.val[2];
    }
}

// mxfp4 is left to the definition: its powers of two need integers, and there is one for 32 weights.
template <Format format>
ScaleRounding groupScales(const ScaleSpan &span) {
    uint32x4_t overflow = vdupq_n_u32(0);
    uint32x4_t underflow = vdupq_n_u32(0);
    for (std::size_t i = 0; i < span.count; i += 4) {
        const std::size_t count = span.count - i < 4 ? span.count - i : 4;
        GroupRange last[4] = {};
        const GroupRange *from = span.ranges + i;
        if (count < 4) {
            std::memcpy(last, from, count * sizeof(GroupRange));
            from = last;
        }
        const float32x4x4_t ranges = vld4q_f32(reinterpret_cast<const float *>(from));
        const float32x4_t exact = exactScales<format>(ranges);
        float32x4_t scale = exact;
        if (span.rounded) {
            scale = roundedToType(exact, span.type);
            overflow = vsubq_u32(overflow, vcageq_f32(exact, vdupq_n_f32(overflowLimit(span.type))));
        }
        if constexpr (format == Format::Int4Max)
            scale = usableSigned(scale);
        underflow = vsubq_u32(underflow, vbicq_u32(vceqzq_f32(scale), vceqzq_f32(exact)));
        float scales[4];
        vst1q_f32(scales, scale);
        std::memcpy(span.scales + i, scales, count * sizeof(float));
        if (span.zeroPoints != nullptr) {
            std::uint32_t values[4];
            vst1q_u32(values, zeroPointsFor(ranges.val[0], scale));
            for (std::size_t k = 0; k < count; ++k)
                span.zeroPoints[i + k] = static_cast<std::uint8_t>(values[k]);
        }
    }
    return {vaddvq_u32(underflow), vaddvq_u32(overflow)};
}

} // namespace

void fillNeonReduce(Kernels &table) {
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
    setEntry(table.groupScales, Format::Fitted, groupScales<Format::Fitted>);
}

} // namespace nibblescope
#endif
