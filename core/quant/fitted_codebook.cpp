// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/fitted_codebook.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/format.h"

namespace nibblescope {
namespace {

constexpr std::size_t levelCount = 16;
constexpr int mostRounds = 200;
constexpr double smallestGain = 1e-6;

struct Weighted {
    double value;
    double weight;
};

// Tells of each finite weight of a group that is not all zero: v = w / absmax, and absmax^2.
template <typename Body>
void forNormalised(std::span<const float> weights, const GroupGrid &grid, Body body) {
    for (std::uint64_t group = 0; group < grid.groups(); ++group) {
        const auto members = weights.subspan(grid.begin(group), grid.length(group));
        float absmax = 0;
        for (const float weight : members)
            if (std::isfinite(weight))
                absmax = std::max(absmax, std::fabs(weight));
        if (absmax == 0.0F)
            continue;
        const float inverse = 1.0F / absmax;
        const double square = static_cast<double>(absmax) * static_cast<double>(absmax);
        for (const float weight : members)
            if (std::isfinite(weight))
                body(static_cast<double>(weight * inverse), square);
    }
}

std::vector<Weighted> sorted(std::span<const float> weights, const GroupGrid &grid) {
    std::vector<Weighted> points;
    points.reserve(weights.size());
    forNormalised(weights, grid, [&points](double value, double weight) { points.push_back({value, weight}); });
    std::sort(points.begin(), points.end(), [](const Weighted &a, const Weighted &b) { return a.value < b.value; });
    return points;
}

struct Bin {
    double weight = 0;
    double first = 0;
    double square = 0;
};

std::vector<Bin> gathered(std::span<const float> weights, const GroupGrid &grid) {
    constexpr std::size_t count = 1U << 16;
    std::vector<Bin> bins(count);
    forNormalised(weights, grid, [&bins](double value, double weight) {
        const auto place = static_cast<std::size_t>((value + 1) / 2 * static_cast<double>(count));
        Bin &bin = bins[std::min(place, count - 1)];
        bin.weight += weight;
        bin.first += weight * value;
        bin.square += weight * value * value;
    });
    return bins;
}

Codebook rounded(const std::array<double, levelCount> &levels) {
    Codebook codebook;
    std::transform(levels.begin(), levels.end(), codebook.begin(), [](double l) { return static_cast<float>(l); });
    return codebook;
}

} // namespace

void CodebookFit::Points::add(double value, double weight, double first, double square) {
    values.push_back(value);
    weights.push_back((weights.empty() ? 0 : weights.back()) + weight);
    firsts.push_back((firsts.empty() ? 0 : firsts.back()) + first);
    squares.push_back((squares.empty() ? 0 : squares.back()) + square);
}

double CodebookFit::Points::mean(std::size_t begin, std::size_t end) const {
    return (firsts[end] - firsts[begin]) / (weights[end] - weights[begin]);
}

double CodebookFit::Points::cost(std::size_t begin, std::size_t end) const {
    const double weight = weights[end] - weights[begin];
    const double first = firsts[end] - firsts[begin];
    return weight > 0 ? std::max(0.0, squares[end] - squares[begin] - first * first / weight) : 0;
}

CodebookFit::CodebookFit(std::span<const float> weights, const GroupGrid &grid) {
    m_points.add(0, 0, 0, 0); // prefix sums begin with 0; values[i + 1] is point i
    if (weights.size() > mostExact) {
        for (const Bin &bin : gathered(weights, grid))
            if (bin.weight > 0)
                m_points.add(bin.first / bin.weight, bin.weight, bin.first, bin.square);
        return;
    }
    for (const Weighted &point : sorted(weights, grid))
        m_points.add(point.value, point.weight, point.weight * point.value, point.weight * point.value * point.value);
}

std::array<std::size_t, 17> CodebookFit::cellsOf(const std::array<double, 16> &levels) const {
    std::array<std::size_t, 17> cells{};
    for (std::size_t i = 0; i + 1 < levelCount; ++i) {
        const double boundary = (levels[i] + levels[i + 1]) / 2;
        // A tie goes to the lower level.
        const auto above = std::upper_bound(m_points.values.begin() + 1, m_points.values.end(), boundary);
        cells[i + 1] = static_cast<std::size_t>(above - m_points.values.begin()) - 1;
    }
    cells[levelCount] = m_points.values.size() - 1;
    return cells;
}

double CodebookFit::error(const Codebook &codebook) const {
    std::array<double, levelCount> levels;
    std::copy(codebook.begin(), codebook.end(), levels.begin());
    const auto cells = cellsOf(levels);
    double error = 0;
    for (std::size_t i = 0; i < levelCount; ++i) {
        const double weight = m_points.weights[cells[i + 1]] - m_points.weights[cells[i]];
        if (weight <= 0)
            continue;
        const double offset = m_points.mean(cells[i], cells[i + 1]) - levels[i];
        error += m_points.cost(cells[i], cells[i + 1]) + weight * offset * offset;
    }
    return error;
}

Codebook CodebookFit::lloydMax() const {
    std::array<double, levelCount> levels;
    const auto &start = sortedLevels(Format::Nf4).level;
    std::copy(start.begin(), start.end(), levels.begin());
    double before = std::numeric_limits<double>::infinity();
    for (int round = 0; round < mostRounds; ++round) {
        const double now = error(rounded(levels));
        if (!(before - now >= smallestGain * before))
            break;
        before = now;
        const auto cells = cellsOf(levels);
        for (std::size_t i = 0; i < levelCount; ++i)
            if (m_points.weights[cells[i + 1]] > m_points.weights[cells[i]])
                levels[i] = m_points.mean(cells[i], cells[i + 1]);
    }
    return rounded(levels);
}

CodebookFit::Points CodebookFit::binned() const {
    const std::size_t count = m_points.values.size() - 1;
    if (count <= mostPoints)
        return m_points;
    Points bins;
    bins.add(0, 0, 0, 0);
    for (std::size_t begin = 0; begin < count;) {
        // Bins of equal width over [-1, 1].
        const auto place = std::floor((m_points.values[begin + 1] + 1) / 2 * static_cast<double>(mostPoints));
        const double limit = (place + 1) / static_cast<double>(mostPoints) * 2 - 1;
        std::size_t end = begin + 1;
        while (end < count && m_points.values[end + 1] < limit)
            ++end;
        bins.add(m_points.mean(begin, end), m_points.weights[end] - m_points.weights[begin],
                 m_points.firsts[end] - m_points.firsts[begin], m_points.squares[end] - m_points.squares[begin]);
        begin = end;
    }
    return bins;
}

// now[j]: the least cost of the points before j with one cell more than before[] has; cuts[j]: where that cell begins.
// The best cut moves right with j, so that halving the range again and again looks at n log n pairs only.
void CodebookFit::solveLayer(const Points &points, const std::vector<double> &before, std::vector<double> &now,
                             std::vector<std::uint32_t> &cuts) {
    struct Range {
        std::size_t first, last, lowest, highest;
    };
    std::vector<Range> open{{0, before.size() - 1, 0, before.size() - 1}};
    while (!open.empty()) {
        const Range range = open.back();
        open.pop_back();
        const std::size_t middle = range.first + (range.last - range.first) / 2;
        double best = std::numeric_limits<double>::infinity();
        std::size_t cut = range.lowest;
        for (std::size_t i = range.lowest; i <= std::min(middle, range.highest); ++i) {
            const double cost = before[i] + points.cost(i, middle);
            if (cost < best) {
                best = cost;
                cut = i;
            }
        }
        now[middle] = best;
        cuts[middle] = static_cast<std::uint32_t>(cut);
        if (middle > range.first)
            open.push_back({range.first, middle - 1, range.lowest, cut});
        if (middle < range.last)
            open.push_back({middle + 1, range.last, cut, range.highest});
    }
}

Codebook CodebookFit::optimum() const {
    const Points points = binned();
    const std::size_t count = points.values.size(); // one more than there are points
    std::vector<double> before(count);
    for (std::size_t j = 0; j < count; ++j)
        before[j] = points.cost(0, j);
    std::vector<std::vector<std::uint32_t>> cuts;
    for (std::size_t cells = 1; cells < levelCount; ++cells) {
        std::vector<double> now(count);
        cuts.emplace_back(count);
        solveLayer(points, before, now, cuts.back());
        before.swap(now);
    }
    std::array<double, levelCount> levels{};
    std::size_t end = count - 1;
    for (std::size_t level = levelCount; level-- > 0;) {
        const std::size_t begin = level == 0 ? 0 : cuts[level - 1][end];
        // Fewer different values than levels: those left over stand beside the next one.
        levels[level] = points.weights[end] > points.weights[begin] ? points.mean(begin, end)
                        : level + 1 < levelCount                    ? levels[level + 1]
                                                                    : 0;
        end = begin;
    }
    return rounded(levels);
}

} // namespace nibblescope
