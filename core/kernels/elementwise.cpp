// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/elementwise.h"
#include "core/kernels/exponential_rule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <iterator>
#include <limits>

namespace nibblescope {
namespace {

// Loops over whole blocks have a constant length, which compilers turn into vector code.
constexpr std::size_t block = 16;
using Block = std::array<float, block>;

constexpr std::size_t laneCount = 8;
using Lanes = std::array<double, laneCount>;

double total(const Lanes &lanes) {
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

// exp of each value.
void exponential(Block &x) {
    using namespace exponential_rule;
    for (std::size_t i = 0; i < block; ++i) {
        const float value = std::min(std::max(x[i], lowest), highest);
        const float shifted = value * perLn2 + roundingShift;
        const float n = shifted - roundingShift;
        const float r = (value - n * ln2High) - n * ln2Low;
        float p = coefficients[0];
        for (std::size_t k = 1; k < std::size(coefficients); ++k)
            p = p * r + coefficients[k];
        p = p * r * r + r + 1.0F;
        const std::uint32_t exponent =
            (std::bit_cast<std::uint32_t>(shifted) << 23) + static_cast<std::uint32_t>(bitsOfOne);
        x[i] = p * std::bit_cast<float>(exponent);
    }
}

Block loadBlock(const float *from, std::size_t count) {
    Block values{};
    std::copy_n(from, std::min(count, block), values.begin());
    return values;
}

float largest(const float *x, std::size_t count) {
    float found = -std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < count; ++i)
        found = x[i] > found ? x[i] : found;
    return found;
}

double exponentials(const float *x, std::size_t count, float shift, float *out) {
    Lanes lanes{};
    for (std::size_t at = 0; at < count; at += block) {
        const std::size_t length = std::min(block, count - at);
        Block values = loadBlock(x + at, length);
        for (float &value : values)
            value -= shift;
        exponential(values);
        std::copy_n(values.begin(), length, out + at);
        std::fill(values.begin() + static_cast<std::ptrdiff_t>(length), values.end(), 0.0F);
        for (std::size_t i = 0; i < block; ++i)
            lanes[i % laneCount] += static_cast<double>(values[i]);
    }
    return total(lanes);
}

void siluTimes(float *gate, const float *up, std::size_t count) {
    for (std::size_t at = 0; at < count; at += block) {
        const std::size_t length = std::min(block, count - at);
        const Block g = loadBlock(gate + at, length);
        const Block u = loadBlock(up + at, length);
        Block e;
        for (std::size_t i = 0; i < block; ++i)
            e[i] = -g[i];
        exponential(e);
        for (std::size_t i = 0; i < block; ++i)
            e[i] = g[i] / (1.0F + e[i]) * u[i];
        std::copy_n(e.begin(), length, gate + at);
    }
}

double weightedDifference(const float *weight, const float *a, const float *b, std::size_t count) {
    Lanes lanes{};
    for (std::size_t i = 0; i < count; ++i)
        lanes[i % laneCount] += static_cast<double>(weight[i]) * static_cast<double>(a[i] - b[i]);
    return total(lanes);
}

std::vector<ElementKernels> makeTables() {
    std::vector<ElementKernels> tables;
    for (const Isa isa : supportedIsas()) {
        ElementKernels table = tables.empty() ? scalarElements() : tables.back();
        table.isa = isa;
#if defined(__x86_64__)
        if (isa == Isa::Avx2)
            fillAvx2Elements(table);
        if (isa == Isa::Avx512)
            fillAvx512Elements(table);
#endif
        tables.push_back(table);
    }
    return tables;
}

} // namespace

const ElementKernels &scalarElements() {
    static constexpr ElementKernels table{Isa::Scalar, largest, exponentials, siluTimes, weightedDifference};
    return table;
}

const ElementKernels &elementsFor(Isa isa) {
    static const std::vector<ElementKernels> tables = makeTables();
    const Isa supported = kernelsFor(isa).isa; // throws what an unsupported one deserves
    return *std::find_if(tables.begin(), tables.end(),
                         [supported](const ElementKernels &table) { return table.isa == supported; });
}

const ElementKernels &selectElements() { return elementsFor(selectKernels().isa); }

} // namespace nibblescope
