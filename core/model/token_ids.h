// SPDX-License-Identifier: GPL-3.0-or-later
// Token ids from a NumPy file: one dimension, any integer type and byte order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace nibblescope {

// Throws Error{Fault::Input}: not a .npy file, damaged, another rank or type, an id that does not fit into 64 bits.
std::vector<std::int64_t> readTokenIds(const std::filesystem::path &path);

} // namespace nibblescope
