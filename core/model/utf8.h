// SPDX-License-Identifier: GPL-3.0-or-later
// Walking over valid UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nibblescope {

// Length of the first character, at most what there is.
inline std::size_t characterLength(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return length < text.size() ? length : text.size();
}

// Calls `body(character)` for each.
template <typename Body>
void forEachCharacter(std::string_view text, Body body) {
    while (!text.empty()) {
        const std::size_t length = characterLength(text);
        body(text.substr(0, length));
        text.remove_prefix(length);
    }
}

// For code points below U+0800.
inline std::string shortUtf8(std::uint32_t codePoint) {
    if (codePoint < 0x80)
        return std::string(1, static_cast<char>(codePoint));
    return {static_cast<char>(0xC0U | (codePoint >> 6)), static_cast<char>(0x80U | (codePoint & 0x3FU))};
}

} // namespace nibblescope
