// SPDX-License-Identifier: GPL-3.0-or-later
// Where the tensors of a Llama-family model stand in its file, under Hugging Face's names.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/llama_config.h"

namespace nibblescope {

enum class LinearKind : std::uint8_t { Query, Key, Value, Output, Gate, Up, Down };
inline constexpr std::size_t linearCount = 7;
inline constexpr std::array<LinearKind, linearCount> allLinears{LinearKind::Query,  LinearKind::Key,  LinearKind::Value,
                                                                LinearKind::Output, LinearKind::Gate, LinearKind::Up,
                                                                LinearKind::Down};

// What the linears of a layer read: q, k and v share an input, gate and up too.
enum class InputKind : std::uint8_t { Attention, Output, Mlp, Down };
inline constexpr std::size_t inputCount = 4;
InputKind inputOf(LinearKind kind);
// The first linear that reads it, by whose name the input is called.
LinearKind firstReader(InputKind input);
std::string_view nameOf(LinearKind kind); // "self_attn.q_proj"

struct LlamaTensors {
    struct Layer {
        std::array<std::size_t, linearCount> linears{};
        std::array<std::optional<std::size_t>, linearCount> biases;
        std::size_t inputNorm = 0;
        std::size_t mlpNorm = 0;
    };
    std::size_t embedding = 0;
    std::size_t finalNorm = 0;
    std::size_t head = 0; // the embedding where it is tied
    std::vector<Layer> layers;
    std::vector<std::string> warnings; // a stored head that is not used
};

// Throws Error{Fault::Input} for a tensor that is missing, has another shape than the config says or no floating point
// type; naming it.
LlamaTensors findLlamaTensors(const Model &model, const LlamaConfig &config);

MatrixShape linearShape(const LlamaConfig &config, LinearKind kind);

} // namespace nibblescope
