// SPDX-License-Identifier: GPL-3.0-or-later
// The Distribution page: the weights before and after, the levels under them, and the error. computeDistribution()
// looks at every weight and belongs on a worker; the figures are made from its result in no time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/histogram.h"
#include "core/analysis/tensor_view.h"
#include "core/report/figure.h"
#include "core/report/readings.h"

namespace nibblescope {

enum class DistributionRange { Robust, Full, FourSigma };

struct DistributionOptions { // those that need the weights to be looked at again
    DistributionRange range = DistributionRange::Robust;
    std::size_t mostBins = 301;

    bool operator==(const DistributionOptions &) const = default;
};

struct DistributionLook { // those that do not
    bool logarithmic = false;
    bool dequantized = true;
    bool normal = true;
    bool levels = true;
    bool baseline = true;
    std::optional<unsigned> selectedCode;

    bool operator==(const DistributionLook &) const = default;
};

// One recipe's side of the picture.
struct DistributionSide {
    Recipe recipe;
    Histogram decoded;
    std::uint64_t decodedZeros = 0; // weights that decode to exactly 0
    Histogram error;                // decoded - weight
    double rmse = 0;
};

// Where a level lies over the groups: code c stands at `median` (25 to 75 % of groups: `lower` to `upper`).
struct LevelSpread {
    unsigned code = 0;    // nibble
    std::string codeText; // "-8"
    double lower = 0;
    double median = 0;
    double upper = 0;
    bool used = true;
};

struct DistributionData {
    std::weak_ptr<const WeightMatrix> source; // the weights that were looked at
    TensorResult result;
    DistributionOptions options;
    Histogram weights;
    std::optional<DistributionSide> current; // absent: kept
    std::optional<DistributionSide> baseline;
    std::vector<LevelSpread> levels; // in rising order; empty for INT8 and kept tensors
    std::uint64_t groups = 0;
    std::optional<double> constant;                                  // all finite weights have this value
    std::shared_ptr<const std::vector<std::uint64_t>> outlierPlaces; // of those weights; null where there are none
    std::optional<Outliers> outliers; // where the largest weight lies beyond 12 standard deviations
};

// `baseline`: the same weights under the pinned recipe, or null. `previous`: an earlier result; what does not depend on
// the recipe is taken from it where it is of the same weights and options.
DistributionData computeDistribution(const TensorView &view, const TensorView *baseline,
                                     const DistributionOptions &options, const Work &work,
                                     const DistributionData *previous = nullptr);

Figure weightsFigure(const DistributionData &data, const DistributionLook &look = {}); // "distribution.weights"
Figure errorFigure(const DistributionData &data, const DistributionLook &look = {});   // "distribution.error"

// "sample · 262,144 of 16.8 M"; empty where the result is exact.
std::string sampleBadge(const TensorResult &result);

} // namespace nibblescope
