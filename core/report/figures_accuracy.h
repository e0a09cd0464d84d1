// SPDX-License-Identifier: GPL-3.0-or-later
// The plots of the Accuracy page. Links are "recipe:JSON", which brings that recipe back.
#pragma once

#include "core/report/accuracy.h"
#include "core/report/figure.h"

namespace nibblescope {

// "accuracy.pareto": bits a weight against the quantity that recipes are ranked by, with error bars of one standard
// error and the Pareto front. What would squeeze the others together (INT8 beside 4 bits, one scale a tensor) is named
// at the edge that it lies beyond.
Figure paretoFigure(const AccuracyInput &input);

// "accuracy.curve": the running mean over the windows with a band of one standard error, of what runs now, or else of
// the recipe and the baseline. KL where the rank is SQNR, which needs no text. nullopt: nothing of them was measured.
std::optional<Figure> accuracyCurve(const AccuracyInput &input);

} // namespace nibblescope
