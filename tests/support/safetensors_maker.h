// SPDX-License-Identifier: GPL-3.0-or-later
// Makes safetensors files for tests, right ones and wrong ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nibblescope::testing {

void writeFile(const std::filesystem::path &path, std::string_view bytes);
std::string readFile(const std::filesystem::path &path);

// Length, header and data, as they are.
std::string rawSafetensors(std::string_view header, std::string_view data);

struct MadeTensor {
    std::string name;
    std::string dtype;
    std::vector<std::uint64_t> shape;
    std::string bytes;
};
std::string madeSafetensors(const std::vector<MadeTensor> &tensors);

std::string f32Bytes(const std::vector<float> &values);
// `count` values that look like weights: normal, standard deviation `std`, the same for the same seed.
std::vector<float> normalValues(std::size_t count, unsigned seed, float std = 0.02F);

} // namespace nibblescope::testing
