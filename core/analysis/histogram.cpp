// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "core/kernels/kernels.h"

namespace nibblescope {
namespace {

constexpr std::size_t taskWeights = 64 * chunkWeights;
constexpr std::size_t spanWeights = 4 * chunkWeights; // the kernel sets up its tables once a span

// Runs `count(chunk begin, chunk size, counters)` over all values in tasks of their own counters, and adds those up.
template <typename CountChunk>
std::vector<std::uint64_t> countInTasks(std::size_t size, std::size_t slots, const Work &work, CountChunk countChunk) {
    const std::size_t tasks = (size + taskWeights - 1) / taskWeights;
    std::vector<std::vector<std::uint64_t>> parts(tasks);
    work.parallelFor(tasks, [&](std::size_t task) {
        parts[task].resize(slots);
        const std::size_t end = std::min(size, (task + 1) * taskWeights);
        for (std::size_t at = task * taskWeights; at < end; at += spanWeights)
            countChunk(at, std::min(spanWeights, end - at), parts[task].data());
    });
    std::vector<std::uint64_t> total(slots);
    for (const auto &part : parts)
        for (std::size_t i = 0; i < slots; ++i)
            total[i] += part[i];
    return total;
}

HistogramSpan spanFor(double lower, double upper, std::size_t bins) {
    HistogramSpan span;
    span.lower = static_cast<float>(lower);
    span.inverseWidth = static_cast<float>(static_cast<double>(bins) / (upper - lower));
    span.bins = bins;
    return span;
}

Histogram histogramFrom(std::vector<std::uint64_t> slots, double lower, double upper) {
    Histogram result;
    result.lower = lower;
    result.upper = upper;
    result.below = slots.front();
    result.above = slots.back();
    result.counts.assign(slots.begin() + 1, slots.end() - 1);
    return result;
}

// What is 0 among the decoded, and in its place what it is off the weight: NaN, which is not counted, where that is not
// finite.
std::uint64_t zerosAndErrors(const float *weights, float *decoded, std::size_t count) {
    std::uint32_t zeros = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const float weight = weights[i];
        zeros += decoded[i] == 0.0F ? 1U : 0U;
        decoded[i] = (decoded[i] - weight) + (weight - weight); // + 0, or NaN
    }
    return zeros;
}

} // namespace

std::uint64_t Histogram::total() const { return std::accumulate(counts.begin(), counts.end(), below + above); }

Histogram histogram(std::span<const float> values, double lower, double upper, std::size_t bins, const Work &work) {
    const HistogramSpan plan = spanFor(lower, upper, bins);
    return histogramFrom(countInTasks(values.size(), bins + 2, work,
                                      [&](std::size_t at, std::size_t size, std::uint64_t *out) {
                                          HistogramSpan span = plan;
                                          span.values = values.data() + at;
                                          span.count = size;
                                          span.counts = out;
                                          work.kernels.histogram(span);
                                          // The kernel counts infinities as outside; they are no finite values.
                                          for (std::size_t i = at; i < at + size; ++i)
                                              if (std::isinf(values[i]))
                                                  --out[values[i] < 0 ? 0 : bins + 1];
                                      }),
                         lower, upper);
}

DecodedHistograms decodedHistograms(std::span<const float> weights, const QuantizedTensor &tensor,
                                    const BinRange &values, const BinRange &errors, const Work &work) {
    const HistogramSpan decodedPlan = spanFor(values.lower, values.upper, values.bins);
    const HistogramSpan errorPlan = spanFor(errors.lower, errors.upper, errors.bins);
    const std::size_t errorSlots = values.bins + 2;
    const std::size_t zeroSlot = errorSlots + errors.bins + 2;
    auto slots =
        countInTasks(weights.size(), zeroSlot + 1, work, [&](std::size_t at, std::size_t size, std::uint64_t *out) {
            // Decoded and taken the difference of while it lies in the cache.
            alignas(64) std::array<float, spanWeights> buffer;
            dequantizeRange(tensor, at, size, buffer.data(), work.kernels);
            HistogramSpan span = decodedPlan;
            span.values = buffer.data();
            span.count = size;
            span.counts = out;
            work.kernels.histogram(span);
            out[zeroSlot] += zerosAndErrors(weights.data() + at, buffer.data(), size);
            span = errorPlan;
            span.values = buffer.data();
            span.count = size;
            span.counts = out + errorSlots;
            work.kernels.histogram(span);
        });
    DecodedHistograms result;
    result.zeros = slots[zeroSlot];
    const auto at = [&slots](std::size_t slot) { return slots.begin() + static_cast<std::ptrdiff_t>(slot); };
    result.decoded = histogramFrom({at(0), at(errorSlots)}, values.lower, values.upper);
    result.error = histogramFrom({at(errorSlots), at(zeroSlot)}, errors.lower, errors.upper);
    return result;
}

double absQuantile(std::span<const float> values, double q, const Work &work) {
    // The upper 16 of the 31 bits of a magnitude sort like the magnitude: 2^15 classes, each 1/128 of its value wide; a
    // second look inside the class that holds the quantile takes the next 15 bits, which leaves one part in 2^22.
    const auto magnitude = [](float v) { return std::bit_cast<std::uint32_t>(v) & 0x7fffffffU; };
    constexpr std::uint32_t infinite = 0x7f800000U;
    const auto coarse =
        countInTasks(values.size(), 1U << 15, work, [&](std::size_t at, std::size_t size, std::uint64_t *out) {
            for (std::size_t i = at; i < at + size; ++i)
                if (magnitude(values[i]) < infinite)
                    ++out[magnitude(values[i]) >> 16];
        });
    const std::uint64_t total = std::accumulate(coarse.begin(), coarse.end(), std::uint64_t{0});
    if (total == 0)
        return 0;
    auto rank = static_cast<std::uint64_t>(std::clamp(q, 0.0, 1.0) * static_cast<double>(total - 1));
    std::uint32_t top = 0;
    while (rank >= coarse[top])
        rank -= coarse[top++];
    const auto fine =
        countInTasks(values.size(), 1U << 15, work, [&](std::size_t at, std::size_t size, std::uint64_t *out) {
            for (std::size_t i = at; i < at + size; ++i)
                if (magnitude(values[i]) >> 16 == top)
                    ++out[(magnitude(values[i]) >> 1) & 0x7fffU];
        });
    std::uint32_t low = 0;
    while (rank >= fine[low])
        rank -= fine[low++];
    return static_cast<double>(std::bit_cast<float>((top << 16) | (low << 1)));
}

std::size_t binCount(std::uint64_t values, double interquartileRange, double width, std::size_t most) {
    constexpr std::size_t fewest = 65;
    std::size_t bins = fewest;
    if (values > 0 && interquartileRange > 0) {
        const double rule = 2.0 * interquartileRange / std::cbrt(static_cast<double>(values));
        const double wanted = 2.0 * width / rule;
        bins = wanted > static_cast<double>(most) ? most : static_cast<std::size_t>(wanted);
    }
    bins = std::clamp(bins, std::min(fewest, most), most);
    return bins % 2 == 1 ? bins : bins - 1;
}

} // namespace nibblescope
