// SPDX-License-Identifier: GPL-3.0-or-later
// From chosen codes to an outcome: for methods that find the codes of a whole 4-bit tensor by themselves.
#pragma once

#include <cstdint>
#include <vector>

#include "core/quant/quantize.h"

namespace nibblescope {

struct ChosenCodes {
    std::vector<std::uint8_t> codes;      // one a weight, as nibbles (see QuantizedTensor)
    std::vector<float> scales;            // one a group
    std::vector<std::uint8_t> zeroPoints; // int4-asym: one a group
    std::vector<float> floatZeros;        // hqq: one a group
    std::vector<float> codebook;          // fitted: 16 levels
    ScaleCounts scaleCounts;
};

// Packs, decodes (into input.decoded where it is wanted) and measures against input.weights.
QuantizeOutcome assemble(const QuantizeInput &input, ChosenCodes chosen, const Work &work);

} // namespace nibblescope
