// SPDX-License-Identifier: GPL-3.0-or-later
// Element types of HDF5 datasets, which describe their bits one by one, and ours.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "core/io/hdf5/api.h"
#include "core/tensor/dtype.h"

namespace nibblescope::hdf5 {

// Of the type of a dataset in a file: ours, or the words for what it is instead ("text", "a compound type").
std::variant<DType, std::string> elementType(hid_t fileType);

// What to read elements of `dtype` into: little-endian and packed. `fileType` decides the kind where the library has no
// type of its own (float16, bfloat16 as two opaque bytes).
Handle memoryType(hid_t fileType, DType dtype);

// The type for a dataset of ours: an IEEE float or an integer; types that HDF5 does not know become unsigned integers
// of their width (16 or 8 bits).
Handle storedType(DType dtype);
bool hasStoredType(DType dtype); // false: the type above is only a carrier

Handle halfType(); // IEEE binary16, little-endian

} // namespace nibblescope::hdf5
