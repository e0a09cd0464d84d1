// SPDX-License-Identifier: GPL-3.0-or-later
// Opens HDF5 files through the helper process.
#pragma once

#include <filesystem>

#include "core/io/input_file.h"
#include "core/io/model.h"

namespace nibblescope {

// Whether HDF5's signature stands where it may: at byte 0, 512, 1024, 2048 ...
bool looksLikeHdf5(const InputFile &file);

// Every numeric dataset is a tensor named by its path. Keras' files keep their layer names and order, kernels are read
// [in, out], and optimizer state is left out. A file of ours (quantized_file.h) gives its decoded weights. What is
// refused is named in the warnings.
void openHdf5File(const std::filesystem::path &path, Model &model);
// A folder's only HDF5 file, or the first of several with a warning that names the others.
bool openHdf5Folder(const std::filesystem::path &folder, Model &model);

} // namespace nibblescope
