// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figure_layout.h"

#include "core/report/axis_ticks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace nibblescope {
namespace {

constexpr double sideMargin = 16;
constexpr double titleBaselineAt = 19;
constexpr double headerHeight = 34;
constexpr double legendRow = 18;
constexpr double smallText = 11;
constexpr double bodyText = 12;
constexpr double tickLength = 4;
constexpr double tickRow = 20; // tick and its label
constexpr double stripHeight = 34;
constexpr double labelRow = 18;
constexpr double bottomMargin = 6;
constexpr double labelGap = 6; // no label comes nearer to another
constexpr double yTickEvery = 28;
constexpr int mostXTicks = 11;
constexpr double easyGap = 12;         // what numeric ticks keep, so that they read easily
constexpr double leastPlotHeight = 70; // legend rows are given up for it
constexpr double twoLinePitch = 26;    // bars nearer than that have one line of text at their ends

bool isMirrored(const Figure &figure) {
    return figure.levels && figure.levels->place == LevelStrip::Place::Middle && !figure.stackedBars.size();
}

bool hasStripBelow(const Figure &figure) {
    return figure.levels && figure.levels->place == LevelStrip::Place::Below && !figure.heatMap;
}

// "self_attn.q_proj" -> "self_attn"
std::string columnGroup(const std::string &column) {
    const std::size_t dot = column.rfind('.');
    return dot == std::string::npos ? std::string() : column.substr(0, dot);
}

struct Range {
    double lower;
    double upper;
};

Range usable(const Axis &axis) {
    Range range{axis.lower, axis.upper};
    if (!std::isfinite(range.lower) || !std::isfinite(range.upper))
        range = {0, 1};
    if (range.lower > range.upper)
        std::swap(range.lower, range.upper);
    if (axis.logarithmic) {
        if (range.upper <= 0)
            range.upper = 10;
        if (range.lower <= 0)
            range.lower = std::min(0.5, range.upper / 10);
    }
    const double least = std::max(std::abs(range.lower), std::abs(range.upper)) * 1e-12;
    if (!(range.upper - range.lower > least)) {
        const double half = range.upper == 0 ? 0.5 : std::abs(range.upper) * 0.5;
        range = {axis.logarithmic ? range.lower / 2 : range.lower - half, range.upper + half};
    }
    return range;
}

// Ticks that have room: neighbours keep a gap, by leaving out all but every second, third, ...
void thinOut(std::vector<PlacedTick> &ticks, const Canvas &measure, double size, double gap) {
    for (std::size_t stride = 1; stride < ticks.size(); ++stride) {
        double right = -std::numeric_limits<double>::infinity();
        bool fits = true;
        for (std::size_t i = 0; i < ticks.size() && fits; i += stride) {
            const double half = measure.textWidth(ticks[i].label, size, false) / 2;
            fits = ticks[i].pixel - half >= right;
            right = ticks[i].pixel + half + gap;
        }
        if (!fits)
            continue;
        std::vector<PlacedTick> kept;
        for (std::size_t i = 0; i < ticks.size(); i += stride)
            kept.push_back(ticks[i]);
        ticks = std::move(kept);
        return;
    }
    if (ticks.size() > 1)
        ticks.resize(1);
}

void thinOutRows(std::vector<PlacedTick> &ticks, double least) {
    std::vector<PlacedTick> kept;
    for (const PlacedTick &tick : ticks) {
        if (kept.empty() || std::abs(kept.back().pixel - tick.pixel) >= least)
            kept.push_back(tick);
    }
    ticks = std::move(kept);
}

std::vector<Axis::Tick> ticksIn(const Axis &axis, double lower, double upper, int most) {
    if (axis.ticks.empty())
        return numericTicks(axis, lower, upper, most);
    const double slack = (upper - lower) * 1e-9;
    std::vector<Axis::Tick> ticks;
    for (const Axis::Tick &tick : axis.ticks) {
        if (tick.at >= lower - slack && tick.at <= upper + slack)
            ticks.push_back(tick);
    }
    std::sort(ticks.begin(), ticks.end(), [](const auto &a, const auto &b) { return a.at < b.at; });
    return ticks;
}

std::vector<LegendEntry> legendOf(const Figure &figure) {
    std::vector<LegendEntry> entries;
    for (const Series &series : figure.series) {
        if (series.name.empty())
            continue;
        LegendEntry entry;
        entry.text = series.name;
        entry.colour = series.colour;
        entry.line = series.line;
        entry.mark = series.mark;
        entry.hatched = series.hatched;
        const bool bars = series.kind == Series::Kind::Bars;
        if (bars || series.fillOpacity > 0 || series.hatched) {
            entry.kind = LegendEntry::Kind::Fill;
            entry.opacity = !series.opacities.empty() ? 1 : series.fillOpacity > 0 ? series.fillOpacity : 1;
            entry.outlined = series.line != LineStyle::None || series.hatched;
        }
        entries.push_back(std::move(entry));
    }
    // Bars share the names of their parts: the selected bar's colours stand for all.
    const StackedBar *shown = nullptr;
    for (const StackedBar &bar : figure.stackedBars) {
        if (shown == nullptr || bar.selected)
            shown = &bar;
    }
    // Bars of one part have their names beside them.
    const bool parted = std::any_of(figure.stackedBars.begin(), figure.stackedBars.end(),
                                    [](const StackedBar &bar) { return bar.parts.size() > 1; });
    if (!parted)
        shown = nullptr;
    std::vector<const StackedBar *> order{shown};
    for (const StackedBar &bar : figure.stackedBars)
        order.push_back(parted ? &bar : nullptr);
    for (const StackedBar *bar : order) {
        for (const StackedBar::Part &part : bar == nullptr ? std::vector<StackedBar::Part>() : bar->parts) {
            const bool known = std::any_of(entries.begin(), entries.end(),
                                           [&part](const LegendEntry &entry) { return entry.text == part.name; });
            if (part.name.empty() || known || !(part.value > 0))
                continue;
            LegendEntry entry;
            entry.text = part.name;
            entry.kind = LegendEntry::Kind::Fill;
            entry.colour = part.colour;
            entry.opacity = part.opacity;
            entry.hatched = part.hatched;
            entry.outlined = part.hatched || part.colour == ColourRole::Divider;
            entries.push_back(std::move(entry));
        }
    }
    for (const Mark &mark : figure.marks) {
        if (mark.legend.empty())
            continue;
        LegendEntry entry;
        entry.text = mark.legend;
        entry.colour = mark.colour;
        entry.line = mark.line;
        entries.push_back(std::move(entry));
    }
    return entries;
}

double swatchWidth(const LegendEntry &entry) { return entry.kind == LegendEntry::Kind::Fill ? 11 : 20; }

class Maker {
public:
    Maker(const Figure &figure, const FigureView &view, const Box &whole, double scale, const Canvas &measure,
          double minimumLeft)
        : m_figure(figure), m_view(view), m_measure(measure), m_minimumLeft(minimumLeft) {
        m_out.whole = whole;
        m_out.scale = scale;
    }

