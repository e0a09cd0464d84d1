// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/dtype.h"

#include <algorithm>
#include <array>

namespace nibblescope {
namespace {

constexpr std::array dtypeTable{
    DTypeTraits{DType::Bool, "BOOL", 8, true, false},
    DTypeTraits{DType::F4, "F4", 4, false, false},
    DTypeTraits{DType::F6E2M3, "F6_E2M3", 6, false, false},
    DTypeTraits{DType::F6E3M2, "F6_E3M2", 6, false, false},
    DTypeTraits{DType::U8, "U8", 8, true, false},
    DTypeTraits{DType::I8, "I8", 8, true, false},
    DTypeTraits{DType::F8E5M2, "F8_E5M2", 8, false, true},
    DTypeTraits{DType::F8E4M3, "F8_E4M3", 8, false, true},
    DTypeTraits{DType::F8E8M0, "F8_E8M0", 8, false, false},
    DTypeTraits{DType::F8E4M3Fnuz, "F8_E4M3FNUZ", 8, false, false},
    DTypeTraits{DType::F8E5M2Fnuz, "F8_E5M2FNUZ", 8, false, false},
    DTypeTraits{DType::I16, "I16", 16, true, false},
    DTypeTraits{DType::U16, "U16", 16, true, false},
    DTypeTraits{DType::F16, "F16", 16, false, true},
    DTypeTraits{DType::BF16, "BF16", 16, false, true},
    DTypeTraits{DType::I32, "I32", 32, true, false},
    DTypeTraits{DType::U32, "U32", 32, true, false},
    DTypeTraits{DType::F32, "F32", 32, false, true},
    DTypeTraits{DType::C64, "C64", 64, false, false},
    DTypeTraits{DType::F64, "F64", 64, false, true},
    DTypeTraits{DType::I64, "I64", 64, true, false},
    DTypeTraits{DType::U64, "U64", 64, true, false},
};

} // namespace

std::span<const DTypeTraits> allDTypes() { return dtypeTable; }

const DTypeTraits &traits(DType dtype) { return dtypeTable[static_cast<std::size_t>(dtype)]; }

std::optional<DType> dtypeFromName(std::string_view name) {
    const auto found =
        std::find_if(dtypeTable.begin(), dtypeTable.end(), [name](const DTypeTraits &row) { return row.name == name; });
    return found == dtypeTable.end() ? std::nullopt : std::optional(found->dtype);
}

} // namespace nibblescope
