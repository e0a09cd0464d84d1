// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/token_ids.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t longestHeader = 10000; // NumPy itself refuses more

[[noreturn]] void refuse(const InputFile &file, const std::string &what) {
    throw Error(Fault::Input, file.name() + " " + what +
                                  "; token ids are read from a .npy file with one dimension of "
                                  "integers.")
        .inFile(file.path().string());
}

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

struct IntegerType {
    bool isSigned = false;
    bool bigEndian = false;
    std::size_t bytes = 0;
};

IntegerType typeOf(const InputFile &file, std::string_view descr) {
    if (descr.size() < 5 || (descr[0] != '\'' && descr[0] != '"') || descr[4] != descr[0])
        refuse(file, "holds no plain numbers");
    const std::string_view type = descr.substr(1, 3);
    const std::size_t bytes = static_cast<std::size_t>(type[2] - '0');
    if ((type[1] != 'i' && type[1] != 'u') || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
        refuse(file, "holds elements of type " + shown(type));
    return {type[1] == 'i', type[0] == '>', bytes};
}

std::uint64_t countOf(const InputFile &file, std::string_view shape) {
    const std::size_t end = shape.find(')');
    if (shape.empty() || shape[0] != '(' || end == std::string_view::npos)
        refuse(file, "has no readable shape");
    std::string_view inside = shape.substr(1, end - 1);
    std::uint64_t count = 0;
    const auto [rest, problem] = std::from_chars(inside.data(), inside.data() + inside.size(), count);
    inside.remove_prefix(static_cast<std::size_t>(rest - inside.data()));
    if (problem != std::errc() || inside.find_first_not_of("L, ") != std::string_view::npos ||
        std::count(inside.begin(), inside.end(), ',') != 1)
        refuse(file, "has the shape " + shown(shape.substr(0, end + 1)));
    return count;
}

std::int64_t decode(const InputFile &file, const std::byte *bytes, const IntegerType &type) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < type.bytes; ++i)
        bits |= std::to_integer<std::uint64_t>(bytes[type.bigEndian ? type.bytes - 1 - i : i]) << (8 * i);
    if (!type.isSigned) {
        if (bits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            refuse(file, "holds the id " + std::to_string(bits));
        return static_cast<std::int64_t>(bits);
    }
    const unsigned unused = static_cast<unsigned>(64 - 8 * type.bytes);
    return static_cast<std::int64_t>(bits << unused) >> unused;
}

} // namespace

std::vector<std::int64_t> readTokenIds(const std::filesystem::path &path) {
    const InputFile file(path);
    const std::string start = file.head(12);
    if (start.size() < 10 || start.substr(0, magic.size()) != magic)
        refuse(file, "is no .npy file");
    const bool wide = start[6] != 1; // versions 2 and 3 have four bytes of length
    std::size_t length = 0;
    for (std::size_t i = 0; i < (wide ? 4U : 2U) && 8 + i < start.size(); ++i)
        length |= static_cast<std::size_t>(static_cast<unsigned char>(start[8 + i])) << (8 * i);
    const std::size_t begin = wide ? 12 : 10;
    if (length > longestHeader || begin + length > file.size())
        refuse(file, "is damaged: its header claims " + std::to_string(length) + " bytes");
    const std::string whole = file.head(begin + length);
    const std::string_view header = std::string_view(whole).substr(begin);
    const IntegerType type = typeOf(file, valueOf(header, "descr"));
    const std::uint64_t count = countOf(file, valueOf(header, "shape"));
    if (count > (file.size() - begin - length) / type.bytes)
        refuse(file, "ends before its " + shownCount(count) + " ids");
    std::vector<std::byte> bytes(count * type.bytes);
    file.readAt(begin + length, bytes);
    std::vector<std::int64_t> ids(count);
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = decode(file, bytes.data() + i * type.bytes, type);
    return ids;
}

} // namespace nibblescope
