// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_speed.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double microseconds = 1e6;

FormatLook lookOf(const KernelTiming &timing) {
    if (timing.format == "fp32")
        return {ColourRole::Weights, MarkStyle::Square, LineStyle::Solid};
    if (timing.format == "fp16" || timing.format == "bf16")
        return {ColourRole::Fp16, MarkStyle::Square, LineStyle::Solid};
    const auto format = formatFromId(timing.format);
    return format ? formatLook(*format) : FormatLook{};
}

std::string bandwidthOf(const KernelTiming &timing) { return bandwidthText(timing.gbPerSecond() * 1e9); }

bool isProduct(const KernelTiming &timing) { return timing.batch.has_value(); }

std::string upper(std::string text) {
    for (char &c : text)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

StackedBar bar(const KernelTiming &timing, double value, const SpeedInput &input) {
    StackedBar drawn;
    drawn.name = heldText(timingName(timing, input.report));
    drawn.selected = displayFormat(timing) == input.current;
    drawn.parts.push_back({{}, value, lookOf(timing).colour, 1, false}); // the bar is named: no legend
    return drawn;
}

// The same work, set, threads and cache.
bool besidesFormat(const KernelTiming &a, const KernelTiming &b) {
    return a.operation == b.operation && a.rows == b.rows && a.cols == b.cols && a.isa == b.isa &&
           a.threads == b.threads && a.batch == b.batch && a.cache == b.cache;
}

double byThreads(const std::map<unsigned, double> &values, unsigned threads) {
    const auto at = values.find(threads);
    return at == values.end() ? 0 : at->second;
}

unsigned mostThreads(const BenchReport &report) {
    unsigned most = 1;
    for (const KernelTiming &timing : report.results)
        most = std::max(most, timing.threads);
    return most;
}

std::string threadsText(unsigned threads) {
    return withUnit(std::to_string(threads), threads == 1 ? "thread" : "threads");
}

std::string quartilesText(const KernelTiming &timing) {
    return microsecondsText(timing.q25Seconds) + " – " + microsecondsText(timing.q75Seconds);
}

struct Words {
    std::string title;
    std::string axis;
};

Words wordsOf(const BenchReport &report) {
    if (report.results.empty())
        return {"Time of one matrix-vector product", "µs a product"};
    const KernelTiming &first = report.results.front();
    if (first.operation == Operation::Quantize)
        return {"Time of quantizing the matrix, error sums and code counts with it", "µs"};
    if (first.operation == Operation::Dequantize)
        return {"Time of dequantizing the matrix to F32", "µs"};
    const bool several = std::any_of(report.results.begin(), report.results.end(),
                                     [&](const KernelTiming &timing) { return timing.batch != first.batch; });
    if (several)
        return {"Time of one product", "µs a product"};
    if (first.batch.value_or(1) > 1)
        return {"Time of one product with " + countText(*first.batch) + " vectors", "µs a product"};
    return {"Time of one matrix-vector product", "µs a product"};
}

std::string samplesText(const BenchReport &report) {
    return report.results.empty() || report.results.front().samples == 0
               ? "bar: median · whisker: quartiles"
               : "bar: median of " + countText(report.results.front().samples) + " · whisker: quartiles";
}

std::string overlayNote(const SpeedInput &input) { return input.overlay ? " · dashed: " + input.overlayName : ""; }

double operationsOf(const KernelTiming &timing) {
    return 2.0 * static_cast<double>(timing.rows) * static_cast<double>(timing.cols) *
           static_cast<double>(timing.batch.value_or(1));
}

// Operations a byte, and 1e9 operations a second.
struct RoofPoint {
    double x = 0;
    double y = 0;
};
RoofPoint roofPoint(const KernelTiming &timing) {
    return {operationsOf(timing) / static_cast<double>(timing.bytes),
            operationsOf(timing) / timing.medianSeconds * 1e-9};
}

void addRoof(const MachineInfo &machine, unsigned threads, bool only, Figure &figure) {
    const double read = byThreads(machine.readGbPerSecond, threads);
    const double f32 = byThreads(machine.peakGflops, threads);
    const double int8 = byThreads(machine.peakInt8Gops, threads);
    const double highest = std::max(f32, int8);
    if (!(read > 0) || !(highest > 0))
        return;
    const std::string suffix = only ? "" : ", " + threadsText(threads);
    Series memory;
    memory.name = "memory, " + bandwidthText(read * 1e9) + suffix;
    memory.colour = ColourRole::Text2;
    const double lower = figure.x.lower;
    const double corner = std::min(highest / read, figure.x.upper);
    memory.x = {lower, corner};
    memory.y = {read * lower, read * corner};
    figure.series.push_back(memory);
    for (const auto &[peak, name] : {std::pair(f32, "F32"), std::pair(int8, "INT8")}) {
        if (!(peak > 0))
            continue;
        Series roof;
        roof.name = std::string(name) + " peak, " + valueText(peak) + " G/s" + suffix;
        roof.colour = ColourRole::Text2;
        roof.line = name[0] == 'F' ? LineStyle::Dashed : LineStyle::Dotted;
        roof.x = {peak / read, figure.x.upper};
        roof.y = {peak, peak};
        if (roof.x[0] < roof.x[1])
            figure.series.push_back(roof);
    }
}

void addPoints(const BenchReport &report, const SpeedInput &input, bool saved, Figure &figure) {
    std::set<std::string> named;
    for (const KernelTiming &timing : report.results) {
        if (!isProduct(timing) || !(timing.medianSeconds > 0) || timing.bytes == 0)
            continue;
        const RoofPoint point = roofPoint(timing);
        const FormatLook look = lookOf(timing);
        Series series;
        const std::string name = displayFormat(timing);
        if (!saved && named.insert(name).second)
            series.name = heldText(name);
        series.colour = look.colour;
        series.line = LineStyle::None;
        series.mark = saved ? MarkStyle::CircleHollow : look.mark == MarkStyle::None ? MarkStyle::Square : look.mark;
        series.x = {point.x};
        series.y = {point.y};
        series.readouts = {(saved ? input.overlayName + ": " : std::string()) + timingName(timing, report) + "\n" +
                           valueText(point.y) + " G operations a second, " + valueText(point.x) + " a byte"};
        figure.series.push_back(std::move(series));
    }
}

void widen(const BenchReport &report, Figure &figure) {
    for (const KernelTiming &timing : report.results) {
        if (!isProduct(timing) || !(timing.medianSeconds > 0) || timing.bytes == 0)
            continue;
        const RoofPoint point = roofPoint(timing);
        figure.x.lower = std::min(figure.x.lower, point.x / 1.5);
        figure.x.upper = std::max(figure.x.upper, point.x * 2);
        figure.y.lower = std::min(figure.y.lower, point.y / 2);
        figure.y.upper = std::max(figure.y.upper, point.y * 2);
    }
    for (const auto *const peaks : {&report.machine.peakGflops, &report.machine.peakInt8Gops})
        for (const auto &[threads, peak] : *peaks)
            figure.y.upper = std::max(figure.y.upper, peak * 2);
}

std::string tokensText(double tokens) {
    return tokens >= 100 ? countText(static_cast<std::uint64_t>(std::llround(tokens))) : valueText(tokens);
}

std::optional<double> tokensASecond(const KernelTiming &timing, const SpeedInput &input) {
    if (!input.model || !isProduct(timing) || !(timing.medianSeconds > 0) || input.model->weights == 0)
        return std::nullopt;
    const double matrices = static_cast<double>(input.model->weights) /
                            (static_cast<double>(timing.rows) * static_cast<double>(timing.cols));
    const double read = byThreads(input.report.machine.readGbPerSecond, timing.threads) * 1e9;
    const double others = read > 0 ? static_cast<double>(input.model->otherBytes) / read : 0;
    return static_cast<double>(timing.batch.value_or(1)) / (matrices * timing.medianSeconds + others);
}

} // namespace

