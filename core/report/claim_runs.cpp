// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/claim_runs.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/bench/bench.h"
#include "core/bench/machine.h"
#include "core/model/activation_source.h"
#include "core/model/evaluate.h"
#include "core/model/evaluation_setup.h"
#include "core/model/recipe_edit.h"
#include "core/quant/quantize.h"
#include "core/report/figures_activations.h"

namespace nibblescope {
namespace {

constexpr std::size_t activationWindows = 8; // that channels are looked at over

MeasuredValue valueOf(const Estimate &estimate) { return {estimate.mean, estimate.standardError}; }

// exp(d) - 1, d the mean difference of nll.
MeasuredValue changeOf(const Estimate &difference) {
    const double ratio = std::exp(difference.mean);
    MeasuredValue change{ratio - 1, {}};
    if (difference.standardError)
        change.error = ratio * *difference.standardError;
    return change;
}

std::vector<Recipe> recipesOf(const ClaimRuns &runs) {
    std::vector<Recipe> recipes = claimRunRecipes(runs.calibration != nullptr);
    const Recipe &own = runs.plan.recipe;
    if (own.format != Format::None && std::find(recipes.begin(), recipes.end(), own) == recipes.end())
        recipes.push_back(own);
    return recipes;
}

TokenWindows firstOf(const TokenWindows &windows, std::size_t count) {
    TokenWindows part;
    part.context = windows.context;
    part.count = std::min(count, windows.count);
    part.ids.assign(windows.ids.begin(), windows.ids.begin() + static_cast<std::ptrdiff_t>(part.count * part.context));
    return part;
}

ActivationEvidence activationsOf(const Llama &llama, const TokenWindows &windows, const Work &work) {
    const ActivationSet set = collectActivations(llama, firstOf(windows, activationWindows), {}, work);
    ActivationEvidence evidence = activationEvidence(set);
    const std::vector<ModelVariant> variants{{nullptr, ActivationQuant{ActivationBits::Int8, ActivationScales::Token}},
                                             {nullptr, ActivationQuant{ActivationBits::Int4, ActivationScales::Token}}};
    const std::vector<Evaluation> runs = evaluateSideBySide(llama, windows, variants, work);
    work.checkStop();
    evidence.klInt8 = valueOf(runs[0].comparison->kl);
    evidence.klInt4 = valueOf(runs[1].comparison->kl);
    return evidence;
}

} // namespace

ClaimEvidence runEvidence(const Llama &llama, const TokenWindows &windows, const ClaimRuns &runs,
                          std::vector<std::string> &warnings, const Work &work) {
    ClaimEvidence evidence;
    evidence.text = runs.text;
    evidence.predictions = windows.predictions();
    const std::vector<Recipe> recipes = recipesOf(runs);
    const Work quiet{work.pool, work.kernels, work.priority, work.stop, {}};
    std::vector<std::unique_ptr<const WeightEdit>> edits;
    std::vector<ModelVariant> variants;
    std::vector<ModelPlan> plans;
    const auto tell = [&](const Recipe &recipe, const Error &error) {
        warnings.push_back(shortForm(recipe) + " was not run: " + error.what());
    };
    for (const Recipe &recipe : recipes) {
        const bool own = recipe == runs.plan.recipe && runs.plan.calibration != nullptr;
        const ModelPlan plan{recipe, runs.plan.rule, own ? runs.plan.calibration : runs.calibration};
        try {
            edits.push_back(editFrom(llama, plan, warnings, quiet));
        } catch (const Error &error) {
            if (error.fault() != Fault::Input)
                throw;
            tell(recipe, error);
            continue;
        }
        variants.push_back({edits.back().get(), {}});
        plans.push_back(plan);
    }
    const std::vector<Evaluation> evaluations = evaluateSideBySide(llama, windows, variants, work);
    work.checkStop();
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        const Evaluation &run = evaluations[i];
        if (run.problem) {
            tell(plans[i].recipe, *run.problem);
            continue;
        }
        RecipeEvidence entry;
        entry.recipe = plans[i].recipe;
        entry.bpw = bitsAWeight(llama.model(), plans[i]);
        entry.perplexityChange = changeOf(run.comparison->nllDifference);
        entry.kl = valueOf(run.comparison->kl);
        evidence.referencePerplexity = std::exp(run.comparison->referenceNll.mean);
        addRecipe(evidence, entry);
    }
    evidence.activations = activationsOf(llama, windows, quiet);
    return evidence;
}

ClaimEvidence speedEvidence(const std::stop_token &stop, const ProgressSink &progress) {
    KernelRequest request;
    request.formats = {{"int8", std::nullopt, false}, {"int4", 64U, false}, {"nf4", 64U, false}};
    request.threads = {static_cast<unsigned>(allowedProcessors().size())};
    request.seconds = 8;
    ClaimEvidence evidence;
    evidence.bench = measureKernels(request, stop, progress);
    return evidence;
}

} // namespace nibblescope
