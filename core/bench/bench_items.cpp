// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench_items.h"

#include <algorithm>
#include <array>

namespace nibblescope {
namespace {

// Codes and constants of the chunks that one worker does, as the quantizer does them: a chunk's ranges, scales and
// codes while it lies in the cache.
class ChunkQuantizer {
public:
    ChunkQuantizer(const QuantizeCase &what, const ProductWeights &from, const Kernels &kernels, std::uint8_t *codes)
        : m_what(what), m_from(from), m_kernels(kernels), m_codes(codes),
          m_group(what.groupSize == 0 ? from.cols : std::min<std::size_t>(what.groupSize, from.cols)),
          m_chunk(m_group >= chunkWeights ? from.cols : std::max(m_group, chunkWeights / m_group * m_group)) {
        m_ranges.resize(m_chunk / m_group + 1);
        m_scales.resize(m_ranges.size());
        m_zeroPoints.resize(m_ranges.size());
        if (from.kind != WeightKind::F32)
            m_widened.resize(m_chunk);
        m_counts.resize(256);
        m_histogram.resize(what.histogramBins + 2);
    }

    void doRow(std::uint64_t row) {
        for (std::size_t column = 0; column < m_from.cols; column += m_chunk)
            doChunk(row, column, std::min(m_chunk, m_from.cols - column));
    }

private:
    const float *weightsAt(std::uint64_t row, std::size_t column, std::size_t count) {
        const std::uint8_t *const bytes = m_from.data + row * m_from.rowBytes;
        if (m_from.kind == WeightKind::F32)
            return reinterpret_cast<const float *>(bytes) + column;
        const auto convert = m_from.kind == WeightKind::F16 ? m_kernels.f16ToF32 : m_kernels.bf16ToF32;
        convert(reinterpret_cast<const std::uint16_t *>(bytes) + column, m_widened.data(), count);
        return m_widened.data();
    }

    void doChunk(std::uint64_t row, std::size_t column, std::size_t count) {
        if (count <= chunkWeights)
            doAtOnce(row, column, count);
        else
            doInParts(row, column, count);
    }

    void doAtOnce(std::uint64_t row, std::size_t column, std::size_t count) {
        const std::size_t perByte = traits(m_what.format).codeBits == 8 ? 1 : 2;
        const std::size_t each = m_from.kind == WeightKind::F32 ? 4 : 2;
        const HistogramSpan values = histogram();
        QuantizeSpan span;
        span.weights = m_from.data + row * m_from.rowBytes + column * each;
        span.input = m_from.kind == WeightKind::F32   ? InputType::F32
                     : m_from.kind == WeightKind::F16 ? InputType::F16
                                                      : InputType::Bf16;
        span.count = count;
        span.groupSize = m_group;
        span.scales = m_scales.data();
        span.zeroPoints = traits(m_what.format).zeroPoint ? m_zeroPoints.data() : nullptr;
        span.codes = m_codes + (row * m_from.cols + column) / perByte;
        span.sums = m_what.fused ? &m_sums : nullptr;
        span.codeCounts = m_what.fused ? m_counts.data() : nullptr;
        span.histogram = m_what.histogramBins != 0 ? &values : nullptr;
        m_kernels.quantize[static_cast<std::size_t>(m_what.format)](span);
    }

