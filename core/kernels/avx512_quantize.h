// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the AVX-512 quantizer.
#pragma once

#include "core/kernels/kernels.h"

namespace nibblescope {

// Codes, scales and all else that `span` wants of at most a chunk of whole groups. False: not one of the formats, sizes
// and data that this is for; nothing is promised of what was written, but counters are as they were.
bool quantizeFusedAvx512(Format format, const QuantizeSpan &span);

} // namespace nibblescope
