// SPDX-License-Identifier: GPL-3.0-or-later
// Which counter of a histogram a value belongs to: the definition, for one value at a time.
#pragma once

#include <cstddef>

#include "core/kernels/kernels.h"

namespace nibblescope {

// 0: below; 1 ... bins; bins + 1: above. `value` is not NaN.
inline std::size_t histogramSlot(const HistogramSpan &span, float value) {
    const float place = (value - span.lower) * span.inverseWidth;
    if (place >= static_cast<float>(span.bins))
        return span.bins + 1;
    return place >= 0.0F ? static_cast<std::size_t>(place) + 1 : 0;
}

} // namespace nibblescope
