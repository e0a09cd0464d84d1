// SPDX-License-Identifier: GPL-3.0-or-later
// Looking into a model folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nibblescope {

// Whether the name ends so, whatever the case.
bool hasEnding(std::string_view name, std::string_view ending);

// Names of the files in a folder with that ending, sorted; hidden ones (half-written files begin with a dot) left out.
// Throws Error where the folder cannot be read.
std::vector<std::string> filesIn(const std::filesystem::path &folder, std::string_view ending);

} // namespace nibblescope
