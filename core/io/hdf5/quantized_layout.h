// SPDX-License-Identifier: GPL-3.0-or-later
// Names in the quantized HDF5 file, which resources/docs/quantized-hdf5.md describes. Writer and reader share them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/quant/group_grid.h"
#include "core/quant/recipe.h"
#include "core/tensor/dtype.h"

namespace nibblescope::hdf5 {

inline constexpr std::string_view ownFormat = "nibblescope-quantized";
inline constexpr std::int64_t ownVersion = 1;

inline constexpr const char *tensorsGroup = "tensors";
inline constexpr const char *codesPart = "codes";
inline constexpr const char *scalesPart = "scales";
inline constexpr const char *exponentsPart = "exponents";
inline constexpr const char *zeroPointsPart = "zero_points";
inline constexpr const char *secondCodesPart = "second_level_codes";
inline constexpr const char *secondScalesPart = "second_level_scales";
inline constexpr const char *secondMapPart = "second_level_map";
inline constexpr const char *offsetPart = "offset";
inline constexpr const char *levelsPart = "levels";

// What a quantized tensor's group holds, by its recipe: enough to decode it, and tables that spare a reader their own.
struct PartSpec {
    const char *name;
    DType dtype; // as it is stored: BF16 scales as U16 bits
    std::vector<std::uint64_t> dims;
    bool table; // `levels`, `second_level_map`: the same for all tensors of a format
};
std::vector<PartSpec> partsOf(const GroupGrid &grid, const Recipe &recipe);

} // namespace nibblescope::hdf5
