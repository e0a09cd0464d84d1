// SPDX-License-Identifier: GPL-3.0-or-later
// Names and numbers as they stand in the messages of the readers and writers. What comes from a file may hold line
// breaks, control characters or broken UTF-8, and a message is one line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace nibblescope {

// The same text as valid UTF-8: every byte that is not part of a well-formed sequence becomes U+FFFD.
std::string validUtf8(std::string_view text);

// One line of valid UTF-8: control characters become "?", and a text of more than 160 bytes loses its middle.
std::string shown(std::string_view text);
// The last part of the path, which is what people call a file.
std::string shownName(const std::filesystem::path &path);

std::string shownCount(std::uint64_t number);                 // "1,044,984"
std::string shownBytes(std::uint64_t bytes);                  // "12 KiB", "4.1 GiB": powers of 1024
std::string shownShape(std::span<const std::uint64_t> shape); // "[2, 3]"

} // namespace nibblescope
