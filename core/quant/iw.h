// SPDX-License-Identifier: GPL-3.0-or-later
// Importance-weighted clip: the clip search with each column's squared errors weighted by the energy of its input, the
// diagonal of X'X.
#pragma once

#include "core/quant/quantize.h"

namespace nibblescope {

QuantizeOutcome quantizeByImportance(const QuantizeInput &input, const Work &work);
std::optional<std::string> problemOfImportance(const Recipe &recipe);

inline constexpr MethodTraits iwMethod{
    "iw",
    "Importance-weighted clip",
    "IW",
    "The clip search of MSE, with errors counted by how large the inputs of their column are. Needs calibration.",
    "",
    true,
    std::nullopt,
    problemOfImportance,
    quantizeByImportance};

} // namespace nibblescope
