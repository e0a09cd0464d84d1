// SPDX-License-Identifier: GPL-3.0-or-later
// What the input of a linear looked like over a calibration text, and where methods get it from.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace nibblescope {

// Of the input X [positions, cols].
struct InputStatistics {
    std::uint64_t positions = 0;
    std::uint64_t cols = 0;
    std::vector<double> gram;    // X'X, [cols, cols], not divided by the positions
    std::vector<double> meanAbs; // mean |x| of each channel
    std::vector<double> maxAbs;  // max |x| of each channel
};

class StatisticsSource {
public:
    virtual ~StatisticsSource() = default;
    // Of the input that the tensor of that name is multiplied with; null: not known. Throws Error where it is known but
    // cannot be read. Safe from several threads at once.
    virtual std::shared_ptr<const InputStatistics> statisticsFor(std::string_view tensor) const = 0;
};

} // namespace nibblescope
