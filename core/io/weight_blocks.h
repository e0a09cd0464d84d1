// SPDX-License-Identifier: GPL-3.0-or-later
// Reads a tensor from its file in blocks of F32 weights, in the order of its matrix. The next block is read while this
// one is computed on, and memory does not grow with the tensor (but see below).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "core/base/work.h"
#include "core/io/model.h"
#include "core/quant/recipe.h"

namespace nibblescope {

// Weights in a block, about: 16 MiB as F32.
inline constexpr std::uint64_t blockWeights = 4U << 20;

// Calls `body(first, weights)` for consecutive blocks of the flat matrix [rows, cols], `first` a multiple of
// `alignment`
// (>= 1), from the calling thread. The whole tensor is one block where `whole` is set, and where a tensor of at most
// wholeTensorLimitBytes lies transposed in its file, so that its columns are scattered. Throws Error, also when
// stopped.
void forEachBlock(const Model &model, std::size_t tensor, Layout layout, std::uint64_t alignment, bool whole,
                  const Work &work, const std::function<void(std::uint64_t, std::span<const float>)> &body);

// Larger ones than wholeTensorLimitBytes cannot be held: throws Error{Fault::Input} that names the tensor and what
// needs it whole.
[[noreturn]] void refuseLarge(const TensorInfo &info, const std::string &what);
// Refuses the tensor where it is too large to be held and the recipe needs it whole.
void refuseIfTooLarge(const TensorInfo &info, MatrixShape shape, const Recipe &recipe);

// Calls `body` for consecutive runs of the stored bytes, as they are.
void forEachStoredBlock(const Model &model, std::size_t tensor, const Work &work,
                        const std::function<void(std::span<const std::byte>)> &body);

} // namespace nibblescope
