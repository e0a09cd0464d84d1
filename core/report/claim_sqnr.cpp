// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/claim_sqnr.h"

#include "core/analysis/tensor_view.h"
#include "core/base/error.h"

namespace nibblescope {
namespace {

struct Sums {
    ErrorSums errors;
    StoredBits bits;
    std::uint64_t weights = 0;
    bool sample = false;
    bool possible = true;
};

} // namespace

std::vector<RecipeEvidence> sqnrEvidence(const Model &model, const SelectionRule &rule,
                                         const std::vector<Recipe> &recipes, const Work &work, std::uint64_t most) {
    std::vector<Sums> sums(recipes.size());
    for (std::size_t tensor = 0; tensor < model.tensors.size(); ++tensor) {
        const TensorInfo &info = model.tensors[tensor];
        if (keptReason(info, rule))
            continue;
        work.checkStop();
        work.report({tensor, model.tensors.size(), info.name});
        const Layout layout = layoutOf(info, rule);
        const auto weights = std::make_shared<const WeightMatrix>(readSample(model, tensor, layout, most, work));
        for (std::size_t i = 0; i < recipes.size(); ++i) {
            if (!sums[i].possible)
                continue;
            try {
                const TensorView view = makeView(info, layout, weights, recipes[i], work);
                sums[i].errors += view.result.metrics->sums;
                sums[i].bits += view.result.bits;
                sums[i].weights += view.result.shape.size();
                sums[i].sample = sums[i].sample || view.result.sample;
            } catch (const Error &error) {
                if (error.fault() == Fault::Interrupted || error.fault() == Fault::Machine)
                    throw;
                sums[i].possible = false;
            }
        }
    }
    std::vector<RecipeEvidence> evidence;
    for (std::size_t i = 0; i < recipes.size(); ++i) {
        if (!sums[i].possible || sums[i].weights == 0)
            continue;
        RecipeEvidence of;
        of.recipe = recipes[i];
        of.bpw = static_cast<double>(sums[i].bits.total()) / static_cast<double>(sums[i].weights);
        of.sqnrDb = metricsFrom(sums[i].errors, {}).sqnrDb;
        of.sample = sums[i].sample;
        evidence.push_back(of);
    }
    return evidence;
}

} // namespace nibblescope