    void doInParts(std::uint64_t row, std::size_t column, std::size_t count) {
        const auto format = static_cast<std::size_t>(m_what.format);
        const std::size_t perByte = traits(m_what.format).codeBits == 8 ? 1 : 2;
        const std::size_t rowBytes = (m_from.cols + perByte - 1) / perByte;
        const float *const weights = weightsAt(row, column, count);
        m_kernels.groupRanges(weights, count, m_group, m_ranges.data());
        ScaleSpan scales;
        scales.ranges = m_ranges.data();
        scales.count = (count + m_group - 1) / m_group;
        scales.scales = m_scales.data();
        scales.zeroPoints = traits(m_what.format).zeroPoint ? m_zeroPoints.data() : nullptr;
        m_kernels.groupScales[format](scales);
        for (std::size_t done = 0; done < count; done += chunkWeights) {
            EncodeSpan span;
            span.weights = weights + done;
            span.count = std::min(chunkWeights, count - done);
            span.groupSize = m_group;
            span.firstInGroup = done % m_group;
            span.encodeScales = span.decodeScales = m_scales.data() + done / m_group;
            span.zeroPoints = scales.zeroPoints != nullptr ? m_zeroPoints.data() + done / m_group : nullptr;
            span.codes = m_codes + row * rowBytes + (column + done) / perByte;
            span.sums = m_what.fused ? &m_sums : nullptr;
            span.codeCounts = m_what.fused ? m_counts.data() : nullptr;
            m_kernels.encode[format](span);
        }
        if (m_what.histogramBins != 0)
            countValues(weights, count);
    }

    HistogramSpan histogram() {
        HistogramSpan span;
        span.lower = -0.1F;
        span.inverseWidth = static_cast<float>(m_what.histogramBins) / 0.2F;
        span.bins = m_what.histogramBins;
        span.counts = m_histogram.data();
        return span;
    }

    void countValues(const float *weights, std::size_t count) {
        HistogramSpan span = histogram();
        span.values = weights;
        span.count = count;
        m_kernels.histogram(span);
    }

