// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/awq.h"

#include "core/base/error.h"

namespace nibblescope {

QuantizeOutcome quantizeActivationAware(const QuantizeInput & /*input*/, const Work & /*work*/) {
    throw Error(Fault::Call, "--method awq folds scales into other tensors: it works on a whole model, in 'evaluate'.");
}

std::optional<std::string> problemOfActivationAware(const Recipe &recipe) {
    if (recipe.format == Format::Mxfp4 || recipe.format == Format::Int8)
        return "AWQ works with the 4-bit formats that have a scale of any size";
    return problemOfRowMethods(recipe, "AWQ");
}

} // namespace nibblescope
