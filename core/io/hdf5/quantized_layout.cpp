// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/quantized_layout.h"

#include "core/quant/double_quantization.h"

namespace nibblescope::hdf5 {
namespace {

DType storedScaleType(ScaleType type) {
    switch (type) {
    case ScaleType::F32:
        return DType::F32;
    case ScaleType::F16:
        return DType::F16;
    case ScaleType::BF16:
        return DType::U16;
    }
    return DType::F32;
}

} // namespace

std::vector<PartSpec> partsOf(const GroupGrid &grid, const Recipe &recipe) {
    const bool bytes = traits(recipe.format).codeBits == 8;
    const std::uint64_t perRow = grid.groupsPerRow();
    std::vector<PartSpec> parts{
        {std::string(codesPart), DType::U8, {grid.rows, bytes ? grid.cols : (grid.cols + 1) / 2}, false}};
    if (recipe.doubleQuant != DoubleQuant::Off) {
        parts.push_back({std::string(secondCodesPart), DType::U8, {grid.rows, perRow}, false});
        parts.push_back({std::string(secondScalesPart), DType::F32, {secondLevelBlocks(grid.groups())}, false});
        parts.push_back({std::string(offsetPart), DType::F32, {}, false});
        parts.push_back({std::string(secondMapPart), DType::F32, {256}, true});
    } else if (recipe.format == Format::Mxfp4) {
        parts.push_back({std::string(exponentsPart), DType::U8, {grid.rows, perRow}, false});
    } else {
        parts.push_back({std::string(scalesPart), storedScaleType(recipe.scaleType), {grid.rows, perRow}, false});
    }
    if (traits(recipe.format).zeroPoint)
        parts.push_back(
            {std::string(zeroPointsPart), recipe.method == "hqq" ? DType::F16 : DType::U8, {grid.rows, perRow}, false});
    parts.push_back({std::string(levelsPart), DType::F32, {bytes ? 256U : 16U}, recipe.format != Format::Fitted});
    return parts;
}

} // namespace nibblescope::hdf5
