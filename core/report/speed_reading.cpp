// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/readings.h"

#include "core/report/figures_speed.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

const KernelTiming *timingOf(const BenchReport &report, const std::string &name) {
    for (const KernelTiming &timing : report.results) {
        if (!name.empty() && displayFormat(timing) == name)
            return &timing;
    }
    return nullptr;
}

bool overlap(const KernelTiming &a, const KernelTiming &b) {
    return a.q25Seconds <= b.q75Seconds && b.q25Seconds <= a.q75Seconds;
}

std::string aloneClause(const KernelTiming &timing) {
    return heldText(displayFormat(timing)) + " takes " + microsecondsText(timing.medianSeconds) +
           (timing.batch ? " a product, " : ", ") + percentText(timing.share, 2) + " of the read bandwidth.";
}

std::string comparedClause(const KernelTiming &timing, const KernelTiming &int8, const KernelTiming *baseline,
                           const BenchReport &report) {
    const std::string name = heldText(displayFormat(timing));
    if (overlap(timing, int8))
        return name + " and INT8: no measurable difference.";
    const double ratio = int8.medianSeconds / timing.medianSeconds;
    const std::string faster = name + " is " + withUnit(ratioText(ratio), "times") + " as fast as INT8";
    if (timing.cache == CacheState::Cold && timing.share >= 0.5 && int8.share >= 0.5) {
        std::string text = faster;
        if (baseline != nullptr && baseline != &timing && baseline != &int8)
            text += " and " + heldText(displayFormat(*baseline) + " " +
                                       ratioText(int8.medianSeconds / baseline->medianSeconds) + " times");
        const double byBytes = static_cast<double>(int8.bytes) / static_cast<double>(timing.bytes);
        return text + "; bytes alone would give " + ratioText(byBytes) + ".";
    }
    const bool inCache = timing.cache == CacheState::Warm || timing.bytes < report.machine.lastLevelCacheBytes;
    return faster + ": limited by " + (inCache ? "cache" : "arithmetic") + ", not by memory (" +
           percentText(timing.share, 2) + " of the bandwidth).";
}

} // namespace

Reading speedReading(const SpeedReadingInput &input) {
    if (input.report == nullptr || input.report->results.empty())
        return {{"Not measured yet: press Measure (about " + withUnit("20", "s") + ")."}};
    const KernelTiming *timing = timingOf(*input.report, input.recipe);
    if (timing == nullptr)
        return {{aloneClause(input.report->results.front())}};
    const KernelTiming *int8 = counterpartOf(*timing, "int8", *input.report);
    if (int8 == nullptr || timing == int8)
        return {{aloneClause(*timing)}};
    return {{comparedClause(*timing, *int8, timingOf(*input.report, input.baseline), *input.report)}};
}

} // namespace nibblescope
