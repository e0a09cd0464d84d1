// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/sample_figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>

namespace nibblescope::samples {
namespace {

constexpr std::array<double, 16> nf4{-1.0,        -0.69619280, -0.52507305, -0.39491749, -0.28444138, -0.18477343,
                                     -0.09105004, 0.0,         0.07958030,  0.16093020,  0.24611230,  0.33791524,
                                     0.44070983,  0.56261700,  0.72295684,  1.0};
constexpr const char *nbsp = "\u00A0";

Axis axis(const char *label, double lower, double upper) {
    Axis result;
    result.label = label;
    result.lower = lower;
    result.upper = upper;
    return result;
}

// Heavy-tailed weights of a fixed seed, the same with every library.
std::vector<double> weights() {
    std::mt19937 random(7);
    std::vector<double> values;
    for (int i = 0; i < 11008; ++i) {
        double sum = 0;
        for (int k = 0; k < 6; ++k)
            sum += static_cast<double>(random()) / 4294967296.0 - 0.5;
        const double scale = 0.11 * (0.75 + 0.6 * (static_cast<double>(random()) / 4294967296.0));
        values.push_back(sum * scale * 1.45);
    }
    return values;
}

double nearest(const std::vector<double> &levels, double value) {
    return *std::min_element(levels.begin(), levels.end(),
                             [value](double a, double b) { return std::abs(a - value) < std::abs(b - value); });
}

std::vector<double> counts(const std::vector<double> &values, double lower, double upper, std::size_t bins) {
    std::vector<double> result(bins);
    for (const double value : values) {
        const double at = (value - lower) / (upper - lower) * static_cast<double>(bins);
        if (at >= 0 && at < static_cast<double>(bins))
            result[static_cast<std::size_t>(at)] += 1;
    }
    return result;
}

std::vector<double> edges(double lower, double upper, std::size_t bins) {
    std::vector<double> result;
    for (std::size_t i = 0; i <= bins; ++i)
        result.push_back(lower + (upper - lower) * static_cast<double>(i) / static_cast<double>(bins));
    return result;
}

std::vector<double> levelsOf(bool codebook, double scale) {
    std::vector<double> levels;
    for (int i = 0; i < 16; ++i)
        levels.push_back(scale * (codebook ? nf4[static_cast<std::size_t>(i)] : std::max(-7, i - 8) / 7.0));
    return levels;
}

// Groups of 64, each with its own scale, as round to nearest does.
std::vector<double> dequantized(const std::vector<double> &values, bool codebook) {
    std::vector<double> result;
    for (std::size_t begin = 0; begin < values.size(); begin += 64) {
        double largest = 0;
        for (std::size_t i = begin; i < begin + 64; ++i)
            largest = std::max(largest, std::abs(values[i]));
        const std::vector<double> levels = levelsOf(codebook, largest);
        for (std::size_t i = begin; i < begin + 64; ++i)
            result.push_back(nearest(levels, values[i]));
    }
    return result;
}

Series step(const char *name, ColourRole colour, std::vector<double> x, std::vector<double> y) {
    Series series;
    series.kind = Series::Kind::Step;
    series.name = name;
    series.colour = colour;
    series.x = std::move(x);
    series.y = std::move(y);
    return series;
}

Mark text(double x, double y, const char *words, Mark::Align align, const char *link) {
    Mark mark;
    mark.kind = Mark::Kind::Text;
    mark.x = x;
    mark.y = y;
    mark.fractional = true;
    mark.text = words;
    mark.align = align;
    mark.link = link;
    return mark;
}

Mark vertical(double x, ColourRole colour, LineStyle line) {
    Mark mark;
    mark.kind = Mark::Kind::VerticalLine;
    mark.x = x;
    mark.colour = colour;
    mark.line = line;
    return mark;
}

std::string code(int value) { return value < 0 ? "\u2212" + std::to_string(-value) : std::to_string(value); }

} // namespace

Figure histogram() {
    const std::vector<double> before = weights();
    Figure figure;
    figure.id = "distribution.weights";
    figure.title = "Weights before and after";
    figure.x =
        axis("weight (levels: tick at the median scale, bar over the middle half of the 192 groups)", -0.505, 0.505);
    figure.y = axis("weights per bin", 0, 460);
    constexpr std::size_t bins = 131;
    const std::vector<double> x = edges(-0.505, 0.505, bins);
    Series plain = step("weights", ColourRole::Weights, x, counts(before, -0.505, 0.505, bins));
    plain.fillOpacity = 0.22;
    for (std::size_t i = 0; i < bins; ++i)
        plain.readouts.push_back("w \u22120.162 \u2026 \u22120.154\n" + std::to_string(static_cast<int>(plain.y[i])) +
                                 " weights (1.28" + nbsp + "%)\nNF4 69, INT4 110");
    Series normal;
    normal.name = "fitted normal";
    normal.colour = ColourRole::Text2;
    normal.line = LineStyle::Dashed;
    for (int i = -100; i <= 100; ++i) {
        const double at = i * 0.00505;
        normal.x.push_back(at);
        normal.y.push_back(280 * std::exp(-at * at / (2 * 0.118 * 0.118)));
    }
    Series baseline =
        step("INT4 64, baseline", ColourRole::Int4, x, counts(dequantized(before, false), -0.505, 0.505, bins));
    baseline.line = LineStyle::Dashed;
    figure.series = {plain, step("NF4 64", ColourRole::Nf4, x, counts(dequantized(before, true), -0.505, 0.505, bins)),
                     baseline, normal};
    figure.marks = {text(0, 0, "\u25C2 7 below", Mark::Align::Left, "range:full"),
                    text(1, 0, "4 above \u25B8", Mark::Align::Right, "range:full"),
                    text(0.57, 1, "cut: 1,028 (NF4) and 1,703 (INT4) are exactly 0", Mark::Align::Left, "")};
    for (Mark &mark : figure.marks)
        mark.colour = ColourRole::Text2;
    LevelStrip strip;
    strip.staggered = true;
    strip.rows.push_back({"levels", ColourRole::Nf4, {}});
    for (std::size_t i = 0; i < 16; ++i) {
        LevelStrip::Level level;
        level.at = nf4[i] * 0.30;
        level.from = nf4[i] * 0.25;
        level.to = nf4[i] * 0.36;
        level.link = "code:" + std::to_string(i);
        strip.rows[0].levels.push_back(level);
    }
    figure.levels = strip;
    return figure;
}

Figure errors() {
    const std::vector<double> before = weights();
    const auto difference = [&before](bool codebook) {
        std::vector<double> after = dequantized(before, codebook);
        for (std::size_t i = 0; i < after.size(); ++i)
            after[i] -= before[i];
        return after;
    };
    Figure figure;
    figure.id = "distribution.error";
    figure.title = "Error";
    figure.x = axis("error (dequantized \u2212 weight)", -0.045, 0.045);
    figure.y = axis("weights per bin", 0, 500);
    constexpr std::size_t bins = 131;
    const std::vector<double> x = edges(-0.045, 0.045, bins);
    Series own = step("NF4 64", ColourRole::Nf4, x, counts(difference(true), -0.045, 0.045, bins));
    own.fillOpacity = 0.22;
    Series baseline = step("INT4 64, baseline", ColourRole::Int4, x, counts(difference(false), -0.045, 0.045, bins));
    baseline.line = LineStyle::Dashed;
    figure.series = {own, baseline};
    figure.marks = {vertical(-0.01139, ColourRole::Text, LineStyle::Dotted),
                    vertical(0.01139, ColourRole::Text, LineStyle::Dotted),
                    text(0, 0, "\u25C2 20 below", Mark::Align::Left, "range:full"),
                    text(1, 0, "20 above \u25B8", Mark::Align::Right, "range:full")};
    figure.marks[0].text = "\u2212RMSE";
    figure.marks[0].align = Mark::Align::Right;
    figure.marks[1].text = "+RMSE 0.01139";
    return figure;
}

Figure density() {
    const std::vector<double> values = weights();
    std::vector<double> scaled;
    for (std::size_t begin = 0; begin < values.size(); begin += 64) {
        double largest = 0;
        for (std::size_t i = begin; i < begin + 64; ++i)
            largest = std::max(largest, std::abs(values[i]));
        for (std::size_t i = begin; i < begin + 64; ++i)
            scaled.push_back(values[i] / largest);
    }
    Figure figure;
    figure.id = "bins.density";
    figure.title = "Levels and boundaries over the weights";
    figure.note = "line: boundary \u00B7 tick: level with its code";
    figure.x = axis("weight / largest magnitude of its group", -1.27, 1.05);
    figure.y = axis("density", -1.3, 1.3);
    constexpr std::size_t bins = 163;
    const std::vector<double> x = edges(-1.01, 1.01, bins);
    std::vector<double> y = counts(scaled, -1.01, 1.01, bins);
    for (double &value : y)
        value /= static_cast<double>(scaled.size()) * 2.02 / static_cast<double>(bins);
    figure.levels = LevelStrip{};
    figure.levels->place = LevelStrip::Place::Middle;
    for (const bool codebook : {true, false}) {
        Series bars;
        bars.kind = Series::Kind::Bars;
        bars.name = codebook ? "NF4 64" : "INT4 64";
        bars.colour = codebook ? ColourRole::Nf4 : ColourRole::Int4;
        bars.barWidth = 2.02 / static_cast<double>(bins);
        bars.line = LineStyle::None;
        std::vector<double> levels = levelsOf(codebook, 1);
        levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
        for (std::size_t i = 0; i < bins; ++i) {
            const double at = (x[i] + x[i + 1]) / 2;
            const double level = nearest(levels, at);
            const auto index = std::find(levels.begin(), levels.end(), level) - levels.begin();
            bars.x.push_back(at);
            bars.y.push_back(codebook ? y[i] : -y[i]);
            bars.opacities.push_back(index % 2 == 1 ? 0.62 : 0.34);
        }
        figure.series.push_back(bars);
        for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
            figure.marks.push_back(vertical((levels[i] + levels[i + 1]) / 2, bars.colour, LineStyle::Solid));
            figure.marks.back().y = codebook ? 1 : -1;
            figure.marks.back().opacity = 0.6;
        }
        LevelStrip::Row row{codebook ? "NF4" : "INT4", bars.colour, {}};
        for (int i = 0; i < 16; ++i) {
            LevelStrip::Level level;
            level.at = codebook ? nf4[static_cast<std::size_t>(i)] : (i - 8) / 7.0;
            level.text = code(codebook ? i : i - 8);
            level.hollow = !codebook && i == 0;
            row.levels.push_back(level);
        }
        figure.levels->rows.push_back(row);
    }
    Mark reason;
    reason.kind = Mark::Kind::Text;
    reason.x = -8 / 7.0;
    reason.y = -0.4;
    reason.text = "\u22128 is\nnever\nused";
    reason.align = Mark::Align::Centre;
    figure.marks.push_back(reason);
    return figure;
}

