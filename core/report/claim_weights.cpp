// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/claim_weights.h"

#include <algorithm>

#include "core/analysis/tensor_view.h"
#include "core/quant/fitted_codebook.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t fewestWeights = 1U << 12; // of a tensor

// Tensors that the plan's rule quantizes, under some recipe.
std::vector<TensorResult> described(const std::vector<TensorResult> &results, const ModelPlan &plan,
                                    const Recipe &recipe) {
    std::vector<TensorResult> all;
    for (const TensorResult &result : results)
        all.push_back(describeTensor(result.info, {recipe, plan.rule}));
    return all;
}

struct Sums {
    Recipe recipe;
    double bpw = 0;
    ErrorSums sums;
};

// Recipes that every tensor can have: double quantization needs more than one group.
std::vector<Sums> possible(const std::vector<TensorResult> &results, const ModelPlan &plan) {
    std::vector<Sums> all;
    for (const Recipe &recipe : claimRecipes()) {
        const std::vector<TensorResult> here = described(results, plan, recipe);
        const bool single = std::any_of(here.begin(), here.end(), [&recipe](const TensorResult &result) {
            return result.quantized && groupGrid(result.shape, recipe).groups() < 2;
        });
        const auto bpw = totalsOf(here).bpw;
        if (bpw && !(single && recipe.doubleQuant != DoubleQuant::Off))
            all.push_back({recipe, *bpw, {}});
    }
    return all;
}

std::uint64_t quantizedWeights(const std::vector<TensorResult> &results) {
    std::uint64_t weights = 0;
    for (const TensorResult &result : results)
        weights += result.quantized ? result.shape.size() : 0;
    return weights;
}

MemoryEvidence memoryEvidence(const Model &model, const std::vector<TensorResult> &results, const ModelPlan &plan,
                              const MemoryOptions &options) {
    const Recipe &asked = plan.recipe;
    const bool four = asked.format != Format::None && traits(asked.format).codeBits == 4;
    MemoryEvidence evidence;
    evidence.recipe = four ? asked : defaultRecipe(Format::Int4);
    const ModelGeometry geometry = modelGeometry(model.config);
    const std::vector<TensorResult> here = described(results, plan, evidence.recipe);
    evidence.memory = memoryOf(here, geometry, options);
    evidence.fp32WeightsBytes = memoryAsFloat(here, 32, geometry, options).weightsBytes();
    evidence.fp32QuantizedBytes = quantizedWeights(here) * sizeof(float);
    return evidence;
}

} // namespace

ClaimEvidence weightEvidence(const Model &model, const std::vector<TensorResult> &results, const ModelPlan &plan,
                             const MemoryOptions &memory, const Work &work) {
    ClaimEvidence evidence;
    for (const TensorResult &result : results)
        evidence.params += result.info.params;
    const std::vector<TensorResult> chosen = described(results, plan, defaultRecipe(Format::Int4));
    const std::uint64_t all = quantizedWeights(chosen);
    if (all == 0)
        return evidence;
    evidence.shape = shapeEvidence(results);
    evidence.memory = memoryEvidence(model, results, plan, memory);
    std::vector<Sums> recipes = possible(results, plan);
    const Work quiet{work.pool, work.kernels, work.priority, work.stop, {}};
    bool sample = false;
    for (const TensorResult &result : chosen) {
        work.checkStop();
        const auto index = model.find(result.info.name);
        if (!result.quantized || !index)
            continue;
        const auto share = static_cast<double>(claimWeights) / static_cast<double>(all);
        const auto about = std::max(
            fewestWeights, static_cast<std::uint64_t>(static_cast<double>(result.shape.size()) * std::min(1.0, share)));
        const WeightMatrix weights = readSample(model, *index, result.layout, about, quiet);
        sample = sample || weights.sample();
        for (Sums &entry : recipes) {
            const bool single = groupGrid(weights.shape, entry.recipe).groups() < 2;
            if (single && entry.recipe.doubleQuant != DoubleQuant::Off)
                continue;
            entry.sums += quantize({weights.weights, weights.shape, entry.recipe, nullptr}, quiet).sums;
        }
    }
    for (const Sums &entry : recipes)
        addRecipe(evidence, {entry.recipe, entry.bpw, metricsFrom(entry.sums, {}).sqnrDb, sample, {}, {}});
    const ModelTotals totals = totalsOf(results);
    if (totals.bpw && totals.metrics && totals.metrics->sqnrDb)
        addRecipe(evidence, {plan.recipe, *totals.bpw, totals.metrics->sqnrDb, false, {}, {}});
    return evidence;
}

void merge(ClaimEvidence &evidence, const ClaimEvidence &more) {
    for (const RecipeEvidence &entry : more.recipes)
        addRecipe(evidence, entry);
    evidence.params = more.params > 0 ? more.params : evidence.params;
    if (more.shape)
        evidence.shape = more.shape;
    if (more.memory)
        evidence.memory = more.memory;
    if (more.bench)
        evidence.bench = more.bench;
    if (more.activations)
        evidence.activations = more.activations;
    if (more.referencePerplexity)
        evidence.referencePerplexity = more.referencePerplexity;
    if (!more.text.empty()) {
        evidence.text = more.text;
        evidence.predictions = more.predictions;
    }
}

} // namespace nibblescope
