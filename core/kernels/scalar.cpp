// SPDX-License-Identifier: GPL-3.0-or-later
// The definition of every kernel. Written to be read; the instruction sets are written to be fast.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/half.h"
#include "core/kernels/encode_rules.h"
#include "core/kernels/histogram_rule.h"
#include "core/kernels/kernels.h"
#include "core/kernels/quantize_by_parts.h"

namespace nibblescope {
namespace {

template <typename In, typename Out, auto convertOne>
void convert(const In *in, Out *out, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = convertOne(in[i]);
}

// Two passes over a chunk that lies in the cache: the mean first, then powers of the distance from it.
Moments moments(const float *weights, std::size_t count) {
    Moments result;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const float w = weights[i];
        if (std::isnan(w)) {
            ++result.nan;
        } else if (std::isinf(w)) {
            ++result.inf;
        } else {
            result.min = result.finite == 0 ? w : std::min(result.min, w);
            result.max = result.finite == 0 ? w : std::max(result.max, w);
            ++result.finite;
            sum += static_cast<double>(w);
        }
    }
    if (result.finite == 0)
        return result;
    result.mean = sum / static_cast<double>(result.finite);
    for (std::size_t i = 0; i < count; ++i) {
        if (!std::isfinite(weights[i]))
            continue;
        const double distance = static_cast<double>(weights[i]) - result.mean;
        const double square = distance * distance;
        result.m2 += square;
        result.m3 += square * distance;
        result.m4 += square * square;
    }
    return result;
}

GroupRange rangeOf(const float *weights, std::size_t count) {
    GroupRange range;
    for (std::size_t i = 0; i < count; ++i) {
        const float w = weights[i];
        if (!std::isfinite(w))
            continue;
        range.min = std::min(range.min, w);
        range.max = std::max(range.max, w);
        if (std::fabs(w) > range.absmax) {
            range.absmax = std::fabs(w);
            range.signedMax = w;
        }
    }
    return range;
}

void groupRanges(const float *weights, std::size_t count, std::size_t groupSize, GroupRange *out) {
    for (std::size_t begin = 0; begin < count; begin += groupSize)
        *out++ = rangeOf(weights + begin, std::min(groupSize, count - begin));
}

void histogram(const HistogramSpan &span) {
    for (std::size_t i = 0; i < span.count; ++i) {
        float v = span.values[i];
        if (span.factors != nullptr) {
            const std::size_t group = (span.firstInGroup + i) / span.groupSize;
            v = std::isfinite(v) ? v * span.factors[group] + span.shifts[group] : NAN;
        } else if (span.minus != nullptr) {
            v = std::isfinite(span.minus[i]) ? v - span.minus[i] : NAN;
        }
        if (!std::isnan(v))
            ++span.counts[histogramSlot(span, v)];
    }
}

void addError(ErrorSums &sums, float weight, float decoded) {
    const float error = weight - decoded;
    const auto w = static_cast<double>(weight);
    const auto d = static_cast<double>(decoded);
    const auto e = static_cast<double>(error);
    sums.signal += w * w;
    sums.error += e * e;
    sums.dot += w * d;
    sums.decoded += d * d;
    sums.maxAbsError = std::max(sums.maxAbsError, std::fabs(error));
    ++sums.finite;
}

ErrorSums errorSums(const float *weights, const float *decoded, std::size_t count) {
    ErrorSums sums;
    for (std::size_t i = 0; i < count; ++i)
        if (std::isfinite(weights[i]))
            addError(sums, weights[i], decoded[i]);
    return sums;
}

template <Format format>
void storeCode(std::uint8_t *codes, std::size_t i, std::uint8_t code) {
    if constexpr (format == Format::Int8) {
        codes[i] = code;
    } else {
        if (i % 2 == 0)
            codes[i / 2] = static_cast<std::uint8_t>(code << 4);
        else
            codes[i / 2] = static_cast<std::uint8_t>(codes[i / 2] | code);
    }
}

template <Format format>
std::uint8_t loadCode(const std::uint8_t *codes, std::size_t i) {
    if constexpr (format == Format::Int8)
        return codes[i];
    else
        return static_cast<std::uint8_t>(i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15);
}

template <Format format>
void encode(const EncodeSpan &span) {
    ErrorSums sums;
    std::size_t group = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t i = 0; i < span.count; ++i) {
        const float w = span.weights[i];
        const std::uint8_t zero = span.zeroPoints != nullptr ? span.zeroPoints[group] : std::uint8_t{0};
        const std::uint8_t code = encodeOne<format>(w, span.encodeScales[group], zero, span.codebook);
        const float scale = span.decodeScales[group];
        const float decoded = decodeOne<format>(code, scale, zero, span.codebook);
        storeCode<format>(span.codes, i, code);
        if (span.decoded != nullptr)
            span.decoded[i] = decoded;
        if (span.codeCounts != nullptr)
            ++span.codeCounts[code];
        if (span.sums != nullptr && std::isfinite(w)) {
            addError(sums, w, decoded);
            const ClipLimits limits = clipLimits(format, zero, span.codebook);
            const float low = limits.low * scale; // the upper one where the scale is negative
            const float high = limits.high * scale;
            sums.clipped += w < std::min(low, high) || w > std::max(low, high) ? 1 : 0;
        }
        if (++inGroup == span.groupSize) {
            inGroup = 0;
            ++group;
        }
    }
    if (span.sums != nullptr)
        *span.sums = sums;
}