Figure shares() {
    constexpr std::array<double, 16> part{1.8, 4.1, 6, 7, 7.6, 8.4, 9.9, 9.3, 8.3, 9.2, 7.2, 6.2, 5.6, 4.7, 3.3, 2.0};
    constexpr std::array<double, 16> damage{6,   13.4, 9.9, 7.4, 6.6, 6.3, 6.1, 5.5,
                                            3.9, 4.3,  4.4, 4.3, 5,   5.8, 9.6, 5.8};
    Figure figure;
    figure.id = "bins.shares";
    figure.title = "Share of each code";
    figure.x = axis("code", -0.6, 15.6);
    figure.y = axis("", 0, 15);
    figure.y.tickSuffix = "\u00A0%";
    Series weight;
    weight.kind = Series::Kind::Bars;
    weight.name = "weights";
    weight.colour = ColourRole::Nf4;
    weight.barWidth = 0.4;
    Series error = weight;
    error.name = "squared error";
    error.colour = ColourRole::Text2;
    error.hatched = true;
    for (int i = 0; i < 16; ++i) {
        figure.x.ticks.push_back({static_cast<double>(i), std::to_string(i)});
        weight.x.push_back(i - 0.21);
        weight.y.push_back(part[static_cast<std::size_t>(i)]);
        weight.links.push_back("code:" + std::to_string(i));
        error.x.push_back(i + 0.21);
        error.y.push_back(damage[static_cast<std::size_t>(i)]);
    }
    weight.selected = {7};
    figure.series = {weight, error};
    Mark even;
    even.kind = Mark::Kind::HorizontalLine;
    even.y = 6.25;
    even.line = LineStyle::Dashed;
    even.text = "1/16";
    figure.marks = {even};
    return figure;
}

