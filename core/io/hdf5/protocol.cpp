// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/protocol.h"

namespace nibblescope::hdf5 {

Bytes toBytes(const nlohmann::json &value) { return nlohmann::json::to_cbor(value); }

nlohmann::json fromBytes(std::span<const std::uint8_t> bytes) {
    nlohmann::json value = nlohmann::json::from_cbor(bytes.begin(), bytes.end(), true, false);
    if (value.is_discarded())
        throw std::runtime_error("the HDF5 helper gave an answer that makes no sense");
    return value;
}

} // namespace nibblescope::hdf5
