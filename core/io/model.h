// SPDX-License-Identifier: GPL-3.0-or-later
// An opened model: its tensors as the headers list them, and a way to read their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/tensor/tensor_info.h"

namespace nibblescope {

// Reads elements [first, first + count) of tensor `index`, in stored (C) order, little-endian, packed in its dtype,
// into `bytes`, which has exactly the size of that many elements. Safe to call from several threads at once. Throws
// Error: a file that became shorter or changed since it was opened is one.
class TensorReader {
public:
    virtual ~TensorReader() = default;
    virtual void readElements(std::size_t index, std::uint64_t first, std::uint64_t count,
                              std::span<std::byte> bytes) const = 0;
    // Where the stored form makes some ranges cheap: elements per read unit (a row of chunks in HDF5), 1 if any will
    // do.
    virtual std::uint64_t preferredElements(std::size_t /*index*/) const { return 1; }
};

struct Model {
    std::filesystem::path path;        // what the user named: a file or a folder
    std::string name;                  // for titles: the folder's name, or the file's without its ending
    std::string format;                // id of the reader, "safetensors"
    std::vector<TensorInfo> tensors;   // in model order: as stored for HDF5, by file position for safetensors
    std::vector<std::string> warnings; // one line each: objects that were refused or left out, with the reason
    std::optional<nlohmann::ordered_json> config; // config.json beside the weights, if there is one that parses
    std::shared_ptr<const TensorReader> reader;
    // Set for our own quantized file: for each tensor the stored recipe as JSON (null where the tensor was kept).
    std::vector<nlohmann::ordered_json> storedRecipes;

    std::optional<std::size_t> find(std::string_view tensorName) const;
};

} // namespace nibblescope