Figure sweep() {
    Figure figure;
    figure.id = "bins.sweep";
    figure.title = "Group size sweep, this tensor";
    figure.note = "marks: row 128 64 32 16";
    figure.x = axis("bits per weight", 4.05, 5.35);
    figure.y = axis("SQNR (dB)", 17, 23.5);
    figure.gridVertical = true;
    const auto curve = [&figure](const char *name, ColourRole colour, MarkStyle mark, LineStyle line, double shift,
                                 std::vector<double> y) {
        Series series;
        series.name = name;
        series.colour = colour;
        series.mark = mark;
        series.line = line;
        const std::array<double, 5> bits{4.093, 4.186, 4.279, 4.558, 5.023};
        for (std::size_t i = 0; i < y.size(); ++i) {
            series.x.push_back(bits[i] + shift * (0.2 + 0.2 * static_cast<double>(i)));
            series.links.push_back("recipe:" + std::to_string(i));
        }
        series.y = std::move(y);
        figure.series.push_back(series);
    };
    curve("INT4 asym", ColourRole::Int4, MarkStyle::CircleHollow, LineStyle::Dotted, 0.25,
          {19.39, 20.2, 20.8, 21.9, 23.12});
    curve("INT4 max", ColourRole::Int4, MarkStyle::CircleHalf, LineStyle::Dashed, 0, {19.3, 19.8, 20.33, 21.2, 22.3});
    curve("NF4", ColourRole::Nf4, MarkStyle::Diamond, LineStyle::Solid, 0, {20.2, 20.5, 20.75, 21.2, 21.98});
    curve("INT4", ColourRole::Int4, MarkStyle::Circle, LineStyle::Solid, 0, {18.18, 18.8, 19.34, 20.3, 21.38});
    curve("FP4", ColourRole::Fp4, MarkStyle::TriangleUp, LineStyle::Solid, 0, {17.5, 17.9, 18.2, 18.8, 19.7});
    curve("MXFP4", ColourRole::Mxfp4, MarkStyle::TriangleDown, LineStyle::Solid, 0.15, {18.6});
    Mark ring;
    ring.kind = Mark::Kind::Ring;
    ring.x = 4.279;
    ring.y = 20.75;
    ring.colour = ColourRole::Text;
    ring.width = 2;
    figure.marks = {ring};
    return figure;
}

