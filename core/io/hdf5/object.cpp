// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/object.h"

#include <algorithm>
#include <cstring>

namespace nibblescope::hdf5 {
namespace {

constexpr std::size_t longestAttribute = 16U << 20;

LinkKind kindOf(H5L_type_t type) {
    switch (type) {
    case H5L_TYPE_HARD:
        return LinkKind::Hard;
    case H5L_TYPE_SOFT:
        return LinkKind::Soft;
    case H5L_TYPE_EXTERNAL:
        return LinkKind::External;
    default:
        return LinkKind::Other;
    }
}

template <typename Info>
herr_t collectLink(hid_t, const char *name, const Info *info, void *data) {
    static_cast<std::vector<Link> *>(data)->push_back({name, kindOf(info->type)});
    return 0;
}

bool tracksCreation(hid_t group) {
    const Handle creation(H5Gget_create_plist(group), H5Pclose);
    unsigned flags = 0;
    return H5Pget_link_creation_order(creation, &flags) >= 0 && (flags & H5P_CRT_ORDER_INDEXED) != 0;
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view leadingNumber(std::string_view text) {
    return text.substr(0, static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), isDigit) - text.begin()));
}

} // namespace

bool naturallyBefore(const std::string &a, const std::string &b) {
    std::string_view left = a;
    std::string_view right = b;
    while (!left.empty() && !right.empty()) {
        if (isDigit(left[0]) && isDigit(right[0])) {
            std::string_view x = leadingNumber(left);
            std::string_view y = leadingNumber(right);
            left.remove_prefix(x.size());
            right.remove_prefix(y.size());
            x.remove_prefix(std::min(x.find_first_not_of('0'), x.size()));
            y.remove_prefix(std::min(y.find_first_not_of('0'), y.size()));
            if (x.size() != y.size())
                return x.size() < y.size();
            if (x != y)
                return x < y;
            continue;
        }
        if (left[0] != right[0])
            return static_cast<unsigned char>(left[0]) < static_cast<unsigned char>(right[0]);
        left.remove_prefix(1);
        right.remove_prefix(1);
    }
    return left.size() != right.size() ? left.size() < right.size() : a < b;
}

std::vector<Link> linksOf(hid_t group) {
    std::vector<Link> links;
    const bool byCreation = tracksCreation(group);
    const H5_index_t index = byCreation ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    hsize_t position = 0;
#if H5_VERSION_GE(1, 12, 0)
    checked(H5Literate2(group, index, H5_ITER_INC, &position, collectLink<H5L_info2_t>, &links));
#else
    checked(H5Literate(group, index, H5_ITER_INC, &position, collectLink<H5L_info_t>, &links));
#endif
    if (!byCreation)
        std::sort(links.begin(), links.end(),
                  [](const Link &a, const Link &b) { return naturallyBefore(a.name, b.name); });
    return links;
}

std::string softTarget(hid_t group, const std::string &name) {
#if H5_VERSION_GE(1, 12, 0)
    H5L_info2_t info{};
    checked(H5Lget_info2(group, name.c_str(), &info, H5P_DEFAULT));
#else
    H5L_info_t info{};
    checked(H5Lget_info(group, name.c_str(), &info, H5P_DEFAULT));
#endif
    std::string target(std::min<std::size_t>(info.u.val_size, longestAttribute), '\0');
    if (!target.empty())
        checked(H5Lget_val(group, name.c_str(), target.data(), target.size(), H5P_DEFAULT));
    return target.c_str(); // without the byte 0 at its end
}

Handle openObject(hid_t group, const std::string &name) {
    return {H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose};
}

std::string identityOf(hid_t object) {
#if H5_VERSION_GE(1, 12, 0)
    H5O_info2_t info{};
    checked(H5Oget_info3(object, &info, H5O_INFO_BASIC));
    return {reinterpret_cast<const char *>(&info.token), sizeof info.token};
#else
    H5O_info_t info{};
    checked(H5Oget_info2(object, &info, H5O_INFO_BASIC));
    return std::to_string(info.addr);
#endif
}

bool hasAttribute(hid_t object, const std::string &name) { return H5Aexists(object, name.c_str()) > 0; }

std::optional<std::vector<std::string>> textsAttribute(hid_t object, const std::string &name) {
    if (!hasAttribute(object, name))
        return std::nullopt;
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(attribute), H5Tclose);
    const Handle space(H5Aget_space(attribute), H5Sclose);
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0)
        return std::nullopt;
    const std::size_t width = H5Tget_size(type);
    const hssize_t count = checked(H5Sget_simple_extent_npoints(space));
    if (width == 0 || static_cast<std::uint64_t>(count) > longestAttribute / width)
        return std::nullopt;
    std::string all(width * static_cast<std::size_t>(count), '\0');
    if (!all.empty())
        checked(H5Aread(attribute, type, all.data()));
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        std::string text = all.substr(i * width, width);
        text.resize(std::strlen(text.c_str()));
        if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
            text.resize(text.find_last_not_of(' ') + 1);
        texts.push_back(std::move(text));
    }
    return texts;
}

std::optional<std::string> textAttribute(hid_t object, const std::string &name) {
    const auto texts = textsAttribute(object, name);
    return texts && texts->size() == 1 ? std::optional(texts->front()) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> integersAttribute(hid_t object, const std::string &name) {
    if (!hasAttribute(object, name))
        return std::nullopt;
    const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(attribute), H5Tclose);
    const Handle space(H5Aget_space(attribute), H5Sclose);
    const hssize_t count = checked(H5Sget_simple_extent_npoints(space));
    if (H5Tget_class(type) != H5T_INTEGER || static_cast<std::uint64_t>(count) > longestAttribute / 8)
        return std::nullopt;
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    if (!values.empty())
        checked(H5Aread(attribute, H5T_NATIVE_INT64, values.data()));
    return values;
}

} // namespace nibblescope::hdf5