    FigureLayout make() {
        m_left = m_out.whole.x + px(sideMargin);
        m_right = m_out.whole.right() - px(sideMargin);
        m_top = m_out.whole.y + px(headerHeight);
        m_bottom = m_out.whole.bottom() - px(bottomMargin);
        header();
        if (m_figure.heatMap)
            aroundHeatMap();
        else
            aroundPlot();
        finishPlot();
        return std::move(m_out);
    }

private:
    double px(double length) const { return length * m_out.scale; }
    double width(const std::string &text, double size, bool bold = false) const {
        return m_measure.textWidth(text, px(size), bold);
    }

    void header() {
        m_out.titleBaseline = std::round(m_out.whole.y + px(titleBaselineAt));
        double right = m_right;
        if (!m_figure.badge.empty()) {
            const double wide = width(m_figure.badge, smallText) + px(12);
            m_out.badge = {std::round(right - wide), std::round(m_out.titleBaseline - px(13)), std::round(wide),
                           std::round(px(18))};
            right = m_out.badge.x - px(10);
        }
        m_out.title = elidedRight(m_figure.title, right - m_left, px(bodyText), true, m_measure);
        const double titleRight = m_left + width(m_out.title, bodyText, true);
        m_out.legend = legendOf(m_figure);
        double legendWidth = 0;
        for (LegendEntry &entry : m_out.legend) {
            entry.box.width = px(swatchWidth(entry) + 5) + width(entry.text, smallText);
            entry.box.height = px(legendRow);
            legendWidth += entry.box.width + px(16);
        }
        const double noteWidth = m_figure.note.empty() ? 0 : width(m_figure.note, smallText) + px(16);
        const double legendLeft = titleRight + px(26);
        const double room = right - legendLeft;
        m_out.noteRight = right;
        if (m_out.legend.empty() || legendWidth - px(16) + noteWidth <= room) {
            placeLegendRow(legendLeft, m_out.titleBaseline);
        } else if (m_out.legend.size() > 4 && allLines() && columnFits()) {
            placeLegendColumn();
        } else {
            m_top = wrapLegend(legendLeft, right - noteWidth) + px(14);
        }
        if (noteWidth > 0 && titleRight + noteWidth <= right)
            m_out.note = m_figure.note;
        for (const Band &band : m_figure.bands) {
            if (band.vertical && !band.text.empty()) {
                m_top += px(10);
                break;
            }
        }
    }

