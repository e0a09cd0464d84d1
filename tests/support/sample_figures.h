// SPDX-License-Identifier: GPL-3.0-or-later
// Figures of every kind that the pages draw, made of fixed numbers: for the tests of plots and for looking at them.
#pragma once

#include "core/report/figure.h"

#include <vector>

namespace nibblescope::samples {

Figure histogram(); // before and after, with levels below and a cut bar
Figure errors();    // one filled outline, a baseline, marks at the RMSE
Figure density();   // mirrored, with codes between
Figure shares();    // pairs of bars, plain and hatched
Figure sweep();     // curves with marks and a ring
Figure layers();    // bars that hang from a line, baseline ticks, frames
Figure heatMap();   // layer x module, some cells missing
Figure memory();    // stacked bars
Figure speed();     // bars with whiskers
Figure speedUp();   // bars with a band and expected values

std::vector<Figure> all();

} // namespace nibblescope::samples
