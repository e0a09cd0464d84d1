// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/clip_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>

#include "core/kernels/encode_rules.h"

namespace nibblescope {

#define NIBBLESCOPE_TEN(a)                                                                                             \
    (a) / 100.0F, ((a)-1) / 100.0F, ((a)-2) / 100.0F, ((a)-3) / 100.0F, ((a)-4) / 100.0F, ((a)-5) / 100.0F,            \
        ((a)-6) / 100.0F, ((a)-7) / 100.0F, ((a)-8) / 100.0F, ((a)-9) / 100.0F
const float clipShares[clipSteps] = {NIBBLESCOPE_TEN(100), NIBBLESCOPE_TEN(90), NIBBLESCOPE_TEN(80),
                                     NIBBLESCOPE_TEN(70),  NIBBLESCOPE_TEN(60), NIBBLESCOPE_TEN(50),
                                     NIBBLESCOPE_TEN(40),  NIBBLESCOPE_TEN(30)};
#undef NIBBLESCOPE_TEN

namespace {

constexpr double tolerance = 1e-4;    // of rough errors
constexpr double distinction = 1e-12; // closer exact errors of different scales depend on the order of the sum

ClipChoice byDefinition(Format format, const ClipSearch &search) {
    return scalarKernels().clipSearch[static_cast<std::size_t>(format)](search);
}

// How far the outermost weights are from all levels, squared, with candidate `i` or any later one. Scales shrink.
double leastError(Format format, const ClipSearch &search, const ClipCandidates &all, std::size_t i) {
    const auto scale = static_cast<double>(std::fabs(all.scale[i]));
    const auto beyond = [](double magnitude, double reach) {
        const double distance = std::max(0.0, magnitude - reach * (1 + 1e-6));
        return distance * distance;
    };
    if (format == Format::Int4Asym) {
        // The zero-point is rounded: half a step at either end.
        const double share = (100.0 - static_cast<double>(i)) / 100.0;
        const auto low = static_cast<double>(-search.range.min);
        const auto high = static_cast<double>(search.range.max);
        return beyond(low, low * share + 0.51 * scale) + beyond(high, high * share + 0.51 * scale);
    }
    const double levels = format == Format::Int8                                    ? 127
                          : format == Format::Nf4 || format == Format::Fp4          ? 1
                          : format == Format::Int4 && search.range.signedMax > 0.0F ? 7
                                                                                    : 8;
    return beyond(static_cast<double>(search.range.absmax), levels * scale);
}

std::uint32_t closeOnes(const ClipOperations &operations, const double *errors, double limit) {
    if (operations.close != nullptr)
        return operations.close(errors, limit);
    std::uint32_t close = 0;
    for (std::size_t i = 0; i < operations.width; ++i)
        close |= static_cast<std::uint32_t>(errors[i] <= limit ? 1 : 0) << i;
    return close;
}

ClipChoice choiceOf(const ClipCandidates &all, std::size_t i) {
    return {all.scale[i], static_cast<std::uint8_t>(all.zeroPoint[i]), static_cast<int>(i)};
}

// Steps of the different candidates whose rough errors are at most `limit`, of equal ones the first. Returns how many.
std::size_t rivals(const ClipOperations &operations, const ClipCandidates &all, std::span<const double> errors,
                   double limit, std::array<std::size_t, clipSteps> &steps) {
    std::size_t count = 0;
    for (std::size_t first = 0; first < errors.size(); first += operations.width)
        for (std::uint32_t close = closeOnes(operations, errors.data() + first, limit); close != 0;
             close &= close - 1) {
            const std::size_t i = first + static_cast<std::size_t>(std::countr_zero(close));
            const bool same = count != 0 && all.scale[i] == all.scale[steps[count - 1]] &&
                              all.zeroPoint[i] == all.zeroPoint[steps[count - 1]];
            if (!same)
                steps[count++] = i;
        }
    return count;
}

// Which of them it is, exactly. A single one needs no look.
ClipChoice bestOf(Format format, const ClipSearch &search, const ClipOperations &operations, const ClipCandidates &all,
                  std::span<const double> errors, double limit) {
    std::array<std::size_t, clipSteps> steps;
    const std::size_t count = rivals(operations, all, errors, limit, steps);
    if (count == 1)
        return choiceOf(all, steps[0]);
    ClipChoice best;
    double bestError = -1;
    for (const std::size_t i : std::span(steps.data(), count)) {
        const ClipChoice choice = choiceOf(all, i);
        const double error = operations.exact(search, choice.scale, choice.zeroPoint);
        if (error < 0 || (bestError >= 0 && std::fabs(error - bestError) <= distinction * bestError))
            return byDefinition(format, search);
        if (bestError < 0 || error < bestError) {
            bestError = error;
            best = choice;
        }
    }
    return best;
}

} // namespace

ClipChoice clipSearchBy(Format format, const ClipSearch &search, const ClipOperations &operations) {
    // Squares of what is far from 1 leave the range of F32, and NaN or Inf need the definition's care.
    const float magnitude = search.range.absmax;
    if (!(magnitude > 1e-12F && magnitude < 1e12F))
        return byDefinition(format, search);
    const EncodeTables &tables = encodeTables(format);
    ClipCandidates all;
    double errors[clipSteps];
    double smallest = HUGE_VAL;
    std::size_t known = 0;
    const float unclipped = exactScale(format, search.range);
    while (known < clipSteps) {
        operations.make(search, unclipped, known, all);
        const bool hopeless = search.importance == nullptr && known != 0 &&
                              leastError(format, search, all, known) > smallest * (1 + tolerance);
        if (hopeless)
            break;
        const double least = operations.rough(search, all, known, tables, errors + known);
        smallest = least < smallest ? least : smallest;
        known += operations.width;
    }
    if (!(smallest < HUGE_VAL)) // NaN or Inf among the weights
        return byDefinition(format, search);
    return bestOf(format, search, operations, all, std::span(errors, known), smallest * (1 + tolerance));
}

} // namespace nibblescope
