// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/recipe_edit.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/io/shown.h"
#include "core/quant/quantize.h"

namespace nibblescope {

RecipeEdit::RecipeEdit(const Model &model, const ModelPlan &plan)
    : m_model(model), m_plan(plan), m_quantized(model.tensors.size()) {
    if (const auto problem = problemOf(plan.recipe))
        throw Error(Fault::Call, "--" + problem->option + ": " + problem->reason + ".");
    for (std::size_t i = 0; i < model.tensors.size(); ++i) {
        const TensorResult described = describeTensor(model.tensors[i], plan);
        m_quantized[i] = described.quantized;
        if (!described.quantized)
            continue;
        if (described.layout != Layout::OutIn)
            throw Error(Fault::Call, "--layout: " + shown(described.info.name) +
                                         " is read as out_in when the model runs; it cannot be quantized as in_out.");
    }
}

double bitsAWeight(const Model &model, const ModelPlan &plan) {
    std::vector<TensorResult> results;
    for (const TensorInfo &info : model.tensors)
        results.push_back(describeTensor(info, plan));
    return totalsOf(results).bpw.value_or(0);
}

void RecipeEdit::edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    const TensorInfo &info = m_model.tensors[tensor];
    if (!std::all_of(weights.begin(), weights.end(), [](float weight) { return std::isfinite(weight); }))
        throw Error(Fault::Input, shown(info.name) + " holds NaN or Inf: a model with such a tensor cannot be run.")
            .inTensor(info.name);
    std::vector<float> decoded(weights.size());
    std::shared_ptr<const InputStatistics> inputs;
    if (m_plan.calibration && findMethod(m_plan.recipe.method)->needsCalibration)
        inputs = m_plan.calibration->statisticsFor(info.name);
    try {
        quantize({weights, matrixShape(info, Layout::OutIn), m_plan.recipe, decoded.data(), inputs.get()}, work);
    } catch (const Error &error) {
        if (error.fault() != Fault::Input || !error.tensor().empty())
            throw;
        throw Error(error.fault(), shown(info.name) + ": " + error.what() + ".").inTensor(info.name);
    }
    weights.swap(decoded);
}

} // namespace nibblescope
