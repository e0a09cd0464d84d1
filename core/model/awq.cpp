// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/awq.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/io/weight_blocks.h"
#include "core/model/calibration.h"
#include "core/quant/output_error.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr int exponents = 20;
constexpr int clipSteps = 10; // of a twentieth each
constexpr double smallestScale = 1e-4;

Recipe roundingOf(Recipe recipe) {
    recipe.method = "rtn";
    recipe.awqNoClip = false;
    return recipe;
}

std::vector<float> scalesFor(const std::vector<double> &meanAbs, int exponent) {
    std::vector<double> scales(meanAbs.size());
    for (std::size_t i = 0; i < scales.size(); ++i)
        scales[i] = std::max(std::pow(meanAbs[i], static_cast<double>(exponent) / exponents), smallestScale);
    const auto [low, high] = std::minmax_element(scales.begin(), scales.end());
    const double middle = std::sqrt(*low * *high);
    std::vector<float> rounded(scales.size());
    std::transform(scales.begin(), scales.end(), rounded.begin(),
                   [middle](double scale) { return static_cast<float>(scale / middle); });
    return rounded;
}

// ---- ranges of groups

std::vector<float> magnitudesOf(const std::vector<float> &weights, const GroupGrid &grid) {
    std::vector<float> largest(grid.groups());
    for (std::size_t group = 0; group < largest.size(); ++group)
        for (std::size_t i = 0; i < grid.length(group); ++i)
            largest[group] = std::max(largest[group], std::fabs(weights[grid.begin(group) + i]));
    return largest;
}

float boundOf(float largest, int step) {
    return largest * static_cast<float>(2 * clipSteps - step) / static_cast<float>(2 * clipSteps);
}

} // namespace

struct AwqEdit::Set {
    InputKind input = InputKind::Attention;
    std::vector<LinearKind> linears; // those that are quantized
};

AwqEdit::AwqEdit(const Llama &llama, const ModelPlan &plan, const Work &work)
    : m_llama(llama), m_rounding(roundingOf(plan.recipe)), m_clips(!plan.recipe.awqNoClip),
      m_selection(llama.model(), {m_rounding, plan.rule}), m_calibration(plan.calibration) {
    const LlamaConfig &config = llama.config();
    if (config.heads != config.kvHeads)
        m_remarks.push_back("AWQ leaves o_proj unscaled: " + std::to_string(config.heads) + " query heads share " +
                            std::to_string(config.kvHeads) + " value heads, so that v_proj cannot take its scales.");
    for (std::size_t i = 0; i < config.layers; ++i) {
        work.checkStop();
        work.report({i, config.layers, "AWQ, layer " + std::to_string(i + 1)});
        for (const std::size_t tensor : llama.tensors().layers[i].linears)
            if (m_selection.edits(tensor))
                refuseIfTooLarge(llama.model().tensors[tensor],
                                 matrixShape(llama.model().tensors[tensor], Layout::OutIn), plan.recipe);
        LlamaLayer layer = llama.layer(i, work);
        LayerScales scales;
        std::array<std::shared_ptr<const InputStatistics>, inputCount> inputs;
        for (std::size_t k = 0; k < inputCount; ++k)
            inputs[k] = m_calibration->statisticsFor(inputName(i, static_cast<InputKind>(k)));
        const std::vector<Set> sets = setsOf(layer);
        // All searches see the original weights.
        for (const Set &set : sets)
            scales[static_cast<std::size_t>(set.input)] =
                searchScales(layer, set, *inputs[static_cast<std::size_t>(set.input)], work);
        for (const Set &set : sets)
            addFold(llama.tensors().layers[i], set.input, scales[static_cast<std::size_t>(set.input)], m_folds);
        for (const LinearKind kind : allLinears) {
            LlamaLinear &linear = layer.linear(kind);
            if (!m_clips || kind == LinearKind::Query || kind == LinearKind::Key || !m_selection.edits(linear.tensor))
                continue;
            fold(linear.tensor, linear.weights);
            const auto k = static_cast<std::size_t>(inputOf(kind));
            m_clipSteps[linear.tensor] = clipStepsFor(linear, *inputs[k], scales[k], work);
        }
    }
}

std::vector<AwqEdit::Set> AwqEdit::setsOf(const LlamaLayer &layer) const {
    std::vector<Set> sets;
    for (std::size_t k = 0; k < inputCount; ++k) {
        Set set;
        set.input = static_cast<InputKind>(k);
        for (const LinearKind kind : allLinears)
            if (inputOf(kind) == set.input && m_selection.edits(layer.linear(kind).tensor))
                set.linears.push_back(kind);
        const bool folds = set.input != InputKind::Output || m_llama.config().heads == m_llama.config().kvHeads;
        if (!set.linears.empty() && folds)
            sets.push_back(set);
    }
    return sets;
}

// Decoded in place: the codes stand in for a second copy.
std::vector<float> AwqEdit::rounded(MatrixShape shape, std::vector<float> weights, const Work &work) const {
    dequantize(quantize({weights, shape, m_rounding, nullptr, nullptr}, work).tensor, weights, work);
    return weights;
}

