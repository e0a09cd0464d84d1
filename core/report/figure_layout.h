// SPDX-License-Identifier: GPL-3.0-or-later
// Where the parts of a figure stand for a given size: title, legend, axes, ticks, strip, scale bar. The window asks it
// for hit tests, the drawing for everything.
#pragma once

#include "core/report/figure_canvas.h"

#include <string>
#include <vector>

namespace nibblescope {

// One axis on the screen. `from` is the pixel of `lower`. Middle strips open a gap of `gap` pixels at 0: values of
// `side` < 0 hang below it.
struct AxisMap {
    double lower = 0;
    double upper = 1;
    double from = 0;
    double to = 1;
    bool logarithmic = false;
    double gap = 0;

    double toPixel(double value, int side = 0) const; // not finite values and zeros of a log axis: the lower end
    double toValue(double pixel) const;
};

// The visible ranges; a figure's own unless zoomed.
struct FigureView {
    double xLower = 0;
    double xUpper = 1;
    double yLower = 0;
    double yUpper = 1;
    friend bool operator==(const FigureView &, const FigureView &) = default;
};
// The figure's own ranges, made usable: finite, not empty, positive where logarithmic.
FigureView ownView(const Figure &figure);

struct LegendEntry {
    std::string text;
    enum class Kind { Fill, Line } kind = Kind::Line;
    ColourRole colour = ColourRole::Text;
    double opacity = 1;
    bool hatched = false;
    bool outlined = false; // Fill: an edge in the full colour
    LineStyle line = LineStyle::Solid;
    MarkStyle mark = MarkStyle::None;
    Box box; // swatch and text
};

struct PlacedTick {
    double pixel = 0;
    std::string label;
};

struct FigureLayout {
    Box whole;
    Box plot; // the data area
    double scale = 1;
    AxisMap x;
    AxisMap y;
    std::vector<PlacedTick> xTicks;
    std::vector<PlacedTick> yTicks;
    std::vector<LegendEntry> legend;
    std::string title; // elided to its room
    double titleBaseline = 0;
    std::string note;
    double noteRight = 0;
    Box badge;
    Box strip; // of the levels
    double stripGap = 0;
    double xLabelBaseline = 0;
    double yLabelX = 0;
    Box scaleBar;        // of a heat map, with its end texts left and right of it
    double barPitch = 0; // stacked bars: from one to the next
    double barHeight = 0;
    std::size_t endLines = 2; // lines of text at the bars' ends that have room

    double px(double length) const { return length * scale; }
    Box cell(const HeatMap &map, std::size_t row, std::size_t column) const;
    Box bar(std::size_t index) const; // the band of a stacked bar, over the plot's width
};

// `scale`: of the text, 1 at 96 dpi. `minimumLeft`: the plot's left edge is at least there, so that plots align.
FigureLayout layoutFigure(const Figure &figure, const FigureView &view, const Box &whole, double scale,
                          const Canvas &measure, double minimumLeft = 0);

// Cut at the right with "…" to fit; UTF-8 safe.
std::string elidedRight(std::string text, double width, double size, bool bold, const Canvas &measure);

std::vector<std::string> linesOf(const std::string &text);

} // namespace nibblescope
