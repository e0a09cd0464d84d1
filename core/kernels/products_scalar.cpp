// SPDX-License-Identifier: GPL-3.0-or-later
// The definition of the products.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/base/half.h"
#include "core/kernels/products.h"
#include "core/kernels/products_tables.h"

namespace nibblescope {
namespace {

bool isNibble(WeightKind kind) { return kind == WeightKind::Int4 || kind == WeightKind::Codebook4; }

std::size_t paddedTo(std::size_t count, std::size_t multiple) { return (count + multiple - 1) / multiple * multiple; }

std::uint8_t codeOf(const std::uint8_t *row, std::size_t column) {
    return static_cast<std::uint8_t>(column % 2 == 0 ? row[column / 2] >> 4 : row[column / 2] & 15);
}

// The integer that a weight is in integer products.
int integerOf(const ProductWeights &weights, const std::uint8_t *row, std::size_t column) {
    switch (weights.kind) {
    case WeightKind::Int4:
        return static_cast<int>(codeOf(row, column)) - 8;
    case WeightKind::Codebook4:
        return weights.level8[codeOf(row, column)];
    default:
        return static_cast<std::int8_t>(row[column]);
    }
}

float floatOf(const ProductWeights &weights, const std::uint8_t *row, std::size_t column) {
    switch (weights.kind) {
    case WeightKind::F32: {
        float value = 0;
        std::memcpy(&value, row + 4 * column, 4);
        return value;
    }
    case WeightKind::F16:
    case WeightKind::Bf16: {
        std::uint16_t bits = 0;
        std::memcpy(&bits, row + 2 * column, 2);
        return weights.kind == WeightKind::F16 ? f32FromF16(bits) : f32FromBf16(bits);
    }
    case WeightKind::Codebook4:
        return weights.level[codeOf(row, column)];
    default:
        return static_cast<float>(integerOf(weights, row, column));
    }
}

std::size_t placeOf(const ProductWeights &weights, std::size_t half, std::size_t column) {
    return isNibble(weights.kind) ? column % 2 * half + column / 2 : column;
}

void quantizeActivations(const ProductWeights &weights, const float *x, QuantizedActivations &out) {
    resizeActivations(weights, out);
    float largest = 0;
    for (std::size_t i = 0; i < weights.cols; ++i)
        largest = std::max(largest, std::fabs(x[i]));
    const float inverse = largest > 0.0F ? 127.0F / largest : 0.0F;
    out.scale = largest / 127.0F;
    out.total = 0;
    std::fill(out.laneSums.begin(), out.laneSums.end(), 0);
    std::fill(out.codes.begin(), out.codes.end(), std::int8_t{0});
    for (std::size_t i = 0; i < weights.cols; ++i) {
        const auto code = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
        out.codes[placeOf(weights, out.half, i)] = code;
        out.laneSums[isNibble(weights.kind) ? i / 8 : i / 4] += code;
        out.total += code;
    }
}

void splitActivations(const ProductWeights &weights, const float *x, SplitActivations &out) {
    resizeActivations(weights, out);
    for (std::size_t i = 0; i < weights.cols; ++i)
        out.values[placeOf(weights, out.half, i)] = x[i];
}

void matvecInt8(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                std::size_t rowCount, float *y) {
    std::vector<float> scales(weights.groups);
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        rowScales(weights, firstRow + r, scales.data());
        float sum = 0;
        for (std::size_t group = 0; group < weights.groups; ++group) {
            std::int32_t dot = 0;
            const std::size_t end = std::min(weights.cols, (group + 1) * weights.groupSize);
            for (std::size_t i = group * weights.groupSize; i < end; ++i)
                dot += integerOf(weights, row, i) * x.codes[placeOf(weights, x.half, i)];
            sum += static_cast<float>(dot) * scales[group];
        }
        y[r] = sum * (x.scale * weights.levelUnit);
    }
}

void matvecF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
               float *y) {
    std::vector<float> scales(std::max<std::size_t>(weights.groups, 1), 1.0F);
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        if (weights.groups != 0)
            rowScales(weights, firstRow + r, scales.data());
        float sum = 0;
        for (std::size_t i = 0; i < weights.cols; ++i) {
            const float scale = weights.groups != 0 ? scales[i / weights.groupSize] : 1.0F;
            sum += floatOf(weights, row, i) * scale * x.values[placeOf(weights, x.half, i)];
        }
        y[r] = sum;
    }
}

void matmulInt8(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch, std::size_t firstRow,
                std::size_t rowCount, float *y, ProductWorkspace & /*workspace*/) {
    for (std::size_t i = 0; i < batch; ++i)
        matvecInt8(weights, x[i], firstRow, rowCount, y + i * weights.rows + firstRow);
}

} // namespace

std::uint64_t ProductWeights::bytes() const {
    std::uint64_t total = static_cast<std::uint64_t>(rows) * rowBytes;
    if (scaleCodes != nullptr)
        total += rows * groups + (rows * groups + 255) / 256 * sizeof(float);
    else
        total += rows * groups * sizeof(std::uint16_t);
    return total;
}

void setLevels(ProductWeights &weights, const float *levels) {
    float largest = 0;
    for (std::size_t i = 0; i < 16; ++i) {
        weights.level[i] = levels[i];
        largest = std::max(largest, std::fabs(levels[i]));
    }
    weights.levelUnit = largest / 127.0F;
    for (std::size_t i = 0; i < 16; ++i)
        weights.level8[i] = static_cast<std::int8_t>(std::nearbyint(levels[i] / weights.levelUnit));
}

void rowScales(const ProductWeights &weights, std::size_t row, float *out) {
    const std::size_t first = row * weights.groups;
    for (std::size_t i = 0; i < weights.groups; ++i) {
        if (weights.scaleCodes == nullptr) {
            out[i] = f32FromF16(weights.scales[first + i]);
        } else {
            const float product = weights.map[weights.scaleCodes[first + i]] * weights.blockScales[(first + i) / 256];
            out[i] = product + weights.offset;
        }
    }
}

void resizeActivations(const ProductWeights &weights, QuantizedActivations &out) {
    const bool nibble = isNibble(weights.kind);
    out.half = paddedTo(nibble ? (weights.cols + 1) / 2 : weights.cols, 64);
    out.codes.resize(nibble ? 2 * out.half : out.half);
    out.laneSums.resize(out.half / 4);
}

void resizeActivations(const ProductWeights &weights, SplitActivations &out) {
    const bool nibble = isNibble(weights.kind);
    out.half = paddedTo(nibble ? (weights.cols + 1) / 2 : weights.cols, 64);
    out.values.assign(nibble ? 2 * out.half : out.half, 0.0F);
}

const ProductKernels &scalarProducts() {
    static const ProductKernels table = [] {
        ProductKernels made;
        made.quantizeActivations = quantizeActivations;
        made.splitActivations = splitActivations;
        made.matvecInt8 = matvecInt8;
        made.matvecF32 = matvecF32;
        made.matmulInt8 = matmulInt8;
        return made;
    }();
    return table;
}

} // namespace nibblescope
