// SPDX-License-Identifier: GPL-3.0-or-later
#include "product_conformance.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "core/base/half.h"
#include "core/kernels/format.h"
#include "core/kernels/products.h"
#include "guarded_buffer.h"

namespace nibblescope::conformance {
namespace {

struct Matrix {
    Matrix(WeightKind kind, std::size_t rows, std::size_t cols, std::size_t groupSize, bool doubleQuant)
        : data(rows * rowBytes(kind, cols)), scales(groupSize == 0 ? 0 : rows * ((cols + groupSize - 1) / groupSize)),
          scaleCodes(scales.size()), blockScales((scales.size() + 255) / 256), map(256) {
        std::mt19937 random(static_cast<std::uint32_t>(rows * 31 + cols + groupSize));
        std::normal_distribution<float> normal(0.0F, 0.05F);
        view.kind = kind;
        view.rows = rows;
        view.cols = cols;
        view.data = data.data();
        view.rowBytes = rowBytes(kind, cols);
        view.groupSize = groupSize;
        view.groups = groupSize == 0 ? 0 : (cols + groupSize - 1) / groupSize;
        for (std::size_t i = 0; i < data.size(); ++i)
            data[i] = static_cast<std::uint8_t>(random());
        if (kind == WeightKind::F32)
            for (std::size_t i = 0; i < rows * cols; ++i) {
                const float value = normal(random);
                std::memcpy(data.data() + 4 * i, &value, 4);
            }
        if (kind == WeightKind::F16 || kind == WeightKind::Bf16)
            for (std::size_t i = 0; i < rows * cols; ++i) {
                const float value = normal(random);
                const std::uint16_t bits = kind == WeightKind::F16 ? f16FromF32(value) : bf16FromF32(value);
                std::memcpy(data.data() + 2 * i, &bits, 2);
            }
        for (std::size_t i = 0; i < scales.size(); ++i) {
            scales[i] = f16FromF32(0.001F + std::fabs(normal(random)));
            scaleCodes[i] = static_cast<std::uint8_t>(random());
        }
        for (std::size_t i = 0; i < blockScales.size(); ++i)
            blockScales[i] = 0.01F + std::fabs(normal(random));
        for (std::size_t i = 0; i < 256; ++i)
            map[i] = static_cast<float>(i) / 127.0F - 1.0F;
        if (doubleQuant) {
            view.scaleCodes = scaleCodes.data();
            view.blockScales = blockScales.data();
            view.map = map.data();
            view.offset = 0.03F;
        } else {
            view.scales = scales.data();
        }
        if (kind == WeightKind::Codebook4)
            setLevels(view, levels(Format::Nf4).data());
    }

    static std::size_t rowBytes(WeightKind kind, std::size_t cols) {
        switch (kind) {
        case WeightKind::F32:
            return 4 * cols;
        case WeightKind::F16:
        case WeightKind::Bf16:
            return 2 * cols;
        case WeightKind::Int8:
            return cols;
        default:
            return (cols + 1) / 2;
        }
    }

    // The weight without its scale; `rounded`: levels as integer products have them.
    double plain(std::size_t row, std::size_t col, bool rounded) const {
        const std::uint8_t *const bytes = view.data + row * view.rowBytes;
        if (view.kind == WeightKind::F32) {
            float value = 0;
            std::memcpy(&value, bytes + 4 * col, 4);
            return static_cast<double>(value);
        }
        if (view.kind == WeightKind::F16 || view.kind == WeightKind::Bf16) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, bytes + 2 * col, 2);
            return static_cast<double>(view.kind == WeightKind::F16 ? f32FromF16(bits) : f32FromBf16(bits));
        }
        if (view.kind == WeightKind::Int8)
            return static_cast<double>(static_cast<std::int8_t>(bytes[col]));
        const auto code = static_cast<std::size_t>(col % 2 == 0 ? bytes[col / 2] >> 4 : bytes[col / 2] & 15);
        if (view.kind == WeightKind::Int4)
            return static_cast<double>(code) - 8;
        return rounded ? static_cast<double>(view.level8[code]) * static_cast<double>(view.levelUnit)
                       : static_cast<double>(view.level[code]);
    }

