// SPDX-License-Identifier: GPL-3.0-or-later
// Figures as SVG 1.1, for the report and for saving: the same drawing as the window's, text as text, no raster image.
#pragma once

#include "core/report/figure_layout.h"

#include <string>

namespace nibblescope {

struct SvgOptions {
    double width = 720; // pixels at 96 dpi
    double height = 380;
    FigureTheme theme = FigureTheme::Light;
    double scale = 1;               // of texts, 1 at 96 dpi
    bool ground = true;             // false: transparent, on the page's own ground
    bool standalone = false;        // with XML declaration and size in millimetres, for a file of its own
    std::optional<FigureView> view; // the visible ranges; empty: the figure's own
};

// A title element names the figure for screen readers. Every string is escaped; characters that XML does not allow are
// left out. An id says what it holds, so that several figures may stand in one page.
std::string toSvg(const Figure &figure, const SvgOptions &options);

std::string xmlEscaped(std::string_view text);

} // namespace nibblescope
