// SPDX-License-Identifier: GPL-3.0-or-later
// The parameters of the methods, for editors: which there are, what they mean, and where a recipe keeps them.
#pragma once

#include <span>
#include <string_view>

#include "core/quant/recipe.h"

namespace nibblescope {

struct MethodParameter {
    std::string_view method;
    std::string_view option; // on the command line: "act-order"
    std::string_view name;   // "Act-order"
    std::string_view help;
    bool Recipe::*flag = nullptr;     // either a flag ...
    bool inverted = false;            // the editor's tick is the flag's opposite ("Clip search": not awq-no-clip)
    double Recipe::*number = nullptr; // ... or a number
    double lower = 0;
    double upper = 1;
    bool wholeModel = false; // has to run the model
};
std::span<const MethodParameter> allMethodParameters();

// Parameters that are not of the recipe's method back to their defaults: after a change of the method.
Recipe withOwnParameters(Recipe recipe);

// Whether the recipe can only be carried out on a model that runs: AWQ moves scales between tensors, sequential GPTQ
// collects its statistics behind what is quantized already.
bool needsWholeModel(const Recipe &recipe);
bool needsCalibration(const Recipe &recipe);

} // namespace nibblescope
