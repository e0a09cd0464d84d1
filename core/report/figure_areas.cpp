// SPDX-License-Identifier: GPL-3.0-or-later
// Heat maps, stacked bars and the strip of levels.
#include "core/report/figure_parts.h"

#include "core/report/axis_ticks.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double smallText = 11;
constexpr double bodyText = 12;

Rgb cellColour(const Pen &pen, const HeatMap &map, double value) {
    const double span = map.upper - map.lower;
    const double at = span > 0 ? (value - map.lower) / span : 0.5;
    const double share = map.reversed ? 1 - at : at;
    return map.diverging ? diverging(share, pen.theme) : viridis(share);
}

void drawCell(const Pen &pen, const HeatMap &map, std::size_t row, std::size_t column) {
    const std::size_t index = row * map.columns.size() + column;
    Box box = pen.layout.cell(map, row, column);
    if (box.width > 4 && box.height > 4) {
        box.width -= 1;
        box.height -= 1;
    }
    const bool room = box.width >= pen.px(40) && box.height >= pen.px(17);
    const double baseline = std::round(box.y + box.height / 2 + pen.px(4));
    const auto value = index < map.cells.size() ? map.cells[index] : std::nullopt;
    if (!value || !std::isfinite(*value)) {
        pen.canvas.rectangle(box, Fill{pen.colour(ColourRole::Divider), 1, true}, std::nullopt);
        if (room)
            pen.canvas.text({box.x + box.width / 2, baseline}, "\u00B7",
                            {pen.text2(), pen.px(bodyText), true, TextAlign::Centre, false, pen.ground()});
        return;
    }
    const Rgb colour = cellColour(pen, map, *value);
    pen.canvas.rectangle(box, Fill{colour, 1, false}, std::nullopt);
    const bool bold = map.selected == index || map.worst == index;
    if (room && index < map.texts.size() &&
        pen.canvas.textWidth(map.texts[index], pen.px(smallText), bold) <= box.width - pen.px(4))
        pen.canvas.text({box.x + box.width / 2, baseline}, map.texts[index],
                        {textOn(colour), pen.px(smallText), bold, TextAlign::Centre, false, std::nullopt});
}

void drawCellFrame(const Pen &pen, const HeatMap &map, std::size_t index, bool isSelected, bool isWorst) {
    if (map.columns.empty() || index >= map.columns.size() * map.rows.size())
        return;
    Box box = pen.layout.cell(map, index / map.columns.size(), index % map.columns.size());
    box.width -= 1;
    box.height -= 1;
    const Box outer{box.x + 1, box.y + 1, box.width - 2, box.height - 2};
    const Box inner{box.x + 2, box.y + 2, box.width - 4, box.height - 4};
    pen.canvas.rectangle(inner, std::nullopt, Stroke{pen.ground(), 2, 1, LineStyle::Solid});
    pen.canvas.rectangle(outer, std::nullopt, Stroke{pen.text(), 2, 1, LineStyle::Solid});
    if (isSelected) {
        const double notch = std::min(pen.px(12), box.height / 2);
        const std::array<Point, 3> corner{{{box.x, box.y}, {box.x + notch, box.y}, {box.x, box.y + notch}}};
        pen.canvas.polygon(corner, Fill{pen.text(), 1, false}, false);
    }
    if (isWorst && box.width >= pen.px(64) && box.height >= pen.px(36) && index < map.cells.size() &&
        map.cells[index]) {
        const Rgb ground = cellColour(pen, map, *map.cells[index]);
        pen.canvas.text({box.right() - pen.px(7), box.y + pen.px(14)}, "worst",
                        {textOn(ground), pen.px(9), true, TextAlign::Right, false, std::nullopt});
    }
}

void drawColumnGroups(const Pen &pen, const HeatMap &map) {
    const double nameBaseline = pen.layout.plot.y - pen.px(6);
    for (std::size_t begin = 0; begin < map.columns.size();) {
        const std::size_t dot = map.columns[begin].rfind('.');
        const std::string group = dot == std::string::npos ? std::string() : map.columns[begin].substr(0, dot + 1);
        std::size_t end = begin + 1;
        while (end < map.columns.size() && !group.empty() && map.columns[end].compare(0, group.size(), group) == 0 &&
               map.columns[end].find('.', group.size()) == std::string::npos)
            ++end;
        if (!group.empty()) {
            const double left = pen.layout.cell(map, 0, begin).x + pen.px(3);
            const double right = pen.layout.cell(map, 0, end - 1).right() - pen.px(4);
            const double y = std::round(nameBaseline - pen.px(13));
            pen.canvas.line({std::round(left), y}, {std::round(right), y}, {pen.colour(ColourRole::Divider)});
            const std::string name =
                elidedRight(group.substr(0, dot), right - left, pen.px(smallText), false, pen.canvas);
            pen.canvas.text({std::round((left + right) / 2), y - pen.px(3)}, name,
                            {pen.text2(), pen.px(smallText), false, TextAlign::Centre, false, std::nullopt});
        }
        begin = end;
    }
}

