// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/figure_view.h"

#include "core/report/figure_draw.h"

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double beyond = 0.1;
constexpr double closest = 1e-6; // of the limit's range

struct Ends {
    double lower;
    double upper;
};

Ends widened(Ends ends, bool logarithmic) {
    if (logarithmic) {
        const double factor = std::pow(ends.upper / ends.lower, beyond);
        return {ends.lower / factor, ends.upper * factor};
    }
    const double more = (ends.upper - ends.lower) * beyond;
    return {ends.lower - more, ends.upper + more};
}

Ends kept(Ends view, Ends limit, Ends own, bool logarithmic) {
    if (!std::isfinite(view.lower) || !std::isfinite(view.upper) || !(view.upper > view.lower) ||
        (logarithmic && view.lower <= 0))
        return own;
    if (logarithmic) {
        const Ends ends =
            kept({std::log(view.lower), std::log(view.upper)}, {std::log(limit.lower), std::log(limit.upper)},
                 {std::log(own.lower), std::log(own.upper)}, false);
        return {std::exp(ends.lower), std::exp(ends.upper)};
    }
    const double whole = limit.upper - limit.lower;
    const double span = view.upper - view.lower;
    if (span >= whole)
        return limit;
    if (span < whole * closest) {
        const double middle = (view.lower + view.upper) / 2;
        view = {middle - whole * closest / 2, middle + whole * closest / 2};
    }
    const double shift = view.lower < limit.lower   ? limit.lower - view.lower
                         : view.upper > limit.upper ? limit.upper - view.upper
                                                    : 0;
    return {view.lower + shift, view.upper + shift};
}

} // namespace

FigureView viewLimit(const Figure &figure) {
    const FigureView own = ownView(figure);
    Ends x{own.xLower, own.xUpper};
    Ends y{own.yLower, own.yUpper};
    for (const Series &series : figure.series) {
        const std::size_t count = pointCount(series);
        for (std::size_t i = 0; i < series.x.size() && i <= count; ++i) {
            const double value = series.x[i];
            if (std::isfinite(value) && (!figure.x.logarithmic || value > 0))
                x = {std::min(x.lower, value), std::max(x.upper, value)};
        }
        for (std::size_t i = 0; i < count; ++i) {
            const double value = series.y[i];
            if (std::isfinite(value) && (!figure.y.logarithmic || value > 0))
                y = {std::min(y.lower, value), std::max(y.upper, value)};
        }
    }
    x = widened(x, figure.x.logarithmic);
    y = widened(y, figure.y.logarithmic);
    return {x.lower, x.upper, y.lower, y.upper};
}

FigureView keptWithin(const FigureView &view, const FigureView &limit, const FigureView &own, const Figure &figure) {
    const Ends x =
        kept({view.xLower, view.xUpper}, {limit.xLower, limit.xUpper}, {own.xLower, own.xUpper}, figure.x.logarithmic);
    const Ends y =
        kept({view.yLower, view.yUpper}, {limit.yLower, limit.yUpper}, {own.yLower, own.yUpper}, figure.y.logarithmic);
    return {x.lower, x.upper, y.lower, y.upper};
}

bool nearlySame(const FigureView &one, const FigureView &other, double share) {
    const double x = std::max(one.xUpper - one.xLower, other.xUpper - other.xLower) * share;
    const double y = std::max(one.yUpper - one.yLower, other.yUpper - other.yLower) * share;
    return std::abs(one.xLower - other.xLower) <= x && std::abs(one.xUpper - other.xUpper) <= x &&
           std::abs(one.yLower - other.yLower) <= y && std::abs(one.yUpper - other.yUpper) <= y;
}

} // namespace nibblescope
