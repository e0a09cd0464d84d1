// SPDX-License-Identifier: GPL-3.0-or-later
// This machine: what the system says of it, and how fast it reads memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/bench/timing.h"

namespace nibblescope {

// Without the bandwidths, which take time to measure.
MachineInfo describeMachine();

// Processors that this process may run on, lowest number first.
std::vector<unsigned> allowedProcessors();

// Bytes that can be allocated without pushing other programs out.
std::uint64_t availableMemory();

// Share of all processors' time that other programs took since the last call of the same object, 0 ... 1.
class LoadMeter {
public:
    LoadMeter();
    double shareOfOthers();

private:
    std::uint64_t m_busy = 0;
    std::uint64_t m_total = 0;
    double m_own = 0;
};

} // namespace nibblescope