    GuardedBuffer<std::uint8_t> data;
    GuardedBuffer<std::uint16_t> scales;
    GuardedBuffer<std::uint8_t> scaleCodes;
    GuardedBuffer<float> blockScales;
    std::vector<float> map;
    ProductWeights view;
};

struct Expected {
    double value = 0;
    double magnitude = 0; // sum of the magnitudes of the products, for the bound
};

Expected expected(const Matrix &matrix, std::size_t row, const std::vector<double> &x, bool rounded) {
    std::vector<float> scales(std::max<std::size_t>(matrix.view.groups, 1), 1.0F);
    if (matrix.view.groups != 0)
        rowScales(matrix.view, row, scales.data());
    Expected result;
    for (std::size_t i = 0; i < matrix.view.cols; ++i) {
        const double scale = matrix.view.groups == 0 ? 1.0 : static_cast<double>(scales[i / matrix.view.groupSize]);
        const double weight = matrix.plain(row, i, rounded);
        result.value += weight * scale * x[i];
        // Integer products may add a constant to all codes and take its sum off at the end.
        const double shift = matrix.view.kind == WeightKind::Int4 ? 8.0
                             : matrix.view.kind == WeightKind::Codebook4
                                 ? 128.0 * static_cast<double>(matrix.view.levelUnit)
                                 : 0.0;
        result.magnitude += (std::fabs(weight) + shift) * std::fabs(scale * x[i]);
    }
    return result;
}

std::string nameOf(const Matrix &matrix, const char *what) {
    static constexpr const char *kinds[] = {"f32", "f16", "bf16", "int8", "int4", "codebook"};
    return std::string(what) + ", " + kinds[static_cast<std::size_t>(matrix.view.kind)] + " " +
           std::to_string(matrix.view.rows) + " x " + std::to_string(matrix.view.cols) + ", group " +
           std::to_string(matrix.view.groupSize) + (matrix.view.scaleCodes != nullptr ? " dq" : "") + ": ";
}

void compare(std::vector<std::string> &problems, const Matrix &matrix, const char *what, const float *y,
             const std::vector<double> &x, bool rounded) {
    for (std::size_t row = 0; row < matrix.view.rows; ++row) {
        const Expected right = expected(matrix, row, x, rounded);
        // One rounding a step of the longest chain of additions, and a few for scales and the end.
        const double bound = (static_cast<double>(matrix.view.cols) / 8 + 16) * 0x1p-24 * right.magnitude;
        if (!(std::fabs(static_cast<double>(y[row]) - right.value) <= bound)) {
            problems.push_back(nameOf(matrix, what) + "row " + std::to_string(row) + " is " + std::to_string(y[row]) +
                               " instead of " + std::to_string(right.value));
            return;
        }
    }
}

std::vector<float> vectorOf(std::size_t count, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> x(count);
    for (float &value : x)
        value = normal(random);
    return x;
}

std::vector<double> widened(const std::vector<float> &x) { return {x.begin(), x.end()}; }

// The vector that integer products see.
std::vector<double> roundedVector(const std::vector<float> &x) {
    float largest = 0;
    for (const float value : x)
        largest = std::max(largest, std::fabs(value));
    std::vector<double> result;
    for (const float value : x)
        result.push_back(static_cast<double>(std::nearbyint(value * (127.0F / largest))) *
                         static_cast<double>(largest / 127.0F));
    return result;
}

