// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/cholesky.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/dense.h"

namespace nibblescope {
namespace {

constexpr std::size_t blockSize = 96;

// A square block of a matrix with `stride` columns, in place.
bool factorBlock(double *a, std::size_t size, std::size_t stride) {
    for (std::size_t j = 0; j < size; ++j) {
        double *row = a + j * stride;
        double pivot = row[j];
        for (std::size_t k = 0; k < j; ++k)
            pivot -= row[k] * row[k];
        if (!(pivot > 0) || !std::isfinite(pivot))
            return false;
        row[j] = std::sqrt(pivot);
        for (std::size_t i = j + 1; i < size; ++i) {
            double *other = a + i * stride;
            double value = other[j];
            for (std::size_t k = 0; k < j; ++k)
                value -= other[k] * row[k];
            other[j] = value / row[j];
        }
    }
    return true;
}

// The inverse of a lower triangular block, [size, size], zeros above the diagonal.
std::vector<double> inverseOfBlock(const double *lower, std::size_t size, std::size_t stride) {
    std::vector<double> inverse(size * size);
    for (std::size_t i = 0; i < size; ++i) {
        inverse[i * size + i] = 1 / lower[i * stride + i];
        for (std::size_t j = 0; j < i; ++j) {
            double sum = 0;
            for (std::size_t k = j; k < i; ++k)
                sum += lower[i * stride + k] * inverse[k * size + j];
            inverse[i * size + j] = -sum * inverse[i * size + i];
        }
    }
    return inverse;
}

} // namespace

bool factorCholesky(std::vector<double> &a, std::size_t n, const Work &work) {
    const std::size_t blocks = (n + blockSize - 1) / blockSize;
    const auto sizeOf = [n](std::size_t block) { return std::min(blockSize, n - block * blockSize); };
    for (std::size_t k = 0; k < blocks; ++k) {
        const std::size_t first = k * blockSize;
        const std::size_t size = sizeOf(k);
        if (!factorBlock(a.data() + first * n + first, size, n))
            return false;
        const std::vector<double> inverse = inverseOfBlock(a.data() + first * n + first, size, n);
        const std::size_t below = blocks - k - 1;
        // The panel below the block: A[i, k] inverse(L[k, k])'.
        work.parallelFor(below, [&](std::size_t task) {
            const std::size_t row = (k + 1 + task) * blockSize;
            const std::size_t rows = sizeOf(k + 1 + task);
            std::vector<double> panel(rows * size);
            for (std::size_t i = 0; i < rows; ++i)
                std::copy_n(a.data() + (row + i) * n + first, size, panel.data() + i * size);
            multiply(DenseProduct<double>{rows,
                                          size,
                                          size,
                                          {panel.data(), size, Transposed::No},
                                          {inverse.data(), size, Transposed::Yes},
                                          a.data() + row * n + first,
                                          n,
                                          1,
                                          0});
        });
        // What is left: A[i, j] -= A[i, k] A[j, k]' for j <= i. Long rows of blocks first.
        work.parallelFor(below, [&](std::size_t task) {
            const std::size_t block = blocks - 1 - task;
            const std::size_t row = block * blockSize;
            const std::size_t start = first + size;
            multiply(DenseProduct<double>{sizeOf(block),
                                          row + sizeOf(block) - start,
                                          size,
                                          {a.data() + row * n + first, n, Transposed::No},
                                          {a.data() + start * n + first, n, Transposed::Yes},
                                          a.data() + row * n + start,
                                          n,
                                          -1,
                                          1});
        });
    }
    return true;
}

std::vector<double> invertLower(const std::vector<double> &lower, std::size_t n, const Work &work) {
    const std::size_t blocks = (n + blockSize - 1) / blockSize;
    const auto sizeOf = [n](std::size_t block) { return std::min(blockSize, n - block * blockSize); };
    std::vector<std::vector<double>> diagonal(blocks);
    work.parallelFor(blocks, [&](std::size_t k) {
        diagonal[k] = inverseOfBlock(lower.data() + k * blockSize * (n + 1), sizeOf(k), n);
    });
    std::vector<double> inverse(n * n);
    // Each column of blocks by itself: X[i, j] = -inverse(L[i, i]) sum over k of L[i, k] X[k, j].
    work.parallelFor(blocks, [&](std::size_t j) {
        const std::size_t column = j * blockSize;
        const std::size_t cols = sizeOf(j);
        for (std::size_t r = 0; r < cols; ++r)
            std::copy_n(diagonal[j].data() + r * cols, cols, inverse.data() + (column + r) * n + column);
        std::vector<double> sum(blockSize * cols);
        for (std::size_t i = j + 1; i < blocks; ++i) {
            const std::size_t row = i * blockSize;
            const std::size_t rows = sizeOf(i);
            multiply(DenseProduct<double>{rows,
                                          cols,
                                          row - column,
                                          {lower.data() + row * n + column, n, Transposed::No},
                                          {inverse.data() + column * n + column, n, Transposed::No},
                                          sum.data(),
                                          cols,
                                          1,
                                          0});
            multiply(DenseProduct<double>{rows,
                                          cols,
                                          rows,
                                          {diagonal[i].data(), rows, Transposed::No},
                                          {sum.data(), cols, Transposed::No},
                                          inverse.data() + row * n + column,
                                          n,
                                          -1,
                                          0});
        }
    });
    return inverse;
}

std::vector<double> inverseFactor(const std::vector<double> &a, std::size_t n, const Work &work) {
    std::vector<double> turned(a.rbegin(), a.rend()); // rows and columns in reversed order
    if (!factorCholesky(turned, n, work))
        return {};
    std::vector<double> inverse = invertLower(turned, n, work);
    std::reverse(inverse.begin(), inverse.end());
    return inverse;
}

} // namespace nibblescope
