// SPDX-License-Identifier: GPL-3.0-or-later
// Draws a figure on a canvas: the same strokes for the window, its exports and the report.
#pragma once

#include "core/report/figure_layout.h"

namespace nibblescope {

// All but the ground, which is the canvas owner's, and the cursor. Not finite values are left out.
void drawFigure(Canvas &canvas, const Figure &figure, const FigureLayout &layout, FigureTheme theme);

// For the window's cursor: one mark at a point, and the box of a bar or bin in pixels.
void drawMark(Canvas &canvas, Point at, MarkStyle mark, double radius, Rgb colour, Rgb ground);
std::optional<Box> barBox(const Series &series, std::size_t point, const FigureLayout &layout);
// Where the point is on the screen; nullopt if it is not finite or does not exist.
std::optional<Point> pointPlace(const Series &series, std::size_t point, const FigureLayout &layout);
std::size_t pointCount(const Series &series);
// A level's tick: the strip's rows and the stagger.
Box levelBox(const LevelStrip &strip, std::size_t row, std::size_t level, const FigureLayout &layout);
// Where a mark's text stands, for clicks on it; nullopt without a text.
std::optional<Box> markTextBox(const Mark &mark, const FigureLayout &layout, const Canvas &measure);
// Part `part` of stacked bar `bar`.
Box partBox(const StackedBar &bar, std::size_t index, std::size_t part, const FigureLayout &layout);

} // namespace nibblescope
