// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/mse.h"

#include "core/quant/group_quantizer.h"

namespace nibblescope {

QuantizeOutcome quantizeWithClipSearch(const QuantizeInput &input, const Work &work) {
    return quantizeInGroups(input, ScaleChoice::ClipSearch, work);
}

std::optional<std::string> problemOfClipSearch(const Recipe &recipe) {
    if (recipe.format == Format::Mxfp4)
        return "MXFP4's scale is a power of two: nothing to search";
    return std::nullopt;
}

} // namespace nibblescope