void drawScaleBar(const Pen &pen, const HeatMap &map) {
    const Box &bar = pen.layout.scaleBar;
    constexpr int steps = 64;
    for (int i = 0; i < steps; ++i) {
        const double left = std::round(bar.x + bar.width * i / steps);
        const double right = std::round(bar.x + bar.width * (i + 1) / steps);
        const double value = map.lower + (map.upper - map.lower) * (i + 0.5) / steps;
        pen.canvas.rectangle({left, bar.y, right - left, bar.height}, Fill{cellColour(pen, map, value), 1, false},
                             std::nullopt);
    }
    const double baseline = bar.bottom() - pen.px(1);
    const TextStyle style{pen.text2(), pen.px(smallText), false, TextAlign::Right, false, std::nullopt};
    const auto endText = [](const std::string &text, double value) {
        return text.empty() ? tickLabel(value, 2) : text;
    };
    pen.canvas.text({bar.x - pen.px(7), baseline}, endText(map.lowerText, map.lower), style);
    TextStyle right = style;
    right.align = TextAlign::Left;
    pen.canvas.text({bar.right() + pen.px(7), baseline}, endText(map.upperText, map.upper), right);
    if (map.selected || map.worst) {
        const std::string key = map.selected && map.worst ? "framed: worst, and the selected (notch)"
                                : map.worst               ? "framed: worst"
                                                          : "framed: the selected";
        const double room = bar.x - pen.px(7) -
                            pen.canvas.textWidth(endText(map.lowerText, map.lower), style.size, false) - pen.px(12) -
                            pen.layout.plot.x;
        if (pen.canvas.textWidth(key, style.size, false) <= room)
            pen.canvas.text({pen.layout.plot.x, baseline}, key, right);
    }
}

void drawWhisker(const Pen &pen, const StackedBar &bar, const Box &band) {
    if (!bar.low || !bar.high || !std::isfinite(*bar.low) || !std::isfinite(*bar.high))
        return;
    const double low = std::round(pen.layout.x.toPixel(*bar.low));
    const double high = std::round(pen.layout.x.toPixel(*bar.high));
    const double middle = std::round(band.y + band.height / 2);
    const double half = std::round(std::min(pen.px(5), band.height / 2));
    for (const double width : {3.0, 1.0}) { // a halo below, so that the whisker is seen on its bar
        const Stroke stroke{width > 1 ? pen.ground() : pen.text(), width, 1, LineStyle::Solid};
        pen.canvas.line({low, middle}, {high, middle}, stroke);
        pen.canvas.line({low, middle - half}, {low, middle + half}, stroke);
        pen.canvas.line({high, middle - half}, {high, middle + half}, stroke);
    }
}

void drawEndLabel(const Pen &pen, const StackedBar &bar, const Box &band) {
    double right = band.x;
    for (std::size_t part = 0; part < bar.parts.size(); ++part)
        right = std::max(right, partBox(bar, 0, part, pen.layout).right());
    for (const auto &end : {bar.high, bar.reference}) {
        if (end && std::isfinite(*end))
            right = std::max(right, pen.layout.x.toPixel(*end));
    }
    right += pen.px(8);
    std::vector<std::string> lines = linesOf(bar.endLabel);
    lines.resize(std::min(lines.size(), pen.layout.endLines));
    const double middle = band.y + band.height / 2;
    double baseline = lines.size() > 1 ? std::round(middle - pen.px(2)) : std::round(middle + pen.px(4));
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool first = i == 0;
        pen.canvas.text({right, baseline}, lines[i],
                        {first ? pen.text() : pen.text2(), pen.px(first ? bodyText : smallText), first && bar.selected,
                         TextAlign::Left, false, pen.ground()});
        baseline += pen.px(12);
    }
}

} // namespace

