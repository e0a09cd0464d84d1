// SPDX-License-Identifier: GPL-3.0-or-later
// Groups, links and attributes of an HDF5 file. Runs in the helper process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/io/hdf5/api.h"

namespace nibblescope::hdf5 {

enum class LinkKind { Hard, Soft, External, Other };

struct Link {
    std::string name;
    LinkKind kind = LinkKind::Other;
};

// In the order of creation where the group tracks it, else by name, numbers by their value (dense_2 before dense_10).
std::vector<Link> linksOf(hid_t group);
// Where a soft link points.
std::string softTarget(hid_t group, const std::string &name);

// The object under a hard link of the group.
Handle openObject(hid_t group, const std::string &name);
// Equal for two names of one object.
std::string identityOf(hid_t object);

bool hasAttribute(hid_t object, const std::string &name);
// Texts of fixed length, the only ones that are looked at: those of variable length go through the part of the library
// that crashes most. nullopt: there is no such attribute, or it is of another kind.
std::optional<std::vector<std::string>> textsAttribute(hid_t object, const std::string &name);
std::optional<std::string> textAttribute(hid_t object, const std::string &name);
std::optional<std::vector<std::int64_t>> integersAttribute(hid_t object, const std::string &name);

bool naturallyBefore(const std::string &a, const std::string &b);

} // namespace nibblescope::hdf5
