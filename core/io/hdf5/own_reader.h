// SPDX-License-Identifier: GPL-3.0-or-later
// Reads a quantized file that this program wrote (quantized_file.h), through the helper.
#pragma once

#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "core/io/hdf5/helper_process.h"
#include "core/io/model.h"

namespace nibblescope {

// `listing` is what the helper says of the file: {"own": [...]}. Quantized tensors are F32 with their original shape
// and read as their decoded weights; Model::storedRecipes is set. Throws std::exception for what makes no sense.
void openOwnFile(const std::filesystem::path &path, std::unique_ptr<Hdf5HelperProcess> helper,
                 const nlohmann::json &listing, Model &model);

} // namespace nibblescope
