// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figure_draw.h"

#include "core/report/figure_parts.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double smallText = 11;
constexpr double bodyText = 12;
constexpr double lineHeight = 14;

void drawLegendEntry(const Pen &pen, const LegendEntry &entry) {
    const double baseline = entry.box.y + pen.px(13);
    const double middle = std::round(baseline - pen.px(4));
    const Rgb colour = pen.colour(entry.colour);
    double swatch = pen.px(20);
    if (entry.kind == LegendEntry::Kind::Fill) {
        swatch = pen.px(11);
        const double side = std::round(pen.px(10));
        drawArea(pen, {entry.box.x, middle - std::round(side / 2), side, side}, entry.colour, entry.opacity,
                 entry.hatched, entry.outlined);
    } else {
        if (entry.line != LineStyle::None)
            pen.canvas.line({entry.box.x, middle}, {entry.box.x + std::round(pen.px(18)), middle},
                            {colour, pen.seriesWidth(), 1, entry.line});
        drawMark(pen.canvas, {entry.box.x + std::round(pen.px(9)), middle}, entry.mark, pen.px(3.5), colour,
                 pen.ground());
    }
    pen.canvas.text({entry.box.x + swatch + pen.px(5), baseline}, entry.text,
                    {pen.text2(), pen.px(smallText), false, TextAlign::Left, false, std::nullopt});
}

void drawHeader(const Pen &pen) {
    const FigureLayout &layout = pen.layout;
    pen.canvas.text({layout.whole.x + pen.px(16), layout.titleBaseline}, layout.title,
                    {pen.text(), pen.px(bodyText), true, TextAlign::Left, false, std::nullopt});
    for (const LegendEntry &entry : layout.legend) {
        if (entry.box.width > 0)
            drawLegendEntry(pen, entry);
    }
    if (!layout.note.empty())
        pen.canvas.text({layout.noteRight, layout.titleBaseline}, layout.note,
                        {pen.text2(), pen.px(smallText), false, TextAlign::Right, false, std::nullopt});
    if (!pen.figure.badge.empty()) {
        pen.canvas.rectangle(layout.badge, Fill{pen.colour(ColourRole::Grid), 1, false},
                             Stroke{controlEdge(pen.theme), 1, 1, LineStyle::Solid}, 3);
        pen.canvas.text({layout.badge.x + layout.badge.width / 2, layout.titleBaseline}, pen.figure.badge,
                        {pen.text(), pen.px(smallText), false, TextAlign::Centre, false, std::nullopt});
    }
}

void drawBands(const Pen &pen) {
    const Box &plot = pen.layout.plot;
    for (const Band &band : pen.figure.bands) {
        const AxisMap &axis = band.vertical ? pen.layout.x : pen.layout.y;
        const double one = std::round(axis.toPixel(band.from));
        const double other = std::round(axis.toPixel(band.to));
        const double low = std::min(one, other);
        const double high = std::max(one, other);
        const Box box =
            band.vertical ? Box{low, plot.y, high - low, plot.height} : Box{plot.x, low, plot.width, high - low};
        pen.canvas.pushClip(plot);
        if (isHighContrast(pen.theme))
            pen.canvas.rectangle(box, std::nullopt, Stroke{pen.text2(), 1, 1, LineStyle::Dotted});
        else
            pen.canvas.rectangle(box, Fill{pen.colour(band.colour), band.opacity, false}, std::nullopt);
        pen.canvas.popClip();
        const TextStyle style{pen.text2(), pen.px(smallText), false, TextAlign::Centre, false, pen.ground()};
        if (band.text.empty())
            continue;
        if (band.vertical) {
            const double half = pen.canvas.textWidth(band.text, style.size, false) / 2;
            const double centre =
                std::clamp((low + high) / 2, plot.x + half, std::max(plot.x + half, plot.right() - half));
            pen.canvas.text({std::round(centre), plot.y - pen.px(4)}, band.text, style);
        } else {
            TextStyle right = style;
            right.align = TextAlign::Right;
            pen.canvas.text({plot.right() - pen.px(4), low + pen.px(12)}, band.text, right);
        }
    }
}

