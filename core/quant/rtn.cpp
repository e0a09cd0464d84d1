// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/rtn.h"

#include "core/quant/group_quantizer.h"

namespace nibblescope {

QuantizeOutcome quantizeToNearest(const QuantizeInput &input, const Work &work) {
    return quantizeInGroups(input, ScaleChoice::Range, work);
}

std::optional<std::string> problemOfRtn(const Recipe & /*recipe*/) { return std::nullopt; }

} // namespace nibblescope
