// SPDX-License-Identifier: GPL-3.0-or-later
// What the Distribution page needs to know of every weight.
#include "core/report/figures_distribution.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "core/report/figure_pieces.h"

namespace nibblescope {
namespace {

constexpr std::size_t fineBins = 4095;
constexpr double robustShare = 0.999;
constexpr double outlierSigmas = 12;
constexpr std::uint64_t mostGroups = 65536; // that level quartiles are taken over

std::span<const float> weightsOf(const TensorView &view) { return view.weights->weights; }

struct Range {
    double lower = -1;
    double upper = 1;
};

Range around(double centre, double half) { return {centre - half, centre + half}; }

// A bin holds its lower edge and not its upper one: the largest value has to lie below the end.
double beyond(double magnitude) { return magnitude * (1 + 1e-6); }

Range constantRange(double value) { return around(value, value == 0 ? 1 : std::abs(value) / 2); }

// Weights of one sign only, such as those of a norm: no range about 0.
Range oneSidedRange(const Statistics &statistics, DistributionRange kind, std::span<const float> weights,
                    const Work &work) {
    const double margin = (*statistics.max - *statistics.min) * 1e-3;
    const Range full = {*statistics.min - margin, *statistics.max + margin};
    if (kind == DistributionRange::FourSigma)
        return around(*statistics.mean, 4 * *statistics.std);
    if (kind == DistributionRange::Full)
        return full;
    const Histogram fine = histogram(weights, full.lower, full.upper, fineBins, work);
    const double tail = (1 - robustShare) / 2;
    const Range robust = {quantileOf(fine, tail) - margin, quantileOf(fine, 1 - tail) + margin};
    return robust.lower < robust.upper ? robust : full;
}

Range weightRange(const TensorView &view, DistributionRange kind, const Work &work) {
    const Statistics &statistics = view.result.statistics;
    if (!statistics.min || !statistics.max)
        return {};
    if (*statistics.min == *statistics.max)
        return constantRange(*statistics.min);
    if (*statistics.min * *statistics.max > 0)
        return oneSidedRange(statistics, kind, weightsOf(view), work);
    if (kind == DistributionRange::FourSigma)
        return around(0, 4 * *statistics.std);
    const double largest = std::max(std::abs(*statistics.min), std::abs(*statistics.max));
    double half = largest;
    if (kind == DistributionRange::Robust)
        half = absQuantile(weightsOf(view), robustShare, work);
    if (!(half > 0)) // nearly all are 0
        half = largest;
    return around(0, roundedOutwards(beyond(half)));
}

std::size_t weightBins(const TensorView &view, Range range, std::size_t most, const Work &work) {
    const Histogram fine = histogram(weightsOf(view), range.lower, range.upper, fineBins, work);
    const double iqr = quantileOf(fine, 0.75) - quantileOf(fine, 0.25);
    return binCount(view.result.statistics.finite, iqr, range.upper - range.lower, most);
}

// Quantization errors spread between a normal (1.35 RMSE between the quartiles) and a uniform (1.73).
constexpr double errorIqr = 1.5;

Range errorRange(const TensorView &view, const TensorView *baseline, DistributionRange kind) {
    const ErrorMetrics &metrics = *view.result.metrics;
    double half = 0;
    if (kind == DistributionRange::Full) {
        half = metrics.maxAbsError;
        if (baseline != nullptr)
            half = std::max(half, baseline->result.metrics->maxAbsError);
    } else {
        half = std::min(4 * metrics.rmse, metrics.maxAbsError);
        // Most of a worse baseline stays in the picture too.
        if (baseline != nullptr)
            half = std::max(half, std::min(3 * baseline->result.metrics->rmse, baseline->result.metrics->maxAbsError));
    }
    if (!(half > 0))
        return around(0, view.result.statistics.std.value_or(0) > 0 ? *view.result.statistics.std / 10 : 1);
    return around(0, roundedOutwards(beyond(half)));
}

DistributionSide sideOf(const TensorView &view, const Histogram &like, Range errors, std::size_t errorBins,
                        const Work &work) {
    DistributionSide side;
    side.recipe = view.result.recipe;
    DecodedHistograms counted =
        decodedHistograms(weightsOf(view), *view.quantized, {like.lower, like.upper, like.counts.size()},
                          {errors.lower, errors.upper, errorBins}, work);
    side.decoded = std::move(counted.decoded);
    side.decodedZeros = counted.zeros;
    side.error = std::move(counted.error);
    side.rmse = view.result.metrics->rmse;
    return side;
}

// Smallest, quarter, middle and three quarters: ranks of the quartiles among `count` values in rising order.
std::array<std::size_t, 3> quartileRanks(std::size_t count) {
    return {(count - 1) / 4, (count - 1) * 2 / 4, (count - 1) * 3 / 4};
}

// Brings the values of these rising ranks to their places.
void placeRanks(std::vector<double> &values, std::span<const std::size_t> ranks) {
    auto begin = values.begin();
    for (const std::size_t rank : ranks) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
        if (place < begin)
            continue;
        std::nth_element(begin, place, values.end());
        begin = place + 1;
    }
}

std::vector<std::uint64_t> someGroups(const QuantizedTensor &tensor) {
    const std::uint64_t groups = tensor.decodeScales.size();
    const std::uint64_t step = std::max<std::uint64_t>(1, groups / mostGroups);
    std::vector<std::uint64_t> chosen;
    chosen.reserve(groups / step + 1);
    for (std::uint64_t group = 0; group < groups; group += step)
        chosen.push_back(group);
    return chosen;
}

LevelSpread spreadOf(const QuantizedTensor &tensor, unsigned code, double lower, double median, double upper) {
    LevelSpread spread;
    spread.code = code;
    spread.codeText = codeText(tensor.recipe.format, code);
    spread.lower = lower;
    spread.median = median;
    spread.upper = upper;
    return spread;
}

// Where a nibble of a group lies is its scale's size times its level: the signed maximum's scale has the sign of the
// group's largest weight. So the quartiles of the scales give those of all levels.
std::vector<LevelSpread> spreadsByScale(const QuantizedTensor &tensor, const std::vector<std::uint64_t> &groups) {
    std::vector<double> scales;
    scales.reserve(groups.size());
    for (const std::uint64_t group : groups)
        scales.push_back(std::abs(static_cast<double>(tensor.decodeScales[group])));
    const std::size_t last = scales.size() - 1;
    const auto rising = quartileRanks(scales.size());
    std::array<std::size_t, 6> ranks{rising[0],        rising[1],        rising[2],
                                     last - rising[0], last - rising[1], last - rising[2]};
    std::sort(ranks.begin(), ranks.end());
    placeRanks(scales, ranks);
    std::vector<LevelSpread> spreads;
    for (unsigned code = 0; code < 16; ++code) {
        const auto level = static_cast<double>(levelsOf(tensor)[code]);
        const auto at = [&](std::size_t quarter) {
            return scales[level < 0 ? last - rising[quarter] : rising[quarter]] * level;
        };
        spreads.push_back(spreadOf(tensor, code, at(0), at(1), at(2)));
    }
    return spreads;
}

// Zero-points move each group's levels of their own.
std::vector<LevelSpread> spreadsByGroup(const QuantizedTensor &tensor, const std::vector<std::uint64_t> &groups,
                                        const Work &work) {
    std::vector<LevelSpread> spreads(16);
    work.parallelFor(spreads.size(), [&](std::size_t code) {
        std::vector<double> values;
        values.reserve(groups.size());
        for (const std::uint64_t group : groups)
            values.push_back(std::abs(static_cast<double>(tensor.decodeScales[group])) *
                             (static_cast<double>(code) - zeroOf(tensor, group)));
        const auto ranks = quartileRanks(values.size());
        placeRanks(values, ranks);
        spreads[code] =
            spreadOf(tensor, static_cast<unsigned>(code), values[ranks[0]], values[ranks[1]], values[ranks[2]]);
    });
    return spreads;
}

std::vector<LevelSpread> levelSpreads(const TensorView &view, const Work &work) {
    const QuantizedTensor &tensor = *view.quantized;
    if (traits(tensor.recipe.format).codeBits != 4 || tensor.decodeScales.empty())
        return {};
    const auto groups = someGroups(tensor);
    std::vector<LevelSpread> spreads = tensor.recipe.format == Format::Int4Asym ? spreadsByGroup(tensor, groups, work)
                                                                                : spreadsByScale(tensor, groups);
    const auto &counts = view.result.metrics->codeCounts;
    for (LevelSpread &spread : spreads)
        spread.used = spread.code >= counts.size() || counts[spread.code] > 0;
    std::stable_sort(spreads.begin(), spreads.end(),
                     [](const LevelSpread &a, const LevelSpread &b) { return a.median < b.median; });
    return spreads;
}

// Places of the weights beyond the limit, in rising order; null where there are none.
std::shared_ptr<const std::vector<std::uint64_t>> outlierPlaces(const TensorView &view, const Work &work) {
    const Statistics &statistics = view.result.statistics;
    if (!statistics.std || *statistics.std == 0)
        return nullptr;
    const double limit = outlierSigmas * *statistics.std;
    if (std::max(std::abs(*statistics.min), std::abs(*statistics.max)) <= limit)
        return nullptr;
    const auto weights = weightsOf(view);
    constexpr std::size_t task = 64 * chunkWeights;
    std::vector<std::vector<std::uint64_t>> found((weights.size() + task - 1) / task);
    work.parallelFor(found.size(), [&](std::size_t i) {
        const std::size_t end = std::min(weights.size(), (i + 1) * task);
        for (std::size_t at = i * task; at < end; ++at) {
            const double magnitude = std::abs(static_cast<double>(weights[at]));
            if (magnitude > limit && std::isfinite(magnitude))
                found[i].push_back(at);
        }
    });
    auto places = std::make_shared<std::vector<std::uint64_t>>();
    for (const auto &part : found)
        places->insert(places->end(), part.begin(), part.end());
    return places;
}

Outliers outliersIn(const std::vector<std::uint64_t> &places, const GroupGrid &grid) {
    Outliers outliers;
    outliers.sigmas = outlierSigmas;
    outliers.allGroups = grid.groups();
    outliers.weights = places.size();
    std::optional<std::uint64_t> last; // places rise, and so do their groups
    for (const std::uint64_t at : places) {
        const std::uint64_t group = grid.groupOf(at);
        outliers.groups += last != group ? 1 : 0;
        last = group;
    }
    return outliers;
}

bool hasErrors(const TensorView *view) { return view != nullptr && view->quantized && view->result.metrics; }

} // namespace

