// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figure_parts.h"

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double farAway = 100000; // pixels beyond which nothing is drawn exactly

// Of a mirrored plot: the half that a series lies in, by its first value that has a sign.
int sideOf(const Series &series, const FigureLayout &layout) {
    if (layout.y.gap <= 0)
        return 1;
    const auto first = std::find_if(series.y.begin(), series.y.end(), [](double y) { return y > 0 || y < 0; });
    return first != series.y.end() && *first < 0 ? -1 : 1;
}

double kept(double pixel) { return std::clamp(pixel, -farAway, farAway); }

std::optional<double> yPixel(const Series &series, std::size_t i, const FigureLayout &layout, int side) {
    if (!std::isfinite(series.y[i]))
        return std::nullopt;
    return kept(layout.y.toPixel(series.y[i], side));
}

// Runs of points without gaps.
using Runs = std::vector<std::vector<Point>>;

// Points of one pixel column become their first, lowest, highest and last, so that a long series costs what is seen.
std::vector<Point> thinned(std::vector<Point> points, double plotWidth) {
    if (static_cast<double>(points.size()) < 4 * plotWidth)
        return points;
    std::vector<Point> result;
    for (std::size_t begin = 0; begin < points.size();) {
        std::size_t end = begin;
        std::size_t low = begin;
        std::size_t high = begin;
        while (end < points.size() && std::floor(points[end].x) == std::floor(points[begin].x)) {
            low = points[end].y < points[low].y ? end : low;
            high = points[end].y > points[high].y ? end : high;
            ++end;
        }
        std::vector<std::size_t> indices{begin, std::min(low, high), std::max(low, high), end - 1};
        indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
        for (const std::size_t index : indices)
            result.push_back(points[index]);
        begin = end;
    }
    return result;
}

Runs lineRuns(const Series &series, const FigureLayout &layout, int side) {
    Runs runs(1);
    for (std::size_t i = 0; i < pointCount(series); ++i) {
        const auto y = yPixel(series, i, layout, side);
        if (y && std::isfinite(series.x[i]))
            runs.back().push_back({kept(layout.x.toPixel(series.x[i])), *y});
        else if (!runs.back().empty())
            runs.emplace_back();
    }
    return runs;
}

// Of each step its two corners, at whole pixels; steps narrower than a pixel keep the tallest.
Runs stepRuns(const Series &series, const FigureLayout &layout, int side) {
    Runs runs(1);
    for (std::size_t i = 0; i < pointCount(series); ++i) {
        const auto y = yPixel(series, i, layout, side);
        if (!y || !std::isfinite(series.x[i]) || !std::isfinite(series.x[i + 1])) {
            if (!runs.back().empty())
                runs.emplace_back();
            continue;
        }
        const double left = std::round(kept(layout.x.toPixel(series.x[i])));
        const double right = std::round(kept(layout.x.toPixel(series.x[i + 1])));
        runs.back().push_back({left, std::round(*y)});
        runs.back().push_back({right, std::round(*y)});
    }
    return runs;
}

void drawRuns(const Pen &pen, const Series &series, int side) {
    const bool step = series.kind == Series::Kind::Step;
    const Rgb colour = pen.colour(series.colour);
    const double base = std::round(kept(pen.layout.y.toPixel(series.base, side)));
    for (std::vector<Point> &run : step ? stepRuns(series, pen.layout, side) : lineRuns(series, pen.layout, side)) {
        if (run.empty())
            continue;
        run = thinned(std::move(run), pen.layout.plot.width);
        const bool filled = (series.fillOpacity > 0 && !isHighContrast(pen.theme)) || series.hatched;
        if (filled && run.size() > 1) {
            std::vector<Point> area = run;
            area.push_back({run.back().x, base});
            area.push_back({run.front().x, base});
            pen.canvas.polygon(area, {colour, series.hatched ? 1 : series.fillOpacity, series.hatched}, step);
        }
        if (series.line != LineStyle::None && run.size() > 1)
            pen.canvas.polyline(run, {colour, pen.seriesWidth(), 1, series.line}, step);
    }
}

void drawBars(const Pen &pen, const Series &series) {
    const Rgb colour = pen.colour(series.colour);
    for (std::size_t i = 0; i < pointCount(series); ++i) {
        const auto box = barBox(series, i, pen.layout);
        if (!box)
            continue;
        const double opacity = i < series.opacities.size() ? series.opacities[i]
                               : series.fillOpacity > 0    ? series.fillOpacity
                                                           : 1;
        std::optional<Fill> fill = Fill{colour, series.hatched ? 1 : opacity, series.hatched};
        std::optional<Stroke> edge;
        if (isHighContrast(pen.theme) && !series.hatched)
            fill.reset();
        if (series.hatched || !fill)
            edge = Stroke{colour, pen.seriesWidth(), 1, LineStyle::Solid};
        if (box->width < 3)
            edge.reset();
        if (!fill && !edge)
            fill = Fill{colour, 1, false};
        pen.canvas.rectangle(*box, fill, edge);
    }
}

void drawMarks(const Pen &pen, const Series &series) {
    if (series.mark == MarkStyle::None)
        return;
    for (std::size_t i = 0; i < pointCount(series); ++i) {
        const auto place = pointPlace(series, i, pen.layout);
        if (!place)
            continue;
        if (series.mark != MarkStyle::Tick) {
            drawMark(pen.canvas, *place, series.mark, pen.px(3.5), pen.colour(series.colour), pen.ground());
            continue;
        }
        const double pitch = series.barWidth > 0 ? pen.layout.x.toPixel(series.x[i] + series.barWidth) -
                                                       pen.layout.x.toPixel(series.x[i])
                                                 : pen.px(12);
        const double wide = std::max(3.0, std::min(std::round(pitch), pen.px(14)));
        const double tall = pen.px(4);
        pen.canvas.rectangle({std::round(place->x - wide / 2), std::round(place->y - tall / 2), wide, std::round(tall)},
                             Fill{pen.ground(), 1, false}, Stroke{pen.colour(series.colour), 1, 1, LineStyle::Solid});
    }
}

