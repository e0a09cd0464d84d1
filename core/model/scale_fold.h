// SPDX-License-Identifier: GPL-3.0-or-later
// Scales that move between the operations of a layer: what it computes stays the same, what is rounded does not.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "core/model/llama_tensors.h"

namespace nibblescope {

struct ScaleFold {
    std::vector<float> columns; // multiplied by; empty: none
    std::vector<float> rows;    // divided by, then; a norm's weight and a bias are a column each

    void apply(std::vector<float> &weights) const;
    void undo(std::vector<float> &weights) const;
};
using ScaleFolds = std::map<std::size_t, ScaleFold>; // by tensor

// All that read `input` in a layer get their columns multiplied by `scales`, and the operation before gets them divided
// out: the norm's weight for q, k, v and for gate, up; the rows of v and its bias for o; those of up for down.
void addFold(const LlamaTensors::Layer &places, InputKind input, const std::vector<float> &scales, ScaleFolds &folds);

} // namespace nibblescope