double AwqEdit::lossOf(const LlamaLinear &linear, const std::vector<float> &scales, const InputStatistics &inputs,
                       const Work &work) const {
    std::vector<float> scaled = linear.weights;
    ScaleFold{scales, {}}.apply(scaled);
    const std::vector<float> decoded = rounded(linear.shape, std::move(scaled), work);
    const auto errors = [&](std::size_t first, std::span<double> out) {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] =
                static_cast<double>(decoded[first + i]) / static_cast<double>(scales[(first + i) % scales.size()]) -
                static_cast<double>(linear.weights[first + i]);
    };
    return outputEnergy(errors, linear.shape, inputs, work);
}

std::vector<float> AwqEdit::searchScales(const LlamaLayer &layer, const Set &set, const InputStatistics &inputs,
                                         const Work &work) {
    std::vector<float> best;
    double least = std::numeric_limits<double>::infinity();
    int chosen = 0;
    for (int exponent = 0; exponent < exponents; ++exponent) {
        const std::vector<float> scales = scalesFor(inputs.meanAbs, exponent);
        double loss = 0;
        for (const LinearKind kind : set.linears)
            loss += lossOf(layer.linear(kind), scales, inputs, work);
        if (loss < least || best.empty()) {
            least = loss;
            best = scales;
            chosen = exponent;
        }
    }
    m_choices.push_back({inputName(layer.index, set.input), chosen});
    return best;
}

AwqEdit::ClipSteps AwqEdit::clipStepsFor(const LlamaLinear &linear, const InputStatistics &inputs,
                                         const std::vector<float> &scales, const Work &work) const {
    const GroupGrid grid = groupGrid(linear.shape, m_rounding);
    const std::size_t cols = linear.shape.cols;
    const auto gram = [&](std::size_t i, std::size_t j) {
        const double g = inputs.gram[i * cols + j];
        return scales.empty() ? g : g / (static_cast<double>(scales[i]) * static_cast<double>(scales[j]));
    };
    ClipSteps steps(grid.groups());
    std::vector<double> least(grid.groups(), std::numeric_limits<double>::infinity());
    const std::vector<float> largest = magnitudesOf(linear.weights, grid);
    for (int step = 0; step < clipSteps; ++step) {
        std::vector<float> clamped(linear.weights.size());
        for (std::size_t i = 0; i < clamped.size(); ++i) {
            const float bound = boundOf(largest[grid.groupOf(i)], step);
            clamped[i] = std::clamp(linear.weights[i], -bound, bound);
        }
        const std::vector<float> decoded = rounded(linear.shape, std::move(clamped), work);
        work.parallelFor(linear.shape.rows, [&](std::size_t row) {
            std::vector<double> errors(cols);
            for (std::size_t i = 0; i < cols; ++i)
                errors[i] =
                    static_cast<double>(decoded[row * cols + i]) - static_cast<double>(linear.weights[row * cols + i]);
            for (std::size_t g = 0; g < grid.groupsPerRow(); ++g) {
                const std::size_t group = row * grid.groupsPerRow() + g;
                const std::size_t begin = g * grid.groupSize;
                const std::size_t end = begin + grid.length(group);
                double error = 0;
                for (std::size_t i = begin; i < end; ++i) {
                    double product = 0;
                    for (std::size_t j = begin; j < end; ++j)
                        product += gram(i, j) * errors[j];
                    error += errors[i] * product;
                }
                if (error < least[group]) {
                    least[group] = error;
                    steps[group] = static_cast<std::uint8_t>(step);
                }
            }
        });
    }
    return steps;
}

void AwqEdit::fold(std::size_t tensor, std::vector<float> &weights) const {
    if (const auto found = m_folds.find(tensor); found != m_folds.end())
        found->second.apply(weights);
}

// A tensor as it is before rounding.
void AwqEdit::prepare(std::size_t tensor, std::vector<float> &weights) const {
    fold(tensor, weights);
    const auto steps = m_clipSteps.find(tensor);
    if (steps == m_clipSteps.end())
        return;
    const GroupGrid grid = groupGrid(matrixShape(m_llama.model().tensors[tensor], Layout::OutIn), m_rounding);
    const std::vector<float> largest = magnitudesOf(weights, grid);
    for (std::size_t group = 0; group < largest.size(); ++group) {
        const float bound = boundOf(largest[group], steps->second[group]);
        for (std::size_t i = grid.begin(group); i < grid.begin(group) + grid.length(group); ++i)
            weights[i] = std::clamp(weights[i], -bound, bound);
    }
}

void AwqEdit::edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    prepare(tensor, weights);
    if (m_selection.edits(tensor))
        m_selection.edit(tensor, weights, work);
}

std::optional<QuantizedTensor> AwqEdit::codes(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    if (!m_selection.edits(tensor))
        return std::nullopt;
    prepare(tensor, weights);
    return m_selection.codes(tensor, weights, work);
}

void AwqEdit::comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    edit(tensor, weights, work);
    if (const auto found = m_folds.find(tensor); found != m_folds.end())
        found->second.undo(weights);
}

} // namespace nibblescope
