// SPDX-License-Identifier: GPL-3.0-or-later
// Names in the quantized HDF5 file, which resources/docs/quantized-hdf5.md describes. Writer and reader share them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/quant/group_grid.h"
#include "core/quant/recipe.h"
#include "core/tensor/dtype.h"

namespace nibblescope::hdf5 {

inline constexpr std::string_view ownFormat = "nibblescope-quantized";
inline constexpr std::int64_t ownVersion = 1;

inline constexpr std::string_view tensorsGroup = "tensors";
inline constexpr std::string_view codesPart = "codes";
inline constexpr std::string_view scalesPart = "scales";
inline constexpr std::string_view exponentsPart = "exponents";
inline constexpr std::string_view zeroPointsPart = "zero_points";
inline constexpr std::string_view secondCodesPart = "second_level_codes";
inline constexpr std::string_view secondScalesPart = "second_level_scales";
inline constexpr std::string_view secondMapPart = "second_level_map";
inline constexpr std::string_view offsetPart = "offset";
inline constexpr std::string_view levelsPart = "levels";

// What a quantized tensor's group holds, by its recipe: enough to decode it, and tables that spare a reader their own.
struct PartSpec {
    std::string name;
    DType dtype; // as it is stored: BF16 scales as U16 bits
    std::vector<std::uint64_t> dims;
    bool table; // `levels`, `second_level_map`: the same for all tensors of a format
};
std::vector<PartSpec> partsOf(const GroupGrid &grid, const Recipe &recipe);

} // namespace nibblescope::hdf5
