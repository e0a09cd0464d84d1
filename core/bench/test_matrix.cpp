// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/test_matrix.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/quant/double_quantization.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::size_t line = 64;
constexpr std::size_t pieceBytes = std::size_t{1} << 20; // between two looks at the stop token
std::size_t toLine(std::size_t bytes) { return (bytes + line - 1) / line * line; }

std::optional<WeightKind> kindOf(const std::string &id) {
    if (id == "fp32")
        return WeightKind::F32;
    if (id == "fp16")
        return WeightKind::F16;
    if (id == "bf16")
        return WeightKind::Bf16;
    if (id == "int8")
        return WeightKind::Int8;
    if (id == "int4" || id == "int4-max")
        return WeightKind::Int4;
    if (id == "nf4" || id == "fp4" || id == "mxfp4")
        return WeightKind::Codebook4;
    return std::nullopt;
}

} // namespace

std::vector<float> benchWeights(std::uint64_t rows, std::uint64_t cols, const std::stop_token &stop) {
    // A million draws, repeated with an offset a row: drawing all of them would take longer than measuring.
    std::mt19937 random(20);
    std::normal_distribution<float> normal(0.0F, 0.02F);
    std::vector<float> drawn(std::min<std::uint64_t>(rows * cols, (1U << 20) - 3));
    for (std::size_t i = 0; i < drawn.size(); ++i) {
        if (i % (1U << 14) == 0)
            throwIfStopped(stop);
        drawn[i] = normal(random);
    }
    std::vector<float> weights;
    weights.reserve(rows * cols);
    while (weights.size() < rows * cols) {
        const std::size_t count = std::min<std::size_t>(drawn.size(), rows * cols - weights.size());
        weights.insert(weights.end(), drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(count));
        throwIfStopped(stop);
    }
    return weights;
}

TestMatrix::TestMatrix(const ProductFormat &format, const std::vector<float> &weights, std::uint64_t rows,
                       std::uint64_t cols, const Work &work)
    : m_format(format), m_rows(rows), m_cols(cols) {
    const auto kind = kindOf(format.id);
    if (!kind)
        throw Error(Fault::Call, "There is no product with weights in \"" + format.id + "\".");
    m_view.kind = *kind;
    m_view.rows = rows;
    m_view.cols = cols;
    if (*kind == WeightKind::F32 || *kind == WeightKind::F16 || *kind == WeightKind::Bf16)
        makePlain(weights, work);
    else
        makeQuantized(weights, work);
    m_scalesAt = toLine(m_data.size());
    m_blocksAt = m_scalesAt + toLine(m_scales.size() * sizeof(std::uint16_t) + m_tensor.secondLevel.codes.size());
    // Rows may be read up to a prefetch beyond their end; the next copy or the end of the memory lies there.
    m_copyBytes = m_blocksAt + toLine(m_tensor.secondLevel.blockScales.size() * sizeof(float));
}

void TestMatrix::makePlain(const std::vector<float> &weights, const Work &work) {
    const std::size_t width = m_view.kind == WeightKind::F32 ? 4 : 2;
    m_view.rowBytes = m_cols * width;
    m_data.resize(m_rows * m_view.rowBytes);
    const auto narrow = m_view.kind == WeightKind::F16 ? work.kernels.f32ToF16 : work.kernels.f32ToBf16;
    for (std::size_t done = 0; done < weights.size(); done += pieceBytes) {
        const std::size_t count = std::min(pieceBytes, weights.size() - done);
        work.checkStop();
        if (m_view.kind == WeightKind::F32)
            std::memcpy(m_data.data() + done * width, weights.data() + done, count * width);
        else
            narrow(weights.data() + done, reinterpret_cast<std::uint16_t *>(m_data.data() + done * width), count);
    }
}