std::string timingName(const KernelTiming &timing, const BenchReport &report) {
    std::string name = displayFormat(timing);
    const auto differs = [&](auto member) {
        return std::any_of(report.results.begin(), report.results.end(),
                           [&](const KernelTiming &other) { return other.*member != timing.*member; });
    };
    if (differs(&KernelTiming::isa))
        name += " · " + std::string(displayName(timing.isa));
    if (differs(&KernelTiming::threads))
        name += " · " + std::to_string(timing.threads) + (timing.threads == 1 ? " thread" : " threads");
    if (differs(&KernelTiming::cache))
        name += " · " + std::string(idOf(timing.cache));
    if (differs(&KernelTiming::batch))
        name += " · batch " + std::to_string(timing.batch.value_or(1));
    return name;
}

const KernelTiming *counterpartOf(const KernelTiming &timing, const std::string &format, const BenchReport &report) {
    for (const KernelTiming &other : report.results)
        if (other.format == format && besidesFormat(other, timing))
            return &other;
    return nullptr;
}

const KernelTiming *sameKernel(const KernelTiming &timing, const BenchReport &report) {
    for (const KernelTiming &other : report.results)
        if (other.format == timing.format && besidesFormat(other, timing) && other.groupSize == timing.groupSize &&
            other.doubleQuant == timing.doubleQuant && other.activations == timing.activations &&
            other.fused == timing.fused && other.input == timing.input && other.histogramBins == timing.histogramBins)
            return &other;
    return nullptr;
}

