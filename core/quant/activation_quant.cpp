// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/activation_quant.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace nibblescope {
namespace {

constexpr std::array<ActivationQuant, 6> quants{{{ActivationBits::Int8, ActivationScales::Tensor},
                                                 {ActivationBits::Int8, ActivationScales::Token},
                                                 {ActivationBits::Int8, ActivationScales::Channel},
                                                 {ActivationBits::Int4, ActivationScales::Tensor},
                                                 {ActivationBits::Int4, ActivationScales::Token},
                                                 {ActivationBits::Int4, ActivationScales::Channel}}};
constexpr std::array<ActivationScales, 3> allScales{ActivationScales::Tensor, ActivationScales::Token,
                                                    ActivationScales::Channel};

// rint() of a number whose magnitude is far below 2^22: adding 1.5 * 2^23 leaves the nearest integer, ties to even.
// Unlike the library's it becomes vector code.
float nearestInteger(float x) {
    constexpr float shift = 12582912.0F;
    return (x + shift) - shift;
}

float roundOne(float x, float scale, float most) {
    if (!(scale > 0))
        return 0;
    return nearestInteger(std::clamp(x / scale, -most, most)) * scale;
}

float largestMagnitude(std::span<const float> x) {
    float largest = 0;
    for (const float value : x)
        largest = std::max(largest, std::fabs(value));
    return largest;
}

} // namespace

std::span<const ActivationQuant> allActivationQuants() { return quants; }

std::string_view idOf(ActivationBits bits) { return bits == ActivationBits::Int8 ? "int8" : "int4"; }
std::string_view displayName(ActivationBits bits) { return bits == ActivationBits::Int8 ? "INT8" : "INT4"; }

std::string_view idOf(ActivationScales scales) {
    switch (scales) {
    case ActivationScales::Tensor:
        return "tensor";
    case ActivationScales::Token:
        return "token";
    case ActivationScales::Channel:
        break;
    }
    return "channel";
}

std::optional<ActivationBits> activationBitsFromId(std::string_view id) {
    for (const ActivationBits bits : {ActivationBits::Int8, ActivationBits::Int4})
        if (id == idOf(bits))
            return bits;
    return std::nullopt;
}

std::optional<ActivationScales> activationScalesFromId(std::string_view id) {
    for (const ActivationScales scales : allScales)
        if (id == idOf(scales))
            return scales;
    return std::nullopt;
}

std::string shortForm(ActivationQuant quant) {
    return std::string(displayName(quant.bits)) + " " + std::string(idOf(quant.scales));
}

float largestCode(ActivationBits bits) { return bits == ActivationBits::Int8 ? 127.0F : 7.0F; }

std::vector<float> activationScales(std::span<const float> x, std::size_t channels, ActivationQuant quant) {
    const float most = largestCode(quant.bits);
    std::vector<float> scales;
    switch (quant.scales) {
    case ActivationScales::Tensor:
        scales.push_back(largestMagnitude(x));
        break;
    case ActivationScales::Token:
        for (std::size_t at = 0; at < x.size(); at += channels)
            scales.push_back(largestMagnitude(x.subspan(at, channels)));
        break;
    case ActivationScales::Channel:
        scales.assign(channels, 0);
        for (std::size_t at = 0; at < x.size(); at += channels)
            for (std::size_t i = 0; i < channels; ++i)
                scales[i] = std::max(scales[i], std::fabs(x[at + i]));
        break;
    }
    for (float &scale : scales)
        scale /= most;
    return scales;
}

void roundActivations(std::span<const float> x, std::size_t channels, ActivationQuant quant,
                      std::span<const float> scales, std::size_t firstToken, std::span<float> out) {
    const float most = largestCode(quant.bits);
    for (std::size_t at = 0; at < x.size(); at += channels) {
        if (quant.scales == ActivationScales::Channel) {
            for (std::size_t i = 0; i < channels; ++i)
                out[at + i] = roundOne(x[at + i], scales[i], most);
            continue;
        }
        const float scale = scales[quant.scales == ActivationScales::Token ? firstToken + at / channels : 0];
        for (std::size_t i = 0; i < channels; ++i)
            out[at + i] = roundOne(x[at + i], scale, most);
    }
}

void quantizeActivations(std::span<float> x, std::size_t channels, ActivationQuant quant) {
    roundActivations(x, channels, quant, activationScales(x, channels, quant), 0, x);
}

} // namespace nibblescope
