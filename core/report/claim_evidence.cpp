// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "core/quant/quantize.h"
#include "core/report/claim_text.h"
#include "core/report/claims.h"
#include "core/report/readings.h"

namespace nibblescope {
namespace {

constexpr double normalFrom = 2.7;
constexpr double normalTo = 3.3;

Recipe flatNf4(DoubleQuant doubled) {
    Recipe recipe = defaultRecipe(Format::Nf4);
    recipe.blocks = Blocks::Flat;
    recipe.doubleQuant = doubled;
    recipe.scaleType = doubled == DoubleQuant::Off ? ScaleType::F32 : ScaleType::F16;
    return recipe;
}

Recipe withMethod(Format format, std::uint32_t size, const char *method) {
    Recipe recipe = rounded(format, GroupSize::of(size));
    recipe.method = method;
    return recipe;
}

double sigmasOf(const Statistics &statistics) {
    if (!statistics.std || *statistics.std <= 0)
        return 0;
    return std::max(*statistics.max - *statistics.mean, *statistics.mean - *statistics.min) / *statistics.std;
}

} // namespace

const RecipeEvidence *findRecipe(const ClaimEvidence &evidence, const Recipe &recipe) {
    const auto at = std::find_if(evidence.recipes.begin(), evidence.recipes.end(),
                                 [&recipe](const RecipeEvidence &entry) { return entry.recipe == recipe; });
    return at == evidence.recipes.end() ? nullptr : &*at;
}

void addRecipe(ClaimEvidence &evidence, const RecipeEvidence &more) {
    const auto at = std::find_if(evidence.recipes.begin(), evidence.recipes.end(),
                                 [&more](const RecipeEvidence &entry) { return entry.recipe == more.recipe; });
    if (at == evidence.recipes.end()) {
        evidence.recipes.push_back(more);
        return;
    }
    at->bpw = more.bpw;
    // What was measured on all weights is not replaced by a sample.
    if (more.sqnrDb && (!more.sample || at->sample || !at->sqnrDb)) {
        at->sqnrDb = more.sqnrDb;
        at->sample = more.sample;
    }
    if (more.perplexityChange)
        at->perplexityChange = more.perplexityChange;
    if (more.kl)
        at->kl = more.kl;
}

std::optional<ShapeEvidence> shapeEvidence(const std::vector<TensorResult> &results) {
    ShapeEvidence shape;
    std::vector<double> kurtoses;
    for (const TensorResult &result : results) {
        // Kept ones without a reason are those that the default rule would take: there is no recipe.
        if (!(result.quantized || result.keptReason.empty()) || result.shape.rows < 2 || !result.statistics.kurtosis)
            continue;
        const double kurtosis = *result.statistics.kurtosis;
        kurtoses.push_back(kurtosis);
        shape.normal += kurtosis >= normalFrom && kurtosis <= normalTo ? 1 : 0;
        if (kurtosis > shape.largestKurtosis) {
            shape.largestKurtosis = kurtosis;
            shape.largestKurtosisName = tensorText(result.info);
        }
        if (const double sigmas = sigmasOf(result.statistics); sigmas > shape.largestSigmas) {
            shape.largestSigmas = sigmas;
            shape.largestSigmasName = tensorText(result.info);
        }
        shape.shortestRow = shape.shortestRow == 0 ? result.shape.cols : std::min(shape.shortestRow, result.shape.cols);
        shape.longestRow = std::max(shape.longestRow, result.shape.cols);
    }
    if (kurtoses.empty())
        return std::nullopt;
    shape.tensors = kurtoses.size();
    const auto middle = kurtoses.begin() + static_cast<std::ptrdiff_t>(kurtoses.size() / 2);
    std::nth_element(kurtoses.begin(), middle, kurtoses.end());
    shape.medianKurtosis = *middle;
    return shape;
}

std::vector<Recipe> claimRecipes() {
    std::vector<Recipe> recipes;
    recipes.push_back(rounded(Format::Int4, GroupSize::row()));
    for (const std::uint32_t size : {256U, 128U, 64U, 32U, 16U})
        recipes.push_back(rounded(Format::Int4, GroupSize::of(size)));
    for (const Format format : {Format::Int4Max, Format::Int4Asym, Format::Nf4, Format::Fp4, Format::Mxfp4})
        recipes.push_back(rounded(format, GroupSize::of(64)));
    recipes.push_back(flatNf4(DoubleQuant::Off));
    recipes.push_back(flatNf4(DoubleQuant::Dynamic));
    recipes.push_back(defaultRecipe(Format::Int8));
    return recipes;
}

std::vector<Recipe> claimRunRecipes(bool calibrated) {
    std::vector<Recipe> recipes = {defaultRecipe(Format::Int8), rounded(Format::Int4, GroupSize::tensor())};
    for (const std::uint32_t size : {128U, 64U, 32U})
        recipes.push_back(rounded(Format::Int4, GroupSize::of(size)));
    recipes.push_back(rounded(Format::Nf4, GroupSize::of(64)));
    recipes.push_back(rounded(Format::Int4Asym, GroupSize::of(64)));
    recipes.push_back(flatNf4(DoubleQuant::Off));
    recipes.push_back(flatNf4(DoubleQuant::Dynamic));
    recipes.push_back(withMethod(Format::Int4Asym, 64, "hqq"));
    if (!calibrated)
        return recipes;
    recipes.push_back(withMethod(Format::Int4Asym, 64, "gptq"));
    recipes.push_back(withMethod(Format::Int4Asym, 64, "awq"));
    return recipes;
}

} // namespace nibblescope
