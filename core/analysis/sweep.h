// SPDX-License-Identifier: GPL-3.0-or-later
// SQNR over bits per weight, one curve a 4-bit format, by quantizing a tensor in memory with many group sizes. Every
// point is measured; nothing between them is known.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/analysis/results.h"
#include "core/base/work.h"

namespace nibblescope {

struct SweepPoint {
    Recipe recipe;
    double bpw = 0;
    std::optional<double> sqnrDb; // absent: no error at all, or an all-zero tensor
    bool exact = false;           // no error at all
};

struct SweepCurve {
    Format format = Format::None;
    std::vector<SweepPoint> points; // from the largest groups to the smallest: bpw rises
};

// The least error that any 16 levels a tensor can have, in groups of that size: the exact optimum. The levels
// themselves are not counted in the bits.
struct SweepBound {
    Recipe recipe; // of NF4 with those groups
    double bpw = 0;
    std::optional<double> sqnrDb; // absent: no error at all, or an all-zero tensor
};
// The rate-distortion limit of a normal source: no code of `bits` a weight, however long, keeps more.
inline constexpr double dbPerBit = 6.0206;
inline double normalLimitDb(double bits) { return dbPerBit * bits; }

struct Sweep {
    std::vector<SweepCurve> curves; // in the order of the formats; formats without points are left out
    std::vector<SweepBound> bounds; // at the marked sizes, in the order of the curves' points
    bool sample = false;            // measured on a part of the tensor
    MatrixShape shape;              // of what was measured
};

// Sizes that a curve is measured at, besides whole rows; those that are drawn as marks.
std::span<const std::uint32_t> sweepSizes();
bool isMarkedSweepSize(GroupSize size);

// The recipes that are measured for a tensor of this shape: scale type, blocks, double quantization and method are
// those of `base` where the format can be combined with them and the method needs no calibration; sizes at or above the
// row's length are the row. The group size of `base` is among them. MXFP4 is one point.
std::vector<Recipe> sweepRecipes(MatrixShape shape, const Recipe &base);

// Measures them on `weights` ([rows, cols]). `partial` is called, from the calling thread, with what is there after
// each format. Progress counts points.
Sweep sweepGroupSizes(std::span<const float> weights, MatrixShape shape, bool sample, const Recipe &base,
                      const Work &work, const std::function<void(const Sweep &)> &partial = {});

// The point that was measured with this recipe, or with one whose groups are the same (a size above the row's length is
// the row); null if there is none.
const SweepPoint *findPoint(const Sweep &sweep, const Recipe &recipe);
// The bound of groups like those of the recipe; null if there is none.
const SweepBound *findBound(const Sweep &sweep, const Recipe &recipe);
// The cheapest point of a format that keeps at least `sqnrDb` less 0.005 dB.
const SweepPoint *cheapestReaching(const Sweep &sweep, Format format, double sqnrDb);

} // namespace nibblescope
