// SPDX-License-Identifier: GPL-3.0-or-later
// Ticks of numeric axes: at round numbers, with labels of equal decimals.
#pragma once

#include "core/report/figure.h"

#include <vector>

namespace nibblescope {

// At most `most` ticks in [lower, upper] at multiples of 1, 2, 2.5 or 5 times a power of ten (whole numbers only where
// the axis is integral), or at decades and, where these are few, at 2 and 5 times a decade (logarithmic). Empty for a
// range that is empty or not finite.
std::vector<Axis::Tick> numericTicks(const Axis &axis, double lower, double upper, int most);

// "−0.25", "1,200", "1.5 M", "5e−7": `decimals` after the point, a true minus.
std::string tickLabel(double value, int decimals);

} // namespace nibblescope
