// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/analyze.h"

#include <algorithm>

#include "core/analysis/matrix_reader.h"
#include "core/analysis/statistics.h"
#include "core/analysis/tensor_view.h"
#include "core/analysis/tensor_warnings.h"
#include "core/base/error.h"
#include "core/quant/group_quantizer.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

// Weights of a block where a tensor is too large to be held whole: 16 MiB as F32 (64 MiB where it lies transposed, and
// a block reads a part of every stored row).
constexpr std::uint64_t streamedBlock = 4U << 20;
constexpr std::uint64_t transposedBlock = 16U << 20;

// Calls visit(first, weights) for blocks that begin at multiples of `alignment`, in order.
template <typename Visit>
void forBlocks(const MatrixReader &reader, std::uint64_t alignment, const Work &work, Visit visit) {
    const MatrixShape shape = reader.shape();
    std::uint64_t block = shape.size();
    if (shape.size() > wholeTensorLimitBytes / sizeof(float)) {
        // Where only whole rows can be read, the alignment of row groups is whole rows already.
        const std::uint64_t unit = reader.anyRange() ? alignment : std::max(alignment, shape.cols);
        const std::uint64_t wanted = reader.anyRange() ? streamedBlock : transposedBlock;
        block = std::max<std::uint64_t>(1, wanted / unit) * unit;
    }
    std::vector<float> weights;
    for (std::uint64_t first = 0; first < shape.size(); first += block) {
        work.checkStop();
        weights.resize(std::min(block, shape.size() - first));
        reader.read(first, weights, work);
        visit(first, std::span<const float>(weights));
    }
}

void refuseLarge(const TensorInfo &info, const std::string &what) {
    throw Error(Fault::Input, info.name + " is larger than 256 MiB as F32, and " + what +
                                  " needs it whole. Use groups along rows, or exclude it.")
        .inTensor(info.name);
}

void measureWhole(TensorResult &result, const MatrixReader &reader, const Recipe &recipe, const Work &work) {
    std::vector<float> weights(reader.shape().size());
    reader.read(0, weights, work);
    StatisticsBuilder statistics;
    statistics.add(weights, work);
    result.statistics = statistics.finish(work);
    QuantizeOutcome outcome = quantize({weights, reader.shape(), recipe, nullptr}, work);
    result.metrics = metricsFrom(outcome.sums, std::move(outcome.codeCounts));
    result.scaleCounts = outcome.scaleCounts;
}

// Statistics only, or both in one pass over the file where scales depend on nothing far away; else two passes.
void measure(TensorResult &result, const MatrixReader &reader, const Recipe &recipe, const Work &work) {
    StatisticsBuilder statistics;
    if (recipe.format == Format::None) {
        forBlocks(reader, chunkWeights, work,
                  [&](std::uint64_t, std::span<const float> weights) { statistics.add(weights, work); });
        result.statistics = statistics.finish(work);
        return;
    }
    const bool large = reader.shape().size() > wholeTensorLimitBytes / sizeof(float);
    const MethodTraits &method = *findMethod(recipe.method);
    if (large && !method.groupWise)
        refuseLarge(result.info, std::string(method.name));
    if (!method.groupWise) {
        measureWhole(result, reader, recipe, work);
        return;
    }
    const ScaleChoice choice = *method.groupWise;
    GroupQuantizer quantizer(recipe, reader.shape(), choice);
    if (large && quantizer.grid().rows == 1 && !reader.anyRange())
        refuseLarge(result.info, "a group that crosses rows of a transposed matrix");
    if (large && quantizer.groupsCrossBlocks() && choice == ScaleChoice::ClipSearch)
        refuseLarge(result.info, "a clip search over groups that cross rows");
    const bool fuse = quantizer.canFuse();
    forBlocks(reader, quantizer.blockAlignment(), work, [&](std::uint64_t first, std::span<const float> weights) {
        statistics.add(weights, work);
        if (fuse)
            quantizer.encode(first, weights, {}, work);
        else
            quantizer.observe(first, weights, work);
        if (!fuse && !large) {
            // The whole tensor is this one block: no need to read it again.
            quantizer.finishScales();
            quantizer.encode(first, weights, {}, work);
        }
    });
    if (!fuse && large) {
        quantizer.finishScales();
        forBlocks(reader, quantizer.blockAlignment(), work, [&](std::uint64_t first, std::span<const float> weights) {
            quantizer.encode(first, weights, {}, work);
        });
    }
    result.statistics = statistics.finish(work);
    result.metrics = metricsFrom(quantizer.sums(), quantizer.codeCounts());
    result.scaleCounts = quantizer.scaleCounts();
}

} // namespace

TensorResult describeTensor(const TensorInfo &info, const ModelPlan &plan) {
    TensorResult result;
    result.info = info;
    result.layout = layoutOf(info, plan.rule);
    result.shape = matrixShape(info, result.layout);
    const auto reason = keptReason(info, plan.rule);
    result.keptReason = reason.value_or("");
    result.quantized = !reason && plan.recipe.format != Format::None;
    result.bpw = traits(info.dtype).bits;
    if (result.quantized) {
        result.recipe = plan.recipe;
        result.bits = storedBits(result.shape, plan.recipe);
        result.bpw = static_cast<double>(result.bits.total()) / static_cast<double>(result.shape.size());
    }
    return result;
}

TensorResult analyzeTensor(const Model &model, std::size_t tensor, const ModelPlan &plan, const Work &work) {
    TensorResult result = describeTensor(model.tensors[tensor], plan);
    if (!traits(result.info.dtype).decodable || result.info.params == 0)
        return result;
    if (result.quantized) {
        if (const auto problem = problemOf(plan.recipe))
            throw Error(Fault::Call, "--" + problem->option + ": " + problem->reason + ".");
        if (plan.recipe.doubleQuant != DoubleQuant::Off && groupGrid(result.shape, plan.recipe).groups() == 1)
            throw Error(Fault::Input, result.info.name +
                                          " has a single group: double quantization has nothing to save. "
                                          "Exclude it or choose a smaller group size.")
                .inTensor(result.info.name);
    }
    const MatrixReader reader(model, tensor, result.layout);
    measure(result, reader, result.quantized ? plan.recipe : Recipe{}, work);
    result.sampled = result.info.params;
    addWarnings(result);
    return result;
}

std::vector<TensorResult> analyzeModel(const Model &model, const std::vector<std::size_t> &tensors,
                                       const ModelPlan &plan, const Work &work,
                                       const std::function<void(const TensorResult &)> &done) {
    std::vector<TensorResult> results;
    Progress progress;
    for (const std::size_t tensor : tensors)
        progress.total += model.tensors[tensor].bytes;
    for (const std::size_t tensor : tensors) {
        work.checkStop();
        progress.label = model.tensors[tensor].name;
        work.report(progress);
        results.push_back(analyzeTensor(model, tensor, plan, work));
        progress.done += model.tensors[tensor].bytes;
        if (done)
            done(results.back());
    }
    work.report(progress);
    return results;
}

} // namespace nibblescope
