// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/code_assembly.h"

#include <algorithm>
#include <array>

#include "core/kernels/encode_rules.h"

namespace nibblescope {
namespace {

void pack(QuantizedTensor &tensor, const std::vector<std::uint8_t> &codes) {
    const GroupGrid &grid = tensor.grid;
    tensor.codes.assign(grid.rows * tensor.bytesPerGridRow(), 0);
    for (std::uint64_t row = 0; row < grid.rows; ++row) {
        std::uint8_t *bytes = tensor.codes.data() + row * tensor.bytesPerGridRow();
        const std::uint8_t *from = codes.data() + row * grid.cols;
        for (std::uint64_t i = 0; i < grid.cols; ++i)
            bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] | (i % 2 == 0 ? from[i] << 4 : from[i]));
    }
}

std::uint64_t clippedIn(const QuantizeInput &input, const QuantizedTensor &tensor) {
    const GroupGrid &grid = tensor.grid;
    const SortedLevels levels = sortedLevels(levelsOf(tensor));
    std::uint64_t clipped = 0;
    for (std::uint64_t group = 0; group < grid.groups(); ++group) {
        const float scale = tensor.decodeScales[group];
        if (scale == 0.0F)
            continue;
        ClipLimits limits = clipLimits(input.recipe.format,
                                       tensor.zeroPoints.empty() ? std::uint8_t{0} : tensor.zeroPoints[group], &levels);
        if (!tensor.floatZeros.empty())
            limits = {-0.5F - tensor.floatZeros[group], 15.5F - tensor.floatZeros[group]};
        for (std::uint64_t i = grid.begin(group); i < grid.begin(group) + grid.length(group); ++i) {
            const float value = input.weights[i] / scale;
            clipped += value < limits.low || value > limits.high ? 1 : 0;
        }
    }
    return clipped;
}

} // namespace

QuantizeOutcome assemble(const QuantizeInput &input, ChosenCodes chosen, const Work &work) {
    QuantizeOutcome outcome;
    QuantizedTensor &tensor = outcome.tensor;
    tensor.recipe = input.recipe;
    tensor.shape = input.shape;
    tensor.grid = groupGrid(input.shape, input.recipe);
    tensor.decodeScales = std::move(chosen.scales);
    tensor.zeroPoints = std::move(chosen.zeroPoints);
    tensor.floatZeros = std::move(chosen.floatZeros);
    tensor.codebook = std::move(chosen.codebook);
    outcome.scaleCounts = chosen.scaleCounts;
    outcome.codeCounts.assign(16, 0);
    for (const std::uint8_t code : chosen.codes)
        ++outcome.codeCounts[code];
    pack(tensor, chosen.codes);
    std::vector<std::uint8_t>().swap(chosen.codes);
    const std::size_t chunks = (input.weights.size() + chunkWeights - 1) / chunkWeights;
    std::vector<ErrorSums> sums(chunks);
    work.parallelFor(chunks, [&](std::size_t chunk) {
        const std::size_t first = chunk * chunkWeights;
        const std::size_t count = std::min(chunkWeights, input.weights.size() - first);
        std::array<float, chunkWeights> own; // decoded weights need not be held
        float *const decoded = input.decoded != nullptr ? input.decoded + first : own.data();
        dequantizeRange(tensor, first, count, decoded, work.kernels);
        sums[chunk] = work.kernels.errorSums(input.weights.data() + first, decoded, count);
    });
    for (const ErrorSums &part : sums)
        outcome.sums += part;
    outcome.sums.clipped = clippedIn(input, tensor);
    return outcome;
}

} // namespace nibblescope
