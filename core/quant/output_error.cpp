// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/output_error.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/dense.h"

namespace nibblescope {

double outputEnergy(const MatrixValues &errors, MatrixShape shape, const InputStatistics &inputs, const Work &work) {
    const std::size_t cols = shape.cols;
    constexpr std::size_t rowsATask = 32;
    const std::size_t tasks = (shape.rows + rowsATask - 1) / rowsATask;
    std::vector<double> sums(tasks);
    work.parallelFor(tasks, [&](std::size_t task) {
        const std::size_t first = task * rowsATask;
        const std::size_t count = std::min<std::size_t>(rowsATask, shape.rows - first);
        std::vector<double> values(count * cols);
        errors(first * cols, values);
        std::vector<double> products(count * cols);
        DenseProduct<double> product;
        product.rows = count;
        product.cols = cols;
        product.inner = cols;
        product.a = {values.data(), cols, Transposed::No};
        product.b = {inputs.gram.data(), cols, Transposed::No};
        product.c = products.data();
        product.cStride = cols;
        multiply(product);
        for (std::size_t i = 0; i < products.size(); ++i)
            sums[task] += products[i] * values[i];
    });
    double sum = 0;
    for (const double part : sums)
        sum += part;
    return sum;
}

double relativeOutputError(std::span<const float> weights, std::span<const float> decoded, MatrixShape shape,
                           const InputStatistics &inputs, const Work &work) {
    const double signal = outputEnergy(
        [&](std::size_t first, std::span<double> out) { std::copy_n(weights.data() + first, out.size(), out.begin()); },
        shape, inputs, work);
    const auto difference = [&](std::size_t first, std::span<double> out) {
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<double>(decoded[first + i]) - static_cast<double>(weights[first + i]);
    };
    const double error = outputEnergy(difference, shape, inputs, work);
    return signal > 0 ? std::sqrt(std::max(error, 0.0) / signal) : 0;
}

} // namespace nibblescope
