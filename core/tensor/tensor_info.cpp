// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/tensor_info.h"

namespace nibblescope {

MatrixShape matrixShape(const TensorInfo &info, Layout layout) {
    const auto &shape = info.shape;
    if (shape.empty())
        return {1, 1};
    if (shape.size() == 1)
        return {1, shape[0]};
    if (info.params == 0)
        return {layout == Layout::OutIn ? shape.front() : shape.back(), 0};
    if (layout == Layout::OutIn)
        return {shape.front(), info.params / shape.front()};
    // [rest, out]: the last side is the output, as in Keras' dense [in, out] and convolution [h, w, in, out] kernels.
    return {shape.back(), info.params / shape.back()};
}

} // namespace nibblescope
