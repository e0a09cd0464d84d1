// SPDX-License-Identifier: GPL-3.0-or-later
// From options to a recipe and a selection of tensors. Shared by every command that takes a recipe.
#pragma once

#include <string>
#include <vector>

#include "app/cli/arguments.h"
#include "core/analysis/analyze.h"
#include "core/io/model.h"

namespace nibblescope::cli {

// Options over the recipe file over the format's defaults; `fallback` is the format where none is given. A combination
// that cannot be is an Error{Fault::Call} that says what the format fixes.
Recipe recipeFrom(const RecipeArguments &arguments, Format fallback);

// The statistics that --calibration names; null where the recipe's method needs none. Throws Error{Fault::Call} where
// it needs some and none are given. With --sequential the model is run and quantized on the text that the file holds.
std::shared_ptr<const StatisticsSource> calibrationFrom(const Arguments &arguments, const ModelPlan &plan,
                                                        const Model &model, std::vector<std::string> &warnings,
                                                        const Work &work);

// The rule that the options make, checked against the model: an --include, --only or --layout that matches nothing, or
// an
// --include that names an integer tensor, is an Error{Fault::Call}; an --exclude that matches nothing adds a warning.
SelectionRule ruleFrom(const Arguments &arguments, const Model &model, std::vector<std::string> &warnings);

// Indices of the tensors that --only leaves, in model order.
std::vector<std::size_t> tensorsFrom(const Arguments &arguments, const Model &model);

} // namespace nibblescope::cli
