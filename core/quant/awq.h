// SPDX-License-Identifier: GPL-3.0-or-later
// AWQ's row in the registry. It scales the columns of whole sets of linears against each other and folds the scales
// into the operation before, so that it works on models, not on single tensors: core/model/awq.h.
#pragma once

#include "core/quant/quantize.h"

namespace nibblescope {

// Throws Error{Fault::Call}: a tensor alone has nothing to fold into.
QuantizeOutcome quantizeActivationAware(const QuantizeInput &input, const Work &work);
std::optional<std::string> problemOfActivationAware(const Recipe &recipe);

inline constexpr MethodTraits awqMethod{
    "awq",
    "AWQ",
    "AWQ",
    "Scales columns with large inputs up before rounding and folds the scales into the operation before, then clips. "
    "Needs calibration.",
    "Lin et al., AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration (2023)",
    true,
    std::nullopt,
    problemOfActivationAware,
    quantizeActivationAware};

} // namespace nibblescope
