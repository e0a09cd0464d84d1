// SPDX-License-Identifier: GPL-3.0-or-later
// The Speed page: times of kernels, their speed-up over another format, the roofline, their errors, what they would
// make of the whole model, and the table of all that was measured.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/bench/timing.h"
#include "core/report/figure.h"

namespace nibblescope {

// What a token reads of the model that is open.
struct SpeedModel {
    std::string name;
    std::uint64_t weights = 0;    // of the matrices that a recipe quantizes
    std::uint64_t otherBytes = 0; // what else is read, as stored: matrices that are kept, norms
};

struct SpeedInput {
    BenchReport report;
    std::string current;                // displayFormat() of the recipe's bar; may be empty
    std::optional<BenchReport> overlay; // a saved run: drawn where it has the same kernel
    std::string overlayName;
    std::string reference = "int8"; // what speed-ups are over: "int8", "fp16", "fp32"
    std::optional<SpeedModel> model;
};

Figure speedFigure(const SpeedInput &input);    // "speed.times": median in microseconds, whiskers the quartiles
Figure speedUpFigure(const SpeedInput &input);  // "speed.ratio": without a timing of the reference it has no bars
Figure rooflineFigure(const SpeedInput &input); // "speed.roofline": products
Figure errorsFigure(const SpeedInput &input);   // "speed.errors": products, against F64
Figure tokensFigure(const SpeedInput &input);   // "speed.tokens": products, of the whole model; without one no bars

// "NF4 64", and what else sets it apart from other results of its run: "NF4 64 · AVX2 · 1 thread · warm · 32 vectors".
std::string timingName(const KernelTiming &timing, const BenchReport &report);
// The timing of a format on the same kernel, shape, set, threads, batch and cache; null: there is none.
const KernelTiming *counterpartOf(const KernelTiming &timing, const std::string &format, const BenchReport &report);
// The same kernel in another run; null: it has none.
const KernelTiming *sameKernel(const KernelTiming &timing, const BenchReport &report);

// "Example CPU · AVX2 · 2 threads · read bandwidth 24.8 GB/s with 2 threads"
std::string machineText(const BenchReport &report);
// What a reader has to know of this run: sentences, "64 × 172 fits in cache: this times arithmetic, not memory".
std::vector<std::string> speedNotes(const BenchReport &report);
// Columns: kernel, format, what sets it apart, median, quartiles, bytes, bandwidth, share, speed-ups, error, saved run.
FigureTable speedTable(const SpeedInput &input);

} // namespace nibblescope
