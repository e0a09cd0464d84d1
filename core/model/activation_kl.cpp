// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/activation_kl.h"

#include "core/model/evaluate.h"
#include "core/model/evaluation_setup.h"
#include "core/model/smooth.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

// The maxima of the channels as smoothing asks for them.
class SetStatistics : public StatisticsSource {
public:
    explicit SetStatistics(const ActivationSet &set) : m_set(set) {}
    std::shared_ptr<const InputStatistics> statisticsFor(std::string_view tensor) const override {
        for (const ActivationInput &input : m_set.inputs) {
            if (input.name != tensor)
                continue;
            auto statistics = std::make_shared<InputStatistics>();
            statistics->cols = input.statistics.channelMax.size();
            statistics->positions = input.statistics.tokens;
            statistics->maxAbs.assign(input.statistics.channelMax.begin(), input.statistics.channelMax.end());
            return statistics;
        }
        return nullptr;
    }

private:
    const ActivationSet &m_set;
};

bool canBeCompared(const ModelPlan &plan) {
    const MethodTraits *method = findMethod(plan.recipe.method);
    return plan.recipe.format != Format::None && method != nullptr && (!method->needsCalibration || plan.calibration);
}

} // namespace

ActivationKl klOfActivations(const Llama &llama, const TokenWindows &windows, const ActivationSet &inputs,
                             const KlOptions &options, const Work &work,
                             const std::function<void(const ActivationKl &)> &partial) {
    ActivationKl kl;
    kl.alpha = options.alpha;
    kl.windows = windows.count;
    kl.context = windows.context;
    kl.weightsRecipe = options.plan.recipe;
    const auto quants = allActivationQuants();
    const bool compares = canBeCompared(options.plan);
    const std::uint64_t runs = (options.plainOnly ? 1 : 2) * quants.size() + (compares ? 1 : 0);
    const Work quiet{work.pool, work.kernels, work.priority, work.stop, {}};
    std::uint64_t done = 0;
    const auto measure = [&](const WeightEdit *edit, const std::optional<ActivationQuant> &quant) {
        work.checkStop();
        work.report({done++, runs, quant ? shortForm(*quant) : shortForm(options.plan.recipe)});
        const Evaluation evaluation = evaluate(llama, windows, edit, quiet, {}, quant);
        return ActivationKl::Value{evaluation.comparison->kl.mean, evaluation.comparison->kl.standardError};
    };
    const auto add = [&](std::vector<ActivationKl::Value> &values, const WeightEdit *edit) {
        for (const ActivationQuant quant : quants) {
            values.push_back(measure(edit, quant));
            if (partial)
                partial(kl);
        }
    };
    if (compares) {
        std::vector<std::string> remarks; // are told where the recipe itself is evaluated
        const auto edit = editFrom(llama, options.plan, remarks, quiet);
        kl.weights = measure(edit.get(), std::nullopt);
    }
    add(kl.plain, nullptr);
    if (!options.plainOnly) {
        const SmoothEdit smooth(llama, {}, SetStatistics(inputs), options.alpha, quiet);
        add(kl.smoothed, &smooth);
    }
    work.report({runs, runs, {}});
    return kl;
}

} // namespace nibblescope
