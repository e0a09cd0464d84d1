// SPDX-License-Identifier: GPL-3.0-or-later
// Round to nearest: each group's scale is its range, each weight goes to the nearest level.
#pragma once

#include "core/quant/group_quantizer.h"
#include "core/quant/quantize.h"

namespace nibblescope {

QuantizeOutcome quantizeToNearest(const QuantizeInput &input, const Work &work);
std::optional<std::string> problemOfRtn(const Recipe &recipe);

inline constexpr MethodTraits rtnMethod{
    "rtn",        "Round to nearest", "", "Each weight goes to the nearest level.", "", false, ScaleChoice::Range,
    problemOfRtn, quantizeToNearest};

} // namespace nibblescope