void drawGrid(const Pen &pen) {
    const Box &plot = pen.layout.plot;
    const Stroke stroke{pen.colour(ColourRole::Grid)};
    if (pen.figure.stackedBars.empty()) {
        for (const PlacedTick &tick : pen.layout.yTicks)
            pen.canvas.line({plot.x, tick.pixel}, {plot.right(), tick.pixel}, stroke);
    }
    if (pen.figure.gridVertical || !pen.figure.stackedBars.empty()) {
        for (const PlacedTick &tick : pen.layout.xTicks)
            pen.canvas.line({tick.pixel, plot.y}, {tick.pixel, plot.bottom()}, stroke);
    }
}

void drawAxes(const Pen &pen) {
    const FigureLayout &layout = pen.layout;
    const Box &plot = layout.plot;
    const Stroke stroke{controlEdge(pen.theme)};
    const bool mirrored = layout.y.gap > 0;
    if (mirrored) {
        for (const double y : {layout.strip.y, layout.strip.bottom()})
            pen.canvas.line({plot.x, y}, {plot.right(), y}, stroke);
        pen.canvas.line({plot.x, plot.y}, {plot.x, layout.strip.y}, stroke);
        pen.canvas.line({plot.x, layout.strip.bottom()}, {plot.x, plot.bottom()}, stroke);
    } else {
        pen.canvas.line({plot.x, plot.y}, {plot.x, plot.bottom()}, stroke);
    }
    pen.canvas.line({plot.x, plot.bottom()}, {plot.right(), plot.bottom()}, stroke);
    const TextStyle small{pen.text2(), pen.px(smallText), false, TextAlign::Centre, false, std::nullopt};
    for (const PlacedTick &tick : layout.xTicks) {
        pen.canvas.line({tick.pixel, plot.bottom()}, {tick.pixel, plot.bottom() + 4}, stroke);
        pen.canvas.text({tick.pixel, plot.bottom() + pen.px(16)}, tick.label, small);
    }
    TextStyle right = small;
    right.align = TextAlign::Right;
    for (const PlacedTick &tick : layout.yTicks)
        pen.canvas.text({plot.x - pen.px(8), std::round(tick.pixel + pen.px(4))}, tick.label, right);
}

void drawAxisLabels(const Pen &pen) {
    const FigureLayout &layout = pen.layout;
    TextStyle style{pen.text(), pen.px(smallText), false, TextAlign::Centre, false, std::nullopt};
    if (!pen.figure.x.label.empty() && !pen.figure.heatMap) {
        const double room = layout.whole.width - pen.px(24);
        const std::string label = elidedRight(pen.figure.x.label, room, style.size, false, pen.canvas);
        const double half = pen.canvas.textWidth(label, style.size, false) / 2 + pen.px(8);
        const double centre = std::clamp(layout.plot.x + layout.plot.width / 2, layout.whole.x + half,
                                         std::max(layout.whole.x + half, layout.whole.right() - half));
        pen.canvas.text({std::round(centre), std::round(layout.xLabelBaseline)}, label, style);
    }
    if (!pen.figure.y.label.empty() && pen.figure.stackedBars.empty()) {
        style.upright = true;
        const std::string label =
            elidedRight(pen.figure.y.label, layout.whole.height - pen.px(36), style.size, false, pen.canvas);
        const double half = pen.canvas.textWidth(label, style.size, false) / 2;
        const double lowest = layout.whole.bottom() - half - pen.px(4);
        pen.canvas.text({layout.yLabelX, std::round(std::min(layout.plot.y + layout.plot.height / 2, lowest))}, label,
                        style);
    }
}

Point markPlace(const Mark &mark, const FigureLayout &layout, int side = 0) {
    if (mark.fractional)
        return {layout.plot.x + mark.x * layout.plot.width, layout.plot.bottom() - mark.y * layout.plot.height};
    return {layout.x.toPixel(mark.x), layout.y.toPixel(mark.y, side)};
}

