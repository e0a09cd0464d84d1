// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/figure_cursor.h"

#include "core/report/figure_draw.h"
#include "core/report/number_text.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nibblescope {
namespace {

constexpr double narrowBar = 8; // below, a frame would hide the bar: a hair line takes its place

std::size_t asIndex(int index) { return static_cast<std::size_t>(index); }

template <class List>
std::string textAt(const List &list, std::size_t index) {
    return index < list.size() ? list[index] : std::string();
}

} // namespace

const Series *FigureCursor::series(int group) const {
    return group >= 0 && asIndex(group) < m_figure.series.size() ? &m_figure.series[asIndex(group)] : nullptr;
}

int FigureCursor::groups() const {
    if (m_figure.heatMap)
        return static_cast<int>(m_figure.heatMap->rows.size());
    if (!m_figure.stackedBars.empty())
        return static_cast<int>(m_figure.stackedBars.size());
    return static_cast<int>(m_figure.series.size() + (m_figure.levels ? m_figure.levels->rows.size() : 0));
}

int FigureCursor::size(int group) const {
    if (group < 0 || group >= groups())
        return 0;
    if (m_figure.heatMap)
        return static_cast<int>(m_figure.heatMap->columns.size());
    if (!m_figure.stackedBars.empty())
        return static_cast<int>(m_figure.stackedBars[asIndex(group)].parts.size());
    if (const Series *line = series(group))
        return static_cast<int>(pointCount(*line));
    return static_cast<int>(m_figure.levels->rows[asIndex(group) - m_figure.series.size()].levels.size());
}

// Series that say something; if none does, all that the legend names.
bool FigureCursor::reachable(int group) const {
    const Series *line = series(group);
    if (line == nullptr)
        return size(group) > 0;
    const bool anySpeaks = std::any_of(m_figure.series.begin(), m_figure.series.end(),
                                       [](const Series &one) { return !one.readouts.empty(); });
    return size(group) > 0 && (anySpeaks ? !line->readouts.empty() : !line->name.empty() || groups() == 1);
}

bool FigureCursor::exists(CursorPlace place) const {
    return place.index >= 0 && place.index < size(place.group) && placeOf(place).has_value();
}

std::optional<Point> FigureCursor::placeOf(CursorPlace place) const {
    if (place.index < 0 || place.index >= size(place.group))
        return std::nullopt;
    if (m_figure.heatMap) {
        const Box cell = m_layout.cell(*m_figure.heatMap, asIndex(place.group), asIndex(place.index));
        return Point{cell.x + cell.width / 2, cell.y + cell.height / 2};
    }
    if (!m_figure.stackedBars.empty()) {
        const Box box =
            partBox(m_figure.stackedBars[asIndex(place.group)], asIndex(place.group), asIndex(place.index), m_layout);
        return Point{box.x + box.width / 2, box.y + box.height / 2};
    }
    if (const Series *line = series(place.group))
        return pointPlace(*line, asIndex(place.index), m_layout);
    const std::size_t row = asIndex(place.group) - m_figure.series.size();
    if (!std::isfinite(m_figure.levels->rows[row].levels[asIndex(place.index)].at))
        return std::nullopt;
    const Box box = levelBox(*m_figure.levels, row, asIndex(place.index), m_layout);
    return Point{box.x + 1, box.y + box.height / 2};
}

