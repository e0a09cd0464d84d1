// SPDX-License-Identifier: GPL-3.0-or-later
// Products of each set against F64.
#pragma once

#include <string>
#include <vector>

#include "core/kernels/kernels.h"

namespace nibblescope::conformance {

std::vector<std::string> productsAgree(const Kernels &kernels);
std::vector<std::string> activationsAgree(const Kernels &kernels);

} // namespace nibblescope::conformance
