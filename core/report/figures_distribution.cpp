// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_distribution.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double fillOpacity = 0.22;
constexpr double headroom = 1.25; // over the highest bar of the weights
constexpr double logFloor = 0.5;  // one weight stands above the axis
constexpr std::size_t curvePoints = 201;

std::string rangeText(const Histogram &histogram, std::size_t bin, const char *name) {
    const double lower = histogram.lower + static_cast<double>(bin) * histogram.binWidth();
    const int decimals = decimalsFor(histogram.binWidth());
    return std::string(name) + " " + fixedText(lower, decimals) + " ... " +
           fixedText(lower + histogram.binWidth(), decimals);
}

std::string weightsText(std::uint64_t count, std::uint64_t total) {
    const double share = total == 0 ? 0 : static_cast<double>(count) / static_cast<double>(total);
    return countText(count) + (count == 1 ? " weight (" : " weights (") + percentText(share) + ")";
}

// The two sides of a picture by their formats, by the whole recipe where the formats are the same.
struct SideNames {
    std::string current;
    std::string baseline;
};

SideNames namesOf(const DistributionData &data) {
    if (!data.current)
        return {};
    if (!data.baseline)
        return {heldText(std::string(traits(data.current->recipe.format).shortName)), {}};
    if (data.current->recipe.format == data.baseline->recipe.format)
        return {recipeText(data.current->recipe), recipeText(data.baseline->recipe)};
    return {heldText(std::string(traits(data.current->recipe.format).shortName)),
            heldText(std::string(traits(data.baseline->recipe.format).shortName))};
}

Series stepSeries(const Histogram &histogram, const std::string &name, ColourRole colour, bool logarithmic) {
    Series series;
    series.kind = Series::Kind::Step;
    series.name = name;
    series.colour = colour;
    series.x = edgesOf(histogram);
    series.y = countsOf(histogram);
    if (logarithmic) {
        series.base = logFloor;
        for (double &y : series.y)
            y = std::max(y, logFloor);
    }
    return series;
}

double highest(const Histogram &histogram) {
    return histogram.counts.empty()
               ? 0
               : static_cast<double>(*std::max_element(histogram.counts.begin(), histogram.counts.end()));
}

std::vector<std::string> weightReadouts(const DistributionData &data, const DistributionLook &look) {
    const SideNames names = namesOf(data);
    std::vector<std::string> readouts;
    for (std::size_t i = 0; i < data.weights.counts.size(); ++i) {
        std::string text =
            rangeText(data.weights, i, "w") + "\n" + weightsText(data.weights.counts[i], data.result.statistics.finite);
        if (data.current && look.dequantized)
            text += "\n" + names.current + " " + countText(data.current->decoded.counts[i]);
        if (data.baseline && look.baseline)
            text += (data.current && look.dequantized ? ", " : "\n") + names.baseline + " " +
                    countText(data.baseline->decoded.counts[i]);
        readouts.push_back(std::move(text));
    }
    return readouts;
}

Series normalCurve(const DistributionData &data, bool logarithmic) {
    const Statistics &statistics = data.result.statistics;
    Series series;
    series.name = "fitted normal";
    series.colour = ColourRole::Text2;
    series.line = LineStyle::Dashed;
    const double scale = static_cast<double>(statistics.finite) * data.weights.binWidth() /
                         (*statistics.std * std::sqrt(2 * std::numbers::pi));
    for (std::size_t i = 0; i < curvePoints; ++i) {
        const double x =
            data.weights.lower + (data.weights.upper - data.weights.lower) * static_cast<double>(i) / (curvePoints - 1);
        const double z = (x - *statistics.mean) / *statistics.std;
        const double y = scale * std::exp(-z * z / 2);
        series.x.push_back(x);
        series.y.push_back(logarithmic ? std::max(y, logFloor) : y);
        series.readouts.push_back("w " + valueText(x) + "\na normal would have " + valueText(y) + " weights here");
    }
    return series;
}

// What is said of a side whose bars are taller than the axis.
std::optional<std::string> cutText(const DistributionSide &side, const std::string &name, double top) {
    const double tallest = highest(side.decoded);
    if (tallest <= top)
        return std::nullopt;
    return countText(static_cast<std::uint64_t>(tallest)) + " (" + name + ")";
}

bool tallestAreZeros(const DistributionSide &side) {
    return side.decodedZeros > 0 && highest(side.decoded) == static_cast<double>(side.decodedZeros);
}

