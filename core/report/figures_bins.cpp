// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_bins.h"

#include <algorithm>
#include <cmath>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/figures_distribution.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double evenOpacity = 0.62;
constexpr double oddOpacity = 0.34;

std::string formatName(const Recipe &recipe) { return heldText(std::string(traits(recipe.format).shortName)); }

std::string sideName(const BinsSide &side) {
    return side.recipe.format == Format::None ? "weights" : recipeText(side.recipe);
}

double binCentre(const Histogram &histogram, std::size_t bin) {
    return histogram.lower + (static_cast<double>(bin) + 0.5) * histogram.binWidth();
}

std::size_t levelAt(const BinsSide &side, double x) {
    return static_cast<std::size_t>(std::upper_bound(side.boundaries.begin(), side.boundaries.end(), x) -
                                    side.boundaries.begin());
}

std::vector<double> densities(const BinsSide &side) {
    std::vector<double> values;
    const double unit = static_cast<double>(std::max<std::uint64_t>(side.finite, 1)) * side.density.binWidth();
    for (const std::uint64_t count : side.density.counts)
        values.push_back(static_cast<double>(count) / unit);
    return values;
}

std::string shareText(std::uint64_t part, std::uint64_t whole) {
    return percentText(whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole));
}

Series densitySeries(const BinsSide &side, double sign, bool linked) {
    Series series;
    series.kind = Series::Kind::Bars;
    series.name = sideName(side);
    series.colour = formatLook(side.recipe.format).colour;
    series.line = LineStyle::None;
    series.barWidth = side.density.binWidth();
    series.fillOpacity = evenOpacity;
    const std::vector<double> values = densities(side);
    const int decimals = decimalsFor(side.density.binWidth());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = binCentre(side.density, i);
        series.x.push_back(x);
        series.y.push_back(sign * values[i]);
        std::string text = "w / largest " + fixedText(x - series.barWidth / 2, decimals) + " ... " +
                           fixedText(x + series.barWidth / 2, decimals) + "\n" + countText(side.density.counts[i]) +
                           (side.density.counts[i] == 1 ? " weight (" : " weights (") +
                           shareText(side.density.counts[i], side.finite) + ")";
        if (!side.levels.empty()) {
            const std::size_t level = levelAt(side, x);
            text += "\n" + formatName(side.recipe) + " code " + side.levels[level].text;
            series.opacities.push_back(level % 2 == 0 ? evenOpacity : oddOpacity);
            if (linked)
                series.links.push_back("code:" + std::to_string(side.levels[level].code));
        }
        series.readouts.push_back(std::move(text));
    }
    return series;
}

// Group maxima pile up at ±1: they are cut rather than allowed to flatten the rest.
double densityTop(const BinsData &data) {
    double inside = 0;
    double all = 0;
    const auto look = [&](const BinsSide &side) {
        const std::vector<double> values = densities(side);
        for (std::size_t i = 0; i < values.size(); ++i) {
            all = std::max(all, values[i]);
            if (std::abs(binCentre(side.density, i)) < 0.97)
                inside = std::max(inside, values[i]);
        }
    };
    look(data.current);
    if (data.compared)
        look(*data.compared);
    if (inside == 0)
        inside = all;
    const double top = 1.12 * std::max(inside, std::min(all, 1.3 * inside));
    return top > 0 ? top : 1;
}

void addCutMark(Figure &figure, const BinsSide &side, double sign) {
    const std::vector<double> values = densities(side);
    std::uint64_t cut = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] > figure.y.upper)
            cut += side.density.counts[i];
    }
    if (cut > 0)
        figure.marks.push_back(cornerText("cut: " + shareText(cut, side.finite) + " of the weights are at the ends",
                                          0.99, sign > 0 ? 0.96 : 0.04, Mark::Align::Right));
}

void addBoundaries(Figure &figure, const BinsSide &side, double sign) {
    if (traits(side.recipe.format).codeBits != 4)
        return;
    for (const double at : side.boundaries) {
        Mark mark;
        mark.kind = Mark::Kind::Segment;
        mark.x = at;
        mark.x2 = at;
        mark.y2 = sign * figure.y.upper;
        mark.colour = formatLook(side.recipe.format).colour;
        figure.marks.push_back(mark);
    }
}

