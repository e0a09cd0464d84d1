// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/npy.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t longestHeader = 10000; // NumPy itself refuses more
constexpr std::size_t highestRank = 32;      // as NumPy's

// The value of a key in the header, which is a literal of a Python dictionary. The keys and values that matter hold no
// escapes.
std::string_view valueOf(std::string_view header, std::string_view key) {
    for (const char quote : {'\'', '"'}) {
        const std::string written = quote + std::string(key) + quote;
        std::size_t at = header.find(written);
        if (at == std::string_view::npos)
            continue;
        at = header.find(':', at + written.size());
        if (at == std::string_view::npos)
            return {};
        at = header.find_first_not_of(" \t", at + 1);
        return at == std::string_view::npos ? std::string_view() : header.substr(at);
    }
    return {};
}

// "(3, 4)" and what may follow; false: not a tuple of whole numbers.
bool parseShape(std::string_view text, std::vector<std::uint64_t> &shape) {
    const std::size_t end = text.find(')');
    if (text.empty() || text[0] != '(' || end == std::string_view::npos)
        return false;
    std::string_view inside = text.substr(1, end - 1);
    const auto skip = [&inside](std::string_view characters) {
        inside.remove_prefix(std::min(inside.find_first_not_of(characters), inside.size()));
    };
    for (skip(" "); !inside.empty(); skip(" ")) {
        std::uint64_t side = 0;
        const auto [rest, problem] = std::from_chars(inside.data(), inside.data() + inside.size(), side);
        if (problem != std::errc() || shape.size() == highestRank)
            return false;
        shape.push_back(side);
        inside.remove_prefix(static_cast<std::size_t>(rest - inside.data()));
        skip("L "); // Python 2 wrote 3L
        if (!inside.empty() && inside[0] != ',')
            return false;
        inside.remove_prefix(std::min<std::size_t>(1, inside.size()));
    }
    return true;
}

} // namespace

NpyFile::NpyFile(const std::filesystem::path &path, std::string wanted) : m_file(path), m_wanted(std::move(wanted)) {
    const std::string start = m_file.head(12);
    if (start.size() < 10 || start.substr(0, magic.size()) != magic)
        refuse("is no .npy file");
    const bool wide = start[6] != 1; // versions 2 and 3 have four bytes of length
    std::size_t length = 0;
    for (std::size_t i = 0; i < (wide ? 4U : 2U) && 8 + i < start.size(); ++i)
        length |= static_cast<std::size_t>(static_cast<unsigned char>(start[8 + i])) << (8 * i);
    const std::size_t begin = wide ? 12 : 10;
    if (length > longestHeader || begin + length > m_file.size())
        refuse("is damaged: its header claims " + std::to_string(length) + " bytes");
    m_begin = begin + length;
    parse(std::string_view(m_file.head(m_begin)).substr(begin));
    if (m_count > (m_file.size() - m_begin) / m_type.bytes)
        refuse("ends before its " + shownCount(m_count) + " numbers");
}

void NpyFile::parse(std::string_view header) {
    const std::string_view descr = valueOf(header, "descr");
    const std::size_t close = descr.empty() ? std::string_view::npos : descr.find(descr[0], 1);
    if (descr.empty() || (descr[0] != '\'' && descr[0] != '"') || close == std::string_view::npos)
        refuse("holds no plain numbers");
    const std::string_view type = descr.substr(1, close - 1);
    m_type.text = shown(type);
    std::size_t bytes = 0;
    const char *last = type.data() + type.size();
    if (type.size() < 3 || std::string_view("<>|=").find(type[0]) == std::string_view::npos ||
        std::from_chars(type.data() + 2, last, bytes).ptr != last || bytes == 0 || bytes > 16)
        refuse("holds elements of type " + m_type.text);
    m_type.kind = type[1];
    m_type.bigEndian = type[0] == '>';
    m_type.bytes = bytes;
    const std::string_view shape = valueOf(header, "shape");
    if (!parseShape(shape, m_shape))
        refuse("has no readable shape");
    const auto count = checkedProduct(m_shape);
    if (!count)
        refuse("is damaged: its shape is " + shownShape(m_shape));
    m_count = *count;
    m_columnMajor = valueOf(header, "fortran_order").substr(0, 4) == "True";
}

void NpyFile::read(std::uint64_t first, std::span<std::byte> bytes) const {
    m_file.readAt(m_begin + first * m_type.bytes, bytes);
    if (m_type.bigEndian)
        for (std::size_t at = 0; at < bytes.size(); at += m_type.bytes)
            std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                         bytes.begin() + static_cast<std::ptrdiff_t>(at + m_type.bytes));
}

void NpyFile::refuse(const std::string &what) const {
    throw Error(Fault::Input, m_file.name() + " " + what + "; " + m_wanted + ".").inFile(m_file.path().string());
}

} // namespace nibblescope
