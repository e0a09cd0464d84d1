// SPDX-License-Identifier: GPL-3.0-or-later
// Integer products with AVX-512 VNNI: which way a product goes.
#if defined(__x86_64__)
#include "core/kernels/products_vnni.h"

#include "core/kernels/products_tables.h"

namespace nibblescope {

namespace {

void matvecInt8(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                std::size_t rowCount, float *y) {
    if (!multiplyRowsVnni(weights, &x, 1, firstRow, rowCount, &y))
        scalarProducts().matvecInt8(weights, x, firstRow, rowCount, y);
}

void matmulInt8(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch, std::size_t firstRow,
                std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    const bool nibbles = weights.kind != WeightKind::Int8;
    const std::size_t groupBytes = weights.groupSize / (nibbles ? 2 : 1);
    const bool wholeBytes = !nibbles || weights.groupSize % 2 == 0;
    const bool fitting = groupBytes % 64 == 0 || (groupBytes >= 4 && 64 % groupBytes == 0);
    const bool regular = weights.groups <= mostVnniScales && (weights.groups == 1 || (wholeBytes && fitting));
    if (!regular) {
        scalarProducts().matmulInt8(weights, x, batch, firstRow, rowCount, y, workspace);
        return;
    }
    if (batch >= 12) {
        multiplyPanelsVnni(weights, x, batch, firstRow, rowCount, y, workspace);
        return;
    }
    for (std::size_t t = 0; t < batch;) {
        float *out[4];
        const std::size_t count = batch - t >= 4 ? 4 : batch - t >= 2 ? 2 : 1;
        for (std::size_t i = 0; i < count; ++i)
            out[i] = y + (t + i) * weights.rows + firstRow;
        const bool done = multiplyRowsVnni(weights, x + t, count, firstRow, rowCount, out);
        if (!done)
            for (std::size_t i = 0; i < count; ++i)
                scalarProducts().matvecInt8(weights, x[t + i], firstRow, rowCount, out[i]);
        t += count;
    }
}

} // namespace

void fillAvx512VnniProducts(ProductKernels &table) {
    table.quantizeActivations = quantizeActivationsVnni;
    table.matvecInt8 = matvecInt8;
    table.matmulInt8 = matmulInt8;
}

} // namespace nibblescope
#endif