// The selected code's bin: its two boundaries and the top of the plot in the text colour.
void addSelectedBin(Figure &figure, const BinsSide &side, std::optional<unsigned> selectedCode) {
    const auto level = std::find_if(side.levels.begin(), side.levels.end(),
                                    [&](const NormalisedLevel &l) { return selectedCode == l.code; });
    if (level == side.levels.end() || traits(side.recipe.format).codeBits != 4)
        return;
    const auto index = static_cast<std::size_t>(level - side.levels.begin());
    const double left = index == 0 ? figure.x.lower : side.boundaries[index - 1];
    const double right = index == side.boundaries.size() ? figure.x.upper : side.boundaries[index];
    const double top = figure.y.upper;
    const auto add = [&figure](double x, double y, double x2, double y2) {
        Mark mark;
        mark.kind = Mark::Kind::Segment;
        mark.x = x;
        mark.y = y;
        mark.x2 = x2;
        mark.y2 = y2;
        mark.colour = ColourRole::Text;
        mark.width = 2;
        figure.marks.push_back(mark);
    };
    add(left, 0, left, top);
    add(left, top, right, top);
    add(right, top, right, 0);
}

LevelStrip::Row levelRow(const BinsSide &side, std::optional<unsigned> selectedCode, bool linked) {
    LevelStrip::Row row;
    row.name = formatName(side.recipe);
    row.colour = formatLook(side.recipe.format).colour;
    const bool texts = side.levels.size() <= 16;
    for (const NormalisedLevel &level : side.levels) {
        if (!row.levels.empty() && row.levels.back().at == level.at) { // FP4 holds zero twice
            if (texts)
                row.levels.back().text += "\u00a0" + level.text;
            continue;
        }
        LevelStrip::Level drawn;
        drawn.at = level.at;
        drawn.text = texts ? level.text : std::string();
        drawn.hollow = texts && !level.reachable;
        drawn.readout = row.name + " code " + level.text + " at " + fixedText(level.at, 4) +
                        (level.reachable ? "" : "\nnever used");
        if (linked) {
            drawn.link = "code:" + std::to_string(level.code);
            drawn.selected = selectedCode == level.code;
        }
        row.levels.push_back(std::move(drawn));
    }
    return row;
}

// With max/7 the lowest code cannot be reached: the one idle level that has a reason of its own.
void addIdleMark(Figure &figure, const BinsSide &side, double sign) {
    if (side.recipe.format != Format::Int4 || side.levels.empty() || side.levels.front().reachable)
        return;
    Mark mark;
    mark.kind = Mark::Kind::Text;
    mark.x = side.levels.front().at;
    mark.y = sign * 0.45 * figure.y.upper;
    mark.align = Mark::Align::Centre;
    mark.text = side.levels.front().text + " is\nnever\nused";
    figure.marks.push_back(mark);
}

void addOutsideMarks(Figure &figure, const BinsSide &side, double y) {
    if (side.density.below > 0)
        figure.marks.push_back(
            cornerText("◂ " + countText(side.density.below) + " clipped", 0.01, y, Mark::Align::Left));
    if (side.density.above > 0)
        figure.marks.push_back(cornerText(countText(side.density.above) + " clipped ▸", 0.99, y, Mark::Align::Right));
}

FigureTable densityTable(const BinsData &data) {
    FigureTable table;
    table.columns = {"from", "to", sideName(data.current) + ", weights"};
    if (data.compared)
        table.columns.push_back(sideName(*data.compared) + ", weights");
    const std::vector<double> edges = edgesOf(data.current.density);
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
        table.rows.push_back({numberCell(edges[i]), numberCell(edges[i + 1]),
                              numberCell(static_cast<double>(data.current.density.counts[i]))});
        if (data.compared)
            table.rows.back().push_back(numberCell(static_cast<double>(data.compared->density.counts[i])));
    }
    return table;
}

std::string densityAxis(const BinsData &data) {
    const char *whole = data.options.scale == BinsScale::Tensor ? "the tensor" : "its group";
    if (data.current.recipe.format == Format::Mxfp4)
        return "weight / (8 · 2^e of its group)";
    if (data.current.recipe.format == Format::Int4Asym)
        return "weight between the smallest and the largest of " + std::string(whole);
    if (data.current.recipe.format == Format::None && data.options.scale == BinsScale::EachGroup)
        return "weight / largest magnitude of its row";
    return "weight / largest magnitude of " + std::string(whole);
}

// ---- shares

std::string shareReadout(const CodeShare &share, bool ranges) {
    return (ranges ? "codes " + share.text : "code " + share.text + ", level " + valueText(share.level)) + "\n" +
           countText(share.weights) + " weights (" + percentText(share.weightShare) + ")\n" +
           percentText(share.errorShare, 2) + " of the squared error";
}

