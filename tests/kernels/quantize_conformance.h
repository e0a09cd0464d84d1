// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "core/kernels/kernels.h"

namespace nibblescope::conformance {

// The entry `quantize`: scales, zero-points, codes, sums, counts and bins of runs, from all types of input.
std::vector<std::string> quantizeAgrees(const Kernels &kernels);

} // namespace nibblescope::conformance