Figure speedFigure(const SpeedInput &input) {
    Figure figure;
    figure.id = "speed.times";
    const Words words = wordsOf(input.report);
    figure.title = words.title;
    figure.note = samplesText(input.report) + overlayNote(input);
    figure.x.label = words.axis;
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
        if (input.overlay)
            if (const KernelTiming *before = sameKernel(timing, *input.overlay)) {
                drawn.reference = before->medianSeconds * microseconds;
                drawn.readout += "\n" + input.overlayName + ": " + microsecondsText(before->medianSeconds);
                longest = std::max(longest, *drawn.reference);
            }
        figure.stackedBars.push_back(std::move(drawn));
    }
    figure.x.upper = longest > 0 ? 1.05 * longest : 1;
    figure.table = speedTable(input);
    return figure;
}

Figure speedUpFigure(const SpeedInput &input) {
    const std::string name = upper(input.reference);
    Figure figure;
    figure.id = "speed.ratio";
    figure.title = "Speed-up over " + name;
    figure.x.label = "times as fast as " + name + " (dashed: what bytes alone would give)";
    figure.x.lower = 0;
    figure.x.upper = 2.2;
    figure.gridVertical = true;
    figure.table = speedTable(input);
    for (const KernelTiming &timing : input.report.results) {
        const KernelTiming *over = counterpartOf(timing, input.reference, input.report);
        if (over == nullptr || !(timing.medianSeconds > 0) || timing.bytes == 0)
            continue;
        const double ratio = over->medianSeconds / timing.medianSeconds;
        StackedBar drawn = bar(timing, ratio, input);
        drawn.endLabel = ratioText(ratio);
        drawn.reference = static_cast<double>(over->bytes) / static_cast<double>(timing.bytes);
        drawn.readout = drawn.name + ": " + ratioText(ratio) + " times as fast as " + name +
                        "\nbytes alone would give " + ratioText(*drawn.reference);
        figure.x.upper = std::max({figure.x.upper, 1.1 * ratio, 1.1 * *drawn.reference});
        figure.stackedBars.push_back(std::move(drawn));
    }
    if (figure.stackedBars.empty())
        return figure;
    Mark one;
    one.x = 1;
    one.colour = ColourRole::Text;
    figure.marks.push_back(one);
    if (input.reference == "int8") {
        Band said;
        said.from = 1.5;
        said.to = 2;
        said.vertical = true;
        said.text = "1.5 to 2 times, as said";
        figure.bands.push_back(said);
    }
    return figure;
}