Figure layers() {
    Figure figure;
    figure.id = "layers.bars";
    figure.title = "SQNR of each tensor";
    figure.x = axis("tensor, worst first", 0.3, 35.7);
    figure.x.integral = true;
    figure.y = axis("SQNR (dB)", 18.2, 21.6);
    Series bars;
    bars.kind = Series::Kind::Bars;
    bars.name = "NF4 64";
    bars.colour = ColourRole::Nf4;
    bars.base = 20.79;
    bars.barWidth = 0.66;
    Series ticks;
    ticks.name = "INT4 64, baseline";
    ticks.colour = ColourRole::Int4;
    ticks.line = LineStyle::None;
    ticks.mark = MarkStyle::Tick;
    ticks.barWidth = 0.66;
    for (int i = 1; i <= 35; ++i) {
        const double t = (i - 18) / 17.0;
        bars.x.push_back(i);
        bars.y.push_back(20.79 + 0.5 * t * t * t + (i == 1 ? -0.4 : 0));
        bars.links.push_back("tensor:layers." + std::to_string(i));
        bars.readouts.push_back("layers." + std::to_string(i) + "\n20.75" + nbsp + "dB, INT4 64 19.34" + nbsp + "dB");
        ticks.x.push_back(i);
        ticks.y.push_back(19.4 + 0.9 * std::sin(i * 1.7));
    }
    figure.series = {bars, ticks};
    Mark whole;
    whole.kind = Mark::Kind::HorizontalLine;
    whole.y = 20.79;
    whole.colour = ColourRole::Text;
    whole.legend = "line: all tensors together, 20.79" + std::string(nbsp) + "dB";
    Mark frame;
    frame.kind = Mark::Kind::Frame;
    frame.x = 19.55;
    frame.x2 = 20.45;
    frame.width = 2;
    frame.colour = ColourRole::Text;
    Mark name;
    name.kind = Mark::Kind::Text;
    name.x = 20.7;
    name.y = 21.45;
    name.text = "layers.0.mlp.down_proj 20.75";
    name.bold = true;
    name.colour = ColourRole::Text;
    Mark worst = name;
    worst.x = 1.6;
    worst.y = 19.95;
    worst.bold = false;
    worst.text = "layers.0.self_attn.v_proj 19.88";
    figure.marks = {whole, frame, name, worst};
    return figure;
}