template <Format format>
void decode(const DecodeSpan &span) {
    std::size_t group = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t i = 0; i < span.count; ++i) {
        const std::uint8_t zero = span.zeroPoints != nullptr ? span.zeroPoints[group] : std::uint8_t{0};
        span.out[i] = decodeOne<format>(loadCode<format>(span.codes, i), span.decodeScales[group], zero, span.codebook);
        if (++inGroup == span.groupSize) {
            inGroup = 0;
            ++group;
        }
    }
}

// Scale and zero-point of candidate `step`. Asymmetric: both ends shrink, and the zero-point follows.
template <Format format>
ClipChoice clipCandidate(const ClipSearch &search, int step) {
    const float share = static_cast<float>(100 - step) / 100.0F;
    ClipChoice choice;
    choice.step = step;
    if constexpr (format == Format::Int4Asym) {
        const float low = search.range.min * share;
        const float high = search.range.max * share;
        choice.scale = roundToScaleType((high - low) / 15.0F, search.scaleType);
        choice.zeroPoint = zeroPointFor(low, choice.scale);
    } else {
        const float scale = exactScale(format, search.range) * share;
        choice.scale = usableScale(format, roundToScaleType(scale, search.scaleType));
    }
    return choice;
}

template <Format format>
ClipChoice clipSearch(const ClipSearch &search) {
    ClipChoice best;
    double smallest = 0;
    for (int step = 0; step < 80; ++step) {
        const ClipChoice candidate = clipCandidate<format>(search, step);
        double error = 0;
        for (std::size_t i = 0; i < search.count; ++i) {
            const float w = search.weights[i];
            if (!std::isfinite(w))
                continue;
            const std::uint8_t code = encodeOne<format>(w, candidate.scale, candidate.zeroPoint, search.codebook);
            const auto e =
                static_cast<double>(w - decodeOne<format>(code, candidate.scale, candidate.zeroPoint, search.codebook));
            error += (search.importance != nullptr ? search.importance[i] : 1.0) * (e * e);
        }
        if (step == 0 || error < smallest) {
            smallest = error;
            best = candidate;
        }
    }
    return best;
}

template <Format format>
ScaleRounding groupScales(const ScaleSpan &span) {
    const bool rounded = span.rounded && format != Format::Mxfp4;
    ScaleRounding result;
    for (std::size_t i = 0; i < span.count; ++i) {
        const float exact = exactScale(format, span.ranges[i]);
        const float scale = usableScale(format, rounded ? roundToScaleType(exact, span.type) : exact);
        result.underflow += scale == 0.0F && exact != 0.0F ? 1 : 0;
        result.overflow += rounded && overflowsScaleType(exact, span.type) ? 1 : 0;
        span.scales[i] = scale;
        if (span.zeroPoints != nullptr)
            span.zeroPoints[i] = zeroPointFor(span.ranges[i].min, scale);
    }
    return result;
}

