// SPDX-License-Identifier: GPL-3.0-or-later
// Lists a quantized file that this program wrote (quantized_layout.h). Runs in the helper process.
#pragma once

#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>

#include "core/io/hdf5/api.h"

namespace nibblescope::hdf5 {

// nullopt: not one of ours. Throws CallFailed for one that is damaged or of a newer version.
std::optional<nlohmann::json> listOwnFile(hid_t file, std::uint64_t fileBytes);

} // namespace nibblescope::hdf5
