// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/quantized_tensor.h"

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

void dequantizeRows(const QuantizedTensor &tensor, std::uint64_t firstRow, std::uint64_t rowCount, float *out) {
    const auto decode = scalarKernels().decode[static_cast<std::size_t>(tensor.recipe.format)];
    const GroupGrid &grid = tensor.grid;
    std::optional<SortedLevels> codebook;
    if (!tensor.codebook.empty())
        codebook = sortedLevels(levelsOf(tensor));
    for (std::uint64_t row = firstRow; row < firstRow + rowCount; ++row) {
        const std::uint64_t group = row * grid.groupsPerRow();
        DecodeSpan span;
        span.codes = tensor.codes.data() + row * tensor.bytesPerGridRow();
        span.count = grid.cols;
        span.groupSize = grid.groupSize;
        span.decodeScales = tensor.decodeScales.data() + group;
        span.zeroPoints = tensor.zeroPoints.empty() ? nullptr : tensor.zeroPoints.data() + group;
        span.codebook = codebook ? &*codebook : nullptr;
        span.out = out + (row - firstRow) * grid.cols;
        if (tensor.floatZeros.empty())
            decode(span);
        else
            decodeFloatZeros(span, tensor.floatZeros.data() + group);
    }
}

std::vector<float> dequantize(const QuantizedTensor &tensor) {
    std::vector<float> out(tensor.grid.size());
    dequantizeRows(tensor, 0, tensor.grid.rows, out.data());
    return out;
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
