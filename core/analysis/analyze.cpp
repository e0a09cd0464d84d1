// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/analyze.h"

#include <algorithm>

#include "core/analysis/statistics.h"
#include "core/analysis/tensor_warnings.h"
#include "core/base/error.h"
#include "core/io/matrix_reader.h"
#include "core/io/weight_blocks.h"
#include "core/quant/group_quantizer.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

// The tensor to be measured, and how it is read.
struct Source {
    const Model &model;
    std::size_t tensor;
    Layout layout;
    const Work &work;

    template <typename Body>
    void forBlocks(std::uint64_t alignment, bool whole, Body body) const {
        forEachBlock(model, tensor, layout, alignment, whole, work, body);
    }
};

// One pass over the file where scales depend on nothing far away, or where the tensor may be held whole; else two.
void measureInGroups(TensorResult &result, const Source &source, const Recipe &recipe, ScaleChoice choice) {
    GroupQuantizer quantizer(recipe, result.shape, choice);
    const bool fits = result.shape.size() * sizeof(float) <= wholeTensorLimitBytes;
    const bool fuse = quantizer.canFuse();
    if (!fits && choice == ScaleChoice::ClipSearch && quantizer.groupsCrossBlocks())
        refuseLarge(result.info, "a clip search over groups that cross rows");
    StatisticsBuilder statistics;
    const std::uint64_t alignment = quantizer.blockAlignment();
    source.forBlocks(alignment, fits && !fuse, [&](std::uint64_t first, std::span<const float> weights) {
        statistics.add(weights, source.work);
        if (!fuse)
            quantizer.observe(first, weights, source.work);
        if (!fuse && fits)
            quantizer.finishScales();
        if (fuse || fits)
            quantizer.encode(first, weights, {}, source.work);
    });
    if (!fuse && !fits) {
        quantizer.finishScales();
        source.forBlocks(alignment, false, [&](std::uint64_t first, std::span<const float> weights) {
            quantizer.encode(first, weights, {}, source.work);
        });
    }
    result.statistics = statistics.finish(source.work);
    result.metrics = metricsFrom(quantizer.sums(), quantizer.codeCounts());
    result.scaleCounts = quantizer.scaleCounts();
}

void measureWhole(TensorResult &result, const Source &source, const Recipe &recipe,
                  const StatisticsSource *calibration) {
    std::shared_ptr<const InputStatistics> inputs;
    if (calibration != nullptr && findMethod(recipe.method)->needsCalibration)
        inputs = calibration->statisticsFor(result.info.name);
    source.forBlocks(1, true, [&](std::uint64_t, std::span<const float> weights) {
        StatisticsBuilder statistics;
        statistics.add(weights, source.work);
        result.statistics = statistics.finish(source.work);
        QuantizeOutcome outcome = quantize({weights, result.shape, recipe, nullptr, inputs.get()}, source.work);
        result.metrics = metricsFrom(outcome.sums, std::move(outcome.codeCounts));
        result.scaleCounts = outcome.scaleCounts;
        for (const std::string &warning : outcome.warnings)
            result.warnings.push_back(result.info.name + ": " + warning + ".");
    });
}

void measure(TensorResult &result, const Source &source, const Recipe &recipe, const StatisticsSource *calibration) {
    if (recipe.format == Format::None) {
        StatisticsBuilder statistics;
        source.forBlocks(1, false,
                         [&](std::uint64_t, std::span<const float> weights) { statistics.add(weights, source.work); });
        result.statistics = statistics.finish(source.work);
        return;
    }
    const MethodTraits &method = *findMethod(recipe.method);
    if (!needsWholeTensor(recipe))
        return measureInGroups(result, source, recipe, *method.groupWise);
    refuseIfTooLarge(result.info, result.shape, recipe);
    measureWhole(result, source, recipe, calibration);
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
    measure(result, {model, tensor, result.layout, work}, result.quantized ? plan.recipe : Recipe{},
            plan.calibration.get());
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
