// SPDX-License-Identifier: GPL-3.0-or-later
// The Bins page: levels and decision boundaries over the normalised weights, shares of each code, the group size sweep,
// and single groups. computeBins() and worstGroup() look at every weight and belong on a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/histogram.h"
#include "core/analysis/sweep.h"
#include "core/analysis/tensor_view.h"
#include "core/report/figure.h"

namespace nibblescope {

enum class BinsScale { EachGroup, Tensor };

struct BinsOptions {
    BinsScale scale = BinsScale::EachGroup;
    std::size_t bins = 230; // over the whole axis

    bool operator==(const BinsOptions &) const = default;
};

// A level of a format on the normalised axis, where 1 is the largest magnitude that the scale stands for.
struct NormalisedLevel {
    unsigned code = 0; // nibble (int8: byte)
    std::string text;  // the code as people read it: "-8"
    double at = 0;
    bool reachable = true; // false: no weight can get it ("-8 is never used")
};

struct BinsSide {
    Recipe recipe;
    Histogram density; // of the normalised weights; of both sides one where their scales differ by rounding to F16
    std::uint64_t finite = 0;
    std::vector<NormalisedLevel> levels; // rising
    std::vector<double> boundaries;      // between them, rising
};

struct CodeShare {
    std::string text; // code, or range of codes for INT8
    unsigned code = 0;
    double level = 0; // in units of the scale (int4-asym: code - 7.5)
    std::uint64_t weights = 0;
    double weightShare = 0;
    double errorShare = 0; // of the squared error
};

struct BinsData {
    TensorResult result;
    BinsOptions options;
    BinsSide current;
    std::optional<BinsSide> compared;
    std::vector<CodeShare> shares; // in rising order of levels; empty where kept
    std::uint64_t groups = 0;
};

// `compared`: the same weights under another recipe, or null. A kept tensor gives the density alone.
BinsData computeBins(const TensorView &view, const TensorView *compared, const BinsOptions &options, const Work &work);

// What a tensor is compared with unless somebody chooses: the baseline's recipe, else INT4 for codebooks and NF4 for
// the rest, at the recipe's group size.
Recipe defaultComparison(const Recipe &recipe, const std::optional<Recipe> &baseline);

Figure densityFigure(const BinsData &data, std::optional<unsigned> selectedCode = {}); // "bins.density"
Figure sharesFigure(const BinsData &data, std::optional<unsigned> selectedCode = {});  // "bins.shares"
// A click on a mark emits "recipe:" and the recipe as JSON; `current` is ringed where it was measured.
Figure sweepFigure(const Sweep &sweep, const Recipe &current); // "bins.sweep"

struct GroupTable {
    std::uint64_t group = 0;
    std::uint64_t groups = 0;
    std::uint64_t row = 0; // of the grid; flat and tensor groups: 0
    std::uint64_t firstColumn = 0;
    std::uint64_t lastColumn = 0;
    double scale = 0;
    std::optional<double> zeroPoint; // a whole number unless it is HQQ's
    std::optional<double> sqnrDb;    // of this group
    bool exact = false;
    double largestError = 0; // magnitude, for the small bars beside the errors

    struct Row {
        std::uint64_t index = 0; // in the group
        float weight = 0;
        double normalised = 0; // weight / scale
        int code = 0;          // as people read it: -8 ... 7, 0 ... 15
        unsigned nibble = 0;   // as stored; int8: the byte
        unsigned byte = 0;
        bool highNibble = false; // this weight's half of the byte; int8: the whole
        double level = 0;
        float dequantized = 0;
        double error = 0; // dequantized - weight
    };
    std::vector<Row> rows;
};
// Throws nothing; a group that does not exist is the last one. The view must be quantized.
GroupTable groupTable(const TensorView &view, std::uint64_t group);
// "row 12, columns 64–127 · scale 0.2815 · 21.43 dB"
std::string groupText(const GroupTable &table);
FigureTable tableOf(const GroupTable &table);
// The group of lowest SQNR; 0 if all are exact.
std::uint64_t worstGroup(const TensorView &view, const Work &work);

} // namespace nibblescope
