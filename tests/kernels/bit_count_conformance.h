// SPDX-License-Identifier: GPL-3.0-or-later
// Both ways of counting small numbers against a plain loop.
#pragma once

#include <string>
#include <vector>

#include "core/kernels/kernels.h"

namespace nibblescope::conformance {

std::vector<std::string> bitCountsAgree(const Kernels &kernels);

} // namespace nibblescope::conformance