void checkMatrix(std::vector<std::string> &problems, const ProductKernels &table, const Matrix &matrix) {
    const std::size_t rows = matrix.view.rows;
    const auto x = vectorOf(matrix.view.cols, 5);
    GuardedBuffer<float> y(rows);
    SplitActivations splitX;
    table.splitActivations(matrix.view, x.data(), splitX);
    table.matvecF32(matrix.view, splitX, 0, rows, y.data());
    compare(problems, matrix, "f32 activations", y.data(), widened(x), false);
    if (matrix.view.groups == 0)
        return;
    QuantizedActivations quantized;
    table.quantizeActivations(matrix.view, x.data(), quantized);
    table.matvecInt8(matrix.view, quantized, 0, rows, y.data());
    compare(problems, matrix, "int8 activations", y.data(), roundedVector(x), true);
    for (const std::size_t batch : {1U, 2U, 3U, 5U, 7U, 12U, 13U, 21U}) {
        std::vector<std::vector<float>> inputs;
        std::vector<QuantizedActivations> many(batch);
        for (std::size_t i = 0; i < batch; ++i) {
            inputs.push_back(vectorOf(matrix.view.cols, static_cast<std::uint32_t>(i)));
            table.quantizeActivations(matrix.view, inputs[i].data(), many[i]);
        }
        GuardedBuffer<float> all(batch * rows);
        all.fillBytes(0xff);
        ProductWorkspace workspace;
        const std::size_t first = rows / 3;
        table.matmulInt8(matrix.view, many.data(), batch, 0, first, all.data(), workspace);
        table.matmulInt8(matrix.view, many.data(), batch, first, rows - first, all.data(), workspace);
        for (std::size_t i = 0; i < batch && problems.size() < 10; ++i)
            compare(problems, matrix, "batch", all.data() + i * rows, roundedVector(inputs[i]), true);
    }
}

} // namespace

std::vector<std::string> productsAgree(const Kernels &kernels) {
    std::vector<std::string> problems;
    const ProductKernels &table = productsFor(kernels.isa);
    for (const WeightKind kind : {WeightKind::F32, WeightKind::F16, WeightKind::Bf16})
        for (const std::size_t cols : {1U, 2U, 15U, 64U, 100U, 1000U})
            checkMatrix(problems, table, Matrix(kind, 3, cols, 0, false));
    for (const WeightKind kind : {WeightKind::Int8, WeightKind::Int4, WeightKind::Codebook4})
        for (const std::size_t cols : {2U, 30U, 64U, 100U, 128U, 192U, 320U, 514U, 2048U})
            for (const std::size_t groupSize : {7U, 9U, 16U, 32U, 33U, 48U, 64U, 128U, 256U, 4096U}) {
                const std::size_t size = std::min<std::size_t>(groupSize, cols);
                checkMatrix(problems, table, Matrix(kind, 5, cols, size, false));
                checkMatrix(problems, table, Matrix(kind, 67, cols, size, true));
                if (problems.size() > 10)
                    return problems;
            }
    return problems;
}

std::vector<std::string> activationsAgree(const Kernels &kernels) {
    std::vector<std::string> problems;
    for (const WeightKind kind : {WeightKind::Int8, WeightKind::Int4})
        for (std::size_t cols = 2; cols < 300; cols += 2) {
            ProductWeights weights;
            weights.kind = kind;
            weights.cols = cols;
            GuardedBuffer<float> x(cols);
            const auto values = vectorOf(cols, static_cast<std::uint32_t>(cols));
            std::copy(values.begin(), values.end(), x.data());
            QuantizedActivations got;
            QuantizedActivations right;
            productsFor(kernels.isa).quantizeActivations(weights, x.data(), got);
            scalarProducts().quantizeActivations(weights, x.data(), right);
            if (got.codes != right.codes || got.laneSums != right.laneSums || got.total != right.total ||
                got.scale != right.scale || got.half != right.half)
                problems.push_back("activations of " + std::to_string(cols) + " columns differ");
        }
    return problems;
}

} // namespace nibblescope::conformance
