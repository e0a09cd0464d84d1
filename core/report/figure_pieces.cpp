// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figure_pieces.h"

#include <algorithm>
#include <cmath>

#include "core/report/number_text.h"

namespace nibblescope {

std::vector<double> edgesOf(const Histogram &histogram) {
    std::vector<double> edges;
    edges.reserve(histogram.counts.size() + 1);
    for (std::size_t i = 0; i <= histogram.counts.size(); ++i)
        edges.push_back(histogram.lower + static_cast<double>(i) * histogram.binWidth());
    return edges;
}

std::vector<double> countsOf(const Histogram &histogram) { return {histogram.counts.begin(), histogram.counts.end()}; }

int decimalsFor(double step) {
    if (!(step > 0) || !std::isfinite(step))
        return 0;
    return std::clamp(static_cast<int>(std::ceil(-std::log10(step))), 0, 12);
}

double roundedOutwards(double magnitude) {
    if (!(magnitude > 0) || !std::isfinite(magnitude))
        return magnitude;
    const double unit = std::pow(10.0, std::floor(std::log10(magnitude)) - 1);
    // A magnitude that is such a number already must not grow by the division's rounding.
    return std::ceil(magnitude / unit - 1e-9) * unit;
}

double quantileOf(const Histogram &histogram, double share) {
    const double wanted = share * static_cast<double>(histogram.total());
    auto seen = static_cast<double>(histogram.below);
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
        const auto count = static_cast<double>(histogram.counts[i]);
        if (count > 0 && seen + count >= wanted) {
            const double inside = std::clamp((wanted - seen) / count, 0.0, 1.0);
            return histogram.lower + (static_cast<double>(i) + inside) * histogram.binWidth();
        }
        seen += count;
    }
    return histogram.upper;
}

std::string codeText(Format format, unsigned nibble) {
    return fixedText(static_cast<double>(nibble) + traits(format).lowestCode, 0);
}

double zeroOf(const QuantizedTensor &tensor, std::uint64_t group) {
    if (!tensor.floatZeros.empty())
        return static_cast<double>(tensor.floatZeros[group]);
    return tensor.zeroPoints.empty() ? 0 : static_cast<double>(tensor.zeroPoints[group]);
}

FigureTable::Cell numberCell(double number) { return {number, {}}; }
FigureTable::Cell numberCell(std::optional<double> number) {
    return number ? FigureTable::Cell{number, {}} : FigureTable::Cell{std::nullopt, "\u2013"};
}
FigureTable::Cell textCell(std::string text) { return {std::nullopt, std::move(text)}; }

Mark cornerText(std::string text, double x, double y, Mark::Align align, std::string link) {
    Mark mark;
    mark.kind = Mark::Kind::Text;
    mark.text = std::move(text);
    mark.x = x;
    mark.y = y;
    mark.fractional = true;
    mark.align = align;
    mark.link = std::move(link);
    return mark;
}

} // namespace nibblescope
