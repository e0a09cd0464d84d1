// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/token_ids.h"

#include <limits>
#include <string>

#include "core/io/npy.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

std::int64_t decode(const NpyFile &file, const std::byte *bytes) {
    const NpyFile::ElementType &type = file.type();
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < type.bytes; ++i)
        bits |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    if (type.kind == 'u') {
        if (bits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            file.refuse("holds the id " + std::to_string(bits));
        return static_cast<std::int64_t>(bits);
    }
    const unsigned unused = static_cast<unsigned>(64 - 8 * type.bytes);
    return static_cast<std::int64_t>(bits << unused) >> unused;
}

} // namespace

std::vector<std::int64_t> readTokenIds(const std::filesystem::path &path) {
    const NpyFile file(path, "token ids are read from a .npy file with one dimension of integers");
    const std::size_t width = file.type().bytes;
    if ((file.type().kind != 'i' && file.type().kind != 'u') || width > 8 || (width & (width - 1)) != 0)
        file.refuse("holds elements of type " + file.type().text);
    if (file.shape().size() != 1)
        file.refuse("has the shape " + shownShape(file.shape()));
    std::vector<std::byte> bytes(file.count() * width);
    file.read(0, bytes);
    std::vector<std::int64_t> ids(file.count());
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = decode(file, bytes.data() + i * width);
    return ids;
}

} // namespace nibblescope