    bool allLines() const {
        return std::all_of(m_out.legend.begin(), m_out.legend.end(),
                           [](const LegendEntry &entry) { return entry.kind == LegendEntry::Kind::Line; });
    }

    bool columnFits() const {
        double widest = 0;
        for (const LegendEntry &entry : m_out.legend)
            widest = std::max(widest, entry.box.width);
        const double tall = px(legendRow) * static_cast<double>(m_out.legend.size());
        return widest < (m_right - m_left) * 0.4 && m_top + tall < m_out.whole.bottom();
    }

    void placeLegendRow(double x, double baseline) {
        for (LegendEntry &entry : m_out.legend) {
            entry.box.x = std::round(x);
            entry.box.y = std::round(baseline - px(13));
            x += entry.box.width + px(16);
        }
    }

    void placeLegendColumn() {
        double widest = 0;
        for (const LegendEntry &entry : m_out.legend)
            widest = std::max(widest, entry.box.width);
        double y = m_top - px(2);
        for (LegendEntry &entry : m_out.legend) {
            entry.box.x = std::round(m_right - widest);
            entry.box.y = std::round(y);
            y += px(legendRow);
        }
        m_right -= widest + px(12);
    }

    // On the title's line as far as there is room, then below it. Returns the last baseline.
    double wrapLegend(double left, double firstRight) {
        double x = left;
        double right = firstRight;
        double baseline = m_out.titleBaseline;
        for (LegendEntry &entry : m_out.legend) {
            const double begin = baseline == m_out.titleBaseline ? left : m_left;
            if (x + entry.box.width > right && (x > begin || baseline == m_out.titleBaseline)) {
                if (baseline + px(legendRow) + px(tickRow + labelRow + leastPlotHeight) > m_bottom) {
                    entry.box.width = 0; // no room: the table still names it
                    continue;
                }
                baseline += px(legendRow);
                x = m_left;
                right = m_right;
            }
            if (x + entry.box.width > m_out.whole.right()) {
                entry.box.width = 0;
                continue;
            }
            entry.box.x = std::round(x);
            entry.box.y = std::round(baseline - px(13));
            x += entry.box.width + px(16);
        }
        return baseline;
    }