void codeCounts(const DecodeSpan &span, std::uint32_t *counts) {
    if (span.count == 0)
        return;
    const std::size_t groups = (span.firstInGroup + span.count - 1) / span.groupSize + 1;
    std::fill_n(counts, 16 * groups, 0U);
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t i = 0; i < span.count; ++i) {
        ++counts[loadCode<Format::Nf4>(span.codes, i)];
        if (++inGroup == span.groupSize) {
            inGroup = 0;
            counts += 16;
        }
    }
}

void codeErrors(const float *weights, const float *decoded, const std::uint8_t *codes, std::size_t count,
                double (*sums)[2]) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!std::isfinite(weights[i]))
            continue;
        const auto error = static_cast<double>(weights[i] - decoded[i]);
        sums[codes[i / 2]][i % 2] += error * error;
    }
}

Kernels makeScalarKernels() {
    Kernels k;
    k.isa = Isa::Scalar;
    k.f16ToF32 = convert<std::uint16_t, float, f32FromF16>;
    k.bf16ToF32 = convert<std::uint16_t, float, f32FromBf16>;
    k.f8E4M3ToF32 = convert<std::uint8_t, float, f32FromF8E4M3>;
    k.f8E5M2ToF32 = convert<std::uint8_t, float, f32FromF8E5M2>;
    k.f32ToF16 = convert<float, std::uint16_t, f16FromF32>;
    k.f32ToBf16 = convert<float, std::uint16_t, bf16FromF32>;
    k.moments = moments;
    k.groupRanges = groupRanges;
    k.histogram = histogram;
    k.errorSums = errorSums;
    k.codeCounts = codeCounts;
    k.codeErrors = codeErrors;
    // In the order of the enumeration Format.
    k.encode = {nullptr,
                encode<Format::Int4>,
                encode<Format::Int4Max>,
                encode<Format::Int4Asym>,
                encode<Format::Nf4>,
                encode<Format::Fp4>,
                encode<Format::Mxfp4>,
                encode<Format::Int8>,
                encode<Format::Fitted>};
    k.decode = {nullptr,
                decode<Format::Int4>,
                decode<Format::Int4Max>,
                decode<Format::Int4Asym>,
                decode<Format::Nf4>,
                decode<Format::Fp4>,
                decode<Format::Mxfp4>,
                decode<Format::Int8>,
                decode<Format::Fitted>};
    k.groupScales = {nullptr,
                     groupScales<Format::Int4>,
                     groupScales<Format::Int4Max>,
                     groupScales<Format::Int4Asym>,
                     groupScales<Format::Nf4>,
                     groupScales<Format::Fp4>,
                     groupScales<Format::Mxfp4>,
                     groupScales<Format::Int8>,
                     groupScales<Format::Fitted>};
    k.clipSearch = {nullptr,
                    clipSearch<Format::Int4>,
                    clipSearch<Format::Int4Max>,
                    clipSearch<Format::Int4Asym>,
                    clipSearch<Format::Nf4>,
                    clipSearch<Format::Fp4>,
                    nullptr,
                    clipSearch<Format::Int8>,
                    clipSearch<Format::Fitted>};
    composeQuantize<Isa::Scalar>(k);
    return k;
}

} // namespace

ErrorSums &ErrorSums::operator+=(const ErrorSums &other) {
    signal += other.signal;
    error += other.error;
    dot += other.dot;
    decoded += other.decoded;
    maxAbsError = std::max(maxAbsError, other.maxAbsError);
    clipped += other.clipped;
    finite += other.finite;
    return *this;
}

const Kernels &scalarKernels() {
    static const Kernels table = makeScalarKernels();
    return table;
}

} // namespace nibblescope
