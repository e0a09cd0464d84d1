// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/quantized_tensor.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/kernels/kernels.h"
#include "core/quant/double_quantization.h"

namespace nibblescope {

std::uint64_t QuantizedTensor::bytesPerGridRow() const {
    return traits(recipe.format).codeBits == 8 ? grid.cols : (grid.cols + 1) / 2;
}

std::span<const float, 16> levelsOf(const QuantizedTensor &tensor) {
    if (tensor.codebook.empty())
        return levels(tensor.recipe.format);
    return std::span<const float, 16>(tensor.codebook.data(), 16);
}

std::uint8_t codeAt(const QuantizedTensor &tensor, std::uint64_t index) {
    const std::uint64_t row = index / tensor.grid.cols;
    const std::uint64_t column = index % tensor.grid.cols;
    const std::uint64_t begin = row * tensor.bytesPerGridRow();
    if (traits(tensor.recipe.format).codeBits == 8)
        return tensor.codes[begin + column];
    const std::uint8_t byte = tensor.codes[begin + column / 2];
    return static_cast<std::uint8_t>(column % 2 == 0 ? byte >> 4 : byte & 15);
}

void decodeFloatZeros(const DecodeSpan &span, const float *floatZeros) {
    for (std::size_t i = 0; i < span.count; ++i) {
        const std::size_t group = (span.firstInGroup + i) / span.groupSize;
        const int code = i % 2 == 0 ? span.codes[i / 2] >> 4 : span.codes[i / 2] & 15;
        span.out[i] = (static_cast<float>(code) - floatZeros[group]) * span.decodeScales[group];
    }
}

namespace {

std::optional<SortedLevels> codebookOf(const QuantizedTensor &tensor) {
    if (tensor.codebook.empty())
        return std::nullopt;
    return sortedLevels(levelsOf(tensor));
}

// With the constants of the tensor's groups from `group` on.
void decodeSpan(const QuantizedTensor &tensor, DecodeSpan span, std::uint64_t group, const SortedLevels *codebook,
                const Kernels &kernels) {
    span.decodeScales = tensor.decodeScales.data() + group;
    span.zeroPoints = tensor.zeroPoints.empty() ? nullptr : tensor.zeroPoints.data() + group;
    span.codebook = codebook;
    if (tensor.floatZeros.empty())
        kernels.decode[static_cast<std::size_t>(tensor.recipe.format)](span);
    else
        decodeFloatZeros(span, tensor.floatZeros.data() + group);
}

// Part of one grid row, from an even column on: a span of codes starts at a byte.
void decodePart(const QuantizedTensor &tensor, std::uint64_t row, std::uint64_t column, std::uint64_t count, float *out,
                const SortedLevels *codebook, const Kernels &kernels) {
    const GroupGrid &grid = tensor.grid;
    DecodeSpan span;
    span.codes = tensor.codes.data() + row * tensor.bytesPerGridRow() +
                 (traits(tensor.recipe.format).codeBits == 8 ? column : column / 2);
    span.count = count;
    span.groupSize = grid.groupSize;
    span.firstInGroup = column % grid.groupSize;
    span.out = out;
    decodeSpan(tensor, span, row * grid.groupsPerRow() + column / grid.groupSize, codebook, kernels);
}

} // namespace

void dequantizeRange(const QuantizedTensor &tensor, std::uint64_t first, std::uint64_t count, float *out,
                     const Kernels &kernels) {
    const std::uint64_t cols = tensor.grid.cols;
    const std::optional<SortedLevels> levels = codebookOf(tensor);
    const SortedLevels *const codebook = levels ? &*levels : nullptr;
    for (std::uint64_t at = first; at < first + count;) {
        const std::uint64_t row = at / cols;
        const std::uint64_t column = at % cols;
        if (column % 2 != 0) {
            float pair[2];
            decodePart(tensor, row, column - 1, 2, pair, codebook, kernels);
            out[at++ - first] = pair[1];
            continue;
        }
        const std::uint64_t length = std::min(cols - column, first + count - at);
        decodePart(tensor, row, column, length, out + (at - first), codebook, kernels);
        at += length;
    }
}

void decodeLevels(const QuantizedTensor &tensor, std::uint64_t firstGroup, std::uint64_t count, float *out,
                  const Kernels &kernels) {
    constexpr std::uint64_t most = 32; // groups at a time
    std::array<std::uint8_t, 8 * most> codes;
    for (std::size_t i = 0; i < codes.size(); ++i)
        codes[i] = static_cast<std::uint8_t>((2 * i % 16) << 4 | (2 * i + 1) % 16);
    const std::optional<SortedLevels> levels = codebookOf(tensor);
    for (std::uint64_t done = 0; done < count; done += most) {
        DecodeSpan span;
        span.codes = codes.data();
        span.count = 16 * std::min(most, count - done);
        span.groupSize = 16;
        span.out = out + 16 * done;
        decodeSpan(tensor, span, firstGroup + done, levels ? &*levels : nullptr, kernels);
    }
}

void dequantizeRows(const QuantizedTensor &tensor, std::uint64_t firstRow, std::uint64_t rowCount, float *out) {
    dequantizeRange(tensor, firstRow * tensor.grid.cols, rowCount * tensor.grid.cols, out, scalarKernels());
}

std::vector<float> dequantize(const QuantizedTensor &tensor) {
    std::vector<float> out(tensor.grid.size());
    dequantizeRows(tensor, 0, tensor.grid.rows, out.data());
    return out;
}

void dequantize(const QuantizedTensor &tensor, std::span<float> out, const Work &work) {
    constexpr std::uint64_t weightsATask = 1U << 16;
    work.parallelFor((out.size() + weightsATask - 1) / weightsATask, [&](std::size_t task) {
        const std::uint64_t first = task * weightsATask;
        dequantizeRange(tensor, first, std::min<std::uint64_t>(weightsATask, out.size() - first), out.data() + first,
                        work.kernels);
    });
}

StoredBits &StoredBits::operator+=(const StoredBits &other) {
    codes += other.codes;
    scales += other.scales;
    zeroPoints += other.zeroPoints;
    secondLevel += other.secondLevel;
    return *this;
}

StoredBits storedBits(MatrixShape shape, const Recipe &recipe) {
    StoredBits bits;
    if (recipe.format == Format::None)
        return bits;
    const FormatTraits &format = traits(recipe.format);
    const std::uint64_t groups = groupGrid(shape, recipe).groups();
    bits.codes = shape.size() * format.codeBits;
    bits.zeroPoints = format.zeroPoint ? groups * (recipe.method == "hqq" ? 16 : 4) : 0;
    if (recipe.doubleQuant != DoubleQuant::Off) {
        bits.scales = groups * 8;
        bits.secondLevel = secondLevelBlocks(groups) * 32 + 32;
    } else {
        bits.scales = groups * (recipe.format == Format::Mxfp4 ? 8 : bitsOf(recipe.scaleType));
    }
    if (recipe.format == Format::Fitted)
        bits.secondLevel += 16 * 32;
    return bits;
}

} // namespace nibblescope
