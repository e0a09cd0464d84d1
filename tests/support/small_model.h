// SPDX-License-Identifier: GPL-3.0-or-later
// Model folders in the layout that people know, made on the spot: config.json and model.safetensors with the names of a
// Llama, weights drawn from a normal distribution.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nibblescope::test {

struct SmallModel {
    unsigned layers = 2;
    std::uint64_t hidden = 64;
    std::uint64_t mlp = 172; // does not divide by 64: short last groups
    std::uint64_t vocabulary = 128;
    unsigned heads = 4;
    unsigned kvHeads = 2;
    std::uint32_t seed = 1;
};

// Creates the folder. F32, tensors in the order of the file: embed_tokens, layers, norm.
void writeSmallModel(const std::filesystem::path &folder, const SmallModel &options = {});

struct RawTensor {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::function<float(std::uint64_t)> value; // of the weight at that flat index
};
// One F32 safetensors file.
void writeSafetensors(const std::filesystem::path &file, const std::vector<RawTensor> &tensors);

} // namespace nibblescope::test
