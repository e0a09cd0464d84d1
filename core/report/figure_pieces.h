// SPDX-License-Identifier: GPL-3.0-or-later
// Small pieces that several pages' figures are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/histogram.h"
#include "core/analysis/results.h"
#include "core/report/figure.h"

namespace nibblescope {

// n + 1 edges of a histogram's bins, and its counts as numbers.
std::vector<double> edgesOf(const Histogram &histogram);
std::vector<double> countsOf(const Histogram &histogram);

// Decimals that tell numbers a `step` apart.
int decimalsFor(double step);

// The smallest number of two significant digits that is not below a magnitude: 0.5032 -> 0.51.
double roundedOutwards(double magnitude);

// Value below which a share of the histogram's values lie, linear inside a bin; what lies outside counts with the ends.
double quantileOf(const Histogram &histogram, double share);

// A code as people read it: "-8" for nibble 0 of INT4.
std::string codeText(Format format, unsigned nibble);

// What is taken off a code of a group before its scale: 0 without zero-points, a real number for HQQ.
double zeroOf(const QuantizedTensor &tensor, std::uint64_t group);

FigureTable::Cell numberCell(double number);
FigureTable::Cell numberCell(std::optional<double> number);
FigureTable::Cell textCell(std::string text);

// A text inside the plot area, at fractions of it.
Mark cornerText(std::string text, double x, double y, Mark::Align align, std::string link = {});

} // namespace nibblescope
