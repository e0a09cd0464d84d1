// SPDX-License-Identifier: GPL-3.0-or-later
// The parts of the AVX-512 encoder.
#pragma once

#include "core/kernels/kernels.h"

namespace nibblescope {

// Codes of a chunk as bytes, its decoded weights and its sums, for the group sizes and data that are usual. False: not
// one of them; nothing is promised of what was written.
bool encodeFusedAvx512(Format format, const EncodeSpan &span, std::uint8_t *bytes);

} // namespace nibblescope
