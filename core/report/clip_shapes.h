// SPDX-License-Identifier: GPL-3.0-or-later
// Shapes cut to a rectangle, for SVG: clip paths are not known to every reader (QtSvg paints them black).
#pragma once

#include "core/report/figure_canvas.h"

#include <vector>

namespace nibblescope {

std::vector<std::vector<Point>> clippedLine(std::span<const Point> points, const Box &clip); // the parts inside
std::vector<Point> clippedPolygon(std::span<const Point> points, const Box &clip);
Box intersection(const Box &one, const Box &other); // of no width or height where they do not meet

} // namespace nibblescope
