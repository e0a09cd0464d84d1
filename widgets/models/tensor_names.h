// SPDX-License-Identifier: GPL-3.0-or-later
// Names of tensors as a tree: parts of a path, without what all of them share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nibblescope {

// Parts of each name as the tree shows them, from the outside in. Paths with "/" are cut there, others at ".". Left out
// are a leading "model" and the first parts that all names share; a trailing "weight" too, and what stands beside such
// a tensor ("q_proj.bias") is put beside it rather than under it. No list is empty, and no list is equal to another
// unless the names are.
std::vector<std::vector<std::string>> treeParts(const std::vector<std::string> &names);

// Order of names as people expect it: "layers.2" before "layers.10". The same under every locale. Negative, 0,
// positive.
int compareNames(std::string_view a, std::string_view b);

} // namespace nibblescope
