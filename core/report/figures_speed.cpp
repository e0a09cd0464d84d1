// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_speed.h"

#include <algorithm>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double microseconds = 1e6;

ColourRole colourOf(const KernelTiming &timing) {
    if (timing.format == "fp32")
        return ColourRole::Weights;
    if (timing.format == "fp16" || timing.format == "bf16")
        return ColourRole::Fp16;
    const auto format = formatFromId(timing.format);
    return format ? formatLook(*format).colour : ColourRole::Weights;
}

const KernelTiming *int8Of(const BenchReport &report) {
    const auto at = std::find_if(report.results.begin(), report.results.end(),
                                 [](const KernelTiming &timing) { return timing.format == "int8"; });
    return at == report.results.end() ? nullptr : &*at;
}

std::string bandwidthOf(const KernelTiming &timing) { return bandwidthText(timing.gbPerSecond() * 1e9); }

StackedBar bar(const KernelTiming &timing, double value, const SpeedInput &input) {
    StackedBar drawn;
    drawn.name = heldText(displayFormat(timing));
    drawn.selected = displayFormat(timing) == input.current;
    drawn.parts.push_back({{}, value, colourOf(timing), 1, false}); // the bar is named: no legend
    return drawn;
}

double readBandwidth(const BenchReport &report, unsigned threads) {
    const auto at = report.machine.readGbPerSecond.find(threads);
    return at == report.machine.readGbPerSecond.end() ? 0 : at->second;
}

unsigned threadsOf(const BenchReport &report) { return report.results.empty() ? 1 : report.results.front().threads; }

std::string threadsText(unsigned threads) {
    return withUnit(std::to_string(threads), threads == 1 ? "thread" : "threads");
}

std::string quartilesText(const KernelTiming &timing) {
    return microsecondsText(timing.q25Seconds) + " – " + microsecondsText(timing.q75Seconds);
}

} // namespace

Figure speedFigure(const SpeedInput &input) {
    Figure figure;
    figure.id = "speed.times";
    const bool several = !input.report.results.empty() && input.report.results.front().batch.value_or(1) > 1;
    figure.title = several ? "Time of one product with " + countText(*input.report.results.front().batch) + " vectors"
                           : "Time of one matrix-vector product";
    figure.note = "bar: median · whisker: quartiles";
    figure.x.label = "µs a product";
    figure.x.lower = 0;
    figure.gridVertical = true;
    double longest = 0;
    for (const KernelTiming &timing : input.report.results) {
        StackedBar drawn = bar(timing, timing.medianSeconds * microseconds, input);
        drawn.low = timing.q25Seconds * microseconds;
        drawn.high = timing.q75Seconds * microseconds;
        drawn.endLabel = microsecondsText(timing.medianSeconds) + "\n" + bandwidthOf(timing) + ", " +
                         percentText(timing.share, 2) + " of read bandwidth";
        drawn.readout =
            drawn.name + ": " + microsecondsText(timing.medianSeconds) + "\nquartiles " + quartilesText(timing);
        longest = std::max(longest, *drawn.high);
        figure.stackedBars.push_back(std::move(drawn));
    }
    figure.x.upper = longest > 0 ? 1.05 * longest : 1;
    figure.table = speedTable(input.report);
    return figure;
}

Figure speedUpFigure(const SpeedInput &input) {
    Figure figure;
    figure.id = "speed.ratio";
    figure.title = "Speed-up over INT8";
    figure.x.label = "times as fast as INT8 (dashed: what bytes alone would give)";
    figure.x.lower = 0;
    figure.x.upper = 2.2;
    figure.gridVertical = true;
    figure.table = speedTable(input.report);
    const KernelTiming *int8 = int8Of(input.report);
    if (int8 == nullptr)
        return figure;
    for (const KernelTiming &timing : input.report.results) {
        if (!(timing.medianSeconds > 0) || timing.bytes == 0)
            continue;
        const double ratio = int8->medianSeconds / timing.medianSeconds;
        StackedBar drawn = bar(timing, ratio, input);
        drawn.endLabel = ratioText(ratio);
        drawn.reference = static_cast<double>(int8->bytes) / static_cast<double>(timing.bytes);
        drawn.readout = drawn.name + ": " + ratioText(ratio) + " times as fast as INT8\nbytes alone would give " +
                        ratioText(*drawn.reference);
        figure.x.upper = std::max({figure.x.upper, 1.1 * ratio, 1.1 * *drawn.reference});
        figure.stackedBars.push_back(std::move(drawn));
    }
    Mark one;
    one.x = 1;
    one.colour = ColourRole::Text;
    figure.marks.push_back(one);
    Band said;
    said.from = 1.5;
    said.to = 2;
    said.vertical = true;
    said.text = "1.5 to 2 times, as said";
    figure.bands.push_back(said);
    return figure;
}

std::string machineText(const BenchReport &report) {
    const unsigned threads = threadsOf(report);
    const Isa isa = report.results.empty() ? report.machine.isa : report.results.front().isa;
    std::string text = report.machine.cpu + " · " + std::string(displayName(isa)) + " · " + threadsText(threads);
    if (const double read = readBandwidth(report, threads); read > 0)
        text += " · read bandwidth " + bandwidthText(read * 1e9) + " with " + threadsText(threads);
    return text;
}

std::vector<std::string> speedNotes(const BenchReport &report) {
    std::vector<std::string> notes = report.notes;
    if (report.results.empty())
        return notes;
    const KernelTiming &first = report.results.front();
    const auto largest = std::max_element(report.results.begin(), report.results.end(),
                                          [](const auto &a, const auto &b) { return a.bytes < b.bytes; });
    if (first.cache == CacheState::Warm && largest->bytes < report.machine.lastLevelCacheBytes)
        notes.push_back(heldText(countText(first.rows) + " × " + countText(first.cols)) +
                        " fits in cache: this times arithmetic, not memory.");
    const bool rounded = std::any_of(report.results.begin(), report.results.end(), [](const KernelTiming &timing) {
        return timing.format == "nf4" && timing.activations == Activations::Int8;
    });
    if (rounded)
        notes.emplace_back("NF4 stands for NF4 with 8-bit levels; activations are INT8, their quantization counted.");
    return notes;
}

FigureTable speedTable(const BenchReport &report) {
    FigureTable table;
    table.columns = {"format",        "median (µs)",      "lower quartile (µs)", "upper quartile (µs)",
                     "bytes read",    "bandwidth (GB/s)", "share (%)",           "vs INT8",
                     "max rel. error"};
    const KernelTiming *int8 = int8Of(report);
    for (const KernelTiming &timing : report.results) {
        const bool compared = int8 != nullptr && timing.medianSeconds > 0;
        table.rows.push_back(
            {textCell(displayFormat(timing)), numberCell(timing.medianSeconds * microseconds),
             numberCell(timing.q25Seconds * microseconds), numberCell(timing.q75Seconds * microseconds),
             numberCell(static_cast<double>(timing.bytes)), numberCell(timing.gbPerSecond()),
             numberCell(100 * timing.share),
             numberCell(compared ? std::optional(int8->medianSeconds / timing.medianSeconds) : std::nullopt),
             numberCell(timing.maxRelativeError)});
    }
    return table;
}

} // namespace nibblescope
