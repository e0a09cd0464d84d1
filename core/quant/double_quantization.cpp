// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/double_quantization.h"

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

std::array<float, 256> makeDynamicMap() {
    std::array<float, 256> map{};
    std::size_t next = 0;
    for (int i = 0; i < 7; ++i) {
        const int steps = 1 << i;
        const float step = (1.0F - 0.1F) / static_cast<float>(steps);
        // Boundaries from the nearer end, each operation rounded to F32: the published table was made that way.
        const auto boundary = [&](int j) {
            return j < (steps + 1) / 2 ? 0.1F + step * static_cast<float>(j)
                                       : 1.0F - step * static_cast<float>(steps - j);
        };
        const auto power = static_cast<float>(std::pow(10.0, i - 6));
        for (int k = 0; k < steps; ++k) {
            const float value = power * ((boundary(k) + boundary(k + 1)) / 2.0F);
            map[next++] = value;
            map[next++] = -value;
        }
    }
    map[next++] = 0.0F;
    map[next++] = 1.0F;
    std::sort(map.begin(), map.end());
    return map;
}

// Nearest entry by F32 midpoints, a tie to the lower.
std::uint8_t nearestInMap(float value) {
    static const std::array<float, 255> midpoints = [] {
        std::array<float, 255> table{};
        for (std::size_t i = 0; i < table.size(); ++i)
            table[i] = (dynamicMap()[i] + dynamicMap()[i + 1]) / 2.0F;
        return table;
    }();
    return static_cast<std::uint8_t>(std::lower_bound(midpoints.begin(), midpoints.end(), value) - midpoints.begin());
}

float largestMagnitude(std::span<const float> scales, float offset) {
    float largest = 0;
    for (const float scale : scales)
        largest = std::max(largest, std::fabs(scale - offset));
    return largest;
}

} // namespace

const std::array<float, 256> &dynamicMap() {
    static const std::array<float, 256> map = makeDynamicMap();
    return map;
}

SecondLevel quantizeScales(std::span<const float> scales, DoubleQuant kind) {
    double sum = 0;
    for (const float scale : scales)
        sum += static_cast<double>(scale);
    const auto offset = static_cast<float>(sum / static_cast<double>(std::max<std::size_t>(scales.size(), 1)));
    return quantizeScales(scales, kind, offset);
}

SecondLevel quantizeScales(std::span<const float> scales, DoubleQuant kind, float offset) {
    SecondLevel second;
    second.offset = offset;
    second.codes.reserve(scales.size());
    for (std::size_t begin = 0; begin < scales.size(); begin += secondLevelBlock) {
        const auto block = scales.subspan(begin, std::min<std::size_t>(secondLevelBlock, scales.size() - begin));
        const float largest = largestMagnitude(block, offset);
        const float blockScale = kind == DoubleQuant::Dynamic ? largest : largest / 127.0F;
        second.blockScales.push_back(blockScale);
        for (const float scale : block) {
            const float residual = scale - offset;
            if (kind == DoubleQuant::Dynamic) {
                // Residuals so small that the reciprocal overflows are as good as none.
                const float inverse = 1.0F / largest;
                second.codes.push_back(nearestInMap(std::isinf(inverse) ? 0.0F : residual * inverse));
            } else {
                const float quotient = blockScale > 0.0F ? std::nearbyint(residual / blockScale) : 0.0F;
                second.codes.push_back(
                    static_cast<std::uint8_t>(static_cast<std::int8_t>(std::clamp(quotient, -127.0F, 127.0F))));
            }
        }
    }
    return second;
}

std::vector<float> restoreScales(const SecondLevel &second, DoubleQuant kind) {
    std::vector<float> scales(second.codes.size());
    for (std::size_t i = 0; i < scales.size(); ++i) {
        const std::uint8_t code = second.codes[i];
        const float unit =
            kind == DoubleQuant::Dynamic ? dynamicMap()[code] : static_cast<float>(static_cast<std::int8_t>(code));
        scales[i] = unit * second.blockScales[i / secondLevelBlock] + second.offset;
    }
    return scales;
}

} // namespace nibblescope
