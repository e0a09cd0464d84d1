// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/elementwise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
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

// exp of each value: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial in r (the coefficients are those of Moshier's
// Cephes library, single precision), and n added to the exponent.
void exponential(Block &x) {
    constexpr float roundingShift = 12582912.0F; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    for (std::size_t i = 0; i < block; ++i) {
        const float value = std::min(std::max(x[i], -87.0F), 88.0F);
        const float shifted = value * 1.44269504088896341F + roundingShift;
        const float n = shifted - roundingShift;
        const float r = (value - n * 0.693359375F) - n * -2.12194440e-4F;
        float p = 1.9875691500e-4F;
        p = p * r + 1.3981999507e-3F;
        p = p * r + 8.3334519073e-3F;
        p = p * r + 4.1665795894e-2F;
        p = p * r + 1.6666665459e-1F;
        p = p * r + 5.0000001201e-1F;
        p = p * r * r + r + 1.0F;
        const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000U;
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
