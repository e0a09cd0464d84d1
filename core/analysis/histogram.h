// SPDX-License-Identifier: GPL-3.0-or-later
// Histograms with exact counts, made on workers so that plots are fed one value a bin.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/work.h"
#include "core/quant/quantized_tensor.h"

namespace nibblescope {

struct Histogram {
    double lower = 0;
    double upper = 1;
    std::vector<std::uint64_t> counts;
    std::uint64_t below = 0;
    std::uint64_t above = 0;

    double binWidth() const { return (upper - lower) / static_cast<double>(counts.size()); }
    std::uint64_t total() const;
};

// Counts of the finite values; `bins` >= 1, lower < upper.
Histogram histogram(std::span<const float> values, double lower, double upper, std::size_t bins, const Work &work);

struct BinRange {
    double lower = 0;
    double upper = 1;
    std::size_t bins = 1;
};
struct DecodedHistograms {
    Histogram decoded;       // of what the weights decode to
    Histogram error;         // of decoded - weight, where the weight is finite
    std::uint64_t zeros = 0; // decoded weights that are 0
};
// Of a quantized tensor and its weights, in one pass that decodes on the way.
DecodedHistograms decodedHistograms(std::span<const float> weights, const QuantizedTensor &tensor,
                                    const BinRange &values, const BinRange &errors, const Work &work);

// Quantile q of |v| over the finite values: exact to one part in 2^16 of the largest magnitude.
double absQuantile(std::span<const float> values, double q, const Work &work);

// Twice the number of bins that Freedman and Diaconis give for this interquartile range, odd (0 lies in the middle of a
// bin of a symmetric range), at least 65 and at most `most`.
std::size_t binCount(std::uint64_t values, double interquartileRange, double width, std::size_t most);

} // namespace nibblescope