void drawArea(const Pen &pen, const Box &box, ColourRole role, double opacity, bool hatched, bool outlined) {
    const Rgb colour = pen.colour(role);
    std::optional<Fill> fill = Fill{colour, hatched ? 1 : opacity, hatched};
    std::optional<Stroke> edge;
    if (outlined)
        edge = Stroke{role == ColourRole::Divider ? controlEdge(pen.theme) : colour, 1, 1, LineStyle::Solid};
    if (isHighContrast(pen.theme)) {
        if (!hatched && opacity < 1)
            fill.reset();
        edge = Stroke{role == ColourRole::Divider ? controlEdge(pen.theme) : colour, 2, 1, LineStyle::Solid};
    }
    pen.canvas.rectangle(box, fill, edge);
}

void drawHeatMap(const Pen &pen, const HeatMap &map) {
    for (std::size_t row = 0; row < map.rows.size(); ++row) {
        for (std::size_t column = 0; column < map.columns.size(); ++column)
            drawCell(pen, map, row, column);
    }
    if (map.worst)
        drawCellFrame(pen, map, *map.worst, map.worst == map.selected, true);
    if (map.selected && map.selected != map.worst)
        drawCellFrame(pen, map, *map.selected, true, false);
    for (const PlacedTick &tick : pen.layout.xTicks)
        pen.canvas.text({std::round(tick.pixel), pen.layout.plot.y - pen.px(6)}, tick.label,
                        {pen.text(), pen.px(smallText), false, TextAlign::Centre, false, std::nullopt});
    for (const PlacedTick &tick : pen.layout.yTicks)
        pen.canvas.text({pen.layout.plot.x - pen.px(8), std::round(tick.pixel + pen.px(4))}, tick.label,
                        {pen.text2(), pen.px(smallText), false, TextAlign::Right, false, std::nullopt});
    drawColumnGroups(pen, map);
    drawScaleBar(pen, map);
}

Box partBox(const StackedBar &bar, std::size_t index, std::size_t part, const FigureLayout &layout) {
    const Box band = layout.bar(index);
    double from = 0;
    for (std::size_t i = 0; i < part && i < bar.parts.size(); ++i)
        from += std::isfinite(bar.parts[i].value) ? std::max(0.0, bar.parts[i].value) : 0;
    double to = from;
    if (part < bar.parts.size() && std::isfinite(bar.parts[part].value))
        to += std::max(0.0, bar.parts[part].value);
    const double left = std::round(std::clamp(layout.x.toPixel(from), -1e5, 1e5));
    const double right = std::round(std::clamp(layout.x.toPixel(to), -1e5, 1e5));
    return {left, band.y, right - left, band.height};
}

void drawStackedBars(const Pen &pen) {
    const Box &plot = pen.layout.plot;
    for (std::size_t i = 0; i < pen.figure.stackedBars.size(); ++i) {
        const StackedBar &bar = pen.figure.stackedBars[i];
        const Box band = pen.layout.bar(i);
        pen.canvas.pushClip({plot.x, plot.y, plot.width + 1, plot.height});
        for (std::size_t part = 0; part < bar.parts.size(); ++part) {
            const Box box = partBox(bar, i, part, pen.layout);
            if (box.width <= 0)
                continue;
            const StackedBar::Part &what = bar.parts[part];
            drawArea(pen, box, what.colour, what.opacity, what.hatched,
                     what.hatched || what.colour == ColourRole::Divider);
        }
        drawWhisker(pen, bar, band);
        if (bar.reference && std::isfinite(*bar.reference)) {
            const double x = std::round(pen.layout.x.toPixel(*bar.reference));
            pen.canvas.line({x, band.y - pen.px(2)}, {x, band.bottom() + pen.px(2)},
                            {pen.text(), 1, 1, LineStyle::Dashed});
        }
        pen.canvas.popClip();
        if (pen.layout.barPitch < pen.px(smallText) && !bar.selected)
            continue; // texts would lie on each other
        drawEndLabel(pen, bar, band);
        pen.canvas.text({plot.x - pen.px(9), std::round(band.y + band.height / 2 + pen.px(4))}, bar.name,
                        {pen.text(), pen.px(bodyText), bar.selected, TextAlign::Right, false, std::nullopt});
        if (bar.selected)
            pen.canvas.rectangle(
                {std::round(pen.layout.whole.x + pen.px(8)), band.y - pen.px(3), 2, band.height + pen.px(6)},
                Fill{pen.text(), 1, false}, std::nullopt);
    }
}