void drawMarkText(const Pen &pen, const Mark &mark) {
    const auto box = markTextBox(mark, pen.layout, pen.canvas);
    if (!box)
        return;
    const bool bold = mark.bold;
    const Rgb colour = bold || mark.kind == Mark::Kind::Text ? pen.colour(mark.colour) : pen.text2();
    TextStyle style{colour, pen.px(smallText), bold, TextAlign::Left, false, pen.ground()};
    double x = box->x;
    if (mark.align == Mark::Align::Centre) {
        style.align = TextAlign::Centre;
        x += box->width / 2;
    } else if (mark.align == Mark::Align::Right) {
        style.align = TextAlign::Right;
        x = box->right();
    }
    double baseline = std::round(box->y + pen.px(11));
    for (const std::string &line : linesOf(mark.text)) {
        pen.canvas.text({std::round(x), baseline}, line, style);
        baseline += pen.px(lineHeight);
    }
}

// Bold ones first; a text that would cover another is left out.
void drawMarkTexts(const Pen &pen) {
    std::vector<Box> taken;
    for (const bool bold : {true, false}) {
        for (const Mark &mark : pen.figure.marks) {
            const auto box = mark.bold == bold ? markTextBox(mark, pen.layout, pen.canvas) : std::nullopt;
            if (!box)
                continue;
            const bool covered = std::any_of(taken.begin(), taken.end(), [&box](const Box &other) {
                return box->x < other.right() && other.x < box->right() && box->y < other.bottom() &&
                       other.y < box->bottom();
            });
            if (covered)
                continue;
            taken.push_back(*box);
            drawMarkText(pen, mark);
        }
    }
}

void drawMarkLine(const Pen &pen, const Mark &mark) {
    const Box &plot = pen.layout.plot;
    const Stroke stroke{pen.colour(mark.colour), std::max(mark.width, 0.5), mark.opacity, mark.line};
    const Point place = markPlace(mark, pen.layout);
    switch (mark.kind) {
    case Mark::Kind::VerticalLine: {
        const double x = std::round(place.x);
        if (!std::isfinite(mark.x) || mark.line == LineStyle::None)
            break;
        // In a mirrored plot a line belongs to the half that its y points at; 0: both.
        const bool mirrored = pen.layout.y.gap > 0;
        const double top = mirrored && mark.y < 0 ? pen.layout.strip.bottom() : plot.y;
        const double bottom = mirrored && mark.y > 0 ? pen.layout.strip.y : plot.bottom();
        if (mirrored && mark.y == 0) {
            pen.canvas.line({x, plot.y}, {x, pen.layout.strip.y}, stroke);
            pen.canvas.line({x, pen.layout.strip.bottom()}, {x, plot.bottom()}, stroke);
        } else {
            pen.canvas.line({x, top}, {x, bottom}, stroke);
        }
        break;
    }
    case Mark::Kind::HorizontalLine:
        if (std::isfinite(mark.y) && mark.line != LineStyle::None)
            pen.canvas.line({plot.x, std::round(place.y)}, {plot.right(), std::round(place.y)}, stroke);
        break;
    case Mark::Kind::Ring:
        if (std::isfinite(mark.x) && std::isfinite(mark.y))
            pen.canvas.circle(place, pen.px(8), std::nullopt, stroke);
        break;
    case Mark::Kind::Segment: {
        Mark other = mark;
        other.x = mark.x2;
        other.y = mark.y2;
        const int side = mark.y + mark.y2 < 0 ? -1 : 1; // where one end is 0, in a mirrored plot
        const Point begin = markPlace(mark, pen.layout, side);
        const Point end = markPlace(other, pen.layout, side);
        if (std::isfinite(mark.x + mark.y + mark.x2 + mark.y2))
            pen.canvas.line({std::round(begin.x), std::round(begin.y)}, {std::round(end.x), std::round(end.y)}, stroke);
        break;
    }
    case Mark::Kind::Frame: {
        const double left = std::round(pen.layout.x.toPixel(std::min(mark.x, mark.x2)));
        const double right = std::round(pen.layout.x.toPixel(std::max(mark.x, mark.x2)));
        pen.canvas.rectangle({left, plot.y, std::max(2.0, right - left), plot.height}, std::nullopt, stroke);
        break;
    }
    case Mark::Kind::Text:
        break;
    }
}

