// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/quantize_by_parts.h"

#include <algorithm>
#include <vector>

namespace nibblescope {
namespace {

// Weights of a piece: whole groups, about a chunk, beginning at a whole byte of codes.
std::size_t pieceOf(const QuantizeSpan &span) {
    if (span.count <= chunkWeights)
        return std::max<std::size_t>(span.count, 1);
    const std::size_t groups = std::max<std::size_t>(1, chunkWeights / span.groupSize);
    const bool odd = span.groupSize % 2 != 0;
    return span.groupSize * (odd ? std::max<std::size_t>(2, groups / 2 * 2) : groups);
}

class Widened {
public:
    Widened(const Kernels &parts, const QuantizeSpan &span) : m_parts(parts), m_span(span) {
        if (span.input != InputType::F32)
            m_values.resize(std::min(pieceOf(span), span.count));
    }
    const float *at(std::size_t first, std::size_t count) {
        if (m_span.input == InputType::F32)
            return static_cast<const float *>(m_span.weights) + first;
        const auto convert = m_span.input == InputType::F16 ? m_parts.f16ToF32 : m_parts.bf16ToF32;
        convert(static_cast<const std::uint16_t *>(m_span.weights) + first, m_values.data(), count);
        return m_values.data();
    }

private:
    const Kernels &m_parts;
    const QuantizeSpan &m_span;
    std::vector<float> m_values;
};

} // namespace

ScaleRounding quantizeByParts(const Kernels &parts, Format format, const QuantizeSpan &span) {
    const auto at = static_cast<std::size_t>(format);
    const std::size_t piece = pieceOf(span);
    const std::size_t codesPerByte = traits(format).codeBits == 8 ? 1 : 2;
    std::vector<GroupRange> ranges((std::min(piece, span.count) + span.groupSize - 1) / span.groupSize);
    Widened widened(parts, span);
    ScaleRounding total;
    if (span.sums != nullptr)
        *span.sums = ErrorSums{};
    for (std::size_t done = 0; done < span.count; done += piece) {
        const std::size_t count = std::min(piece, span.count - done);
        const std::size_t group = done / span.groupSize;
        const float *const weights = widened.at(done, count);
        parts.groupRanges(weights, count, span.groupSize, ranges.data());
        ScaleSpan scales;
        scales.ranges = ranges.data();
        scales.count = (count + span.groupSize - 1) / span.groupSize;
        scales.type = span.scaleType;
        scales.scales = span.scales + group;
        scales.zeroPoints = span.zeroPoints != nullptr ? span.zeroPoints + group : nullptr;
        const ScaleRounding rounding = parts.groupScales[at](scales);
        total.underflow += rounding.underflow;
        total.overflow += rounding.overflow;
        EncodeSpan codes;
        codes.weights = weights;
        codes.count = count;
        codes.groupSize = span.groupSize;
        codes.encodeScales = codes.decodeScales = scales.scales;
        codes.zeroPoints = scales.zeroPoints;
        codes.codebook = span.codebook;
        codes.codes = span.codes + done / codesPerByte;
        codes.decoded = span.decoded != nullptr ? span.decoded + done : nullptr;
        codes.sums = span.sums;
        codes.codeCounts = span.codeCounts;
        parts.encode[at](codes);
        if (span.histogram != nullptr) {
            HistogramSpan values = *span.histogram;
            values.values = weights;
            values.count = count;
            parts.histogram(values);
        }
    }
    return total;
}

} // namespace nibblescope
