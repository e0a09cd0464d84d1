// SPDX-License-Identifier: GPL-3.0-or-later
// What the workbench and its HDF5 helper say to each other over a socket: frames of a kind, a length and that many
// bytes. Values travel as CBOR, whose texts need not be UTF-8. Neither side trusts the other's lengths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nibblescope::hdf5 {

enum class FrameKind : std::uint32_t {
    List,    // request: {path} -> Value
    Read,    // request: {path, dataset, type, dims, first, count} -> Data ..., Done
    Working, // answer: still busy, as a sign of life
    Value,   // answer to List
    Data,    // a piece of the elements
    Done,    // all pieces were sent
    Failed,  // answer: {what, damaged}, a clause; `damaged` if it is the library's
};

struct FrameHead {
    FrameKind kind = FrameKind::Working;
    std::uint32_t unused = 0;
    std::uint64_t length = 0;
};

// Longest frame but Data: a list of a million tensors.
inline constexpr std::uint64_t longestFrame = 512U << 20;
// Bytes of one piece of elements.
inline constexpr std::uint64_t pieceBytes = 4U << 20;

using Bytes = std::vector<std::uint8_t>;
Bytes toBytes(const nlohmann::json &value);
// Throws std::runtime_error for what is no CBOR.
nlohmann::json fromBytes(std::span<const std::uint8_t> bytes);

} // namespace nibblescope::hdf5
