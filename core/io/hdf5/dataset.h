// SPDX-License-Identifier: GPL-3.0-or-later
// Datasets of an HDF5 file as tensors. Runs in the helper process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/io/hdf5/api.h"
#include "core/tensor/dtype.h"

namespace nibblescope::hdf5 {

struct DatasetFacts {
    DType dtype = DType::F32;
    std::vector<std::uint64_t> dims;
    std::uint64_t params = 0;
    std::uint64_t preferred = 1; // elements of a row of chunks
};

// What the dataset holds, or why it is refused ("it holds text"): the facts stand only where `refusal` is empty.
struct DatasetVerdict {
    DatasetFacts facts;
    std::string refusal;
};
DatasetVerdict judgeDataset(hid_t dataset, std::uint64_t fileBytes);

// Opens a dataset; external links on the way are never followed. The cache of chunks holds a row of them, so that each
// is unpacked once.
Handle openDataset(hid_t file, const std::string &path);

// Reads elements [first, first + count) in C order, little-endian and packed, and hands them out in pieces of a few
// MiB.
void readDataset(hid_t dataset, const DatasetFacts &facts, std::uint64_t first, std::uint64_t count,
                 const std::function<void(std::span<const std::byte>)> &piece);

} // namespace nibblescope::hdf5