void drawPlot(const Pen &pen) {
    const Box &plot = pen.layout.plot;
    drawGrid(pen);
    drawBands(pen);
    if (pen.figure.stackedBars.empty()) {
        pen.canvas.pushClip({plot.x, plot.y, plot.width + 1, plot.height});
        for (const Series &series : pen.figure.series) {
            if (series.mark == MarkStyle::None || series.kind == Series::Kind::Bars)
                drawSeries(pen, series);
        }
        pen.canvas.popClip();
        // Marks of curves are whole at the plot's edges.
        for (const Series &series : pen.figure.series) {
            if (series.mark == MarkStyle::None || series.kind == Series::Kind::Bars)
                continue;
            const double slack = pen.px(5);
            pen.canvas.pushClip({plot.x - slack, plot.y - slack, plot.width + 2 * slack, plot.height + 2 * slack});
            drawSeries(pen, series);
            pen.canvas.popClip();
        }
    } else {
        drawStackedBars(pen);
    }
    for (const Mark &mark : pen.figure.marks) {
        const double slack = mark.kind == Mark::Kind::Ring ? pen.px(10) : 1;
        pen.canvas.pushClip({plot.x - slack, plot.y - slack, plot.width + 2 * slack, plot.height + 2 * slack});
        drawMarkLine(pen, mark);
        pen.canvas.popClip();
    }
    drawAxes(pen);
    if (pen.figure.levels)
        drawLevelStrip(pen, *pen.figure.levels);
    drawMarkTexts(pen);
}

} // namespace

std::optional<Box> markTextBox(const Mark &mark, const FigureLayout &layout, const Canvas &measure) {
    const bool needsX = mark.kind != Mark::Kind::HorizontalLine;
    const bool needsY = mark.kind != Mark::Kind::VerticalLine && mark.kind != Mark::Kind::Frame;
    if (mark.text.empty() || (needsX && !std::isfinite(mark.x)) || (needsY && !std::isfinite(mark.y)))
        return std::nullopt;
    const Box &plot = layout.plot;
    double width = 0;
    double height = 0;
    for (const std::string &line : linesOf(mark.text)) {
        width = std::max(width, measure.textWidth(line, layout.px(smallText), mark.bold));
        height += layout.px(lineHeight);
    }
    Point place = markPlace(mark, layout);
    if (mark.kind == Mark::Kind::VerticalLine) {
        if (place.x < plot.x || place.x > plot.right())
            return std::nullopt;
        place = {place.x + (mark.align == Mark::Align::Right ? -layout.px(5) : layout.px(5)), plot.y};
    } else if (mark.kind == Mark::Kind::HorizontalLine) {
        if (place.y < plot.y || place.y > plot.bottom())
            return std::nullopt;
        return Box{plot.right() + layout.px(5), place.y - height / 2, width, height};
    } else if (mark.kind != Mark::Kind::Text) {
        place.x += layout.px(10);
        place.y -= height / 2;
    } else if (mark.fractional) {
        // Inside the plot: a text at fraction 0 stands on the axis, at 1 it hangs from the top.
        place.y -= height * (1 - std::clamp(mark.y, 0.0, 1.0)) + layout.px(2);
    } else {
        if (place.x < plot.x - 1 || place.x > plot.right() + 1 || place.y < plot.y - 1 || place.y > plot.bottom() + 1)
            return std::nullopt;
        place.y -= height / 2;
    }
    double left = place.x;
    if (mark.align == Mark::Align::Centre)
        left -= width / 2;
    else if (mark.align == Mark::Align::Right)
        left -= width;
    const double inset = layout.px(4);
    left = std::max(plot.x + inset, std::min(left, plot.right() - inset - width));
    const double top = std::max(plot.y, std::min(place.y, plot.bottom() - height));
    return Box{left, top, width, height};
}

void drawFigure(Canvas &canvas, const Figure &figure, const FigureLayout &layout, FigureTheme theme) {
    const Pen pen{canvas, figure, layout, theme};
    drawHeader(pen);
    if (figure.heatMap)
        drawHeatMap(pen, *figure.heatMap);
    else
        drawPlot(pen);
    drawAxisLabels(pen);
}

} // namespace nibblescope
