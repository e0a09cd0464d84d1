// SPDX-License-Identifier: GPL-3.0-or-later
// Inner parts of TensorTreeModel, shared by its two source files and nobody else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "widgets/models/tensor_tree_model.h"

namespace nibblescope {

struct TensorTreeModel::Item {
    TensorResult described;
    std::optional<TensorResult> measured;
    std::string shortName;

    bool statisticsKnown() const { return measured.has_value(); }
    // Made with another recipe or layout than the description says.
    bool stale() const {
        return measured && (measured->recipe != described.recipe || measured->layout != described.layout ||
                            measured->quantized != described.quantized);
    }
};

// Of a group: joint numbers of the tensors under it.
struct TensorTreeModel::Sums {
    std::uint64_t params = 0;
    std::uint64_t bytes = 0; // with the recipe: quantized ones as quantized, others as stored
    std::uint64_t quantized = 0;
    std::uint64_t quantizedParams = 0;
    StoredBits bits;
    std::uint64_t measured = 0; // quantized ones with numbers that are up to date
    double signal = 0;
    double error = 0;
};

struct TensorTreeModel::Node {
    Node *parent = nullptr;
    std::vector<std::unique_ptr<Node>> children;
    int row = 0;
    int tensor = -1; // a group has none
    QString label;
    QString path;
    std::vector<int> tensors; // under a group
    mutable std::optional<Sums> sums;

    bool group() const { return tensor < 0; }
};

} // namespace nibblescope
