// SPDX-License-Identifier: GPL-3.0-or-later
// How results of two tables are compared.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "test_weights.h"

namespace nibblescope::conformance {

using Problems = std::vector<std::string>;

bool close(double a, double b, double scale); // to 1e-7 of `scale`
bool sameBits(const void *a, const void *b, std::size_t bytes);
std::string where(Format format, Kind kind, std::size_t count, std::size_t groupSize, std::size_t firstInGroup);
void compareSums(Problems &problems, const std::string &place, const ErrorSums &a, const ErrorSums &b);

} // namespace nibblescope::conformance
