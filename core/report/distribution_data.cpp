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

std::uint64_t countZeros(std::span<const float> values, const Work &work) {
    constexpr std::size_t task = 64 * chunkWeights;
    std::vector<std::uint64_t> zeros((values.size() + task - 1) / task);
    work.parallelFor(zeros.size(), [&](std::size_t i) {
        const auto part = values.subspan(i * task, std::min(task, values.size() - i * task));
        zeros[i] = static_cast<std::uint64_t>(std::count(part.begin(), part.end(), 0.0F));
    });
    std::uint64_t total = 0;
    for (const std::uint64_t n : zeros)
        total += n;
    return total;
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
    side.decoded = histogram(*view.decoded, like.lower, like.upper, like.counts.size(), work);
    side.decodedZeros = countZeros(*view.decoded, work);
    side.error = errorHistogram(weightsOf(view), *view.decoded, errors.lower, errors.upper, errorBins, work);
    side.rmse = view.result.metrics->rmse;
    return side;
}

// Where nibble `code` of a group lies. The signed maximum's scale has the sign of the group's largest weight: its size
// alone places the level.
double levelOf(const QuantizedTensor &tensor, std::uint64_t group, unsigned code) {
    const double scale = std::abs(static_cast<double>(tensor.decodeScales[group]));
    if (tensor.recipe.format == Format::Int4Asym)
        return scale * (static_cast<double>(code) - zeroOf(tensor, group));
    return scale * static_cast<double>(levelsOf(tensor)[code]);
}

LevelSpread spreadOf(const QuantizedTensor &tensor, unsigned code) {
    const std::uint64_t groups = tensor.decodeScales.size();
    const std::uint64_t step = std::max<std::uint64_t>(1, groups / mostGroups);
    std::vector<double> values;
    values.reserve(groups / step + 1);
    for (std::uint64_t group = 0; group < groups; group += step)
        values.push_back(levelOf(tensor, group, code));
    std::sort(values.begin(), values.end());
    const auto at = [&values](std::size_t quarter) { return values[(values.size() - 1) * quarter / 4]; };
    LevelSpread spread;
    spread.code = code;
    spread.codeText = codeText(tensor.recipe.format, code);
    spread.lower = at(1);
    spread.median = at(2);
    spread.upper = at(3);
    return spread;
}

std::vector<LevelSpread> levelSpreads(const TensorView &view, const Work &work) {
    const QuantizedTensor &tensor = *view.quantized;
    if (traits(tensor.recipe.format).codeBits != 4 || tensor.decodeScales.empty())
        return {};
    std::vector<LevelSpread> spreads(16);
    work.parallelFor(spreads.size(),
                     [&](std::size_t code) { spreads[code] = spreadOf(tensor, static_cast<unsigned>(code)); });
    const auto &counts = view.result.metrics->codeCounts;
    for (LevelSpread &spread : spreads)
        spread.used = spread.code >= counts.size() || counts[spread.code] > 0;
    std::stable_sort(spreads.begin(), spreads.end(),
                     [](const LevelSpread &a, const LevelSpread &b) { return a.median < b.median; });
    return spreads;
}

std::optional<Outliers> findOutliers(const TensorView &view, const Work &work) {
    const Statistics &statistics = view.result.statistics;
    if (!statistics.std || *statistics.std == 0)
        return std::nullopt;
    const double limit = outlierSigmas * *statistics.std;
    if (std::max(std::abs(*statistics.min), std::abs(*statistics.max)) <= limit)
        return std::nullopt;
    const auto weights = weightsOf(view);
    constexpr std::size_t task = 64 * chunkWeights;
    std::vector<std::vector<std::size_t>> found((weights.size() + task - 1) / task);
    work.parallelFor(found.size(), [&](std::size_t i) {
        const std::size_t end = std::min(weights.size(), (i + 1) * task);
        for (std::size_t at = i * task; at < end; ++at) {
            const double magnitude = std::abs(static_cast<double>(weights[at]));
            if (magnitude > limit && std::isfinite(magnitude))
                found[i].push_back(at);
        }
    });
    Outliers outliers;
    outliers.sigmas = outlierSigmas;
    outliers.allGroups = view.quantized->grid.groups();
    std::optional<std::uint64_t> last; // indices rise, and so do their groups
    for (const auto &part : found) {
        outliers.weights += part.size();
        for (const std::size_t at : part) {
            const std::uint64_t group = view.quantized->grid.groupOf(at);
            outliers.groups += last != group ? 1 : 0;
            last = group;
        }
    }
    return outliers;
}

bool hasErrors(const TensorView *view) {
    return view != nullptr && view->quantized && view->decoded && view->result.metrics;
}

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
    } else {
        const Range range = weightRange(view, options.range, work);
        const std::size_t bins = weightBins(view, range, options.mostBins, work);
        data.weights = histogram(weightsOf(view), range.lower, range.upper, bins, work);
    }
    if (!hasErrors(&view))
        return data;
    const bool compared = hasErrors(baseline) && baseline->decoded->size() == view.decoded->size();
    const Range errors = errorRange(view, compared ? baseline : nullptr, options.range);
    const std::size_t errorBins = binCount(statistics.finite, errorIqr * view.result.metrics->rmse,
                                           errors.upper - errors.lower, options.mostBins);
    data.current = sideOf(view, data.weights, errors, errorBins, work);
    if (compared)
        data.baseline = sideOf(*baseline, data.weights, errors, errorBins, work);
    data.levels = levelSpreads(view, work);
    data.groups = view.quantized->grid.groups();
    data.outliers = findOutliers(view, work);
    return data;
}

} // namespace nibblescope