std::optional<CursorPlace> FigureCursor::under(Point mouse) const {
    if (m_figure.heatMap) {
        for (int row = 0; row < groups(); ++row) {
            for (int column = 0; column < size(row); ++column) {
                if (m_layout.cell(*m_figure.heatMap, asIndex(row), asIndex(column)).contains(mouse))
                    return CursorPlace{row, column};
            }
        }
        return std::nullopt;
    }
    if (!m_figure.stackedBars.empty()) {
        for (int bar = 0; bar < groups(); ++bar) {
            for (int part = 0; part < size(bar); ++part) {
                const auto &what = m_figure.stackedBars[asIndex(bar)];
                if (partBox(what, asIndex(bar), asIndex(part), m_layout).contains(mouse))
                    return CursorPlace{bar, part};
            }
        }
        return std::nullopt;
    }
    const bool inStrip = m_figure.levels && m_layout.strip.contains(mouse);
    if (inStrip) {
        std::optional<CursorPlace> nearest;
        double least = m_layout.px(9);
        for (int group = static_cast<int>(m_figure.series.size()); group < groups(); ++group) {
            for (int index = 0; index < size(group); ++index) {
                const auto place = placeOf({group, index});
                if (!place)
                    continue;
                const double distance = std::abs(place->x - mouse.x) + 0.4 * std::abs(place->y - mouse.y);
                if (distance < least) {
                    least = distance;
                    nearest = CursorPlace{group, index};
                }
            }
        }
        return nearest;
    }
    return m_layout.plot.contains(mouse) ? atSeries(mouse) : std::nullopt;
}

std::optional<CursorPlace> FigureCursor::atSeries(Point mouse) const {
    std::optional<CursorPlace> nearest;
    double least = std::numeric_limits<double>::infinity();
    for (int group = 0; group < static_cast<int>(m_figure.series.size()); ++group) {
        if (!reachable(group))
            continue;
        const Series &line = m_figure.series[asIndex(group)];
        // Curves with marks are met point by point, the rest by x first.
        const bool scattered =
            line.kind == Series::Kind::Line && line.mark != MarkStyle::None && line.mark != MarkStyle::Tick;
        for (int index = 0; index < size(group); ++index) {
            const auto place = placeOf({group, index});
            if (!place || place->x < m_layout.plot.x - 1 || place->x > m_layout.plot.right() + 1)
                continue;
            double dx = std::abs(place->x - mouse.x);
            if (line.kind != Series::Kind::Line) {
                const auto box = barBox(line, asIndex(index), m_layout);
                dx = box && mouse.x >= box->x && mouse.x < box->right() ? 0 : dx;
            }
            const double dy = std::abs(place->y - mouse.y);
            // In a mirrored plot only the half under the mouse is meant.
            const bool otherHalf = m_layout.y.gap > 0 && (place->y < m_layout.strip.y + m_layout.strip.height / 2) !=
                                                             (mouse.y < m_layout.strip.y + m_layout.strip.height / 2);
            const double distance = (scattered ? std::hypot(dx, dy) : dx * 1000 + dy) + (otherHalf ? 1e9 : 0);
            if (distance < least) {
                least = distance;
                nearest = CursorPlace{group, index};
            }
        }
    }
    return nearest;
}

std::optional<CursorPlace> FigureCursor::first() const {
    for (int group = 0; group < groups(); ++group) {
        if (!reachable(group))
            continue;
        for (int index = 0; index < size(group); ++index) {
            const auto place = placeOf({group, index});
            if (place && place->x >= m_layout.plot.x - 1 && place->x <= m_layout.plot.right() + 1)
                return CursorPlace{group, index};
        }
    }
    return std::nullopt;
}

std::optional<CursorPlace> FigureCursor::moved(CursorPlace from, int steps) const {
    const int last = size(from.group) - 1;
    const int direction = steps < 0 ? -1 : 1;
    CursorPlace place{from.group, std::clamp(from.index + steps, 0, std::max(0, last))};
    while (place.index >= 0 && place.index <= last && !exists(place))
        place.index += direction;
    return exists(place) ? std::optional(place) : exists(from) ? std::optional(from) : first();
}

