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

// Whether what groups decode to is counted by their codes: 16 values a group in place of one a weight.
bool countsByGroup(const QuantizedTensor &tensor) {
    const GroupGrid &grid = tensor.grid;
    constexpr std::uint64_t worthwhile = 32; // weights a group
    return traits(tensor.recipe.format).codeBits == 4 && grid.groupSize >= worthwhile &&
           (grid.cols % 2 == 0 || grid.rows == 1); // any part of a row begins at a byte
}

// The slots of histogramSlot, four at a time.
void slotsOf(const HistogramSpan &plan, const float *values, std::size_t count, std::uint32_t *slots) {
    const auto bins = static_cast<float>(plan.bins);
    for (std::size_t i = 0; i < count; ++i) {
        const float place = (values[i] - plan.lower) * plan.inverseWidth;
        const float kept = place < bins ? place : bins;
        slots[i] = kept >= 0.0F ? static_cast<std::uint32_t>(static_cast<std::int32_t>(kept)) + 1U : 0U;
    }
}

// Counts what parts of grid rows decode to, and how much of that is 0.
class DecodedCounter {
public:
    DecodedCounter(const QuantizedTensor &tensor, const HistogramSpan &plan, const Kernels &kernels)
        : m_tensor(tensor), m_plan(plan), m_kernels(kernels) {}

    void countPart(std::uint64_t row, std::uint64_t column, std::size_t size, std::uint64_t *counts,
                   std::uint64_t &zeros) const {
        const GroupGrid &grid = m_tensor.grid;
        DecodeSpan span;
        span.codes = m_tensor.codes.data() + row * m_tensor.bytesPerGridRow() + column / 2;
        span.groupSize = grid.groupSize;
        std::uint64_t group = row * grid.groupsPerRow() + column / grid.groupSize;
        span.firstInGroup = column % grid.groupSize;
        // A few groups at a time.
        for (std::size_t done = 0; done < size;) {
            span.count = std::min<std::size_t>(size - done, mostGroups * grid.groupSize - span.firstInGroup);
            const std::size_t groups = (span.firstInGroup + span.count - 1) / grid.groupSize + 1;
            countGroups(span, group, groups, counts, zeros);
            done += span.count;
            span.codes += span.count / 2;
            span.firstInGroup = 0;
            group += groups;
        }
    }

private:
    static constexpr std::size_t mostGroups = 32;

    void countGroups(const DecodeSpan &span, std::uint64_t group, std::size_t groups, std::uint64_t *counts,
                     std::uint64_t &zeros) const {
        std::array<std::uint32_t, 16 * mostGroups> ofCodes;
        std::array<float, 16 * mostGroups> values;
        std::array<std::uint32_t, 16 * mostGroups> slots;
        m_kernels.codeCounts(span, ofCodes.data());
        decodeLevels(m_tensor, group, groups, values.data(), m_kernels);
        slotsOf(m_plan, values.data(), 16 * groups, slots.data());
        std::uint32_t zero = 0;
        for (std::size_t i = 0; i < 16 * groups; ++i)
            zero += values[i] == 0.0F ? ofCodes[i] : 0U;
        zeros += zero;
        for (std::size_t i = 0; i < 16 * groups; ++i)
            counts[slots[i]] += ofCodes[i];
    }

    const QuantizedTensor &m_tensor;
    HistogramSpan m_plan;
    const Kernels &m_kernels;
};

// Calls `part(row, column, length)` for what lies of [at, at + size) in each row.
template <typename Part>
void forRowParts(const GroupGrid &grid, std::uint64_t at, std::uint64_t size, Part part) {
    for (const std::uint64_t end = at + size; at < end;) {
        const std::uint64_t row = at / grid.cols;
        const std::uint64_t length = std::min(end, (row + 1) * grid.cols) - at;
        part(row, at - row * grid.cols, length);
        at += length;
    }
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
    const bool byGroup = countsByGroup(tensor);
    const DecodedCounter counter(tensor, decodedPlan, work.kernels);
    auto slots =
        countInTasks(weights.size(), zeroSlot + 1, work, [&](std::size_t at, std::size_t size, std::uint64_t *out) {
            // Decoded and taken the difference of while it lies in the cache.
            alignas(64) std::array<float, spanWeights> buffer;
            dequantizeRange(tensor, at, size, buffer.data(), work.kernels);
            HistogramSpan span = errorPlan;
            span.values = buffer.data();
            span.minus = weights.data() + at;
            span.count = size;
            span.counts = out + errorSlots;
            work.kernels.histogram(span);
            if (byGroup) {
                forRowParts(tensor.grid, at, size, [&](std::uint64_t row, std::uint64_t column, std::size_t length) {
                    counter.countPart(row, column, length, out, out[zeroSlot]);
                });
                return;
            }
            span = decodedPlan;
            span.values = buffer.data();
            span.count = size;
            span.counts = out;
            work.kernels.histogram(span);
            out[zeroSlot] += static_cast<std::uint64_t>(std::count(buffer.begin(), buffer.begin() + size, 0.0F));
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
