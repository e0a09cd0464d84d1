// SPDX-License-Identifier: GPL-3.0-or-later
// The pieces of drawFigure, by kind of content; for figure_draw.cpp only.
#pragma once

#include "core/report/figure_draw.h"

namespace nibblescope {

struct Pen { // what every piece draws with
    Canvas &canvas;
    const Figure &figure;
    const FigureLayout &layout;
    FigureTheme theme;

    Rgb colour(ColourRole role) const { return figureColour(role, theme); }
    Rgb text() const { return colour(ColourRole::Text); }
    Rgb text2() const { return colour(ColourRole::Text2); }
    Rgb ground() const { return figureGround(theme); }
    double px(double length) const { return layout.px(length); }
    double seriesWidth() const { return isHighContrast(theme) ? 2 : 1; }
};

void drawSeries(const Pen &pen, const Series &series);
void drawHeatMap(const Pen &pen, const HeatMap &map);
void drawStackedBars(const Pen &pen);
void drawLevelStrip(const Pen &pen, const LevelStrip &strip);
// A plain or hatched area in a role's colour; in high contrast only its outline.
void drawArea(const Pen &pen, const Box &box, ColourRole colour, double opacity, bool hatched, bool outlined);

} // namespace nibblescope
