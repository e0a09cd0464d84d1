// SPDX-License-Identifier: GPL-3.0-or-later
// The Activations page: the channels of one input, all inputs of the model, what rounding costs, and smoothing.
// Links: "tensor:NAME" with the full name of the first linear that reads an input; "activations:int4 token" chooses
// bits and scales; "alpha:0.55" an alpha.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/activation_set.h"
#include "core/report/claims.h"
#include "core/report/figure.h"
#include "core/report/readings.h"

namespace nibblescope {

enum class ChannelOrder : std::uint8_t { ModelOrder, LargestFirst };
enum class InputQuantity : std::uint8_t { Kurtosis, Range, Outliers };
enum class ActivationEffect : std::uint8_t { Output, Kl };

struct ActivationsView {
    std::shared_ptr<const ActivationSet> set;
    std::string tensor; // full name of the linear that is looked at; it need not be in the set
    ActivationQuant quant;
    double alpha = 0.5;
    ChannelOrder order = ChannelOrder::ModelOrder;
    InputQuantity quantity = InputQuantity::Kurtosis;
    ActivationEffect effect = ActivationEffect::Output;
    Recipe recipe;                                // of the weights
    std::shared_ptr<const ActivationCosts> costs; // of `tensor`; null: not yet
    std::shared_ptr<const SmoothingCurve> curve;  // of `tensor` and `quant`; null: not yet
    std::shared_ptr<const ActivationKl> kl;       // null: not measured

    const ActivationInput *input() const { return set ? set->find(tensor) : nullptr; }
};

// "activations.channels": max |x| and max |w| of each channel before and behind smoothing, log axis. Beyond 500
// channels neighbours share a step that shows the largest. Only where there is an input.
Figure channelsFigure(const ActivationsView &view);
// "activations.inputs": kurtosis, max |x| or outlier channels of every input, in model order.
Figure inputsFigure(const ActivationsView &view);
// "activations.costs": relative error of the output, or KL, for the six ways to round.
Figure costsFigure(const ActivationsView &view);
// "activations.smoothing": error of the output over alpha.
Figure smoothingFigure(const ActivationsView &view);

Reading activationsReading(const ActivationsView &view);

// The evidence for "activations are harder than weights because of outliers", for claims(): over all inputs of the set,
// and where KL was measured with one scale a token, that too.
ActivationEvidence activationEvidence(const ActivationSet &set, const ActivationKl *kl = nullptr);

} // namespace nibblescope
