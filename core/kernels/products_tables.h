// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of the products share.
#pragma once

#include "core/kernels/products.h"

namespace nibblescope {

// Room for the padded halves; the split one is cleared.
void resizeActivations(const ProductWeights &weights, QuantizedActivations &out);
void resizeActivations(const ProductWeights &weights, SplitActivations &out);

#if defined(__x86_64__)
void fillAvx2Products(ProductKernels &table);
void fillAvx512Products(ProductKernels &table);
void fillAvx512VnniProducts(ProductKernels &table);
#elif defined(__aarch64__)
void fillNeonProducts(ProductKernels &table);
void fillNeonDotProducts(ProductKernels &table); // over those
#endif

} // namespace nibblescope