    QuantizeCase m_what;
    ProductWeights m_from;
    const Kernels &m_kernels;
    std::uint8_t *m_codes;
    std::size_t m_group;
    std::size_t m_chunk;
    std::vector<GroupRange> m_ranges;
    std::vector<float> m_scales;
    std::vector<std::uint8_t> m_zeroPoints;
    std::vector<float> m_widened;
    std::vector<std::uint32_t> m_counts;
    std::vector<std::uint64_t> m_histogram;
    ErrorSums m_sums;
};

std::string inputOf(const TestMatrix &matrix) {
    return matrix.format().id == "fp32" ? "f32" : matrix.format().id == "fp16" ? "f16" : "bf16";
}

KernelTiming timingOf(Operation operation, const ProductWeights &view, Isa isa) {
    KernelTiming timing;
    timing.operation = operation;
    timing.isa = isa;
    timing.rows = view.rows;
    timing.cols = view.cols;
    return timing;
}

} // namespace

RowShare shareOfRows(std::uint64_t rows, unsigned worker, unsigned workers) {
    return {rows * worker / workers, rows * (worker + 1) / workers};
}

std::uint8_t *outputAt(const Arena &scratch, std::size_t bytes, std::size_t copy) {
    const std::size_t stride = (bytes + 4095) / 4096 * 4096;
    return scratch.data() + copy % std::max<std::size_t>(1, scratch.size() / stride) * stride;
}

BenchItem quantizeItem(const QuantizeCase &what, std::shared_ptr<const TestMatrix> matrix, Isa isa,
                       std::shared_ptr<const Arena> scratch, const std::stop_token &stop) {
    const ProductWeights view = matrix->copy(0);
    BenchItem item;
    item.copies = matrix;
    item.timing = timingOf(Operation::Quantize, view, isa);
    item.timing.format = traits(what.format).id;
    if (what.groupSize != 0)
        item.timing.groupSize = what.groupSize;
    item.timing.input = inputOf(*matrix);
    item.timing.fused = what.fused;
    if (what.histogramBins != 0)
        item.timing.histogramBins = what.histogramBins;
    item.timing.bytes = view.rows * view.rowBytes;
    const Kernels *const kernels = &kernelsFor(isa);
    item.pass = [=](unsigned worker, unsigned workers, std::size_t copy) {
        const ProductWeights from = matrix->copy(copy);
        ChunkQuantizer quantizer(what, from, *kernels, outputAt(*scratch, from.rows * from.cols, copy));
        const RowShare rows = shareOfRows(from.rows, worker, workers);
        for (std::uint64_t row = rows.begin; row < rows.end && !stop.stop_requested(); ++row)
            quantizer.doRow(row);
    };
    return item;
}

BenchItem dequantizeItem(std::shared_ptr<const TestMatrix> matrix, Isa isa, std::shared_ptr<const Arena> scratch,
                         const std::stop_token &stop) {
    const ProductWeights view = matrix->copy(0);
    BenchItem item;
    item.copies = matrix;
    item.timing = timingOf(Operation::Dequantize, view, isa);
    item.timing.format = matrix->format().id;
    item.timing.groupSize = matrix->format().groupSize;
    item.timing.bytes = view.rows * view.cols * sizeof(float);
    const Kernels *const kernels = &kernelsFor(isa);
    const auto format = static_cast<std::size_t>(*formatFromId(matrix->format().id));
    item.pass = [=](unsigned worker, unsigned workers, std::size_t copy) {
        const ProductWeights from = matrix->copy(copy);
        auto *const out = reinterpret_cast<float *>(outputAt(*scratch, from.rows * from.cols * sizeof(float), copy));
        std::vector<float> scales(from.groups);
        const RowShare rows = shareOfRows(from.rows, worker, workers);
        for (std::uint64_t row = rows.begin; row < rows.end && !stop.stop_requested(); ++row) {
            kernels->f16ToF32(from.scales + row * from.groups, scales.data(), from.groups);
            DecodeSpan span;
            span.codes = from.data + row * from.rowBytes;
            span.count = from.cols;
            span.groupSize = from.groupSize;
            span.decodeScales = scales.data();
            span.out = out + row * from.cols;
            kernels->decode[format](span);
        }
    };
    return item;
}

namespace {

void countRow(const ProductWeights &from, std::uint64_t row, const Kernels &kernels, HistogramSpan span) {
    const std::uint8_t *const bytes = from.data + row * from.rowBytes;
    std::array<float, chunkWeights> widened;
    for (std::size_t done = 0; done < from.cols; done += chunkWeights) {
        span.count = std::min<std::size_t>(chunkWeights, from.cols - done);
        span.values = reinterpret_cast<const float *>(bytes) + done;
        if (from.kind != WeightKind::F32) {
            const auto convert = from.kind == WeightKind::F16 ? kernels.f16ToF32 : kernels.bf16ToF32;
            convert(reinterpret_cast<const std::uint16_t *>(bytes) + done, widened.data(), span.count);
            span.values = widened.data();
        }
        kernels.histogram(span);
    }
}

} // namespace

BenchItem histogramItem(std::uint32_t bins, std::shared_ptr<const TestMatrix> matrix, Isa isa,
                        const std::stop_token &stop) {
    const ProductWeights view = matrix->copy(0);
    BenchItem item;
    item.copies = matrix;
    item.timing = timingOf(Operation::Histogram, view, isa);
    item.timing.format = matrix->format().id;
    item.timing.input = inputOf(*matrix);
    item.timing.histogramBins = bins;
    item.timing.bytes = view.rows * view.rowBytes;
    const Kernels *const kernels = &kernelsFor(isa);
    item.pass = [=](unsigned worker, unsigned workers, std::size_t copy) {
        const ProductWeights from = matrix->copy(copy);
        std::vector<std::uint64_t> counts(bins + 2);
        const RowShare rows = shareOfRows(from.rows, worker, workers);
        for (std::uint64_t row = rows.begin; row < rows.end && !stop.stop_requested(); ++row) {
            HistogramSpan span;
            span.lower = -0.1F;
            span.inverseWidth = static_cast<float>(bins) / 0.2F;
            span.bins = bins;
            span.counts = counts.data();
            countRow(from, row, *kernels, span);
        }
    };
    return item;
}

} // namespace nibblescope
