// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/own_listing.h"

namespace nibblescope::hdf5 {

std::optional<nlohmann::json> listOwnFile(hid_t) { return std::nullopt; }

} // namespace nibblescope::hdf5