Series shareSeries(const BinsData &data, bool errors, std::optional<unsigned> selectedCode) {
    const bool ranges = data.current.recipe.format == Format::Int8;
    Series series;
    series.kind = Series::Kind::Bars;
    series.name = errors ? "squared error" : "weights";
    series.colour = errors ? ColourRole::Text2 : formatLook(data.current.recipe.format).colour;
    series.fillOpacity = 1;
    series.hatched = errors;
    series.line = errors ? LineStyle::Solid : LineStyle::None;
    series.barWidth = 0.4;
    for (std::size_t i = 0; i < data.shares.size(); ++i) {
        const CodeShare &share = data.shares[i];
        series.x.push_back(static_cast<double>(i) + (errors ? 0.2 : -0.2));
        series.y.push_back(100 * (errors ? share.errorShare : share.weightShare));
        series.readouts.push_back(shareReadout(share, ranges));
        if (!ranges) {
            series.links.push_back("code:" + std::to_string(share.code));
            if (selectedCode == share.code)
                series.selected.push_back(i);
        }
    }
    return series;
}

// ---- sweep

std::string sizeNames(const Sweep &sweep) {
    std::string names;
    for (const SweepCurve &curve : sweep.curves) {
        if (traits(curve.format).fixedGroupSize != 0)
            continue;
        for (const SweepPoint &point : curve.points) {
            if (isMarkedSweepSize(point.recipe.groupSize))
                names += " " + toString(point.recipe.groupSize);
        }
        break;
    }
    return names.empty() ? names : "marks:" + names;
}

void addPoint(Series &series, const SweepPoint &point) {
    series.x.push_back(point.bpw);
    series.y.push_back(*point.sqnrDb);
    series.readouts.push_back(recipeText(point.recipe) + "\n" + withUnit(sqnrText(point.sqnrDb), "dB") + " at " +
                              withUnit(bpwText(point.bpw), "bpw"));
    series.links.push_back("recipe:" + toJson(point.recipe).dump());
}

void addCurve(Figure &figure, const SweepCurve &curve) {
    const FormatLook look = formatLook(curve.format);
    Series line;
    line.colour = look.colour;
    line.line = look.line;
    Series marks;
    marks.name = heldText(std::string(traits(curve.format).shortName));
    marks.colour = look.colour;
    marks.line = LineStyle::None;
    marks.mark = look.mark;
    for (const SweepPoint &point : curve.points) {
        if (!point.sqnrDb)
            continue;
        addPoint(line, point);
        if (isMarkedSweepSize(point.recipe.groupSize))
            addPoint(marks, point);
    }
    if (line.x.size() > 1)
        figure.series.push_back(std::move(line));
    if (!marks.x.empty())
        figure.series.push_back(std::move(marks));
}

// What no 16 levels can beat, as a thin line above the curves.
void addBound(Figure &figure, const Sweep &sweep) {
    Series line;
    line.name = heldText("any 16 levels");
    line.colour = ColourRole::Text2;
    line.line = LineStyle::Dashed;
    for (const SweepBound &bound : sweep.bounds) {
        if (!bound.sqnrDb)
            continue;
        line.x.push_back(bound.bpw);
        line.y.push_back(*bound.sqnrDb);
        line.readouts.push_back("the best of any 16 levels, groups of " + toString(bound.recipe.groupSize) + "\n" +
                                withUnit(sqnrText(bound.sqnrDb), "dB") + " at " + withUnit(bpwText(bound.bpw), "bpw") +
                                " and the levels themselves");
    }
    if (line.x.size() > 1)
        figure.series.push_back(std::move(line));
}

void fitAxes(Figure &figure) {
    bool first = true;
    for (const Series &series : figure.series) {
        for (std::size_t i = 0; i < series.x.size(); ++i) {
            figure.x.lower = first ? series.x[i] : std::min(figure.x.lower, series.x[i]);
            figure.x.upper = first ? series.x[i] : std::max(figure.x.upper, series.x[i]);
            figure.y.lower = first ? series.y[i] : std::min(figure.y.lower, series.y[i]);
            figure.y.upper = first ? series.y[i] : std::max(figure.y.upper, series.y[i]);
            first = false;
        }
    }
    if (first)
        return;
    const double dx = std::max(0.05, 0.05 * (figure.x.upper - figure.x.lower));
    const double dy = std::max(0.25, 0.08 * (figure.y.upper - figure.y.lower));
    figure.x.lower -= dx;
    figure.x.upper += dx;
    figure.y.lower -= dy;
    figure.y.upper += dy;
}

} // namespace

