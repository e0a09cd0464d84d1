// SPDX-License-Identifier: GPL-3.0-or-later
// MSE clip: of 80 scales between 21 and 100 % of the range, the one with the smallest squared error in the group.
#pragma once

#include "core/quant/group_quantizer.h"
#include "core/quant/quantize.h"

namespace nibblescope {

QuantizeOutcome quantizeWithClipSearch(const QuantizeInput &input, const Work &work);
std::optional<std::string> problemOfClipSearch(const Recipe &recipe);

inline constexpr MethodTraits mseMethod{
    "mse",
    "MSE clip",
    "MSE",
    "Tries 80 smaller scales a group and keeps the one with the least squared error: the largest weights are clipped.",
    "",
    false,
    ScaleChoice::ClipSearch,
    problemOfClipSearch,
    quantizeWithClipSearch};

} // namespace nibblescope
