// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/method_parameters.h"

#include <array>

#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::array parameters{
    MethodParameter{"gptq", "act-order", "Act-order",
                    "Columns with the most input energy first, on scales fixed beforehand: costs nothing in bits.",
                    &Recipe::actOrder},
    MethodParameter{"gptq", "sequential", "Sequential",
                    "Statistics collected anew behind each set of matrices as they were quantized.",
                    &Recipe::sequential, false, nullptr, 0, 1, true},
    MethodParameter{"gptq", "damp", "Damping",
                    "Share of the mean input energy added to each channel's own, so that the inverse exists.", nullptr,
                    false, &Recipe::damp, 0.0001, 1},
    MethodParameter{"awq", "awq-no-clip", "Clip search",
                    "After the scales, each group's range is narrowed where that lowers the output error.",
                    &Recipe::awqNoClip, true},
};

} // namespace

std::span<const MethodParameter> allMethodParameters() { return parameters; }

Recipe withOwnParameters(Recipe recipe) {
    const Recipe usual;
    for (const MethodParameter &parameter : parameters) {
        if (parameter.method == recipe.method)
            continue;
        if (parameter.flag != nullptr)
            recipe.*parameter.flag = usual.*parameter.flag;
        else
            recipe.*parameter.number = usual.*parameter.number;
    }
    return recipe;
}

bool needsWholeModel(const Recipe &recipe) {
    return recipe.format != Format::None && (recipe.method == "awq" || recipe.sequential);
}

bool needsCalibration(const Recipe &recipe) {
    const MethodTraits *method = findMethod(recipe.method);
    return recipe.format != Format::None && method != nullptr && method->needsCalibration;
}

} // namespace nibblescope
