// SPDX-License-Identifier: GPL-3.0-or-later
// What timed products multiply with, and how far from right they come out.
#pragma once

#include <cstdint>
#include <vector>

#include "core/bench/test_matrix.h"

namespace nibblescope {

struct ProductInputs {
    std::uint32_t batch = 1;
    std::vector<float> x; // [batch, cols]
};

// Normal values, the same in every run.
ProductInputs makeProductInputs(std::uint32_t batch, std::uint64_t cols);

// max |error| / max |y| of the first rows and vectors of y [batch, rows] against F64 on the exact weights of `matrix`
// and the exact vectors.
double relativeProductError(const TestMatrix &matrix, const ProductInputs &inputs, const std::vector<float> &y);

} // namespace nibblescope