    void aroundPlot() {
        if (m_figure.x.visible) {
            m_bottom -= m_figure.x.label.empty() ? 0 : px(labelRow);
            m_out.xLabelBaseline = m_bottom + px(labelRow - 4);
        }
        if (hasStripBelow(m_figure)) {
            m_bottom -= px(stripHeight);
            m_out.strip = {0, m_bottom, 0, px(stripHeight)};
        }
        if (m_figure.x.visible)
            m_bottom -= px(tickRow);
        double left = m_left;
        if (!m_figure.stackedBars.empty()) {
            double widest = 0;
            for (const StackedBar &bar : m_figure.stackedBars)
                widest = std::max(widest, width(bar.name, bodyText, true));
            left += widest + px(10);
            const double pitch = (m_bottom - m_top) / static_cast<double>(m_figure.stackedBars.size());
            const double whole = m_right;
            m_out.endLines = pitch >= px(twoLinePitch) ? 2 : 1;
            reserveEndLabels(left);
            if (m_out.endLines > 1 && m_right - left < (whole - left) * 0.4) {
                m_out.endLines = 1;
                m_right = whole;
                reserveEndLabels(left);
            }
        } else {
            left += (m_figure.y.label.empty() ? 0 : px(16)) + yLabelsWidth() + px(8);
            for (const LevelStrip::Row &row : m_figure.levels ? m_figure.levels->rows : std::vector<LevelStrip::Row>())
                left = std::max(left,
                                m_left + (m_figure.y.label.empty() ? 0 : px(14)) + width(row.name, smallText) + px(10));
        }
        for (const Mark &mark : m_figure.marks) {
            if (mark.kind == Mark::Kind::HorizontalLine && !mark.text.empty())
                m_right = std::min(m_right, m_out.whole.right() - px(8) - width(mark.text, smallText));
        }
        m_left = std::max(left, m_out.whole.x + m_minimumLeft);
    }

    // Room for the labels at the bars' ends: the plot becomes narrower until each fits.
    void reserveEndLabels(double left) {
        const double range = m_view.xUpper - m_view.xLower;
        double right = m_right;
        for (const StackedBar &bar : m_figure.stackedBars) {
            double total = 0;
            for (const StackedBar::Part &part : bar.parts)
                total += std::isfinite(part.value) ? std::max(0.0, part.value) : 0;
            double wide = 0;
            double size = bodyText;
            const std::vector<std::string> lines = linesOf(bar.endLabel);
            for (std::size_t i = 0; i < std::min(lines.size(), m_out.endLines); ++i) {
                wide = std::max(wide, width(lines[i], size, bar.selected && i == 0));
                size = smallText;
            }
            if (wide == 0 || range <= 0)
                continue;
            const double end = std::max({total, bar.high.value_or(total), bar.reference.value_or(total)});
            const double share = std::clamp((end - m_view.xLower) / range, 0.0, 1.0);
            const double room = m_out.whole.right() - px(8) - wide - px(8) - left;
            if (share > 0.02)
                right = std::min(right, left + std::max(px(60), room / share));
        }
        m_right = right;
    }

    double yLabelsWidth() {
        if (!m_figure.y.visible)
            return 0;
        double widest = 0;
        for (const Axis::Tick &tick : yTicks())
            widest = std::max(widest, width(tick.label, smallText));
        return widest;
    }

    std::vector<Axis::Tick> yTicks() const {
        const double height = m_bottom - m_top;
        if (isMirrored(m_figure)) {
            const double largest = std::max(std::abs(m_view.yLower), std::abs(m_view.yUpper));
            const int most = std::max(1, static_cast<int>(height / 2 / px(yTickEvery)));
            std::vector<Axis::Tick> ticks;
            for (const Axis::Tick &tick : ticksIn(m_figure.y, 0, largest, most)) {
                if (tick.at == 0)
                    continue;
                ticks.push_back(tick);
                ticks.push_back({-tick.at, tick.label});
            }
            return ticks;
        }
        return ticksIn(m_figure.y, m_view.yLower, m_view.yUpper, 1 + static_cast<int>(height / px(yTickEvery)));
    }

    void aroundHeatMap() {
        const HeatMap &map = *m_figure.heatMap;
        const bool grouped = std::any_of(map.columns.begin(), map.columns.end(),
                                         [](const std::string &column) { return !columnGroup(column).empty(); });
        m_top = m_out.titleBaseline + px(grouped ? 38 : 24);
        m_bottom -= px(26);
        double widest = 0;
        for (const std::string &row : map.rows)
            widest = std::max(widest, width(row, smallText));
        m_left =
            std::max(m_left + (m_figure.y.label.empty() ? 0 : px(16)) + widest + px(8), m_out.whole.x + m_minimumLeft);
    }

