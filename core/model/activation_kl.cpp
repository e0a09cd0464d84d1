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
    const Work quiet{work.pool, work.kernels, work.priority, work.stop, {}};
    std::vector<std::string> remarks; // are told where the recipe itself is evaluated
    const auto weights = canBeCompared(options.plan) ? editFrom(llama, options.plan, remarks, quiet)
                                                     : std::unique_ptr<const WeightEdit>();
    std::optional<SmoothEdit> smooth;
    if (!options.plainOnly)
        smooth.emplace(llama, ModelPlan(), SetStatistics(inputs), options.alpha, quiet);
    std::vector<ModelVariant> variants;
    for (const ActivationQuant quant : allActivationQuants())
        variants.push_back({nullptr, quant});
    const std::size_t plain = variants.size();
    if (smooth)
        for (const ActivationQuant quant : allActivationQuants())
            variants.push_back({&*smooth, quant});
    const std::size_t smoothed = variants.size();
    if (weights)
        variants.push_back({weights.get(), {}});
    const auto take = [&](const std::vector<Evaluation> &evaluations) {
        const auto valueOf = [&evaluations](std::size_t i) {
            const Estimate &estimate = evaluations[i].comparison->kl;
            return ActivationKl::Value{estimate.mean, estimate.standardError};
        };
        kl.plain.clear();
        kl.smoothed.clear();
        for (std::size_t i = 0; i < evaluations.size(); ++i) {
            if (evaluations[i].problem)
                throw *evaluations[i].problem;
            if (!evaluations[i].comparison)
                continue; // not begun
            if (i < smoothed)
                (i < plain ? kl.plain : kl.smoothed).push_back(valueOf(i));
            else
                kl.weights = valueOf(i);
        }
    };
    EvaluationsSink told;
    if (partial)
        told = [&](const std::vector<Evaluation> &soFar) {
            take(soFar);
            partial(kl);
        };
    const std::vector<Evaluation> evaluations = evaluateSideBySide(llama, windows, variants, work, told);
    work.checkStop();
    take(evaluations);
    return kl;
}

} // namespace nibblescope
