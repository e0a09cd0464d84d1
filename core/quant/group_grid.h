// SPDX-License-Identifier: GPL-3.0-or-later
// How groups lie over a tensor. Every variant is the same picture: a grid of rows, each cut from its left end into
// groups of `groupSize`, the last of a row may be short. Flat groups see the tensor as one long row; one scale a tensor
// is one group as long as that row.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/quant/recipe.h"
#include "core/tensor/tensor_info.h"

namespace nibblescope {

struct GroupGrid {
    std::uint64_t rows = 0;
    std::uint64_t cols = 0;      // weights in a grid row
    std::uint64_t groupSize = 1; // at most cols

    std::uint64_t size() const { return rows * cols; }
    std::uint64_t groupsPerRow() const { return cols == 0 ? 0 : (cols + groupSize - 1) / groupSize; }
    std::uint64_t groups() const { return rows * groupsPerRow(); }
    // Flat index of the first weight of a group, and how many weights it has.
    std::uint64_t begin(std::uint64_t group) const {
        return group / groupsPerRow() * cols + group % groupsPerRow() * groupSize;
    }
    std::uint64_t length(std::uint64_t group) const {
        return std::min(groupSize, cols - group % groupsPerRow() * groupSize);
    }
    std::uint64_t groupOf(std::uint64_t weight) const {
        return weight / cols * groupsPerRow() + weight % cols / groupSize;
    }
    bool operator==(const GroupGrid &) const = default;
};

GroupGrid groupGrid(MatrixShape shape, const Recipe &recipe);

} // namespace nibblescope
