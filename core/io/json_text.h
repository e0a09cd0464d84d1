// SPDX-License-Identifier: GPL-3.0-or-later
// JSON from files of others, read whole: index and config of a model folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace nibblescope {

// nullopt: not valid, or nested more than 100 deep (which could overflow a stack later). As Python writes them, bare
// NaN and Infinity are taken as null.
std::optional<nlohmann::ordered_json> parseForeignJson(std::string_view text);

// The text of a file of at most `limit` bytes. Throws Error.
std::string readSmallFile(const std::filesystem::path &path, std::uint64_t limit);

// config.json of a folder: nullopt where there is none, or where it cannot be read, which adds a warning. Members that
// are null are taken out: null means absent.
std::optional<nlohmann::ordered_json> readModelConfig(const std::filesystem::path &folder,
                                                      std::vector<std::string> &warnings);

} // namespace nibblescope
