// SPDX-License-Identifier: GPL-3.0-or-later
// What the user has to be told about a tensor.
#pragma once

#include "core/analysis/results.h"

namespace nibblescope {

// Appends to result.warnings, from its statistics and scale counts: NaN and Inf with the first place, scales that the
// storage type cannot hold.
void addWarnings(TensorResult &result);

} // namespace nibblescope
