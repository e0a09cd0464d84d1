// SPDX-License-Identifier: GPL-3.0-or-later
// Quantizes a tensor straight from its file for an export: codes and decoded weights come block by block.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/base/work.h"
#include "core/io/model.h"
#include "core/quant/quantize.h"

namespace nibblescope {

// Weights [first, first + decoded.size()) of the [out, in] matrix. `codes` begins at the byte of the first of them;
// blocks begin at whole bytes.
struct QuantizedBlock {
    std::uint64_t first = 0;
    std::span<const float> decoded;
    std::span<const std::uint8_t> codes;
};
using QuantizedSink = std::function<void(const QuantizedBlock &)>;

// `calibration` gives the statistics of methods that need them.
//
// The outcome's tensor has all constants and no codes: those went to the sink. Throws Error: as quantize() and the
// reader; Error{Fault::Input} for a tensor with NaN or Inf, which says how many and where the first one is. The sink
// may have seen blocks by then.
QuantizeOutcome quantizeFromFile(const Model &model, std::size_t tensor, Layout layout, const Recipe &recipe,
                                 const QuantizedSink &sink, const Work &work,
                                 const StatisticsSource *calibration = nullptr);

} // namespace nibblescope
