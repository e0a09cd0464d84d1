// SPDX-License-Identifier: GPL-3.0-or-later
// The Speed page: times of one matrix product, speed-up over INT8, and the table of all that was measured.
#pragma once

#include <string>
#include <vector>

#include "core/bench/timing.h"
#include "core/report/figure.h"

namespace nibblescope {

struct SpeedInput {
    BenchReport report;
    std::string current; // displayFormat() of the recipe's bar; may be empty
};

Figure speedFigure(const SpeedInput &input);   // "speed.times": median in microseconds, whiskers the quartiles
Figure speedUpFigure(const SpeedInput &input); // "speed.ratio": over INT8; without an INT8 timing it has no bars

// "Example CPU · AVX2 · 2 threads · read bandwidth 24.8 GB/s with 2 threads"
std::string machineText(const BenchReport &report);
// What a reader has to know of this run: sentences, "64 × 172 fits in cache: this times arithmetic, not memory".
std::vector<std::string> speedNotes(const BenchReport &report);
// Columns: format, median, quartiles, bytes read, bandwidth, share, vs INT8, max relative error.
FigureTable speedTable(const BenchReport &report);

} // namespace nibblescope
