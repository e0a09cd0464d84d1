// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/iw.h"

#include "core/quant/group_quantizer.h"
#include "core/quant/mse.h"

namespace nibblescope {

QuantizeOutcome quantizeByImportance(const QuantizeInput &input, const Work &work) {
    const InputStatistics &statistics = requireStatistics(input);
    std::vector<double> importance(statistics.cols);
    for (std::size_t i = 0; i < importance.size(); ++i)
        importance[i] = statistics.gram[i * (statistics.cols + 1)];
    return quantizeInGroups(input, ScaleChoice::ClipSearch, work, importance);
}

std::optional<std::string> problemOfImportance(const Recipe &recipe) { return problemOfClipSearch(recipe); }

} // namespace nibblescope