Figure rooflineFigure(const SpeedInput &input) {
    Figure figure;
    figure.id = "speed.roofline";
    figure.title = "Roofline";
    figure.note = "a mark: one product" + (input.overlay ? " · hollow: " + input.overlayName : std::string());
    figure.x.label = "operations a byte of weights";
    figure.y.label = "10⁹ operations a second";
    figure.x.logarithmic = figure.y.logarithmic = true;
    figure.x.lower = 0.25;
    figure.x.upper = 16;
    figure.y.lower = 5;
    figure.y.upper = 50;
    figure.gridVertical = true;
    figure.table = speedTable(input);
    widen(input.report, figure);
    if (input.overlay)
        widen(*input.overlay, figure);
    std::set<unsigned> threads;
    for (const KernelTiming &timing : input.report.results)
        if (isProduct(timing))
            threads.insert(timing.threads);
    for (const unsigned count : threads)
        addRoof(input.report.machine, count, threads.size() == 1, figure);
    if (input.overlay)
        addPoints(*input.overlay, input, true, figure);
    addPoints(input.report, input, false, figure);
    return figure;
}

Figure errorsFigure(const SpeedInput &input) {
    Figure figure;
    figure.id = "speed.errors";
    figure.title = "Error of the product against FP64";
    figure.note = "same weights, unquantized activations";
    figure.x.label = "largest error / largest output";
    figure.x.logarithmic = true;
    figure.x.lower = 1e-7;
    figure.x.upper = 1e-1;
    figure.y.visible = true;
    figure.gridVertical = true;
    figure.table = speedTable(input);
    double row = 0;
    for (auto at = input.report.results.rbegin(); at != input.report.results.rend(); ++at) {
        if (!at->maxRelativeError || !(*at->maxRelativeError > 0))
            continue;
        const FormatLook look = lookOf(*at);
        Series series;
        series.colour = look.colour;
        series.line = LineStyle::None;
        series.mark = look.mark == MarkStyle::None ? MarkStyle::Square : look.mark;
        series.x = {*at->maxRelativeError};
        series.y = {row};
        series.readouts = {timingName(*at, input.report) + ": " + valueText(*at->maxRelativeError) + "\nactivations " +
                           (at->activations == Activations::Int8 ? "rounded to INT8" : "in F32")};
        figure.series.push_back(series);
        figure.y.ticks.push_back({row, heldText(timingName(*at, input.report))});
        figure.x.lower = std::min(figure.x.lower, *at->maxRelativeError / 2);
        figure.x.upper = std::max(figure.x.upper, *at->maxRelativeError * 2);
        row += 1;
    }
    static constexpr const char *powers[] = {"10⁻⁸", "10⁻⁷", "10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1"};
    for (int power = -8; power <= 0; ++power)
        if (const double at = std::pow(10.0, power); at >= figure.x.lower * 0.999 && at <= figure.x.upper * 1.001)
            figure.x.ticks.push_back({at, powers[power + 8]});
    figure.y.lower = -0.6;
    figure.y.upper = std::max(row, 1.0) - 0.4;
    return figure;
}

Figure tokensFigure(const SpeedInput &input) {
    Figure figure;
    figure.id = "speed.tokens";
    figure.title = input.model ? "Tokens a second of the whole of " + input.model->name : "Tokens a second";
    figure.note = "matrices at this product's speed, the rest read";
    figure.x.label = "tokens a second";
    figure.x.lower = 0;
    figure.x.upper = 1;
    figure.gridVertical = true;
    figure.table = speedTable(input);
    double most = 0;
    for (const KernelTiming &timing : input.report.results) {
        const auto tokens = tokensASecond(timing, input);
        if (!tokens)
            continue;
        StackedBar drawn = bar(timing, *tokens, input);
        const double bytes = static_cast<double>(input.model->weights) * static_cast<double>(timing.bytes) /
                                 (static_cast<double>(timing.rows) * static_cast<double>(timing.cols)) +
                             static_cast<double>(input.model->otherBytes);
        drawn.endLabel = withUnit(tokensText(*tokens), "a second") + "\n" + bytesText(bytes) + " read a step";
        drawn.readout = drawn.name + ": " + tokensText(*tokens) + " tokens a second\n" + bytesText(bytes) +
                        " of weights are read for " +
                        (timing.batch.value_or(1) == 1 ? "each" : countText(*timing.batch) + " at once");
        most = std::max(most, *tokens);
        figure.stackedBars.push_back(std::move(drawn));
    }
    if (most > 0)
        figure.x.upper = 1.05 * most;
    return figure;
}

