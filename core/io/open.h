// SPDX-License-Identifier: GPL-3.0-or-later
// Opens any weights file or model folder, and the registry of formats that can be read.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/io/input_file.h"
#include "core/io/model.h"

namespace nibblescope {

// A format is one folder below core/io and one row of this table.
struct ReaderTraits {
    std::string_view id;                       // Model::format
    std::string_view name;                     // in lists: "safetensors", "HDF5"
    std::span<const std::string_view> endings; // of files, with the dot
    bool (*recognises)(const InputFile &file); // by its first bytes
    // Fill `tensors`, `warnings`, `reader` (and what else the format knows) of the model; throw Error where nothing can
    // be read. `openFolder` returns false if the folder holds no file of this format.
    void (*openFile)(const std::filesystem::path &path, Model &model);
    bool (*openFolder)(const std::filesystem::path &folder, Model &model);
};
std::span<const ReaderTraits> allReaders();
std::string knownEndings(); // "*.safetensors, *.h5, *.hdf5"

// Reads headers only. A shard opens as that file alone, an index as its shards. Throws Error if nothing can be read, or
// if there are no weights in it; what is refused in part is named in Model::warnings.
Model openModel(const std::filesystem::path &path);

} // namespace nibblescope