void drawSelected(const Pen &pen, const Series &series) {
    for (const std::size_t i : series.selected) {
        if (series.kind == Series::Kind::Line) {
            if (const auto place = pointPlace(series, i, pen.layout))
                pen.canvas.circle(*place, pen.px(7), std::nullopt, Stroke{pen.text(), 2, 1, LineStyle::Solid});
        } else if (const auto box = barBox(series, i, pen.layout)) {
            pen.canvas.rectangle({box->x - 1, box->y - 1, box->width + 2, box->height + 2}, std::nullopt,
                                 Stroke{pen.text(), 2, 1, LineStyle::Solid});
        }
    }
}

} // namespace

std::size_t pointCount(const Series &series) {
    if (series.kind == Series::Kind::Step)
        return series.x.empty() ? 0 : std::min(series.y.size(), series.x.size() - 1);
    return std::min(series.x.size(), series.y.size());
}

std::optional<Box> barBox(const Series &series, std::size_t point, const FigureLayout &layout) {
    if (point >= pointCount(series) || !std::isfinite(series.y[point]) || !std::isfinite(series.x[point]))
        return std::nullopt;
    double from = series.x[point];
    double to = from;
    if (series.kind == Series::Kind::Step) {
        to = series.x[point + 1];
    } else {
        from -= series.barWidth / 2;
        to += series.barWidth / 2;
    }
    if (!std::isfinite(to))
        return std::nullopt;
    const int side = sideOf(series, layout);
    // One bar's right edge is the next one's left: rounding errors must not part them by a pixel.
    const auto edge = [&layout](double x) { return std::round(kept(layout.x.toPixel(x)) + 1e-6); };
    const double left = edge(from);
    const double right = std::max(left + 1, edge(to));
    const double one = std::round(kept(layout.y.toPixel(series.y[point], side)));
    const double other = std::round(kept(layout.y.toPixel(series.base, side)));
    return Box{left, std::min(one, other), right - left, std::abs(one - other)};
}

std::optional<Point> pointPlace(const Series &series, std::size_t point, const FigureLayout &layout) {
    if (point >= pointCount(series) || !std::isfinite(series.y[point]) || !std::isfinite(series.x[point]))
        return std::nullopt;
    double x = series.x[point];
    if (series.kind == Series::Kind::Step)
        x = (x + series.x[point + 1]) / 2;
    if (!std::isfinite(x))
        return std::nullopt;
    return Point{kept(layout.x.toPixel(x)), kept(layout.y.toPixel(series.y[point], sideOf(series, layout)))};
}

void drawMark(Canvas &canvas, Point at, MarkStyle mark, double radius, Rgb colour, Rgb ground) {
    const Fill fill{colour, 1, false};
    const Stroke edge{colour, 1.5, 1, LineStyle::Solid};
    const double r = radius;
    const auto shape = [&](std::vector<Point> corners) {
        for (Point &corner : corners)
            corner = {at.x + corner.x, at.y + corner.y};
        canvas.polygon(corners, fill, false);
    };
    switch (mark) {
    case MarkStyle::None:
        break;
    case MarkStyle::Square:
        shape({{-r * 0.9, -r * 0.9}, {r * 0.9, -r * 0.9}, {r * 0.9, r * 0.9}, {-r * 0.9, r * 0.9}});
        break;
    case MarkStyle::Circle:
        canvas.circle(at, r, fill, std::nullopt);
        break;
    case MarkStyle::CircleHollow:
        canvas.circle(at, r, Fill{ground, 1, false}, edge);
        break;
    case MarkStyle::CircleHalf: {
        canvas.circle(at, r, Fill{ground, 1, false}, edge);
        std::vector<Point> half;
        for (int i = 0; i <= 12; ++i) {
            const double angle = 3.14159265358979 * (0.5 + i / 12.0);
            half.push_back({r * std::cos(angle), -r * std::sin(angle)});
        }
        shape(half);
        break;
    }
    case MarkStyle::Diamond:
        shape({{0, -r * 1.3}, {r * 1.3, 0}, {0, r * 1.3}, {-r * 1.3, 0}});
        break;
    case MarkStyle::TriangleUp:
        shape({{0, -r * 1.2}, {r * 1.2, r}, {-r * 1.2, r}});
        break;
    case MarkStyle::TriangleDown:
        shape({{0, r * 1.2}, {r * 1.2, -r}, {-r * 1.2, -r}});
        break;
    case MarkStyle::Tick:
        canvas.rectangle({std::round(at.x - r * 1.6), std::round(at.y - r * 0.6), std::round(r * 3.2),
                          std::max(3.0, std::round(r * 1.2))},
                         Fill{ground, 1, false}, Stroke{colour, 1, 1, LineStyle::Solid});
        break;
    }
}

void drawSeries(const Pen &pen, const Series &series) {
    if (series.kind == Series::Kind::Bars)
        drawBars(pen, series);
    else
        drawRuns(pen, series, sideOf(series, pen.layout));
    drawMarks(pen, series);
    drawSelected(pen, series);
}

} // namespace nibblescope
