// SPDX-License-Identifier: GPL-3.0-or-later
// The element types of weight files. The names are those of the safetensors format; other readers map theirs to them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nibblescope {

enum class DType : std::uint8_t {
    Bool,
    F4,
    F6E2M3,
    F6E3M2,
    U8,
    I8,
    F8E5M2,
    F8E4M3,
    F8E8M0,
    F8E4M3Fnuz,
    F8E5M2Fnuz,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64,
};

struct DTypeTraits {
    DType dtype;
    std::string_view name; // "BF16"
    unsigned bits;         // of one element, as stored
    bool integer;          // integers and bool: shown, never quantized
    bool decodable;        // decodeToF32 accepts it: F64, F32, F16, BF16, F8_E4M3, F8_E5M2
};

// All types in the order of the enumeration, which is the order in which safetensors files are sorted.
std::span<const DTypeTraits> allDTypes();
const DTypeTraits &traits(DType dtype);
std::optional<DType> dtypeFromName(std::string_view name);

} // namespace nibblescope
