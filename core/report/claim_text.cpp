// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/claim_text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/report/number_text.h"
#include "core/report/readings.h"

namespace nibblescope {
namespace {

constexpr const char *noBreakSpace = "\u00a0";

// Decimals that show an error with two significant digits.
int decimalsFor(double error, int most) {
    if (!(error > 0) || !std::isfinite(error))
        return most;
    return std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, most);
}

bool symmetricRounding(const Recipe &recipe, Format format) {
    Recipe wanted = rounded(format, recipe.groupSize);
    return recipe == wanted;
}

} // namespace

std::string changeText(const MeasuredValue &share) {
    const double percent = share.value * 100;
    const int decimals = share.error ? decimalsFor(*share.error * 100, 4) : 2;
    std::string text = signedText(percent, fixedText(std::abs(percent), decimals));
    if (share.error)
        text += std::string(noBreakSpace) + "±" + noBreakSpace + fixedText(*share.error * 100, decimals);
    return withUnit(text, "%");
}

std::string plusMinus(const MeasuredValue &value) {
    const int decimals = value.error ? decimalsFor(*value.error, 7) : 5;
    std::string text = fixedText(value.value, decimals);
    if (value.error)
        text += std::string(noBreakSpace) + "±" + noBreakSpace + fixedText(*value.error, decimals);
    return text;
}

std::string dbText(const RecipeEvidence &recipe) {
    return withUnit((recipe.sample ? "≈" : "") + sqnrText(recipe.sqnrDb), "dB");
}

std::string nameOf(const RecipeEvidence &recipe) { return recipeText(recipe.recipe); }

Recipe rounded(Format format, GroupSize size) {
    Recipe recipe = defaultRecipe(format);
    if (format != Format::Mxfp4)
        recipe.groupSize = size;
    return recipe;
}

const RecipeEvidence *roundedEvidence(const ClaimEvidence &evidence, Format format, GroupSize size) {
    return findRecipe(evidence, rounded(format, size));
}

const RecipeEvidence *roundedInGroups(const ClaimEvidence &evidence) {
    for (const std::uint32_t size : {128U, 64U, 32U}) {
        const RecipeEvidence *found = roundedEvidence(evidence, Format::Int4, GroupSize::of(size));
        if (found != nullptr && found->perplexityChange)
            return found;
    }
    return nullptr;
}

const RecipeEvidence *bestOfMethod(const ClaimEvidence &evidence, const std::string &method) {
    const RecipeEvidence *best = nullptr;
    for (const RecipeEvidence &entry : evidence.recipes) {
        if (entry.recipe.method != method || !entry.perplexityChange || !entry.kl)
            continue;
        if (best == nullptr || entry.kl->value < best->kl->value)
            best = &entry;
    }
    return best;
}

const RecipeEvidence *roundedPartner(const ClaimEvidence &evidence, const Recipe &recipe) {
    Recipe partner = recipe;
    partner.method = "rtn";
    partner.actOrder = partner.sequential = partner.awqNoClip = false;
    partner.damp = defaultDamp;
    const RecipeEvidence *found = findRecipe(evidence, partner);
    return found != nullptr && found->perplexityChange ? found : nullptr;
}

std::vector<GroupStep> groupSteps(const ClaimEvidence &evidence, Format format) {
    std::vector<GroupStep> steps;
    for (const RecipeEvidence &entry : evidence.recipes) {
        if (symmetricRounding(entry.recipe, format) && entry.sqnrDb &&
            entry.recipe.groupSize.kind != GroupSize::Kind::Tensor)
            steps.push_back({&entry, 0});
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const GroupStep &a, const GroupStep &b) { return a.point->bpw < b.point->bpw; });
    // Where all rows are shorter than a group, the same groups have several names.
    const auto same = [](const GroupStep &a, const GroupStep &b) { return b.point->bpw - a.point->bpw < 1e-6; };
    steps.erase(std::unique(steps.begin(), steps.end(), same), steps.end());
    for (std::size_t i = 1; i < steps.size(); ++i)
        steps[i].dbPerBit =
            (*steps[i].point->sqnrDb - *steps[i - 1].point->sqnrDb) / (steps[i].point->bpw - steps[i - 1].point->bpw);
    return steps;
}

const RecipeEvidence *sweetSpot(const std::vector<GroupStep> &steps) {
    if (steps.size() < 2)
        return nullptr;
    std::size_t at = 0;
    while (at + 1 < steps.size() && steps[at + 1].dbPerBit >= dbPerBitOfCode)
        ++at;
    return steps[at].point;
}

std::optional<DoubledPair> doubledPair(const ClaimEvidence &evidence) {
    for (const RecipeEvidence &entry : evidence.recipes) {
        if (entry.recipe.doubleQuant == DoubleQuant::Off || !entry.sqnrDb)
            continue;
        Recipe plain = entry.recipe;
        plain.doubleQuant = DoubleQuant::Off;
        plain.scaleType = ScaleType::F32;
        const RecipeEvidence *partner = findRecipe(evidence, plain);
        if (partner != nullptr && partner->sqnrDb)
            return DoubledPair{partner, &entry};
    }
    return std::nullopt;
}

bool SpeedPair::memoryBound() const {
    return four->cache == CacheState::Cold && four->share >= 0.5 && eight->share >= 0.5;
}

std::vector<SpeedPair> speedPairs(const ClaimEvidence &evidence) {
    std::vector<SpeedPair> pairs;
    if (!evidence.bench)
        return pairs;
    const auto &results = evidence.bench->results;
    const auto product = [](const KernelTiming &timing) {
        return timing.operation == Operation::Matvec && timing.cache == CacheState::Cold && timing.medianSeconds > 0;
    };
    const auto alike = [](const KernelTiming &a, const KernelTiming &b) {
        return a.isa == b.isa && a.threads == b.threads && a.rows == b.rows && a.cols == b.cols && a.batch == b.batch &&
               a.activations == b.activations;
    };
    for (const KernelTiming &four : results) {
        if (!product(four) || (four.format != "int4" && four.format != "nf4") || four.doubleQuant)
            continue;
        for (const KernelTiming &eight : results) {
            if (product(eight) && eight.format == "int8" && alike(four, eight))
                pairs.push_back({&four, &eight});
        }
    }
    // Those that wait for memory first, then the fastest.
    std::stable_sort(pairs.begin(), pairs.end(), [](const SpeedPair &a, const SpeedPair &b) {
        if (a.memoryBound() != b.memoryBound())
            return a.memoryBound();
        return a.ratio() > b.ratio();
    });
    return pairs;
}

} // namespace nibblescope
