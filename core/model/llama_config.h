// SPDX-License-Identifier: GPL-3.0-or-later
// The geometry of a Llama-family model as Hugging Face's config.json declares it: Llama, Mistral and Qwen2. Null means
// absent. Whatever changes the computation in a way that is not carried out is refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/io/model.h"

namespace nibblescope {

// Rotary position embedding (Su et al., RoFormer, 2021), halves rotated against each other.
struct RotaryConfig {
    enum class Scaling : std::uint8_t { None, Linear, Llama3 };
    double theta = 10000;
    Scaling scaling = Scaling::None;
    double factor = 1;
    // Llama3: wavelengths below originalContext / highFactor stay, above originalContext / lowFactor are stretched by
    // `factor`, those between are blended.
    double lowFactor = 1;
    double highFactor = 4;
    double originalContext = 8192;
};

struct LlamaConfig {
    std::string architecture; // "LlamaForCausalLM"
    std::uint64_t layers = 0;
    std::uint64_t hidden = 0;
    std::uint64_t mlp = 0;
    std::uint64_t heads = 0;
    std::uint64_t kvHeads = 0; // heads / kvHeads query heads share a key and a value
    std::uint64_t headDim = 0; // even
    std::uint64_t vocabulary = 0;
    double normEpsilon = 1e-6;
    RotaryConfig rotary;
    std::vector<std::uint64_t> windows; // one a layer: a position sees that many last positions; 0: all
    bool tied = false;                  // the embedding is the head
    bool qkvBias = false;
    bool outputBias = false;
    bool mlpBias = false;
    std::optional<std::int64_t> bos;           // bos_token_id
    std::optional<std::uint64_t> contextLimit; // max_position_embeddings
};

// Throws Error{Fault::Input}: no config.json, another architecture (named), a scaling or an attention that is not
// supported (named), sizes that do not fit together.
LlamaConfig llamaConfig(const Model &model);

} // namespace nibblescope
