// SPDX-License-Identifier: GPL-3.0-or-later
// Where a model is sensitive, as bars: the KL divergence when one layer, or one kind of matrix, is quantized alone.
#pragma once

#include <optional>
#include <string>

#include "core/model/sensitivity.h"
#include "core/quant/recipe.h"
#include "core/report/figure.h"
#include "core/report/readings.h"

namespace nibblescope {

struct SensitivityInput {
    Recipe recipe;
    Sensitivity layers;
    Sensitivity kinds;
    std::string text; // what it was run on
};

Figure sensitivityFigure(const Sensitivity &sensitivity, const Recipe &recipe); // "layers.sensitivity"
Reading sensitivityReading(const SensitivityInput &input);

} // namespace nibblescope
