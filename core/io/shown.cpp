// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/shown.h"

#include <array>
#include <cstdio>

namespace nibblescope {
namespace {

constexpr std::size_t longestShown = 160;
constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// Length of the well-formed sequence at the start of `text`; 0 if there is none.
std::size_t sequenceLength(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80)
        return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length)
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if (!continues(text[i]))
            return 0;
    const auto second = static_cast<unsigned char>(text[1]);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second > 0x9F;
    const bool beyond = lead == 0xF4 && second > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}

} // namespace

std::string validUtf8(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = sequenceLength(text);
        result += length == 0 ? replacement : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result;
}

std::string shown(std::string_view text) {
    std::string result = validUtf8(text);
    for (char &byte : result)
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F)
            byte = '?';
    if (result.size() <= longestShown)
        return result;
    std::size_t head = longestShown / 2;
    while (continues(result[head]))
        --head;
    std::size_t tail = result.size() - longestShown / 2;
    while (tail < result.size() && continues(result[tail]))
        ++tail;
    return result.substr(0, head) + "\xE2\x80\xA6" + result.substr(tail);
}

std::string shownName(const std::filesystem::path &path) {
    // "folder/" has an empty last part.
    const std::filesystem::path name = path.has_filename() ? path.filename() : path.parent_path().filename();
    return shown(name.empty() ? path.string() : name.string());
}

std::string shownCount(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t place = digits.size(); place > 3; place -= 3)
        digits.insert(place - 3, 1, ',');
    return digits;
}

std::string shownBytes(std::uint64_t bytes) {
    constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
    double size = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; size >= 1000 && unit + 1 < units.size(); ++unit)
        size /= 1024;
    std::array<char, 32> text{};
    const int decimals = size < 10 ? 2 : size < 100 ? 1 : 0;
    std::snprintf(text.data(), text.size(), "%.*f %s", decimals, size, units[unit]);
    return text.data();
}

std::string shownShape(std::span<const std::uint64_t> shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return text + "]";
}

} // namespace nibblescope
