// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the integer products with AVX2.
#pragma once

#include "core/kernels/products.h"

namespace nibblescope {

// As ProductKernels::matmulInt8, by panels of sixteen rows decoded to 16 bits: worth it from a few vectors on.
// False: not for groups of this size (a multiple of 16 stored bytes, or whole rows); nothing was written.
bool multiplyPanelsAvx2(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                        std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace);

} // namespace nibblescope
