// SPDX-License-Identifier: GPL-3.0-or-later
// What the pages look at: one tensor in memory, what it was quantized to, and the numbers of both. Immutable once made;
// shared between the window's pages.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/analysis/results.h"
#include "core/base/large_array.h"
#include "core/base/work.h"
#include "core/io/matrix_reader.h"
#include "core/io/model.h"
#include "core/quant/input_statistics.h"

namespace nibblescope {

// The weights as [rows, cols], whole rows. A sample holds evenly spread blocks of rows.
struct WeightMatrix {
    LargeArray<float> weights;
    MatrixShape shape;                    // of `weights`
    std::vector<std::uint64_t> rowOrigin; // sample: row in the tensor of each row here; empty: the same
    std::uint64_t sourceWeights = 0;      // weights of the tensor
    std::optional<Statistics> statistics; // of `weights`; absent: not made yet
    bool sample() const { return shape.size() != sourceWeights; }
};

struct TensorView {
    std::shared_ptr<const WeightMatrix> weights;
    TensorResult result; // exact, or of the sample
    // Null where kept. Who needs what it decodes to decodes it, block by block, while a block lies in the cache: that
    // is faster than reading it from memory, and a whole tensor of F32 smaller.
    std::shared_ptr<const QuantizedTensor> quantized;
};

// Reads a whole tensor (at most wholeTensorLimitBytes as F32, else Error{Fault::Input}).
WeightMatrix readWeights(const Model &model, std::size_t tensor, Layout layout, const Work &work);
// Whole row blocks that together hold about `about` weights, evenly spread; the whole tensor if it is not larger.
WeightMatrix readSample(const Model &model, std::size_t tensor, Layout layout, std::uint64_t about, const Work &work);

// Quantizes what is in memory and measures it. Format::None: statistics only. `inputs`: for methods that need them.
TensorView makeView(const TensorInfo &info, Layout layout, std::shared_ptr<const WeightMatrix> weights,
                    const Recipe &recipe, const Work &work, const InputStatistics *inputs = nullptr);

} // namespace nibblescope
