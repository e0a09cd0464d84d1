// SPDX-License-Identifier: GPL-3.0-or-later
// The Memory page: stacked bars of what the model takes, the table of parts, and rules of thumb beside what is true.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/analysis/memory_model.h"
#include "core/report/figure.h"

namespace nibblescope {

struct MemoryBar {
    std::string name; // "FP32", "INT8 row", "NF4 64"
    Format format = Format::None;
    bool half = false; // FP16's colour
    bool current = false;
    MemoryBreakdown memory;
};

// FP32, FP16, INT8 by row, the baseline if there is one and it is another recipe, the recipe; same selection of
// tensors.
std::vector<MemoryBar> memoryBars(const std::vector<TensorResult> &results, const Recipe &recipe,
                                  const std::optional<Recipe> &baseline, const ModelGeometry &geometry,
                                  const MemoryOptions &options);

// `deviceGiB` is drawn once it is within 3 times the longest bar.
Figure memoryFigure(const std::vector<MemoryBar> &bars, std::optional<double> deviceGiB); // "memory.bars"

// One row of the parts table, in the order in which they are stacked; the last row is the sum.
struct MemoryPartRow {
    std::string part;
    std::uint64_t bytes = 0;
    std::optional<double> bpw; // bits a quantized weight (left alone: a weight left alone)
    double share = 0;
    std::string from; // "3,640 groups, 16 bits each: 6.4 % of the codes"
    bool total = false;
};
std::vector<MemoryPartRow> memoryParts(const MemoryBreakdown &memory, const std::vector<TensorResult> &results,
                                       const Recipe &recipe, std::optional<double> deviceGiB);
// "fits in 2 GiB: yes, uses 0.03 %"
std::string fitText(const MemoryBreakdown &memory, double deviceGiB);
FigureTable tableOf(const std::vector<MemoryPartRow> &rows);

// "Said, and true here".
struct SaidRule {
    std::string said;
    std::string trueHere;
    bool holds = false;
    std::string why;
};
std::vector<SaidRule> memoryRules(const std::vector<TensorResult> &results, const Recipe &recipe);
FigureTable tableOf(const std::vector<SaidRule> &rules);

} // namespace nibblescope
