// SPDX-License-Identifier: GPL-3.0-or-later
// Activations as integers, decoded again at once: what a layer would read if its input were INT8 or INT4. Symmetric,
// zero exact: scale s = max |x| / q with q = 127 (INT8) or 7 (INT4), code = clamp(rint(x / s), -q, q), x' = code * s,
// all in F32, ties to even. Scales stay F32: they are made while the model runs and are stored nowhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibblescope {

enum class ActivationBits : std::uint8_t { Int8, Int4 };
// Values that share a scale. Tensor and token can be taken out of an integer product; a scale a channel stands inside
// its sum, so that no integer product can use it: it shows what is lost to outlier channels alone.
enum class ActivationScales : std::uint8_t { Tensor, Token, Channel };

struct ActivationQuant {
    ActivationBits bits = ActivationBits::Int8;
    ActivationScales scales = ActivationScales::Token;
    bool operator==(const ActivationQuant &) const = default;
};
// All six, INT8 first.
std::span<const ActivationQuant> allActivationQuants();

std::string_view idOf(ActivationBits bits);        // "int8"
std::string_view displayName(ActivationBits bits); // "INT8"
std::string_view idOf(ActivationScales scales);    // "token"
std::optional<ActivationBits> activationBitsFromId(std::string_view id);
std::optional<ActivationScales> activationScalesFromId(std::string_view id);
std::string shortForm(ActivationQuant quant); // "INT8 token"
// Largest code: 127 or 7.
float largestCode(ActivationBits bits);

// The scales of X [tokens, channels]: 1, one a token, or one a channel. 0 where all values are 0.
std::vector<float> activationScales(std::span<const float> x, std::size_t channels, ActivationQuant quant);

// Rounds whole rows of X, the first of which is token `firstToken`, with the scales of all of it. `out` may be the same
// as `x`.
void roundActivations(std::span<const float> x, std::size_t channels, ActivationQuant quant,
                      std::span<const float> scales, std::size_t firstToken, std::span<float> out);

// Both at once, in place.
void quantizeActivations(std::span<float> x, std::size_t channels, ActivationQuant quant);

} // namespace nibblescope
