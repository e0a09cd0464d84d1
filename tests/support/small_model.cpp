// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/small_model.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace nibblescope::test {

namespace {

// A hash of (seed, index), so that a weight does not depend on the order in which they are made.
double uniform(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + index;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return (static_cast<double>(x >> 11) + 0.5) * 0x1p-53;
}

float normal(std::uint64_t seed, std::uint64_t index, double sigma) {
    const double radius = std::sqrt(-2 * std::log(uniform(seed, 2 * index)));
    return static_cast<float>(sigma * radius * std::cos(6.283185307179586 * uniform(seed, 2 * index + 1)));
}

} // namespace

void writeSafetensors(const std::filesystem::path &file, const std::vector<RawTensor> &tensors) {
    nlohmann::ordered_json header;
    std::uint64_t offset = 0;
    for (const RawTensor &tensor : tensors) {
        std::uint64_t size = 4;
        for (const std::uint64_t side : tensor.shape)
            size *= side;
        header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + size}}};
        offset += size;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::ofstream out(file, std::ios::binary);
    const std::uint64_t length = text.size();
    out.write(reinterpret_cast<const char *>(&length), sizeof length);
    out << text;
    std::vector<float> block;
    for (const RawTensor &tensor : tensors) {
        std::uint64_t size = 1;
        for (const std::uint64_t side : tensor.shape)
            size *= side;
        for (std::uint64_t first = 0; first < size; first += 65536) {
            block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(65536, size - first)));
            for (std::size_t i = 0; i < block.size(); ++i)
                block[i] = tensor.value(first + i);
            out.write(reinterpret_cast<const char *>(block.data()),
                      static_cast<std::streamsize>(block.size() * sizeof(float)));
        }
    }
    if (!out.flush())
        throw std::runtime_error("cannot write " + file.string());
}

void writeSmallModel(const std::filesystem::path &folder, const SmallModel &options) {
    std::filesystem::create_directories(folder);
    std::vector<RawTensor> tensors;
    const auto add = [&](const std::string &name, std::vector<std::uint64_t> shape) {
        const std::uint64_t seed = options.seed * 1000 + tensors.size();
        const double sigma = 0.05 + 0.01 * static_cast<double>(tensors.size() % 7);
        tensors.push_back({name, std::move(shape), [seed, sigma](std::uint64_t i) { return normal(seed, i, sigma); }});
    };
    const std::uint64_t kv = options.hidden / options.heads * options.kvHeads;
    add("model.embed_tokens.weight", {options.vocabulary, options.hidden});
    for (unsigned layer = 0; layer < options.layers; ++layer) {
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        add(prefix + "input_layernorm.weight", {options.hidden});
        add(prefix + "self_attn.q_proj.weight", {options.hidden, options.hidden});
        add(prefix + "self_attn.k_proj.weight", {kv, options.hidden});
        add(prefix + "self_attn.v_proj.weight", {kv, options.hidden});
        add(prefix + "self_attn.o_proj.weight", {options.hidden, options.hidden});
        add(prefix + "post_attention_layernorm.weight", {options.hidden});
        add(prefix + "mlp.gate_proj.weight", {options.mlp, options.hidden});
        add(prefix + "mlp.up_proj.weight", {options.mlp, options.hidden});
        add(prefix + "mlp.down_proj.weight", {options.hidden, options.mlp});
    }
    add("model.norm.weight", {options.hidden});
    writeSafetensors(folder / "model.safetensors", tensors);

    const nlohmann::ordered_json config = {{"model_type", "llama"},
                                           {"hidden_size", options.hidden},
                                           {"intermediate_size", options.mlp},
                                           {"num_hidden_layers", options.layers},
                                           {"num_attention_heads", options.heads},
                                           {"num_key_value_heads", options.kvHeads},
                                           {"vocab_size", options.vocabulary},
                                           {"max_position_embeddings", 512},
                                           {"tie_word_embeddings", true}};
    std::ofstream(folder / "config.json") << config.dump(2) << '\n';
}

} // namespace nibblescope::test
