// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/safetensors_maker.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include <nlohmann/json.hpp>

namespace nibblescope::testing {

void writeFile(const std::filesystem::path &path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush())
        throw std::runtime_error("cannot write " + path.string());
}

std::string readFile(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string rawSafetensors(std::string_view header, std::string_view data) {
    const std::uint64_t length = header.size();
    std::string file(sizeof length, '\0');
    std::memcpy(file.data(), &length, sizeof length);
    file += header;
    file += data;
    return file;
}

std::string madeSafetensors(const std::vector<MadeTensor> &tensors) {
    nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
    std::string data;
    for (const MadeTensor &tensor : tensors) {
        header[tensor.name] = {{"dtype", tensor.dtype},
                               {"shape", tensor.shape},
                               {"data_offsets", {data.size(), data.size() + tensor.bytes.size()}}};
        data += tensor.bytes;
    }
    return rawSafetensors(header.dump(), data);
}

std::string f32Bytes(const std::vector<float> &values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    if (!values.empty())
        std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

std::vector<float> normalValues(std::size_t count, unsigned seed, float std) {
    std::mt19937 random(seed);
    const auto uniform = [&random] { return (static_cast<double>(random()) + 0.5) / 4294967296.0; };
    std::vector<float> values(count);
    for (float &value : values)
        value = static_cast<float>(std * std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform()));
    return values;
}

} // namespace nibblescope::testing
