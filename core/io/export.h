// SPDX-License-Identifier: GPL-3.0-or-later
// Exports of a model under a recipe. Each appears whole under its name or not at all (see AtomicFile).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/base/work.h"
#include "core/io/model.h"

namespace nibblescope {

struct ExportSummary {
    std::uint64_t fileBytes = 0;
    std::uint64_t tensors = 0;
    std::uint64_t quantizedTensors = 0;
    std::uint64_t quantizedParams = 0;
    StoredBits bits;                   // of the quantized tensors
    std::vector<std::string> warnings; // one line each, naming the tensor
};

// What the weights of tensor `info` become in a dequantized file where no type is asked for: its own, or F32 for F64
// and F8.
DType dequantizedType(DType source);

// The weights as the recipe decodes them, in a safetensors file that every tool loads. The tensors of `tensors`
// (indices into the model) that the plan quantizes are written as `type` (F32, F16 or BF16; none: dequantizedType), all
// others bit for bit. Each keeps its name, shape and stored orientation; shards become one file.
//
// Throws Error{Fault::Input} for a tensor to be quantized that holds NaN or Inf, or values that `type` cannot hold;
// Error{Fault::Call} for a recipe that cannot be carried out or another `type`; else as the reader and AtomicFile.
ExportSummary exportDequantized(const Model &model, const std::vector<std::size_t> &tensors, const ModelPlan &plan,
                                const std::filesystem::path &target, std::optional<DType> type, const Work &work);

// Codes, constants and recipe of every tensor that the plan quantizes, all others bit for bit, in one HDF5 file
// (layout: resources/docs/quantized-hdf5.md). It was read back and compared before it took its name. Throws Error as
// above.
ExportSummary exportQuantized(const Model &model, const std::vector<std::size_t> &tensors, const ModelPlan &plan,
                              const std::filesystem::path &target, const Work &work);

} // namespace nibblescope
