// SPDX-License-Identifier: GPL-3.0-or-later
// Stored elements to F32 and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/kernels/kernels.h"
#include "core/tensor/dtype.h"

namespace nibblescope {

// Decodes packed little-endian elements: in.size() / (bits / 8) values are written to `out`. For F64, F32, F16, BF16,
// F8_E4M3 and F8_E5M2 (traits(dtype).decodable), all exact but F64, which is rounded to the nearest F32: values beyond
// F32 become Inf and so count as not finite. `in` needs no alignment. Other types: std::logic_error.
void decodeToF32(DType dtype, std::span<const std::byte> in, float *out, const Kernels &kernels);

// Encodes to F32, F16 or BF16 (round to nearest even) into `out`, which has the bytes for in.size() elements. Returns
// the index of the first finite value that the type cannot hold (it becomes Inf); nullopt if there is none.
std::optional<std::size_t> encodeFromF32(DType dtype, std::span<const float> in, std::span<std::byte> out,
                                         const Kernels &kernels);

} // namespace nibblescope
