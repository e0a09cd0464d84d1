// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/group_grid.h"

namespace nibblescope {

GroupGrid groupGrid(MatrixShape shape, const Recipe &recipe) {
    const std::uint64_t size = shape.size();
    if (recipe.groupSize.kind == GroupSize::Kind::Tensor)
        return {1, size, std::max<std::uint64_t>(size, 1)};
    const bool flat = recipe.blocks == Blocks::Flat;
    GroupGrid grid{flat ? 1 : shape.rows, flat ? size : shape.cols, 1};
    const std::uint64_t wanted =
        recipe.groupSize.kind == GroupSize::Kind::Row ? shape.cols : std::uint64_t{recipe.groupSize.count};
    grid.groupSize = std::clamp<std::uint64_t>(wanted, 1, std::max<std::uint64_t>(grid.cols, 1));
    return grid;
}

} // namespace nibblescope
