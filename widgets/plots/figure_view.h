// SPDX-License-Identifier: GPL-3.0-or-later
// Ranges of a plot: what may be seen, and what is kept when a figure takes the place of another.
#pragma once

#include "core/report/figure_layout.h"

namespace nibblescope {

// The figure's own ranges together with all its points, and 10 % beyond.
FigureView viewLimit(const Figure &figure);
// Moved, and shrunk where it must, into the limit. Ranges that are not usable become `own`.
FigureView keptWithin(const FigureView &view, const FigureView &limit, const FigureView &own, const Figure &figure);
// Both ends of both axes differ by at most `share` of the range.
bool nearlySame(const FigureView &one, const FigureView &other, double share);

} // namespace nibblescope