void addCutMark(Figure &figure, const DistributionData &data, const DistributionLook &look) {
    const SideNames names = namesOf(data);
    std::vector<std::string> zeros;
    std::vector<std::string> others;
    const auto consider = [&](const std::optional<DistributionSide> &side, const std::string &name) {
        if (!side)
            return;
        if (const auto text = cutText(*side, name, figure.y.upper))
            (tallestAreZeros(*side) ? zeros : others).push_back(*text);
    };
    if (look.dequantized)
        consider(data.current, names.current);
    if (look.baseline)
        consider(data.baseline, names.baseline);
    std::string text;
    for (const std::string &part : zeros)
        text += (text.empty() ? "cut: " : " and ") + part;
    if (!zeros.empty())
        text += " are exactly 0";
    for (const std::string &part : others)
        text += (text.empty() ? "cut: highest " : "; highest ") + part;
    if (!text.empty())
        figure.marks.push_back(cornerText(text, 0.99, 0.965, Mark::Align::Right));
}

void addOutsideMarks(Figure &figure, const Histogram &histogram, const std::string &link) {
    const double y = figure.y.logarithmic ? 0.88 : 0.04; // single weights stand tall on a logarithmic axis
    if (histogram.below > 0)
        figure.marks.push_back(
            cornerText("◂ " + countText(histogram.below) + " below", 0.01, y, Mark::Align::Left, link));
    if (histogram.above > 0)
        figure.marks.push_back(cornerText(countText(histogram.above) + " above ▸", 0.99, y, Mark::Align::Right, link));
}

void addNotFiniteMark(Figure &figure, const Statistics &statistics) {
    std::string text;
    if (statistics.nan > 0)
        text = countText(statistics.nan) + " NaN";
    if (statistics.inf > 0)
        text += (text.empty() ? "" : " and ") + countText(statistics.inf) + " Inf";
    if (!text.empty())
        figure.marks.push_back(
            cornerText(text + " left out", 0.99, figure.y.logarithmic ? 0.80 : 0.12, Mark::Align::Right));
}

LevelStrip levelStrip(const DistributionData &data, const DistributionLook &look) {
    LevelStrip strip;
    strip.staggered = true;
    LevelStrip::Row row;
    row.name = "levels";
    row.colour = formatLook(data.current->recipe.format).colour;
    for (const LevelSpread &spread : data.levels) {
        LevelStrip::Level level;
        level.at = spread.median;
        level.from = spread.lower;
        level.to = spread.upper;
        level.hollow = !spread.used;
        level.selected = look.selectedCode == spread.code;
        level.readout = "code " + spread.codeText + ": " + valueText(spread.median) + " at the median scale\n" +
                        valueText(spread.lower) + " ... " + valueText(spread.upper) + " in half of the groups" +
                        (spread.used ? "" : "\nnever used");
        level.link = "code:" + std::to_string(spread.code);
        row.levels.push_back(std::move(level));
    }
    strip.rows.push_back(std::move(row));
    return strip;
}

FigureTable weightsTable(const DistributionData &data) {
    FigureTable table;
    table.columns = {"from", "to", "weights"};
    if (data.current)
        table.columns.push_back(recipeText(data.current->recipe));
    if (data.baseline)
        table.columns.push_back(recipeText(data.baseline->recipe) + ", baseline");
    const std::vector<double> edges = edgesOf(data.weights);
    for (std::size_t i = 0; i < data.weights.counts.size(); ++i) {
        std::vector<FigureTable::Cell> row = {numberCell(edges[i]), numberCell(edges[i + 1]),
                                              numberCell(static_cast<double>(data.weights.counts[i]))};
        if (data.current)
            row.push_back(numberCell(static_cast<double>(data.current->decoded.counts[i])));
        if (data.baseline)
            row.push_back(numberCell(static_cast<double>(data.baseline->decoded.counts[i])));
        table.rows.push_back(std::move(row));
    }
    return table;
}

double topOf(const DistributionData &data, const DistributionLook &look) {
    double top = highest(data.weights);
    if (look.logarithmic) {
        if (data.current && look.dequantized)
            top = std::max(top, highest(data.current->decoded));
        if (data.baseline && look.baseline)
            top = std::max(top, highest(data.baseline->decoded));
        return std::max(top, 1.0) * 1.5;
    }
    return std::max(top, 1.0) * headroom;
}

Series errorSeries(const DistributionSide &side, const std::string &name, bool logarithmic) {
    Series series = stepSeries(side.error, name, formatLook(side.recipe.format).colour, logarithmic);
    const std::uint64_t total = side.error.total();
    for (std::size_t i = 0; i < side.error.counts.size(); ++i)
        series.readouts.push_back(rangeText(side.error, i, "error") + "\n" + weightsText(side.error.counts[i], total));
    return series;
}

void addRmseMarks(Figure &figure, double rmse) {
    if (!(rmse > 0))
        return;
    for (const double side : {-1.0, 1.0}) {
        Mark mark;
        mark.x = side * rmse;
        mark.colour = ColourRole::Text;
        mark.line = LineStyle::Dotted;
        mark.text = side < 0 ? "−RMSE" : "+RMSE " + valueText(rmse);
        mark.align = side < 0 ? Mark::Align::Right : Mark::Align::Left;
        figure.marks.push_back(mark);
    }
}

