// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/product_inputs.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace nibblescope {
namespace {

constexpr std::uint64_t checkedRows = 128;
constexpr std::uint64_t checkedWeights = std::uint64_t{1} << 22;

} // namespace

ProductInputs makeProductInputs(std::uint32_t batch, std::uint64_t cols) {
    ProductInputs inputs{batch, std::vector<float>(batch * cols)};
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (float &value : inputs.x)
        value = normal(random);
    return inputs;
}

double relativeProductError(const TestMatrix &matrix, const ProductInputs &inputs, const std::vector<float> &y) {
    double largest = 0;
    double worst = 0;
    const std::uint64_t cols = inputs.x.size() / inputs.batch;
    const std::uint64_t rows = y.size() / inputs.batch;
    const std::uint64_t checked = std::clamp<std::uint64_t>(checkedWeights / cols, 1, checkedRows);
    for (std::uint64_t row = 0; row < std::min(rows, checked); ++row) {
        const auto weights = matrix.row(row);
        for (std::uint32_t i = 0; i < std::min(inputs.batch, 2U); ++i) {
            double right = 0;
            for (std::size_t k = 0; k < cols; ++k)
                right += static_cast<double>(weights[k]) * static_cast<double>(inputs.x[i * cols + k]);
            largest = std::max(largest, std::fabs(right));
            worst = std::max(worst, std::fabs(static_cast<double>(y[i * rows + row]) - right));
        }
    }
    return largest > 0 ? worst / largest : 0;
}

} // namespace nibblescope