    void finishPlot() {
        const double left = std::round(m_left);
        const double top = std::round(m_top);
        m_out.plot = {left, top, std::max(1.0, std::round(m_right) - left), std::max(1.0, std::round(m_bottom) - top)};
        const Box &plot = m_out.plot;
        m_out.x = {m_view.xLower, m_view.xUpper, plot.x, plot.right(), m_figure.x.logarithmic, 0};
        m_out.y = {m_view.yLower, m_view.yUpper, plot.bottom(), plot.y, m_figure.y.logarithmic, 0};
        m_out.yLabelX = std::round(m_out.whole.x + px(sideMargin + 1));
        if (isMirrored(m_figure)) {
            m_out.y.gap = std::min(px(stripHeight), plot.height / 2);
            m_out.strip = {plot.x, plot.y + (plot.height - m_out.y.gap) / 2, plot.width, m_out.y.gap};
        } else {
            m_out.strip.x = plot.x;
            m_out.strip.width = plot.width;
        }
        if (!m_figure.stackedBars.empty()) {
            const double count = static_cast<double>(m_figure.stackedBars.size());
            m_out.barPitch = std::min(plot.height / count, px(44));
            m_out.barHeight = std::round(std::min(m_out.barPitch * 0.64, px(26)));
            m_out.plot.height = std::round(std::min(plot.height, m_out.barPitch * count + px(6)));
            m_out.xLabelBaseline += m_out.plot.bottom() - std::round(m_bottom);
            m_out.y.from = m_out.plot.bottom();
        }
        if (m_figure.heatMap)
            placeHeatMapTexts(*m_figure.heatMap);
        else
            placeTicks();
    }

    void placeTicks() {
        if (m_figure.x.visible) {
            for (int most = mostXTicks; most > 0; --most) {
                m_out.xTicks.clear();
                for (const Axis::Tick &tick : ticksIn(m_figure.x, m_view.xLower, m_view.xUpper, most))
                    m_out.xTicks.push_back({std::round(m_out.x.toPixel(tick.at)), tick.label});
                if (!m_figure.x.ticks.empty() || fits(m_out.xTicks))
                    break;
            }
            thinOut(m_out.xTicks, m_measure, px(smallText), px(labelGap));
        }
        if (m_figure.y.visible && m_figure.stackedBars.empty()) {
            for (const Axis::Tick &tick : yTicks())
                m_out.yTicks.push_back({std::round(m_out.y.toPixel(tick.at, tick.at < 0 ? -1 : 1)), tick.label});
            if (!m_figure.y.ticks.empty())
                thinOutRows(m_out.yTicks, px(smallText + labelGap));
        }
    }

    bool fits(const std::vector<PlacedTick> &ticks) const {
        for (std::size_t i = 1; i < ticks.size(); ++i) {
            const double halves = (width(ticks[i].label, smallText) + width(ticks[i - 1].label, smallText)) / 2;
            if (ticks[i].pixel - ticks[i - 1].pixel < halves + px(easyGap))
                return false;
        }
        return true;
    }

    void placeHeatMapTexts(const HeatMap &map) {
        for (std::size_t column = 0; column < map.columns.size(); ++column) {
            const Box cell = m_out.cell(map, 0, column);
            const std::string group = columnGroup(map.columns[column]);
            const std::string name = group.empty() ? map.columns[column] : map.columns[column].substr(group.size() + 1);
            m_out.xTicks.push_back(
                {cell.x + cell.width / 2, elidedRight(name, cell.width - px(2), px(smallText), false, m_measure)});
        }
        thinOut(m_out.xTicks, m_measure, px(smallText), px(3));
        for (std::size_t row = 0; row < map.rows.size(); ++row) {
            const Box cell = m_out.cell(map, row, 0);
            m_out.yTicks.push_back({cell.y + cell.height / 2, map.rows[row]});
        }
        thinOutRows(m_out.yTicks, px(smallText + 3));
        const double wide = std::min(px(220), m_out.plot.width * 0.35);
        const double right = m_out.plot.right() - px(8) -
                             width(map.upperText.empty() ? tickLabel(map.upper, 2) : map.upperText, smallText);
        m_out.scaleBar = {std::round(right - px(6) - wide), std::round(m_out.plot.bottom() + px(14)), std::round(wide),
                          std::round(px(10))};
    }

