// SPDX-License-Identifier: GPL-3.0-or-later
// The 16 levels that fit a tensor: how much better than NF4 can any codebook be?
//
// Weights are divided by the absmax of their group, v = w * (1 / a), and every v counts with a^2, so that the squared
// error of the weights themselves is what is minimised. Two answers: Lloyd-Max (Lloyd, Least Squares Quantization in
// PCM, 1957), which ends in a local optimum that depends on its start, and the exact optimum by dynamic programming
// over the sorted values (Wang and Song, Ckmeans.1d.dp, 2011).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/quant/group_grid.h"

namespace nibblescope {

using Codebook = std::array<float, 16>; // in rising order, units of the absmax

class CodebookFit {
public:
    // Groups of zeros and weights that are not finite take no part. Up to `mostExact` values are sorted; more are
    // gathered in 2^16 narrow bins of equal width, each as the mean of what fell into it. optimum() looks at no more
    // than `mostPoints` points and gathers neighbours before.
    CodebookFit(std::span<const float> weights, const GroupGrid &grid);
    static constexpr std::size_t mostExact = 1U << 18;
    static constexpr std::size_t mostPoints = 1U << 15;

    // From NF4's levels: boundaries at midpoints, levels at the weighted means of their cells, until the error falls by
    // less than 1e-6 of itself, at most 200 rounds. An empty cell keeps its level.
    Codebook lloydMax() const;
    // The least error that any 16 levels can have.
    Codebook optimum() const;

    // Sum of the squared errors of the weights under these levels, and sum of their squares.
    double error(const Codebook &levels) const;
    double signal() const { return m_points.squares.back(); }

private:
    // Prefix sums over points in rising order, each beginning with 0.
    struct Points {
        std::vector<double> values;
        std::vector<double> weights;
        std::vector<double> firsts;  // weight * value
        std::vector<double> squares; // weight * value^2

        void add(double value, double weight, double first, double square);
        double cost(std::size_t begin, std::size_t end) const; // around the mean of [begin, end)
        double mean(std::size_t begin, std::size_t end) const;
    };
    Points binned() const;
    static void solveLayer(const Points &points, const std::vector<double> &before, std::vector<double> &now,
                           std::vector<std::uint32_t> &cuts);
    // First point above each of the 15 midpoints.
    std::array<std::size_t, 17> cellsOf(const std::array<double, 16> &levels) const;

    Points m_points;
};

} // namespace nibblescope