FigureTable errorTable(const DistributionData &data) {
    FigureTable table;
    table.columns = {"from", "to", recipeText(data.current->recipe)};
    if (data.baseline)
        table.columns.push_back(recipeText(data.baseline->recipe) + ", baseline");
    const std::vector<double> edges = edgesOf(data.current->error);
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
        table.rows.push_back({numberCell(edges[i]), numberCell(edges[i + 1]),
                              numberCell(static_cast<double>(data.current->error.counts[i]))});
        if (data.baseline)
            table.rows.back().push_back(numberCell(static_cast<double>(data.baseline->error.counts[i])));
    }
    return table;
}

} // namespace

std::string sampleBadge(const TensorResult &result) {
    if (!result.sample)
        return {};
    return "sample · " + countText(result.sampled) + " of " + shortCount(result.info.params);
}

Figure weightsFigure(const DistributionData &data, const DistributionLook &look) {
    Figure figure;
    figure.id = "distribution.weights";
    figure.title = data.current ? "Weights before and after" : "Weights";
    figure.badge = sampleBadge(data.result);
    const bool strip = look.levels && !data.levels.empty();
    figure.x.label = "weight";
    if (strip)
        figure.x.label += " (levels: tick at the median scale, bar over the middle half of the " +
                          countText(data.groups) + " groups)";
    figure.x.lower = data.weights.lower;
    figure.x.upper = data.weights.upper;
    figure.y.label = "weights per bin";
    figure.y.integral = true;
    figure.y.logarithmic = look.logarithmic;
    figure.y.lower = look.logarithmic ? logFloor : 0;
    figure.y.upper = topOf(data, look);

    const std::vector<std::string> readouts = weightReadouts(data, look);
    figure.series.push_back(stepSeries(data.weights, "weights", ColourRole::Weights, look.logarithmic));
    figure.series.back().fillOpacity = fillOpacity;
    figure.series.back().readouts = readouts;
    const auto addSide = [&](const DistributionSide &side, bool baseline) {
        Series series = stepSeries(side.decoded, recipeText(side.recipe) + (baseline ? ", baseline" : ""),
                                   formatLook(side.recipe.format).colour, look.logarithmic);
        series.line = baseline ? LineStyle::Dashed : LineStyle::Solid;
        series.readouts = readouts;
        figure.series.push_back(std::move(series));
    };
    if (data.current && look.dequantized)
        addSide(*data.current, false);
    if (data.baseline && look.baseline)
        addSide(*data.baseline, true);
    if (look.normal && data.result.statistics.std.value_or(0) > 0)
        figure.series.push_back(normalCurve(data, look.logarithmic));

    if (data.constant)
        figure.marks.push_back(
            cornerText("all " + countText(data.result.statistics.finite) + " weights are " + valueText(*data.constant),
                       0.99, 0.965, Mark::Align::Right));
    else
        addCutMark(figure, data, look);
    addOutsideMarks(figure, data.weights, "range:full");
    addNotFiniteMark(figure, data.result.statistics);
    if (strip)
        figure.levels = levelStrip(data, look);
    figure.table = weightsTable(data);
    return figure;
}

Figure errorFigure(const DistributionData &data, const DistributionLook &look) {
    Figure figure;
    figure.id = "distribution.error";
    figure.title = "Error";
    figure.badge = sampleBadge(data.result);
    figure.x.label = "error (dequantized − weight)";
    figure.y.label = "weights per bin";
    figure.y.integral = true;
    if (!data.current) {
        figure.note = "kept: no error";
        return figure;
    }
    figure.x.lower = data.current->error.lower;
    figure.x.upper = data.current->error.upper;
    double top = highest(data.current->error);
    if (data.baseline && look.baseline)
        top = std::max(top, highest(data.baseline->error));
    figure.y.logarithmic = look.logarithmic;
    figure.y.lower = look.logarithmic ? logFloor : 0;
    figure.y.upper = std::max(top, 1.0) * (look.logarithmic ? 1.5 : 1.15);

    figure.series.push_back(errorSeries(*data.current, recipeText(data.current->recipe), look.logarithmic));
    figure.series.back().fillOpacity = fillOpacity;
    if (data.baseline && look.baseline) {
        figure.series.push_back(
            errorSeries(*data.baseline, recipeText(data.baseline->recipe) + ", baseline", look.logarithmic));
        figure.series.back().line = LineStyle::Dashed;
    }
    addRmseMarks(figure, data.current->rmse);
    addOutsideMarks(figure, data.current->error, "range:full");
    if (data.result.metrics && data.result.metrics->exact())
        figure.marks.push_back(cornerText("every weight is kept exactly", 0.99, 0.965, Mark::Align::Right));
    figure.table = errorTable(data);
    return figure;
}

} // namespace nibblescope