    const Figure &m_figure;
    FigureView m_view;
    const Canvas &m_measure;
    double m_minimumLeft;
    double m_left = 0;
    double m_right = 0;
    double m_top = 0;
    double m_bottom = 0;
    FigureLayout m_out;
};

} // namespace

double AxisMap::toPixel(double value, int side) const {
    if (logarithmic) {
        if (!(value > 0) || !std::isfinite(value))
            return from;
        return from + (to - from) * std::log10(value / lower) / std::log10(upper / lower);
    }
    if (!std::isfinite(value))
        return from;
    if (gap > 0) {
        const double middle = (from + to) / 2;
        const double half = std::max(0.0, (std::abs(to - from) - gap) / 2);
        const bool below = value < 0 || (value == 0 && side < 0);
        if (below)
            return middle + gap / 2 + (lower < 0 ? value / lower * half : 0);
        return middle - gap / 2 - (upper > 0 ? value / upper * half : 0);
    }
    return from + (to - from) * (value - lower) / (upper - lower);
}

double AxisMap::toValue(double pixel) const {
    const double share = (pixel - from) / (to - from);
    if (logarithmic)
        return lower * std::pow(upper / lower, share);
    if (gap > 0) {
        const double middle = (from + to) / 2;
        const double half = std::max(1.0, (std::abs(to - from) - gap) / 2);
        if (pixel > middle + gap / 2)
            return lower * (pixel - middle - gap / 2) / half;
        if (pixel < middle - gap / 2)
            return upper * (middle - gap / 2 - pixel) / half;
        return 0;
    }
    return lower + (upper - lower) * share;
}

FigureView ownView(const Figure &figure) {
    const Range x = usable(figure.x);
    Range y = usable(figure.y);
    if (isMirrored(figure)) {
        const double largest = std::max(std::abs(y.lower), std::abs(y.upper));
        y = {-largest, largest};
    }
    return {x.lower, x.upper, y.lower, y.upper};
}

Box FigureLayout::cell(const HeatMap &map, std::size_t row, std::size_t column) const {
    const auto columns = static_cast<double>(std::max<std::size_t>(1, map.columns.size()));
    const auto rows = static_cast<double>(std::max<std::size_t>(1, map.rows.size()));
    const double left = std::round(plot.x + plot.width * static_cast<double>(column) / columns);
    const double right = std::round(plot.x + plot.width * static_cast<double>(column + 1) / columns);
    const double top = std::round(plot.bottom() - plot.height * static_cast<double>(row + 1) / rows);
    const double bottom = std::round(plot.bottom() - plot.height * static_cast<double>(row) / rows);
    return {left, top, right - left, bottom - top};
}

Box FigureLayout::bar(std::size_t index) const {
    const double top = plot.y + px(3) + barPitch * static_cast<double>(index) + (barPitch - barHeight) / 2;
    return {plot.x, std::round(top), plot.width, barHeight};
}

FigureLayout layoutFigure(const Figure &figure, const FigureView &view, const Box &whole, double scale,
                          const Canvas &measure, double minimumLeft) {
    return Maker(figure, view, whole, scale, measure, minimumLeft).make();
}

std::string elidedRight(std::string text, double width, double size, bool bold, const Canvas &measure) {
    if (measure.textWidth(text, size, bold) <= width)
        return text;
    while (!text.empty()) {
        // Whole characters: continuation bytes go with their first.
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
            text.pop_back();
        if (!text.empty())
            text.pop_back();
        if (measure.textWidth(text + "\u2026", size, bold) <= width)
            break;
    }
    return text.empty() ? text : text + "\u2026";
}

std::vector<std::string> linesOf(const std::string &text) {
    std::vector<std::string> lines;
    if (text.empty())
        return lines;
    std::size_t begin = 0;
    while (true) {
        const std::size_t end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
        if (end == std::string::npos)
            return lines;
        begin = end + 1;
    }
}

} // namespace nibblescope
