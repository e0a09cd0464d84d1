// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cmath>

#include "core/report/figures_activations.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double helps = 0.95; // of the error: below that smoothing is said to help

std::string alphaText(double alpha) { return heldText("α = " + fixedText(alpha, 2)); }
std::string nameOf(ActivationQuant quant) { return heldText(shortForm(quant)); }

std::string shortName(const std::string &tensor) {
    constexpr std::size_t longest = 40;
    return elidedName(shortTensorName(tensor), longest);
}

const ActivationCost *costOf(const std::vector<ActivationCost> &costs, ActivationQuant quant) {
    const auto found =
        std::find_if(costs.begin(), costs.end(), [&](const ActivationCost &cost) { return cost.quant == quant; });
    return found == costs.end() ? nullptr : &*found;
}

// "INT4 token costs 24 % of the output of layers.1.mlp.down_proj, NF4 64 weights 6.7 %, INT8 token 3.0 %."
std::string costClause(const ActivationsView &view) {
    const ActivationCosts &costs = *view.costs;
    ActivationQuant four = view.quant;
    four.bits = ActivationBits::Int4;
    ActivationQuant eight = view.quant;
    eight.bits = ActivationBits::Int8;
    const std::string about = costs.sample ? "≈" : "";
    return nameOf(four) + " activations cost " + about + percentText(costOf(costs.plain, four)->outputError, 2) +
           " of the output of " + shortName(view.tensor) + ", " + recipeText(costs.weightsRecipe) + " weights " +
           about + percentText(costs.weightsAlone, 2) + ", " + nameOf(eight) + " " + about +
           percentText(costOf(costs.plain, eight)->outputError, 2) + ".";
}

// "2 of 768 channels are outliers, up to 38.2 times the median (kurtosis 960.12)."
std::string outlierClause(const ActivationInput &input) {
    const ActivationStatistics &s = input.statistics;
    if (!s.spread())
        return {};
    const std::string times = withUnit(ratioText(*s.spread()), "times");
    const std::string kurtosis =
        s.values.kurtosis
            ? " (" + heldText("kurtosis " + fixedText(*s.values.kurtosis, *s.values.kurtosis < 100 ? 2 : 0)) + ")"
            : std::string();
    if (s.outliers.empty())
        return "No channel is an outlier: the largest has " + times + " the median's reach" + kurtosis + ".";
    return countText(s.outliers.size()) + " of " + countText(s.channelMax.size()) + " channels " +
           (s.outliers.size() == 1 ? "is an outlier, " : "are outliers, up to ") + times + " the median" + kurtosis +
           ".";
}

std::string smoothingClause(const ActivationsView &view) {
    const SmoothingCurve &curve = *view.curve;
    const SmoothingPoint &best = curve.best();
    const std::string about = curve.sample ? "≈" : "";
    const std::string weights =
        curve.recipe.format == Format::None ? std::string() : " with " + recipeText(curve.recipe) + " weights";
    if (best.output > helps * curve.none.output)
        return "Smoothing hardly helps " + nameOf(curve.quant) + weights + " here: at best " + about +
               percentText(best.output, 2) + ", without it " + about + percentText(curve.none.output, 2) + ".";
    return "Smoothing brings " + nameOf(curve.quant) + weights + " from " + about + percentText(curve.none.output, 2) +
           " to " + about + percentText(best.output, 2) + " at " + alphaText(best.alpha) + ".";
}

// "On the whole model INT4 token activations cost KL 0.080, NF4 64 weights 0.0063, INT8 token 0.00061."
std::string klClause(const ActivationsView &view) {
    const ActivationKl &kl = *view.kl;
    const auto quants = allActivationQuants();
    const auto valueOf = [&](ActivationBits bits) -> const ActivationKl::Value * {
        const ActivationQuant quant{bits, view.quant.scales};
        const auto at = static_cast<std::size_t>(std::find(quants.begin(), quants.end(), quant) - quants.begin());
        return at < kl.plain.size() ? &kl.plain[at] : nullptr;
    };
    const ActivationKl::Value *four = valueOf(ActivationBits::Int4);
    const ActivationKl::Value *eight = valueOf(ActivationBits::Int8);
    std::string text;
    if (four != nullptr)
        text = "INT4 " + std::string(idOf(view.quant.scales)) + " activations cost " +
               heldText("KL " + valueText(four->mean)) + " on the whole model";
    if (kl.weights)
        text += (text.empty() ? "" : ", ") + recipeText(kl.weightsRecipe) + " weights " +
                (text.empty() ? "cost " + heldText("KL " + valueText(kl.weights->mean)) + " on the whole model"
                              : valueText(kl.weights->mean));
    if (eight != nullptr)
        text += (text.empty() ? "" : ", ") + nameOf({ActivationBits::Int8, view.quant.scales}) + " " +
                (text.empty() ? heldText("KL " + valueText(eight->mean)) : valueText(eight->mean));
    return text.empty() ? text : text + ".";
}

} // namespace

Reading activationsReading(const ActivationsView &view) {
    const ActivationInput *input = view.input();
    if (input == nullptr)
        return {};
    Reading reading;
    const auto add = [&reading](std::string clause) {
        if (!clause.empty())
            reading.clauses.push_back(std::move(clause));
    };
    if (view.kl && view.effect == ActivationEffect::Kl)
        add(klClause(view));
    if (view.costs)
        add(costClause(view));
    add(outlierClause(*input));
    if (view.curve)
        add(smoothingClause(view));
    return reading;
}

} // namespace nibblescope
