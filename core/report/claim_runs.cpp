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
    const auto klOf = [&](ActivationBits bits) {
        const ActivationQuant quant{bits, ActivationScales::Token};
        return valueOf(evaluate(llama, windows, nullptr, work, {}, quant).comparison->kl);
    };
    evidence.klInt8 = klOf(ActivationBits::Int8);
    evidence.klInt4 = klOf(ActivationBits::Int4);
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
    for (std::size_t i = 0; i < recipes.size(); ++i) {
        work.checkStop();
        work.report({i, recipes.size() + 1, shortForm(recipes[i])});
        const bool own = recipes[i] == runs.plan.recipe && runs.plan.calibration != nullptr;
        const ModelPlan plan{recipes[i], runs.plan.rule, own ? runs.plan.calibration : runs.calibration};
        try {
            const auto edit = editFrom(llama, plan, warnings, quiet);
            const Evaluation run = evaluate(llama, windows, edit.get(), quiet);
            RecipeEvidence entry;
            entry.recipe = recipes[i];
            entry.bpw = bitsAWeight(llama.model(), plan);
            entry.perplexityChange = changeOf(run.comparison->nllDifference);
            entry.kl = valueOf(run.comparison->kl);
            evidence.referencePerplexity = std::exp(run.comparison->referenceNll.mean);
            addRecipe(evidence, entry);
        } catch (const Error &error) {
            if (error.fault() != Fault::Input)
                throw;
            warnings.push_back(shortForm(recipes[i]) + " was not run: " + error.what());
        }
    }
    work.report({recipes.size(), recipes.size() + 1, "activations"});
    evidence.activations = activationsOf(llama, windows, quiet);
    work.report({recipes.size() + 1, recipes.size() + 1, {}});
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
