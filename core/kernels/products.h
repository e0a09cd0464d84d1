// SPDX-License-Identifier: GPL-3.0-or-later
// Products with packed weights: y = W x for one vector or a small batch, and Y = X W' for a large one.
//
// Weights stay in the layout that they are stored in: rows of two codes a byte, the first weight in the high nibble.
// What other engines gain by interleaving rows is had by splitting the *activations* into even and odd columns once a
// product: high nibbles then meet even columns and low nibbles odd ones, with no shuffle. There is nothing to convert.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/kernels/kernels.h"

namespace nibblescope {

enum class WeightKind : std::uint8_t { F32, F16, Bf16, Int8, Int4, Codebook4 };
inline constexpr std::size_t weightKindCount = 6;

// Rows of weights in memory that someone else owns. [rows, cols], cols even for the 4-bit kinds.
//   Int4       weight = scale * (code - 8)
//   Codebook4  weight = scale * level[code]
//   Int8       weight = scale * code
struct ProductWeights {
    WeightKind kind = WeightKind::F32;
    std::size_t rows = 0;
    std::size_t cols = 0;
    const std::uint8_t *data = nullptr;
    std::size_t rowBytes = 0;
    // One scale for `groupSize` weights along a row, `groups` a row. Either F16 ...
    std::size_t groupSize = 0;
    std::size_t groups = 0;
    const std::uint16_t *scales = nullptr;
    // ... or double-quantized: map[code] * blockScales[flat group / 256] + offset.
    const std::uint8_t *scaleCodes = nullptr;
    const float *blockScales = nullptr;
    float offset = 0;
    const float *map = nullptr; // 256
    // Codebook4: the levels, and what integer products use instead: round(level / levelUnit), -127 ... 127.
    std::array<float, 16> level{};
    std::array<std::int8_t, 16> level8{};
    float levelUnit = 1;

    std::uint64_t bytes() const; // of codes and scales: what a product has to read
};
// Fills level8 and levelUnit from the levels.
void setLevels(ProductWeights &weights, const float *levels);

// A vector as int8: x ~ scale * code, code = rint(x * (127 / max|x|)). For 4-bit weights even columns come first, then
// odd ones, each half padded with zeros to a multiple of 64; for int8 weights the order is kept.
struct QuantizedActivations {
    std::vector<std::int8_t> codes;
    // 4-bit weights: for each four bytes of a row the sum of the eight codes that meet them; int8: of the four codes.
    std::vector<std::int32_t> laneSums;
    std::size_t half = 0; // of the padded vector
    std::int32_t total = 0;
    float scale = 0;
};

// Even and odd columns of an F32 vector, padded alike; the plain vector for kinds of a byte and more.
struct SplitActivations {
    std::vector<float> values;
    std::size_t half = 0;
};

// Room for what kernels prepare, to be used again so that nothing is allocated while a product is timed.
struct ProductWorkspace {
    std::vector<std::uint8_t> panel;
    std::vector<std::uint8_t> activations;
    std::vector<float> scales;
    std::vector<float> sums;
};

// Error of a product against F64 with the same weights, for |x| <= X and n columns, over the largest possible |y|:
//   f32 activations   n * 2^-24
//   int8 activations  1/254 for rounding x (1/127 at worst over X), and 1/254 of max|level| where levels are rounded
struct ProductKernels {
    Isa isa = Isa::Scalar;
    void (*quantizeActivations)(const ProductWeights &weights, const float *x, QuantizedActivations &out) = nullptr;
    void (*splitActivations)(const ProductWeights &weights, const float *x, SplitActivations &out) = nullptr;
    // y[i] of rows [firstRow, firstRow + rowCount); y points at the first of them.
    void (*matvecInt8)(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                       std::size_t rowCount, float *y) = nullptr; // Int8, Int4, Codebook4
    void (*matvecF32)(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow,
                      std::size_t rowCount, float *y) = nullptr; // all kinds
    // x [batch, cols], activations rounded to int8. y [batch, rows]; only columns [firstRow, firstRow + rowCount) of it
    // are written. Decodes a panel of rows once and meets it with all vectors. Int8, Int4, Codebook4.
    void (*matmulInt8)(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                       std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace) = nullptr;
};

const ProductKernels &scalarProducts();
// The products of a supported set. Throws as kernelsFor().
const ProductKernels &productsFor(Isa isa);

// The scales of one row as F32, `groups` of them.
void rowScales(const ProductWeights &weights, std::size_t row, float *out);

} // namespace nibblescope
