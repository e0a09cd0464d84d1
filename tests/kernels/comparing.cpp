// SPDX-License-Identifier: GPL-3.0-or-later
#include "comparing.h"

#include <cmath>
#include <cstring>

namespace nibblescope::conformance {

bool close(double a, double b, double scale) {
    if (std::isnan(a) || std::isnan(b))
        return std::isnan(a) == std::isnan(b);
    return a == b || std::fabs(a - b) <= 1e-7 * scale;
}

bool sameBits(const void *a, const void *b, std::size_t bytes) { return bytes == 0 || std::memcmp(a, b, bytes) == 0; }

std::string where(Format format, Kind kind, std::size_t count, std::size_t groupSize, std::size_t firstInGroup) {
    return std::string(traits(format).id) + ", " + std::string(nameOf(kind)) + ", " + std::to_string(count) +
           " weights, group " + std::to_string(groupSize) + " from " + std::to_string(firstInGroup) + ": ";
}

void compareSums(Problems &problems, const std::string &place, const ErrorSums &a, const ErrorSums &b) {
    if (!close(a.signal, b.signal, b.signal) || !close(a.error, b.error, b.error) ||
        !close(a.decoded, b.decoded, b.decoded) || !close(a.dot, b.dot, std::sqrt(b.signal * b.decoded)))
        problems.push_back(place + "sums differ");
    if (a.maxAbsError != b.maxAbsError || a.finite != b.finite)
        problems.push_back(place + "largest error or number of finite weights differs");
    if (a.clipped != b.clipped)
        problems.push_back(place + std::to_string(a.clipped) + " clipped instead of " + std::to_string(b.clipped));
}

} // namespace nibblescope::conformance
