// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/sequential.h"

#include "core/base/error.h"
#include "core/io/shown.h"
#include "core/model/calibration.h"
#include "core/model/recipe_edit.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t largestStore = 2ULL << 30;

void refuseLarge(const LlamaConfig &config) {
    std::uint64_t bytes = 0;
    for (std::size_t k = 0; k < inputCount; ++k) {
        const std::uint64_t cols = linearShape(config, firstReader(static_cast<InputKind>(k))).cols;
        bytes += cols * cols * sizeof(double) * config.layers;
    }
    if (bytes > largestStore)
        throw Error(Fault::Input, "Sequential statistics of this model take " + shownBytes(bytes) +
                                      " of memory: use the given statistics, without --sequential.");
}

} // namespace

std::shared_ptr<const InputStatistics> StatisticsStore::statisticsFor(std::string_view tensor) const {
    const auto found = m_statistics.find(inputOfTensor(tensor));
    return found == m_statistics.end() ? nullptr : found->second;
}

std::shared_ptr<const StatisticsSource> sequentialStatistics(const Llama &llama, const TokenWindows &windows,
                                                             const ModelPlan &plan, const Work &work) {
    refuseLarge(llama.config());
    const auto store = std::make_shared<StatisticsStore>();
    const RecipeEdit edit(llama.model(), {plan.recipe, plan.rule, store});
    HiddenStates states = embedWindows(llama, windows, work);
    const std::size_t layers = llama.config().layers;
    for (std::size_t i = 0; i < layers; ++i) {
        LlamaLayer layer = llama.layer(i, work);
        for (std::size_t k = 0; k < inputCount; ++k) {
            work.checkStop();
            work.report({i * inputCount + k, layers * inputCount, inputName(i, static_cast<InputKind>(k))});
            WantedInputs wanted{};
            wanted.wanted.fill(false);
            wanted.wanted[k] = true;
            store->add(inputName(i, static_cast<InputKind>(k)),
                       runAndCollect(llama, layer, states, true, wanted, work)[k]);
            for (LlamaLinear &linear : layer.linears)
                if (inputOf(static_cast<LinearKind>(&linear - layer.linears.data())) == static_cast<InputKind>(k) &&
                    edit.edits(linear.tensor))
                    edit.edit(linear.tensor, linear.weights, work);
        }
        work.parallelFor(states.size(), [&](std::size_t w) { llama.run(layer, states[w]); });
    }
    return store;
}

} // namespace nibblescope