Figure densityFigure(const BinsData &data, std::optional<unsigned> selectedCode) {
    Figure figure;
    figure.id = "bins.density";
    figure.badge = sampleBadge(data.result);
    figure.x.label = densityAxis(data);
    figure.x.lower = data.current.density.lower;
    figure.x.upper = data.current.density.upper;
    figure.y.label = "density";
    figure.y.upper = densityTop(data);
    figure.y.lower = data.compared ? -figure.y.upper : 0;
    const bool kept = data.current.levels.empty();
    figure.title = kept ? "Density of the weights" : "Levels and boundaries over the weights";
    figure.series.push_back(densitySeries(data.current, 1, true));
    if (data.compared)
        figure.series.push_back(densitySeries(*data.compared, -1, false));
    if (!kept) {
        figure.note = "line: boundary · tick: level with its code";
        LevelStrip strip;
        strip.place = data.compared ? LevelStrip::Place::Middle : LevelStrip::Place::Below;
        strip.rows.push_back(levelRow(data.current, selectedCode, true));
        if (data.compared)
            strip.rows.push_back(levelRow(*data.compared, {}, false));
        figure.levels = std::move(strip);
        addBoundaries(figure, data.current, 1);
        addSelectedBin(figure, data.current, selectedCode);
        addIdleMark(figure, data.current, 1);
    }
    addCutMark(figure, data.current, 1);
    addOutsideMarks(figure, data.current, data.compared ? 0.62 : 0.08);
    if (data.compared) {
        addBoundaries(figure, *data.compared, -1);
        addIdleMark(figure, *data.compared, -1);
        addCutMark(figure, *data.compared, -1);
        addOutsideMarks(figure, *data.compared, 0.38);
    }
    figure.table = densityTable(data);
    return figure;
}

Figure sharesFigure(const BinsData &data, std::optional<unsigned> selectedCode) {
    Figure figure;
    figure.id = "bins.shares";
    const bool ranges = data.current.recipe.format == Format::Int8;
    figure.title = ranges ? "Share of each range of codes" : "Share of each code";
    figure.badge = sampleBadge(data.result);
    figure.x.label = ranges ? "code, in ranges of 16" : "code";
    figure.x.lower = -0.75;
    figure.x.upper = static_cast<double>(std::max<std::size_t>(data.shares.size(), 1)) - 0.25;
    figure.y.label = "share";
    figure.y.tickSuffix = "\u00a0%";
    if (data.shares.empty()) {
        figure.note = "kept: no codes";
        return figure;
    }
    double top = 100.0 / 16;
    for (std::size_t i = 0; i < data.shares.size(); ++i) {
        const CodeShare &share = data.shares[i];
        top = std::max({top, 100 * share.weightShare, 100 * share.errorShare});
        const std::string label = ranges ? share.text.substr(0, share.text.find(' ')) : share.text;
        figure.x.ticks.push_back({static_cast<double>(i), label});
        figure.table.rows.push_back({textCell(share.text), numberCell(share.level),
                                     numberCell(static_cast<double>(share.weights)),
                                     numberCell(100 * share.weightShare), numberCell(100 * share.errorShare)});
    }
    figure.table.columns = {"code", "level", "weights", "weights (%)", "squared error (%)"};
    figure.y.upper = 1.1 * top;
    figure.series.push_back(shareSeries(data, false, selectedCode));
    figure.series.push_back(shareSeries(data, true, selectedCode));
    Mark even;
    even.kind = Mark::Kind::HorizontalLine;
    even.y = 100.0 / 16;
    even.line = LineStyle::Dashed;
    even.text = "1/16";
    even.align = Mark::Align::Right;
    figure.marks.push_back(even);
    return figure;
}

Figure sweepFigure(const Sweep &sweep, const Recipe &current) {
    Figure figure;
    figure.id = "bins.sweep";
    figure.title = "Group size sweep, this tensor";
    figure.note = sizeNames(sweep);
    figure.badge = sweep.sample ? "≈ from a sample" : "";
    figure.x.label = "bits per weight";
    figure.y.label = "SQNR (dB)";
    figure.gridVertical = true;
    for (const SweepCurve &curve : sweep.curves)
        addCurve(figure, curve);
    addBound(figure, sweep);
    fitAxes(figure);
    const SweepPoint *point = findPoint(sweep, current);
    if (point != nullptr && point->sqnrDb) {
        Mark ring;
        ring.kind = Mark::Kind::Ring;
        ring.x = point->bpw;
        ring.y = *point->sqnrDb;
        ring.colour = ColourRole::Text;
        ring.width = 2;
        figure.marks.push_back(ring);
    }
    figure.table.columns = {"recipe", "group size", "bpw", "SQNR (dB)"};
    for (const SweepCurve &curve : sweep.curves) {
        for (const SweepPoint &p : curve.points)
            figure.table.rows.push_back({textCell(recipeText(p.recipe)), textCell(toString(p.recipe.groupSize)),
                                         numberCell(p.bpw), numberCell(p.sqnrDb)});
    }
    for (const SweepBound &bound : sweep.bounds)
        figure.table.rows.push_back({textCell("any 16 levels"), textCell(toString(bound.recipe.groupSize)),
                                     numberCell(bound.bpw), numberCell(bound.sqnrDb)});
    return figure;
}

} // namespace nibblescope
