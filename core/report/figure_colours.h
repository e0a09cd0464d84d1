// SPDX-License-Identifier: GPL-3.0-or-later
// The colours of figures, for whoever draws them: one table for the window and the report. The smallest distance in
// OKLab between any two series, over normal sight and simulated protanopia, deuteranopia and tritanopia, is 11.1 on
// light and 11.2 on dark ground; every series has at least 3:1 against the ground.
#pragma once

#include "core/kernels/format.h"
#include "core/report/figure.h"

#include <cstdint>
#include <string>

namespace nibblescope {

struct Rgb {
    std::uint8_t red = 0;
    std::uint8_t green = 0;
    std::uint8_t blue = 0;
    friend bool operator==(const Rgb &, const Rgb &) = default;
};

enum class FigureTheme { Light, Dark, HighContrastLight, HighContrastDark };
constexpr bool isDark(FigureTheme theme) {
    return theme == FigureTheme::Dark || theme == FigureTheme::HighContrastDark;
}
constexpr bool isHighContrast(FigureTheme theme) {
    return theme == FigureTheme::HighContrastLight || theme == FigureTheme::HighContrastDark;
}

Rgb figureColour(ColourRole role, FigureTheme theme);
Rgb figureGround(FigureTheme theme);
Rgb controlEdge(FigureTheme theme); // axis lines, edges of parts that are left alone

// How a format looks in every figure: INT4's variants share the hue and differ by line and mark.
struct FormatLook {
    ColourRole colour = ColourRole::Weights;
    MarkStyle mark = MarkStyle::None;
    LineStyle line = LineStyle::Solid;
};
FormatLook formatLook(Format format);

// Sequential map, `at` in 0 ... 1 (clamped): viridis, bright is better.
Rgb viridis(double at);
// Diverging map, 0.5 is the centre.
Rgb diverging(double at, FigureTheme theme);

Rgb mixed(Rgb over, Rgb ground, double opacity); // `over` laid on `ground`
double contrast(Rgb one, Rgb other);             // WCAG 2, 1 ... 21
Rgb textOn(Rgb ground);                          // white or black, whichever contrasts more
std::string hexText(Rgb colour);                 // "#1B5FB8"

} // namespace nibblescope
