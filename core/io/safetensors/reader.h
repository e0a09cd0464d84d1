// SPDX-License-Identifier: GPL-3.0-or-later
// Opens safetensors: one file, the shards that an index names, or a folder of them.
#pragma once

#include <filesystem>

#include "core/io/model.h"

namespace nibblescope {

// Each fills `tensors`, `warnings` and `reader` of the model. Throw Error where nothing can be read.
void openSafetensorsFile(const std::filesystem::path &path, Model &model);
// The shards that the index names, beside it. Missing and damaged ones are warnings as long as something is left.
void openSafetensorsIndex(const std::filesystem::path &index, Model &model);
// The index if there is one, else model.safetensors, else all *.safetensors. False: the folder holds none of them.
bool openSafetensorsFolder(const std::filesystem::path &folder, Model &model);

} // namespace nibblescope
