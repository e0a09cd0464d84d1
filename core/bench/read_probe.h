// SPDX-License-Identifier: GPL-3.0-or-later
// Plain reading, as fast as this CPU does it: what every share is held against.
#pragma once

#include <cstddef>

namespace nibblescope {

// Reads all of it, front to back in one stream, or in four streams a quarter apart. `bytes` is a multiple of 1024. The
// result only keeps the compiler from leaving it out.
unsigned readOneStream(const void *data, std::size_t bytes);
unsigned readFourStreams(const void *data, std::size_t bytes);

} // namespace nibblescope
