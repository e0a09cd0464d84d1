// SPDX-License-Identifier: GPL-3.0-or-later
// The cursor of a plot: which points it can stand on, which is nearest to the mouse, where the keys lead, what it says.
#pragma once

#include "core/report/figure_layout.h"

#include <optional>
#include <string>

namespace nibblescope {

// A group is a series, then (after them) a row of the strip of levels; of a heat map a row; of stacked bars a bar. The
// index is a point, bin, level, column or part.
struct CursorPlace {
    int group = 0;
    int index = 0;
    friend bool operator==(const CursorPlace &, const CursorPlace &) = default;
};

struct CursorView {
    std::optional<double> hairX; // pixels of a line over the plot's height
    std::optional<Point> mark;
    std::optional<Box> frame;
    std::string text; // of several lines
    std::string link;
};

class FigureCursor {
public:
    FigureCursor(const Figure &figure, const FigureLayout &layout) : m_figure(figure), m_layout(layout) {}

    // Nearest place under the mouse; nullopt where nothing is meant.
    std::optional<CursorPlace> under(Point mouse) const;
    // From nothing: the first place in sight.
    std::optional<CursorPlace> first() const;
    std::optional<CursorPlace> moved(CursorPlace from, int steps) const;          // along the group
    std::optional<CursorPlace> otherGroup(CursorPlace from, int direction) const; // nearest in x
    std::optional<CursorView> view(CursorPlace place) const;

private:
    int groups() const;
    int size(int group) const;
    bool exists(CursorPlace place) const;
    std::optional<Point> placeOf(CursorPlace place) const; // in pixels
    bool reachable(int group) const;
    const Series *series(int group) const;
    std::optional<CursorPlace> atSeries(Point mouse) const;
    std::string seriesText(const Series &series, std::size_t index) const;

    const Figure &m_figure;
    const FigureLayout &m_layout;
};

} // namespace nibblescope
