// SPDX-License-Identifier: GPL-3.0-or-later
// Half-quadratic quantization (Badri and Shaji, 2023): without data, the zero of each group is moved so that most
// errors are small and a few large ones are allowed (an l_0.7 norm in place of squares).
#pragma once

#include "core/quant/quantize.h"

namespace nibblescope {

QuantizeOutcome quantizeHalfQuadratic(const QuantizeInput &input, const Work &work);
std::optional<std::string> problemOfHalfQuadratic(const Recipe &recipe);

inline constexpr MethodTraits hqqMethod{
    "hqq",
    "HQQ",
    "HQQ",
    "Moves each group's zero, kept as a 16-bit float, so that most errors are small. Needs no data.",
    "Badri and Shaji, Half-Quadratic Quantization of Large Machine Learning Models (2023)",
    false,
    std::nullopt,
    problemOfHalfQuadratic,
    quantizeHalfQuadratic};

} // namespace nibblescope
