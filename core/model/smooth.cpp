// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/smooth.h"

#include <algorithm>
#include <array>

#include "core/analysis/activations.h"
#include "core/base/error.h"
#include "core/model/calibration.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

void requireUsable(const ModelPlan &plan, double alpha) {
    if (!(alpha >= 0 && alpha <= 1))
        throw Error(Fault::Call, "Smoothing takes an alpha from 0 to 1.");
    const MethodTraits *method = findMethod(plan.recipe.method);
    if (plan.recipe.format != Format::None && method != nullptr && method->needsCalibration)
        throw Error(Fault::Call, "Smoothing goes with methods that need no calibration, not with " +
                                     std::string(method->name) +
                                     ": its statistics are those of the inputs as they "
                                     "were.");
}

} // namespace

SmoothEdit::SmoothEdit(const Llama &llama, const ModelPlan &plan, const StatisticsSource &inputs, double alpha,
                       const Work &work)
    : m_llama(llama), m_recipe((requireUsable(plan, alpha), llama.model()), plan) {
    const LlamaConfig &config = llama.config();
    if (config.heads != config.kvHeads)
        m_remarks.push_back("Smoothing leaves o_proj as it is: " + std::to_string(config.heads) +
                            " query heads share " + std::to_string(config.kvHeads) +
                            " value heads, so that v_proj cannot take its scales.");
    for (std::size_t i = 0; i < config.layers; ++i) {
        work.checkStop();
        work.report({i, config.layers, "smoothing, layer " + std::to_string(i + 1)});
        addLayer(i, inputs, alpha, work);
    }
}

void SmoothEdit::addLayer(std::size_t index, const StatisticsSource &inputs, double alpha, const Work &work) {
    const LlamaConfig &config = m_llama.config();
    const LlamaLayer layer = m_llama.layer(index, work);
    const LlamaTensors::Layer &places = m_llama.tensors().layers[index];
    for (std::size_t k = 0; k < inputCount; ++k) {
        const auto input = static_cast<InputKind>(k);
        if (input == InputKind::Output && config.heads != config.kvHeads)
            continue;
        const auto statistics = inputs.statisticsFor(inputName(index, input));
        if (!statistics)
            throw Error(Fault::Input, "Smoothing needs the inputs of " + inputName(index, input) + ".");
        const std::vector<float> channelMax(statistics->maxAbs.begin(), statistics->maxAbs.end());
        std::vector<float> weightMax(channelMax.size());
        for (const LinearKind kind : allLinears)
            if (inputOf(kind) == input) {
                const std::vector<float> own = columnMaxima(layer.linear(kind).weights, layer.linear(kind).shape);
                for (std::size_t i = 0; i < own.size(); ++i)
                    weightMax[i] = std::max(weightMax[i], own[i]);
            }
        addFold(places, input, smoothingScales(channelMax, weightMax, alpha), m_folds);
    }
}

void SmoothEdit::fold(std::size_t tensor, std::vector<float> &weights) const {
    if (const auto found = m_folds.find(tensor); found != m_folds.end())
        found->second.apply(weights);
}

void SmoothEdit::edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    fold(tensor, weights);
    if (m_recipe.edits(tensor))
        m_recipe.edit(tensor, weights, work);
}

std::optional<QuantizedTensor> SmoothEdit::codes(std::size_t tensor, std::vector<float> &weights,
                                                 const Work &work) const {
    if (!m_recipe.edits(tensor))
        return std::nullopt;
    fold(tensor, weights);
    return m_recipe.codes(tensor, weights, work);
}

void SmoothEdit::comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    edit(tensor, weights, work);
    if (const auto found = m_folds.find(tensor); found != m_folds.end())
        found->second.undo(weights);
}

} // namespace nibblescope