DistributionData computeDistribution(const TensorView &view, const TensorView *baseline,
                                     const DistributionOptions &options, const Work &work,
                                     const DistributionData *previous) {
    DistributionData data;
    data.source = view.weights;
    data.result = view.result;
    data.options = options;
    const Statistics &statistics = view.result.statistics;
    if (statistics.min && *statistics.min == *statistics.max)
        data.constant = *statistics.min;
    if (previous != nullptr && previous->options == options && previous->source.lock() == view.weights) {
        data.weights = previous->weights;
        data.outlierPlaces = previous->outlierPlaces;
    } else {
        const Range range = weightRange(view, options.range, work);
        const std::size_t bins = weightBins(view, range, options.mostBins, work);
        data.weights = histogram(weightsOf(view), range.lower, range.upper, bins, work);
        data.outlierPlaces = outlierPlaces(view, work);
    }
    if (!hasErrors(&view))
        return data;
    const bool compared = hasErrors(baseline) && baseline->weights->shape == view.weights->shape;
    const Range errors = errorRange(view, compared ? baseline : nullptr, options.range);
    const std::size_t errorBins = binCount(statistics.finite, errorIqr * view.result.metrics->rmse,
                                           errors.upper - errors.lower, options.mostBins);
    data.current = sideOf(view, data.weights, errors, errorBins, work);
    if (compared)
        data.baseline = sideOf(*baseline, data.weights, errors, errorBins, work);
    data.levels = levelSpreads(view, work);
    data.groups = view.quantized->grid.groups();
    if (data.outlierPlaces)
        data.outliers = outliersIn(*data.outlierPlaces, view.quantized->grid);
    return data;
}

} // namespace nibblescope