void TestMatrix::makeQuantized(const std::vector<float> &weights, const Work &work) {
    Recipe recipe = defaultRecipe(*formatFromId(m_format.id));
    if (recipe.format != Format::Mxfp4)
        recipe.groupSize = m_format.groupSize ? GroupSize::of(*m_format.groupSize) : GroupSize::row();
    if (m_format.doubleQuant)
        recipe.doubleQuant = DoubleQuant::Dynamic;
    QuantizeInput input;
    input.weights = weights;
    input.shape.rows = m_rows;
    input.shape.cols = m_cols;
    input.recipe = recipe;
    m_tensor = quantize(input, work).tensor;
    m_data = std::move(m_tensor.codes);
    m_view.rowBytes = m_tensor.bytesPerGridRow();
    m_view.groupSize = m_tensor.grid.groupSize;
    m_view.groups = m_tensor.grid.groupsPerRow();
    if (m_view.kind == WeightKind::Codebook4)
        setLevels(m_view, levels(recipe.format).data());
    if (m_format.doubleQuant) {
        m_view.offset = m_tensor.secondLevel.offset;
        m_view.map = dynamicMap().data();
        return;
    }
    for (const float scale : m_tensor.decodeScales)
        m_scales.push_back(f16FromF32(scale));
}

void TestMatrix::fill(std::uint8_t *memory, std::size_t bytes, const std::stop_token &stop) {
    m_memory = memory;
    setCopies(std::max<std::size_t>(1, bytes / m_copyBytes));
    const SecondLevel &second = m_tensor.secondLevel;
    const auto copyTo = [&stop](std::uint8_t *to, const std::uint8_t *from, std::size_t count) {
        for (std::size_t done = 0; done < count; done += pieceBytes) {
            throwIfStopped(stop);
            std::memcpy(to + done, from + done, std::min(pieceBytes, count - done));
        }
    };
    copyTo(memory, m_data.data(), m_data.size());
    if (!m_scales.empty())
        std::memcpy(memory + m_scalesAt, m_scales.data(), m_scales.size() * sizeof(std::uint16_t));
    if (!second.codes.empty()) {
        std::memcpy(memory + m_scalesAt, second.codes.data(), second.codes.size());
        std::memcpy(memory + m_blocksAt, second.blockScales.data(), second.blockScales.size() * sizeof(float));
    }
    for (std::size_t i = 1; i < copies(); ++i)
        copyTo(memory + i * m_copyBytes, memory, m_copyBytes);
    m_data = {};
}

ProductWeights TestMatrix::copy(std::size_t index) const {
    ProductWeights view = m_view;
    const std::uint8_t *const begin = m_memory + index % copies() * m_copyBytes;
    view.data = begin;
    if (m_format.doubleQuant) {
        view.scaleCodes = begin + m_scalesAt;
        view.blockScales = reinterpret_cast<const float *>(begin + m_blocksAt);
    } else if (view.groups != 0) {
        view.scales = reinterpret_cast<const std::uint16_t *>(begin + m_scalesAt);
    }
    return view;
}

std::vector<float> TestMatrix::row(std::uint64_t index) const {
    const ProductWeights view = copy(0);
    const std::uint8_t *const bytes = view.data + index * view.rowBytes;
    std::vector<float> values(m_cols);
    std::vector<float> scales(std::max<std::size_t>(view.groups, 1), 1.0F);
    if (view.groups != 0)
        rowScales(view, index, scales.data());
    for (std::size_t i = 0; i < m_cols; ++i) {
        const float scale = view.groups != 0 ? scales[i / view.groupSize] : 1.0F;
        if (view.kind == WeightKind::F32) {
            std::memcpy(&values[i], bytes + 4 * i, 4);
        } else if (view.kind == WeightKind::F16 || view.kind == WeightKind::Bf16) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, bytes + 2 * i, 2);
            values[i] = view.kind == WeightKind::F16 ? f32FromF16(bits) : f32FromBf16(bits);
        } else if (view.kind == WeightKind::Int8) {
            values[i] = static_cast<float>(static_cast<std::int8_t>(bytes[i])) * scale;
        } else {
            const auto code = static_cast<std::size_t>(i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15);
            values[i] = (view.kind == WeightKind::Int4 ? static_cast<float>(code) - 8.0F : view.level[code]) * scale;
        }
    }
    return values;
}

} // namespace nibblescope
