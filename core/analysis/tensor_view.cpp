// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/tensor_view.h"

#include <algorithm>

#include "core/analysis/statistics.h"
#include "core/analysis/tensor_warnings.h"
#include "core/base/error.h"
#include "core/io/matrix_reader.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t sampleBlocks = 16;

Statistics statisticsOf(const WeightMatrix &matrix, const Work &work) {
    StatisticsBuilder statistics;
    statistics.add(matrix.weights, work);
    return statistics.finish(work);
}

} // namespace

WeightMatrix readWeights(const Model &model, std::size_t tensor, Layout layout, const Work &work) {
    const MatrixReader reader(model, tensor, layout);
    if (reader.shape().size() > wholeTensorLimitBytes / sizeof(float))
        throw Error(Fault::Input,
                    model.tensors[tensor].name + " is larger than 256 MiB as F32, too large to be held whole.")
            .inTensor(model.tensors[tensor].name);
    WeightMatrix matrix;
    matrix.shape = reader.shape();
    matrix.sourceWeights = matrix.shape.size();
    matrix.weights.resize(matrix.shape.size());
    reader.read(0, matrix.weights, work);
    matrix.statistics = statisticsOf(matrix, work);
    return matrix;
}

WeightMatrix readSample(const Model &model, std::size_t tensor, Layout layout, std::uint64_t about, const Work &work) {
    const MatrixReader reader(model, tensor, layout);
    const MatrixShape shape = reader.shape();
    if (shape.size() <= about)
        return readWeights(model, tensor, layout, work);
    // A part of each stored row costs a read of its own where the matrix lies transposed: two blocks are enough there.
    const std::uint64_t wantedRows = std::clamp<std::uint64_t>(about / shape.cols, 1, shape.rows);
    const std::uint64_t blocks = std::min(reader.anyRange() ? sampleBlocks : 2, wantedRows);
    const std::uint64_t rowsPerBlock = wantedRows / blocks;
    WeightMatrix matrix;
    matrix.shape = {rowsPerBlock * blocks, shape.cols};
    matrix.sourceWeights = shape.size();
    matrix.weights.resize(matrix.shape.size());
    for (std::uint64_t block = 0; block < blocks; ++block) {
        const std::uint64_t firstRow = (shape.rows - rowsPerBlock) * block / std::max<std::uint64_t>(blocks - 1, 1);
        for (std::uint64_t row = 0; row < rowsPerBlock; ++row)
            matrix.rowOrigin.push_back(firstRow + row);
        const std::uint64_t count = rowsPerBlock * shape.cols;
        reader.read(firstRow * shape.cols, std::span(matrix.weights).subspan(block * count, count), work);
    }
    matrix.statistics = statisticsOf(matrix, work);
    return matrix;
}

TensorView makeView(const TensorInfo &info, Layout layout, std::shared_ptr<const WeightMatrix> weights,
                    const Recipe &recipe, const Work &work, const InputStatistics *inputs) {
    TensorView view;
    TensorResult &result = view.result;
    result.info = info;
    result.layout = layout;
    result.shape = matrixShape(info, layout);
    result.sample = weights->sample();
    result.sampled = weights->shape.size();
    result.statistics = weights->statistics ? *weights->statistics : statisticsOf(*weights, work);
    if (recipe.format == Format::None) {
        result.bpw = traits(info.dtype).bits;
    } else {
        QuantizeOutcome outcome = quantize({weights->weights, weights->shape, recipe, nullptr, inputs}, work);
        result.quantized = true;
        result.recipe = recipe;
        result.bits = storedBits(result.shape, recipe);
        result.bpw = static_cast<double>(result.bits.total()) / static_cast<double>(result.shape.size());
        result.metrics = metricsFrom(outcome.sums, std::move(outcome.codeCounts));
        result.scaleCounts = outcome.scaleCounts;
        view.quantized = std::make_shared<const QuantizedTensor>(std::move(outcome.tensor));
    }
    view.weights = std::move(weights);
    addWarnings(result);
    return view;
}

} // namespace nibblescope
