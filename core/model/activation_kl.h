// SPDX-License-Identifier: GPL-3.0-or-later
// What rounded activations do to a model's next-token distributions, six ways, beside rounded weights.
#pragma once

#include <functional>

#include "core/analysis/activation_set.h"
#include "core/analysis/analyze.h"
#include "core/model/llama.h"
#include "core/model/token_windows.h"

namespace nibblescope {

struct KlOptions {
    ModelPlan plan;     // the weights to compare with; left out where its format is None or it lacks a calibration
    double alpha = 0.5; // of the smoothed runs
    bool plainOnly = false;
};

// Evaluates the model on the windows for every way of allActivationQuants(), weights F32: as it is, and smoothed with
// the maxima of `inputs`, which are those of the same model (collectActivations()). `partial` is called as windows are
// done, with the means so far.
ActivationKl klOfActivations(const Llama &llama, const TokenWindows &windows, const ActivationSet &inputs,
                             const KlOptions &options, const Work &work,
                             const std::function<void(const ActivationKl &)> &partial = {});

} // namespace nibblescope
