// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/tensor_warnings.h"

#include <algorithm>
#include <cctype>

namespace nibblescope {
namespace {

std::string groupsText(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " group has a scale" : " groups have scales");
}

std::string upper(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

std::string notFiniteText(const Statistics &statistics) {
    std::string text;
    if (statistics.nan > 0)
        text = std::to_string(statistics.nan) + " NaN";
    if (statistics.inf > 0)
        text += (text.empty() ? "" : " and ") + std::to_string(statistics.inf) + " Inf";
    return text;
}

} // namespace

void addWarnings(TensorResult &result) {
    const Statistics &statistics = result.statistics;
    if (statistics.nan + statistics.inf > 0) {
        std::string text = result.info.name + " holds " + notFiniteText(statistics);
        if (statistics.firstNotFinite && !result.sample && result.shape.cols > 0)
            text += " (first at row " + std::to_string(*statistics.firstNotFinite / result.shape.cols) + ", column " +
                    std::to_string(*statistics.firstNotFinite % result.shape.cols) + ")";
        result.warnings.push_back(text + ". They are left out of all sums.");
    }
    const std::string type = upper(idOf(result.recipe.scaleType));
    if (result.scaleCounts.underflow > 0)
        result.warnings.push_back(result.info.name + ": " + groupsText(result.scaleCounts.underflow) +
                                  " too small for " + type + "; their weights decode to 0.");
    if (result.scaleCounts.overflow > 0)
        result.warnings.push_back(result.info.name + ": " + groupsText(result.scaleCounts.overflow) +
                                  " too large for " + type + "; the largest that it holds is stored.");
}

} // namespace nibblescope
