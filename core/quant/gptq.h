// SPDX-License-Identifier: GPL-3.0-or-later
// GPTQ (Frantar et al., 2022): columns are quantized one after the other, and the error of each is made good by the
// columns that are still to come, as the second-order statistics H = X'X of the input say.
//
// Where H is not positive definite with the damping that was asked for, the damping is made ten times larger, and
// again; the outcome's warnings say so. Columns that see no input (H[j, j] = 0) become 0.
#pragma once

#include "core/quant/quantize.h"

namespace nibblescope {

// Columns that are worked on before later ones are updated.
inline constexpr std::size_t gptqBlock = 128;

QuantizeOutcome quantizeSecondOrder(const QuantizeInput &input, const Work &work);
std::optional<std::string> problemOfSecondOrder(const Recipe &recipe);

inline constexpr MethodTraits gptqMethod{
    "gptq",
    "GPTQ",
    "GPTQ",
    "Rounds column by column and lets later columns make good the error of earlier ones. Needs calibration.",
    "Frantar et al., GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers (2022)",
    true,
    std::nullopt,
    problemOfSecondOrder,
    quantizeSecondOrder};

} // namespace nibblescope