Box levelBox(const LevelStrip &strip, std::size_t row, std::size_t level, const FigureLayout &layout) {
    const Box &box = layout.strip;
    const LevelStrip::Level &what = strip.rows[row].levels[level];
    const double x = std::round(layout.x.toPixel(what.at));
    if (strip.place == LevelStrip::Place::Middle) {
        const double tall = layout.px(5);
        return {x - 1, row == 0 ? box.y : box.bottom() - tall, 2, tall};
    }
    const double rows = static_cast<double>(strip.rows.size()) * (strip.staggered ? 2 : 1);
    const double line =
        static_cast<double>(row) * (strip.staggered ? 2 : 1) + (strip.staggered && level % 2 == 0 ? 1 : 0);
    const double pitch = (box.height - layout.px(10)) / rows;
    const double middle = std::round(box.y + layout.px(4) + pitch * (line + 0.5));
    const double half = std::round(std::min(pitch / 2, layout.px(5)));
    return {x - 1, middle - half, 2, 2 * half};
}

void drawLevelStrip(const Pen &pen, const LevelStrip &strip) {
    const Box &box = pen.layout.strip;
    const Box &plot = pen.layout.plot;
    const bool middle = strip.place == LevelStrip::Place::Middle;
    for (std::size_t row = 0; row < strip.rows.size(); ++row) {
        const LevelStrip::Row &what = strip.rows[row];
        const Rgb colour = pen.colour(what.colour);
        double textRight = -1e9;
        for (std::size_t i = 0; i < what.levels.size(); ++i) {
            const LevelStrip::Level &level = what.levels[i];
            if (!std::isfinite(level.at))
                continue;
            const Box tick = levelBox(strip, row, i, pen.layout);
            if (tick.x + 1 < plot.x - 1 || tick.x + 1 > plot.right() + 1)
                continue;
            if (level.from && level.to && std::isfinite(*level.from) && std::isfinite(*level.to)) {
                const double one = std::clamp(std::round(pen.layout.x.toPixel(*level.from)), plot.x, plot.right());
                const double other = std::clamp(std::round(pen.layout.x.toPixel(*level.to)), plot.x, plot.right());
                const double left = std::min(one, other);
                const double right = std::max(one, other);
                const double tall = std::round(std::min(pen.px(6), tick.height));
                pen.canvas.rectangle(
                    {left, std::round(tick.y + (tick.height - tall) / 2), std::max(1.0, right - left), tall},
                    Fill{colour, 0.3, false}, std::nullopt, tall / 2);
            }
            if (level.hollow)
                pen.canvas.rectangle({tick.x - 1, tick.y, 4, tick.height}, std::nullopt,
                                     Stroke{colour, 1, 1, LineStyle::Solid});
            else
                pen.canvas.rectangle(tick, Fill{colour, 1, false}, std::nullopt);
            if (level.selected)
                pen.canvas.rectangle({tick.x - 3, tick.y - 2, 8, tick.height + 4}, std::nullopt,
                                     Stroke{pen.text(), 2, 1, LineStyle::Solid});
            const double half = pen.canvas.textWidth(level.text, pen.px(10), level.selected) / 2;
            if (level.text.empty() || strip.staggered || tick.x + 1 - half < textRight + pen.px(2))
                continue;
            const double baseline = middle && row > 0 ? box.bottom() - pen.px(7) : box.y + pen.px(14);
            pen.canvas.text({tick.x + 1, std::round(baseline)}, level.text,
                            {level.hollow ? pen.text2() : pen.text(), pen.px(10), level.selected, TextAlign::Centre,
                             false, pen.ground()});
            textRight = tick.x + 1 + half;
        }
        const double share = (static_cast<double>(row) + 0.5) / static_cast<double>(strip.rows.size());
        const double nameAt = middle ? (row == 0 ? box.y + pen.px(14) : box.bottom() - pen.px(7))
                                     : box.y + pen.px(4) + (box.height - pen.px(10)) * share + pen.px(4);
        pen.canvas.text({plot.x - pen.px(8), std::round(nameAt)}, what.name,
                        {pen.text2(), pen.px(middle ? 10 : 11), false, TextAlign::Right, false, std::nullopt});
    }
}

} // namespace nibblescope
