// SPDX-License-Identifier: GPL-3.0-or-later
// Dense products on the BLAS that the build found (OpenBLAS), or on Eigen. One thread a call: callers run many at once
// on the worker pool.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nibblescope {

enum class Transposed : std::uint8_t { No, Yes };

// A row-major matrix; `stride` elements from one row to the next.
template <typename Value>
struct DenseView {
    const Value *data = nullptr;
    std::size_t stride = 0;
    Transposed transposed = Transposed::No; // whether op() transposes it
};

// C[rows, cols] = alpha * op(A)[rows, inner] * op(B)[inner, cols] + beta * C, row-major.
template <typename Value>
struct DenseProduct {
    std::size_t rows = 0;
    std::size_t cols = 0;
    std::size_t inner = 0;
    DenseView<Value> a;
    DenseView<Value> b;
    Value *c = nullptr;
    std::size_t cStride = 0;
    Value alpha = 1;
    Value beta = 0;
};

void multiply(const DenseProduct<float> &product);
void multiply(const DenseProduct<double> &product);

// "OpenBLAS" or "Eigen", for what a result says about how it was made.
const char *denseLibrary();

} // namespace nibblescope
