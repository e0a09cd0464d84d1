// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the integer products with AVX-512 VNNI.
#pragma once

#include "core/kernels/products.h"

namespace nibblescope {

// Rows [firstRow, firstRow + rowCount) meet `batch` vectors: 1, 2 or 4. y[k][r] is for vector k and row firstRow + r.
// False: not one of the kinds and group sizes that this is for; nothing was written.
bool multiplyRowsVnni(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                      std::size_t firstRow, std::size_t rowCount, float *const *y);

// As ProductKernels::matmulInt8, by panels of 64 rows decoded to bytes: worth it from a dozen vectors on. At most
// mostVnniScales groups, and of nibbles those of a power of two or of a multiple of 128 weights, or a single one.
void multiplyPanelsVnni(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                        std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace);

void quantizeActivationsVnni(const ProductWeights &weights, const float *x, QuantizedActivations &out);

inline constexpr std::size_t mostVnniScales = 4096; // a row, kept on the stack

} // namespace nibblescope
