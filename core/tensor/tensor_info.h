// SPDX-License-Identifier: GPL-3.0-or-later
// What a file's header says about a tensor, and how the tensor is seen as a matrix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor/dtype.h"

namespace nibblescope {

// Which way a matrix lies in its file: [out, in] (nearly everybody) or [in, out] (Keras kernels, GPT-2's Conv1D).
enum class Layout : std::uint8_t { OutIn, InOut };

struct TensorInfo {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::uint64_t> shape; // as stored, C order
    std::uint64_t params = 0;         // product of the shape; 1 for rank 0
    std::uint64_t bytes = 0;          // as stored, uncompressed
    Layout layout = Layout::OutIn;    // what the format says; the user can change it
    // The format's own reason not to quantize this tensor (an embedding in Keras, F8 with a companion scale). Empty:
    // none.
    std::string keepReason;

    bool operator==(const TensorInfo &) const = default;
};

// A tensor seen as [rows = out_features, cols = in_features]. Rank 1 is one row; ranks above 2 are [out, rest]; rank 0
// is 1 x 1.
struct MatrixShape {
    std::uint64_t rows = 0;
    std::uint64_t cols = 0;
    std::uint64_t size() const { return rows * cols; }
    bool operator==(const MatrixShape &) const = default;
};

MatrixShape matrixShape(const TensorInfo &info, Layout layout);
inline MatrixShape matrixShape(const TensorInfo &info) { return matrixShape(info, info.layout); }

} // namespace nibblescope