std::optional<CursorPlace> FigureCursor::otherGroup(CursorPlace from, int direction) const {
    const auto here = placeOf(from);
    for (int group = from.group + direction; group >= 0 && group < groups(); group += direction) {
        if (!reachable(group))
            continue;
        std::optional<CursorPlace> nearest;
        double least = std::numeric_limits<double>::infinity();
        for (int index = 0; index < size(group); ++index) {
            const auto place = placeOf({group, index});
            const double distance = place ? (here ? std::abs(place->x - here->x) : index) : least;
            if (place && distance < least) {
                least = distance;
                nearest = CursorPlace{group, index};
            }
        }
        if (nearest)
            return nearest;
    }
    return exists(from) ? std::optional(from) : first();
}

std::string FigureCursor::seriesText(const Series &line, std::size_t index) const {
    if (index < line.readouts.size())
        return line.readouts[index];
    std::string text = line.name.empty() ? std::string() : line.name + "\n";
    const auto axisName = [](const Axis &axis, const char *fallback) {
        return axis.label.empty() ? fallback : axis.label;
    };
    text += axisName(m_figure.x, "x") + ": " + valueText(line.x[index]);
    if (line.kind == Series::Kind::Step)
        text += " \u2026 " + valueText(line.x[index + 1]);
    const bool mirrored = m_layout.y.gap > 0; // below the gap hang magnitudes
    text.append("\n").append(axisName(m_figure.y, "y")).append(": ");
    text += valueText(mirrored ? std::abs(line.y[index]) : line.y[index]);
    return text;
}

std::optional<CursorView> FigureCursor::view(CursorPlace place) const {
    const auto pixel = placeOf(place);
    if (!pixel)
        return std::nullopt;
    CursorView view;
    const std::size_t index = asIndex(place.index);
    if (m_figure.heatMap) {
        const HeatMap &map = *m_figure.heatMap;
        const std::size_t cell = asIndex(place.group) * map.columns.size() + index;
        view.frame = m_layout.cell(map, asIndex(place.group), index);
        view.text = map.rows[asIndex(place.group)] + " " + map.columns[index] + "\n";
        const auto value = cell < map.cells.size() ? map.cells[cell] : std::nullopt;
        view.text += !value ? std::string("\u2013")
                            : (map.valueLabel.empty() ? "" : map.valueLabel + ": ") +
                                  (textAt(map.texts, cell).empty() ? valueText(*value) : map.texts[cell]);
        if (!m_figure.y.label.empty())
            view.text = m_figure.y.label + " " + view.text;
        view.link = textAt(map.links, cell);
        return view;
    }
    if (!m_figure.stackedBars.empty()) {
        const StackedBar &bar = m_figure.stackedBars[asIndex(place.group)];
        view.frame = partBox(bar, asIndex(place.group), index, m_layout);
        const StackedBar::Part &part = bar.parts[index];
        view.text = !bar.readout.empty() ? bar.readout
                                         : bar.name + (part.name.empty() ? "" : ", " + part.name) + "\n" +
                                               valueText(part.value) + " " + m_figure.x.label;
        view.link = bar.link;
        return view;
    }
    if (const Series *line = series(place.group)) {
        view.text = seriesText(*line, index);
        view.link = textAt(line->links, index);
        view.mark = *pixel;
        const auto bar = line->kind == Series::Kind::Bars ? barBox(*line, index, m_layout) : std::nullopt;
        if (bar && bar->width >= m_layout.px(narrowBar))
            view.frame = bar;
        else
            view.hairX = std::round(pixel->x);
        return view;
    }
    const std::size_t row = asIndex(place.group) - m_figure.series.size();
    const LevelStrip::Level &level = m_figure.levels->rows[row].levels[index];
    const Box tick = levelBox(*m_figure.levels, row, index, m_layout);
    view.frame = Box{tick.x - 3, tick.y - 2, tick.width + 6, tick.height + 4};
    view.text = !level.readout.empty() ? level.readout
                                       : m_figure.levels->rows[row].name +
                                             (level.text.empty() ? "" : " " + level.text) + "\n" + valueText(level.at);
    view.link = level.link;
    return view;
}

} // namespace nibblescope