Figure heatMap() {
    Figure figure;
    figure.id = "layers.map";
    figure.title = "Layer \u00D7 module, SQNR (dB)";
    figure.y.label = "layer";
    HeatMap map;
    map.columns = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                   "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    map.rows = {"0", "1", "2", "3", "4"};
    constexpr std::array<double, 35> values{20.83, 20.88, 19.88, 20.44, 20.59, 20.74, 20.75, 20.93, 20.85,
                                            20.35, 20.73, 20.79, 20.55, 20.74, 20.80, 21.16, 20.49, 20.69,
                                            20.84, 20.71, 20.71, 21.27, 21.29, 20.27, 20.39, 20.77, 20.78,
                                            20.64, 20.87, 20.81, 20.30, 20.33, 20.68, 20.67, 20.87};
    for (std::size_t i = 0; i < values.size(); ++i) {
        const bool missing = i > 31;
        map.cells.push_back(missing ? std::nullopt : std::optional(values[i]));
        map.texts.push_back(missing ? "" : std::to_string(values[i]).substr(0, 5));
        map.links.push_back("tensor:" + std::to_string(i));
    }
    map.valueLabel = "SQNR (dB)";
    map.lower = 19.88;
    map.upper = 21.29;
    map.lowerText = "worse 19.88";
    map.upperText = "21.29 better";
    map.selected = 6;
    map.worst = 2;
    figure.heatMap = map;
    return figure;
}

