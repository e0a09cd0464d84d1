// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/listing.h"

#include <algorithm>
#include <filesystem>

#include "core/io/hdf5/own_listing.h"
#include "core/io/shown.h"
#include "core/tensor/tensor_info.h"

namespace nibblescope::hdf5 {
namespace {

using nlohmann::json;

bool namesEmbedding(const std::string &path) {
    std::string lower = path;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return lower.find("embedding") != std::string::npos;
}

json describe(const ListedDataset &dataset, const KerasFacts &keras) {
    const bool matrix = dataset.facts.dims.size() >= 2;
    const bool embedding = keras.kind != KerasKind::None && matrix && namesEmbedding(dataset.path);
    const bool inOut = keras.kind != KerasKind::None && matrix && !embedding;
    return {{"path", dataset.path},
            {"name", validUtf8(dataset.path.substr(dataset.path.starts_with(keras.prefix) ? keras.prefix.size() : 0))},
            {"dtype", static_cast<int>(dataset.facts.dtype)},
            {"shape", dataset.facts.dims},
            {"preferred", dataset.facts.preferred},
            {"in_out", inOut},
            {"keep", embedding ? "an embedding, which Keras looks up by row" : ""}};
}

} // namespace

json listFile(const std::string &path, const std::function<void()> &alive) {
    const Handle access = fileAccess();
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
    const std::uint64_t fileBytes = std::filesystem::file_size(path);
    if (auto own = listOwnFile(file, fileBytes))
        return *own;
    Contents contents = walkFile(file, fileBytes, alive);
    const KerasFacts keras = kerasFacts(file, contents);
    arrangeKeras(file, keras, contents);
    json answer{{"tensors", json::array()}, {"refused", json::array()}};
    for (const ListedDataset &dataset : contents.datasets)
        answer["tensors"].push_back(describe(dataset, keras));
    for (const RefusedObject &refused : contents.refused)
        answer["refused"].push_back({{"path", validUtf8(refused.path)}, {"what", refused.what}});
    return answer;
}

} // namespace nibblescope::hdf5