std::string machineText(const BenchReport &report) {
    const unsigned threads = mostThreads(report);
    const Isa isa = report.results.empty() ? report.machine.isa : report.results.front().isa;
    std::string text = report.machine.cpu + " · " + std::string(displayName(isa)) + " · " + threadsText(threads);
    if (const double read = byThreads(report.machine.readGbPerSecond, threads); read > 0)
        text += " · read bandwidth " + bandwidthText(read * 1e9) + " with " + threadsText(threads);
    if (!report.machine.blas.empty())
        text += " · F32 batches by " + report.machine.blas;
    if (!report.date.empty())
        text += " · " + report.date;
    return text;
}

std::vector<std::string> speedNotes(const BenchReport &report) {
    std::vector<std::string> notes = report.notes;
    if (report.results.empty())
        return notes;
    const KernelTiming &first = report.results.front();
    const auto largest = std::max_element(report.results.begin(), report.results.end(),
                                          [](const auto &a, const auto &b) { return a.bytes < b.bytes; });
    const bool warm = std::any_of(report.results.begin(), report.results.end(),
                                  [](const KernelTiming &timing) { return timing.cache == CacheState::Warm; });
    if (warm && largest->bytes < report.machine.lastLevelCacheBytes)
        notes.push_back(heldText(countText(first.rows) + " × " + countText(first.cols)) +
                        " fits in cache: warm, this times arithmetic, not memory.");
    const bool rounded = std::any_of(report.results.begin(), report.results.end(), [](const KernelTiming &timing) {
        return timing.format == "nf4" && timing.activations == Activations::Int8;
    });
    if (rounded)
        notes.emplace_back("NF4 stands for NF4 with 8-bit levels; activations are INT8, their quantization counted.");
    return notes;
}

FigureTable speedTable(const SpeedInput &input) {
    FigureTable table;
    table.columns = {"kernel",
                     "format",
                     "instruction set",
                     "threads",
                     "cache",
                     "batch",
                     "median (µs)",
                     "lower quartile (µs)",
                     "upper quartile (µs)",
                     "bytes",
                     "bandwidth (GB/s)",
                     "share (%)",
                     "vs INT8",
                     "vs FP16",
                     "vs FP32",
                     "max rel. error",
                     "tokens a second",
                     "saved run, median (µs)"};
    for (const KernelTiming &timing : input.report.results) {
        const auto over = [&](const char *format) {
            const KernelTiming *other = counterpartOf(timing, format, input.report);
            return numberCell(other != nullptr && timing.medianSeconds > 0
                                  ? std::optional(other->medianSeconds / timing.medianSeconds)
                                  : std::nullopt);
        };
        const KernelTiming *saved = input.overlay ? sameKernel(timing, *input.overlay) : nullptr;
        table.rows.push_back(
            {textCell(std::string(idOf(timing.operation))), textCell(displayFormat(timing)),
             textCell(std::string(displayName(timing.isa))), numberCell(static_cast<double>(timing.threads)),
             textCell(std::string(idOf(timing.cache))),
             numberCell(timing.batch ? std::optional(static_cast<double>(*timing.batch)) : std::nullopt),
             numberCell(timing.medianSeconds * microseconds), numberCell(timing.q25Seconds * microseconds),
             numberCell(timing.q75Seconds * microseconds), numberCell(static_cast<double>(timing.bytes)),
             numberCell(timing.gbPerSecond()), numberCell(100 * timing.share), over("int8"), over("fp16"), over("fp32"),
             numberCell(timing.maxRelativeError), numberCell(tokensASecond(timing, input)),
             numberCell(saved != nullptr ? std::optional(saved->medianSeconds * microseconds) : std::nullopt)});
    }
    return table;
}

} // namespace nibblescope
