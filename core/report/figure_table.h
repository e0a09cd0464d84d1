// SPDX-License-Identifier: GPL-3.0-or-later
// A figure's own data as CSV, for other programs: RFC 4180, C locale, ASCII minus, digits that read back to the same
// number.
#pragma once

#include "core/report/figure.h"

#include <string>

namespace nibblescope {

// Lines end in CR LF. Cells without a number and text are empty; numbers that are not finite are "nan", "inf", "-inf".
std::string toCsv(const FigureTable &table);

// The figure's table; where it has none, its series: one row a point (series, x, y; Step: x from, x to, y), of a heat
// map one row a cell, of stacked bars one row a part.
FigureTable tableOf(const Figure &figure);

std::string csvNumber(double value); // shortest digits that read back

} // namespace nibblescope
