// SPDX-License-Identifier: GPL-3.0-or-later
// The inputs of the linears of a model, from wherever they come: the model itself on a text, files, or a generator.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/activations.h"

namespace nibblescope {

struct ActivationInput {
    std::string name;                 // "model.layers.0.self_attn.q_proj": of the first linear that reads it
    std::vector<std::string> tensors; // full names of the linears that read it, the named one first
    ActivationStatistics statistics;  // of all tokens that were seen
    ActivationMatrix sample;          // evenly spread tokens
    std::vector<float> weightMax;     // max |w| of each channel, over those linears
};

enum class ActivationOrigin : std::uint8_t { Model, Files, Synthetic };

struct ActivationSet {
    ActivationOrigin origin = ActivationOrigin::Model;
    std::string description; // "heldout.txt, 4 windows of 256 tokens"
    std::vector<ActivationInput> inputs;
    std::vector<std::string> warnings;

    // What the tensor of that full name is multiplied with; null: not known.
    const ActivationInput *find(std::string_view tensor) const {
        for (const ActivationInput &input : inputs)
            for (const std::string &reader : input.tensors)
                if (reader == tensor)
                    return &input;
        return nullptr;
    }
};

// Mean KL divergence to the unquantized model over a few windows.
struct ActivationKl {
    struct Value {
        double mean = 0;
        std::optional<double> standardError;
    };
    std::vector<Value> plain;     // in the order of allActivationQuants(), weights F32; shorter while it is measured
    std::vector<Value> smoothed;  // the same, smoothed with `alpha`; may be empty
    std::optional<Value> weights; // of `weightsRecipe`, activations F32
    Recipe weightsRecipe;
    double alpha = 0;
    std::uint64_t windows = 0;
    std::uint64_t context = 0;
};

} // namespace nibblescope