Figure memory() {
    Figure figure;
    figure.id = "memory.bars";
    figure.title = "Memory of the whole model";
    figure.x = axis("KiB (1,024 bytes)", 0, 1400);
    const auto bar = [&figure](const char *name, ColourRole colour, double codes, double scales, const char *label) {
        StackedBar one;
        one.name = name;
        one.endLabel = label;
        one.parts = {{"weights or codes", codes, colour},
                     {"scales", scales, colour, 0.6},
                     {"left alone", 131, ColourRole::Divider},
                     {"KV cache, 512 tokens, F16", 320, ColourRole::Text2, 1, true}};
        figure.stackedBars.push_back(one);
    };
    bar("FP32", ColourRole::Weights, 885, 0, "1,016 KiB\n32.000 bpw, + 320 KiB cache");
    bar("FP16", ColourRole::Fp16, 442, 0, "508 KiB\n16.000 bpw, + 320 KiB cache");
    bar("INT8 row", ColourRole::Int8, 221, 6, "358 KiB\n11.274 bpw, + 320 KiB cache");
    bar("INT4 64", ColourRole::Int4, 110.6, 7.1, "248 KiB\n7.828 bpw, + 320 KiB cache");
    bar("NF4 64", ColourRole::Nf4, 110.6, 7.1, "248 KiB\n7.828 bpw, + 320 KiB cache");
    figure.stackedBars.back().selected = true;
    return figure;
}

Figure speed() {
    Figure figure;
    figure.id = "speed.time";
    figure.title = "Time of one matrix-vector product";
    figure.note = "bar: median of 101 \u00B7 whisker: quartiles";
    figure.x = axis("\u00B5s a product", 0, 3200);
    const auto bar = [&figure](const char *name, ColourRole colour, double median, double spread, const char *label) {
        StackedBar one;
        one.name = name;
        one.endLabel = label;
        one.parts = {{"", median, colour}};
        one.low = median - spread;
        one.high = median + spread * 1.6;
        figure.stackedBars.push_back(one);
    };
    bar("FP32", ColourRole::Weights, 2950, 40, "2,950 \u00B5s\n22.7 GB/s, 92 % of read bandwidth");
    bar("FP16", ColourRole::Fp16, 1490, 30, "1,490 \u00B5s\n22.5 GB/s, 91 % of read bandwidth");
    bar("INT8", ColourRole::Int8, 772, 20, "772 \u00B5s\n21.8 GB/s, 88 % of read bandwidth");
    bar("INT4 64", ColourRole::Int4, 421, 10, "421 \u00B5s\n21.2 GB/s, 85 % of read bandwidth");
    bar("NF4 64", ColourRole::Nf4, 447, 12, "447 \u00B5s\n19.9 GB/s, 80 % of read bandwidth");
    figure.stackedBars.back().selected = true;
    return figure;
}

Figure speedUp() {
    Figure figure;
    figure.id = "speed.up";
    figure.title = "Speed-up over INT8";
    figure.x = axis("times as fast as INT8 (dashed: what bytes alone would give)", 0, 2.5);
    const auto bar = [&figure](const char *name, ColourRole colour, double value, double expected, const char *label) {
        StackedBar one;
        one.name = name;
        one.endLabel = label;
        one.parts = {{"", value, colour}};
        one.reference = expected;
        figure.stackedBars.push_back(one);
    };
    bar("FP32", ColourRole::Weights, 0.26, 0.25, "0.26");
    bar("FP16", ColourRole::Fp16, 0.52, 0.5, "0.52");
    bar("INT8", ColourRole::Int8, 1, 1, "1.00");
    bar("INT4 64", ColourRole::Int4, 1.83, 1.89, "1.83");
    bar("NF4 64", ColourRole::Nf4, 1.73, 1.89, "1.73");
    figure.stackedBars.back().selected = true;
    figure.marks = {vertical(1, ColourRole::Text, LineStyle::Solid)};
    Band band;
    band.from = 1.5;
    band.to = 2;
    band.vertical = true;
    band.text = "1.5 to 2 times, as said";
    figure.bands = {band};
    return figure;
}

std::vector<Figure> all() {
    return {histogram(), errors(), density(), shares(), sweep(), layers(), heatMap(), memory(), speed(), speedUp()};
}

} // namespace nibblescope::samples
