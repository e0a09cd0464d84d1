// SPDX-License-Identifier: GPL-3.0-or-later
#include "test_weights.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/base/half.h"
#include "core/kernels/format.h"

namespace nibblescope::conformance {
namespace {

// A value halfway between two neighbouring levels, or its neighbour in floating point.
float tie(Format format, std::mt19937 &random) {
    float value = 0;
    if (format == Format::Int8)
        value = static_cast<float>(static_cast<int>(random() % 254) - 127) + 0.5F;
    else if (format == Format::None)
        value = static_cast<float>(random() % 16) - 7.5F;
    else if (const SortedLevels *const codebook = codebookOf(format, random()); codebook != nullptr)
        value = codebook->boundary[random() % 15];
    else
        value = sortedLevels(format).boundary[random() % 15];
    switch (random() % 4) {
    case 0:
        return std::nextafter(value, 1000.0F);
    case 1:
        return std::nextafter(value, -1000.0F);
    default:
        return value;
    }
}

float largestOf(Format format) {
    switch (format) {
    case Format::Int8:
        return 127.0F;
    case Format::Int4:
        return 7.0F;
    case Format::Int4Max:
        return -8.0F;
    case Format::Int4Asym:
        return 15.0F;
    case Format::Mxfp4:
        return 6.0F;
    default:
        return 1.0F;
    }
}

} // namespace

std::string_view nameOf(Kind kind) {
    static constexpr std::string_view names[] = {"normal",   "heavy-tailed", "constant",   "zeros",    "ties", "short",
                                                 "denormal", "huge",         "not finite", "rare nan", "mixed"};
    return names[static_cast<std::size_t>(kind)];
}

const SortedLevels *codebookOf(Format format, std::size_t variant) {
    static constexpr std::array<float, 16> withoutZero{-0.93F, -0.71F, -0.52F, -0.41F, -0.3F, -0.21F, -0.13F, -0.04F,
                                                       0.03F,  0.1F,   0.17F,  0.25F,  0.37F, 0.52F,  0.81F,  1.0F};
    static constexpr std::array<float, 16> positive{0.02F, 0.05F, 0.09F, 0.14F, 0.19F, 0.25F, 0.31F, 0.38F,
                                                    0.45F, 0.52F, 0.6F,  0.68F, 0.76F, 0.84F, 0.92F, 0.99F};
    static const SortedLevels books[] = {sortedLevels(withoutZero), sortedLevels(positive)};
    return format != Format::Fitted || variant % 3 == 0 ? nullptr : &books[variant % 3 - 1];
}

std::vector<float> makeWeights(Kind kind, std::size_t count, Format format, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0F, 0.02F);
    std::student_t_distribution<float> heavy(2.0F);
    const float tiny = std::bit_cast<float>(0x00800000U | (seed * 2654435761U) >> 9); // 2^-126 and a little more
    std::vector<float> weights(count);
    for (std::size_t i = 0; i < count; ++i) {
        float &w = weights[i];
        w = normal(random);
        switch (kind) {
        case Kind::Normal:
            break;
        case Kind::HeavyTailed:
            w = heavy(random) * 0.01F;
            break;
        case Kind::Constant:
            w = 0.1F;
            break;
        case Kind::Zeros:
            w = random() % 5 == 0 ? w : (random() % 2 == 0 ? 0.0F : -0.0F);
            break;
        case Kind::Ties:
            w = random() % 16 == 0 ? largestOf(format) : tie(format, random);
            break;
        case Kind::Short: // as BF16 has them: many equal values
            w = f32FromBf16(bf16FromF32(w));
            break;
        case Kind::Denormal:
            // With ties, where a quotient by reciprocals would lose its last bits.
            if (random() % 2 == 0)
                w *= random() % 3 == 0 ? 1e-37F : 1e-43F;
            else
                w = (random() % 16 == 0 ? largestOf(format) : tie(format, random)) * tiny;
            break;
        case Kind::Huge:
            w *= random() % 3 == 0 ? 3e38F : 1e30F;
            w *= 40.0F;
            if (!std::isfinite(w))
                w = std::numeric_limits<float>::max();
            break;
        case Kind::NotFinite:
            if (random() % 9 == 0)
                w = random() % 3 == 0 ? std::numeric_limits<float>::quiet_NaN()
                                      : (random() % 2 == 0 ? 1.0F : -1.0F) * std::numeric_limits<float>::infinity();
            break;
        case Kind::RareNan: // no other weight of its group is odd
            if (i % 701 == 345)
                w = i % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::bit_cast<float>(0xff812345U);
            break;
        case Kind::Mixed:
            w = (i / 64) % 3 == 0 ? 0.0F : w * std::ldexp(1.0F, static_cast<int>(random() % 40) - 20);
            break;
        }
    }
    return weights;
}

} // namespace nibblescope::conformance
