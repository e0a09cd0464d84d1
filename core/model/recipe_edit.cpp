// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/recipe_edit.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/io/shown.h"
#include "core/io/weight_blocks.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t blockBytes = 32ULL << 20; // of decoded weights beside the tensor

// Whether no scale and no level depends on more than one row.
bool rowsAreIndependent(const Recipe &recipe) {
    return !needsWholeTensor(recipe) && recipe.blocks == Blocks::Row &&
           recipe.groupSize.kind != GroupSize::Kind::Tensor && recipe.doubleQuant == DoubleQuant::Off;
}

// Returns the quantizer's warnings.
std::vector<std::string> quantizeInPlace(std::vector<float> &weights, MatrixShape shape, const Recipe &recipe,
                                         const InputStatistics *inputs, const Work &work) {
    if (!rowsAreIndependent(recipe)) { // codes stand in for a second copy of the weights
        QuantizeOutcome outcome = quantize({weights, shape, recipe, nullptr, inputs}, work);
        dequantize(outcome.tensor, weights, work);
        return std::move(outcome.warnings);
    }
    std::vector<std::string> warnings;
    const std::uint64_t rows = std::clamp<std::uint64_t>(blockBytes / (shape.cols * sizeof(float)), 1, shape.rows);
    std::vector<float> decoded(rows * shape.cols);
    for (std::uint64_t first = 0; first < shape.rows; first += rows) {
        const std::uint64_t count = std::min(rows, shape.rows - first);
        const auto block = std::span(weights).subspan(first * shape.cols, count * shape.cols);
        for (std::string &text : quantize({block, {count, shape.cols}, recipe, decoded.data(), inputs}, work).warnings)
            if (std::find(warnings.begin(), warnings.end(), text) == warnings.end())
                warnings.push_back(std::move(text));
        std::copy_n(decoded.begin(), block.size(), block.begin());
    }
    return warnings;
}

} // namespace

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

// `step` with what it needs; what it throws about "it" names the tensor.
void RecipeEdit::quantizeWith(std::size_t tensor, const std::vector<float> &weights, const Step &step) const {
    const TensorInfo &info = m_model.tensors[tensor];
    if (!std::all_of(weights.begin(), weights.end(), [](float weight) { return std::isfinite(weight); }))
        throw Error(Fault::Input, shown(info.name) + " holds NaN or Inf: a model with such a tensor cannot be run.")
            .inTensor(info.name);
    std::shared_ptr<const InputStatistics> inputs;
    if (m_plan.calibration && findMethod(m_plan.recipe.method)->needsCalibration)
        inputs = m_plan.calibration->statisticsFor(info.name);
    refuseIfTooLarge(info, matrixShape(info, Layout::OutIn), m_plan.recipe);
    try {
        m_warnings[tensor] = step(matrixShape(info, Layout::OutIn), inputs.get());
    } catch (const Error &error) {
        if (error.fault() != Fault::Input || !error.tensor().empty())
            throw;
        throw Error(error.fault(), shown(info.name) + ": " + error.what() + ".").inTensor(info.name);
    }
}

void RecipeEdit::edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    quantizeWith(tensor, weights, [&](MatrixShape shape, const InputStatistics *inputs) {
        return quantizeInPlace(weights, shape, m_plan.recipe, inputs, work);
    });
}

std::optional<QuantizedTensor> RecipeEdit::codes(std::size_t tensor, std::vector<float> &weights,
                                                 const Work &work) const {
    if (!m_quantized[tensor])
        return std::nullopt;
    std::optional<QuantizedTensor> made;
    quantizeWith(tensor, weights, [&](MatrixShape shape, const InputStatistics *inputs) {
        QuantizeOutcome outcome = quantize({weights, shape, m_plan.recipe, nullptr, inputs}, work);
        made = std::move(outcome.tensor);
        return std::move(outcome.warnings);
    });
    return made;
}

std::vector<std::string> RecipeEdit::warnings() const {
    std::vector<std::string> all;
    for (const auto &[tensor, texts] : m_warnings)
        for (const std::string &text : texts)
            all.push_back(shown(m_model.tensors[tensor].name) + ": " + text + ".");
    return all;
}

} // namespace nibblescope
