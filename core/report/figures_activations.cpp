// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_activations.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr std::size_t mostSteps = 500;
constexpr double smallestOfLargest = 1e-6; // of a log axis
constexpr double normalKurtosis = 3;

ColourRole colourOf(ActivationBits bits) { return bits == ActivationBits::Int8 ? ColourRole::Int8 : ColourRole::Int4; }
std::string nameOf(ActivationQuant quant) { return heldText(shortForm(quant)); }
std::string alphaText(double alpha) { return heldText("α " + fixedText(alpha, 2)); }
std::string linkOf(ActivationQuant quant) {
    return "activations:" + std::string(idOf(quant.bits)) + " " + std::string(idOf(quant.scales));
}
std::string badgeOf(bool sample) { return sample ? "≈ from a sample" : ""; }

// ---- channels

struct Channel {
    std::size_t index = 0;
    double x = 0;
    double w = 0;
    double s = 1;
    bool outlier = false;
};

std::vector<Channel> channelsOf(const ActivationInput &input, const ActivationsView &view) {
    const auto &xs = input.statistics.channelMax;
    const std::vector<float> scales = smoothingScales(xs, input.weightMax, view.alpha);
    std::vector<Channel> channels(xs.size());
    for (std::size_t i = 0; i < channels.size(); ++i)
        channels[i] = {i, static_cast<double>(xs[i]), static_cast<double>(input.weightMax[i]),
                       static_cast<double>(scales[i]), false};
    for (const std::size_t outlier : input.statistics.outliers)
        channels[outlier].outlier = true;
    if (view.order == ChannelOrder::LargestFirst)
        std::stable_sort(channels.begin(), channels.end(),
                         [](const Channel &a, const Channel &b) { return a.x > b.x; });
    return channels;
}

std::string channelText(const Channel &channel, const ActivationInput &input) {
    std::string text = "channel " + countText(channel.index) + ": max |x| " + valueText(channel.x);
    if (input.statistics.medianChannelMax > 0)
        text += ", " + ratioText(channel.x / input.statistics.medianChannelMax) + " times the median";
    text += "\nmax |w| " + valueText(channel.w);
    text += "\nsmoothed: max |x| " + valueText(channel.x / channel.s) + ", max |w| " + valueText(channel.w * channel.s);
    return text;
}

// One value of each channel as steps; neighbours share one that shows the largest.
template <typename Value>
Series steps(const std::vector<Channel> &channels, const ActivationInput &input, std::size_t width, Value value) {
    Series series;
    series.kind = Series::Kind::Step;
    for (std::size_t at = 0; at < channels.size(); at += width) {
        const auto first = channels.begin() + static_cast<std::ptrdiff_t>(at);
        const auto last = channels.begin() + static_cast<std::ptrdiff_t>(std::min(channels.size(), at + width));
        const auto largest =
            std::max_element(first, last, [&](const Channel &a, const Channel &b) { return value(a) < value(b); });
        series.x.push_back(static_cast<double>(at));
        series.y.push_back(value(*largest));
        series.readouts.push_back(channelText(*largest, input));
    }
    series.x.push_back(static_cast<double>(channels.size()));
    return series;
}

void fitLogarithmic(Figure &figure) {
    double low = 0;
    double high = 0;
    for (const Series &series : figure.series)
        for (const double y : series.y) {
            high = std::max(high, y);
            if (y > 0 && (low == 0 || y < low))
                low = y;
        }
    figure.y.logarithmic = true;
    figure.y.upper = high > 0 ? high * 1.6 : 1;
    figure.y.lower = low > 0 ? std::max(low / 1.6, figure.y.upper * smallestOfLargest) : figure.y.upper / 10;
    for (Series &series : figure.series)
        for (double &y : series.y)
            y = std::max(y, figure.y.lower);
}

// ---- inputs

// A bar's value, and that of its tick where it has one.
std::pair<double, std::optional<double>> valuesOf(const ActivationInput &input, InputQuantity quantity) {
    const ActivationStatistics &s = input.statistics;
    switch (quantity) {
    case InputQuantity::Range:
        return {s.largest(), s.medianChannelMax};
    case InputQuantity::Outliers:
        return {static_cast<double>(s.outliers.size()), std::nullopt};
    case InputQuantity::Kurtosis:
        break;
    }
    return {s.values.kurtosis.value_or(0), std::nullopt};
}

void describeQuantity(Figure &figure, InputQuantity quantity) {
    switch (quantity) {
    case InputQuantity::Range:
        figure.title = "Range of each input";
        figure.y.label = "largest |x|";
        return;
    case InputQuantity::Outliers:
        figure.title = "Outliers of each input";
        figure.y.label = "outlier channels";
        figure.y.integral = true;
        return;
    case InputQuantity::Kurtosis:
        break;
    }
    figure.title = "Kurtosis of each input";
    figure.y.label = "kurtosis of x";
    Mark line;
    line.kind = Mark::Kind::HorizontalLine;
    line.y = normalKurtosis;
    line.colour = ColourRole::Text;
    line.legend = "line: a normal, 3";
    figure.marks.push_back(line);
}

std::string inputText(const ActivationInput &input) {
    const ActivationStatistics &s = input.statistics;
    std::string text = shortTensorName(input.name) + "\nkurtosis " + fixedText(s.values.kurtosis.value_or(0), 2) +
                       ", x from " + valueText(s.values.min.value_or(0)) + " to " + valueText(s.values.max.value_or(0));
    if (s.spread())
        text += "\nlargest channel " + ratioText(*s.spread()) + " times the median";
    return text + "\n" + countText(s.outliers.size()) + " of " + countText(s.channelMax.size()) +
           " channels are outliers, " + countText(s.beyondSix) + " reach beyond 6.0";
}

std::vector<FigureTable::Cell> inputRow(const ActivationInput &input) {
    const ActivationStatistics &s = input.statistics;
    std::string linears;
    for (const std::string &tensor : input.tensors)
        linears += (linears.empty() ? "" : ", ") + tensor;
    const auto count = [](std::uint64_t n) { return numberCell(static_cast<double>(n)); };
    return {textCell(input.name),           textCell(std::move(linears)), count(s.tokens),
            numberCell(s.values.kurtosis),  numberCell(s.values.min),     numberCell(s.values.max),
            numberCell(s.medianChannelMax), count(s.outliers.size()),     count(s.beyondSix),
            count(s.channelMax.size())};
}

// ---- costs

// The value of a bar and what is said of it.
struct CostRow {
    ActivationQuant quant;
    std::optional<double> plain;
    std::optional<double> smoothed;
    std::string error; // "± 0.002", of the plain value
};

std::vector<CostRow> costRows(const ActivationsView &view) {
    std::vector<CostRow> rows;
    const auto quants = allActivationQuants();
    for (std::size_t i = 0; i < quants.size(); ++i) {
        CostRow row;
        row.quant = quants[i];
        if (view.effect == ActivationEffect::Output && view.costs) {
            row.plain = view.costs->plain[i].outputError;
            row.smoothed = view.costs->smoothed[i].outputError;
        } else if (view.effect == ActivationEffect::Kl && view.kl) {
            if (i < view.kl->plain.size()) {
                row.plain = view.kl->plain[i].mean;
                if (view.kl->plain[i].standardError)
                    row.error = " ± " + valueText(*view.kl->plain[i].standardError);
            }
            if (i < view.kl->smoothed.size())
                row.smoothed = view.kl->smoothed[i].mean;
        }
        rows.push_back(row);
    }
    return rows;
}

std::string costText(double value, ActivationEffect effect) {
    return effect == ActivationEffect::Output ? percentText(value) : valueText(value);
}

StackedBar costBar(const CostRow &row, const ActivationsView &view, double unit) {
    StackedBar bar;
    bar.name = shortForm(row.quant);
    bar.selected = row.quant == view.quant;
    bar.link = linkOf(row.quant);
    StackedBar::Part part;
    part.name = displayName(row.quant.bits);
    part.value = row.plain.value_or(0) * unit;
    part.colour = colourOf(row.quant.bits);
    bar.parts.push_back(part);
    bar.endLabel = row.plain ? costText(*row.plain, view.effect) : "·";
    bar.readout = bar.name + ": " + bar.endLabel + row.error;
    if (row.smoothed) {
        bar.reference = *row.smoothed * unit;
        bar.readout += "\nsmoothed with " +
                       alphaText(view.effect == ActivationEffect::Kl ? view.kl->alpha : view.alpha) + ": " +
                       costText(*row.smoothed, view.effect);
    }
    if (row.quant.scales == ActivationScales::Channel)
        bar.readout += "\nno integer product can use it: its scales stand inside the sum";
    return bar;
}

struct WeightsLine {
    double value = 0;
    Recipe recipe;
};
std::optional<WeightsLine> weightsLine(const ActivationsView &view) {
    if (view.effect == ActivationEffect::Output && view.costs)
        return WeightsLine{view.costs->weightsAlone, view.costs->weightsRecipe};
    if (view.effect == ActivationEffect::Kl && view.kl && view.kl->weights)
        return WeightsLine{view.kl->weights->mean, view.kl->weightsRecipe};
    return std::nullopt;
}

FigureTable costsTable(const ActivationsView &view) {
    FigureTable table;
    if (view.effect == ActivationEffect::Kl) {
        table.columns = {"activations", "KL", "standard error", "KL, smoothed"};
        const auto quants = allActivationQuants();
        for (std::size_t i = 0; view.kl && i < view.kl->plain.size(); ++i)
            table.rows.push_back(
                {textCell(shortForm(quants[i])), numberCell(view.kl->plain[i].mean),
                 numberCell(view.kl->plain[i].standardError),
                 numberCell(i < view.kl->smoothed.size() ? std::optional(view.kl->smoothed[i].mean) : std::nullopt)});
        if (view.kl && view.kl->weights)
            table.rows.push_back({textCell("F32, weights " + shortForm(view.kl->weightsRecipe)),
                                  numberCell(view.kl->weights->mean), numberCell(view.kl->weights->standardError),
                                  numberCell(std::nullopt)});
        return table;
    }
    const std::string recipe = view.costs ? shortForm(view.costs->weightsRecipe) : std::string();
    table.columns = {"activations",
                     "SQNR of x (dB)",
                     "output error (%)",
                     "with the recipe's weights (%)",
                     "SQNR, smoothed (dB)",
                     "output error, smoothed (%)",
                     "with the recipe's weights, smoothed (%)"};
    if (!view.costs)
        return table;
    for (std::size_t i = 0; i < view.costs->plain.size(); ++i) {
        const ActivationCost &plain = view.costs->plain[i];
        const ActivationCost &smooth = view.costs->smoothed[i];
        table.rows.push_back({textCell(shortForm(plain.quant)), numberCell(plain.sqnrDb),
                              numberCell(100 * plain.outputError), numberCell(100 * plain.withWeights),
                              numberCell(smooth.sqnrDb), numberCell(100 * smooth.outputError),
                              numberCell(100 * smooth.withWeights)});
    }
    table.rows.push_back({textCell("F32, weights " + recipe), numberCell(std::nullopt),
                          numberCell(100 * view.costs->weightsAlone), numberCell(std::nullopt),
                          numberCell(std::nullopt), numberCell(std::nullopt), numberCell(std::nullopt)});
    return table;
}

// ---- smoothing

std::string pointText(const SmoothingPoint &point, const std::string &at) {
    return at + ": output error " + percentText(point.output) + "\nactivations alone " +
           percentText(point.fromActivations) + ", weights alone " + percentText(point.fromWeights) +
           "\nerror of x / s " + percentText(point.activationError) + ", of w · s " + percentText(point.weightError);
}

Series smoothingSeries(const SmoothingCurve &curve, double SmoothingPoint::*what, const char *name, ColourRole colour,
                       MarkStyle mark) {
    Series series;
    series.name = name;
    series.colour = colour;
    series.mark = mark;
    for (const SmoothingPoint &point : curve.points) {
        series.x.push_back(point.alpha);
        series.y.push_back(100 * point.*what);
        series.readouts.push_back(pointText(point, alphaText(point.alpha)));
        series.links.push_back("alpha:" + fixedText(point.alpha, 2));
    }
    return series;
}

} // namespace

Figure channelsFigure(const ActivationsView &view) {
    Figure figure;
    figure.id = "activations.channels";
    figure.title = "Largest |x| and |w| of each channel";
    figure.x.label = view.order == ChannelOrder::ModelOrder ? "input channel" : "input channel, largest |x| first";
    figure.y.label = "largest magnitude";
    const ActivationInput *input = view.input();
    if (input == nullptr)
        return figure;
    const std::vector<Channel> channels = channelsOf(*input, view);
    const std::size_t width = (channels.size() + mostSteps - 1) / mostSteps;
    const ColourRole x = colourOf(view.quant.bits);
    const ColourRole w =
        view.recipe.format == Format::None ? ColourRole::Weights : formatLook(view.recipe.format).colour;
    const auto add = [&](const char *name, ColourRole colour, LineStyle line, auto value) {
        Series series = steps(channels, *input, width, value);
        series.name = name;
        series.colour = colour;
        series.line = line;
        figure.series.push_back(std::move(series));
    };
    add("|x|", x, LineStyle::Solid, [](const Channel &c) { return c.x; });
    add("|x| smoothed", x, LineStyle::Dashed, [](const Channel &c) { return c.x / c.s; });
    // A recipe of the activations' own colour would make the weights look like them.
    const ColourRole other = w == x ? ColourRole::Weights : w;
    add("|w|", other, LineStyle::Solid, [](const Channel &c) { return c.w; });
    add("|w| smoothed", other, LineStyle::Dashed, [](const Channel &c) { return c.w * c.s; });
    Series outliers;
    outliers.name = "outliers";
    outliers.colour = x;
    outliers.line = LineStyle::None;
    outliers.mark = MarkStyle::Circle;
    for (std::size_t i = 0; i < channels.size(); ++i)
        if (channels[i].outlier) {
            outliers.x.push_back(static_cast<double>(i) + 0.5);
            outliers.y.push_back(channels[i].x);
            outliers.readouts.push_back(channelText(channels[i], *input));
        }
    if (!outliers.x.empty())
        figure.series.push_back(std::move(outliers));
    figure.x.lower = 0;
    figure.x.upper = static_cast<double>(std::max<std::size_t>(1, channels.size()));
    figure.x.integral = true;
    fitLogarithmic(figure);
    if (input->statistics.medianChannelMax > 0) {
        Mark line;
        line.kind = Mark::Kind::HorizontalLine;
        line.y = outlierRatio * input->statistics.medianChannelMax;
        line.line = LineStyle::Dotted;
        line.legend = "6 × median |x|";
        if (line.y > figure.y.lower && line.y < figure.y.upper)
            figure.marks.push_back(line);
    }
    figure.table.columns = {"channel", "max |x|",           "times the median",  "outlier",
                            "max |w|", "max |x|, smoothed", "max |w|, smoothed", "s"};
    for (const Channel &channel : channels)
        figure.table.rows.push_back({numberCell(static_cast<double>(channel.index)), numberCell(channel.x),
                                     numberCell(input->statistics.medianChannelMax > 0
                                                    ? std::optional(channel.x / input->statistics.medianChannelMax)
                                                    : std::nullopt),
                                     textCell(channel.outlier ? "yes" : "no"), numberCell(channel.w),
                                     numberCell(channel.x / channel.s), numberCell(channel.w * channel.s),
                                     numberCell(channel.s)});
    return figure;
}

Figure inputsFigure(const ActivationsView &view) {
    Figure figure;
    figure.id = "activations.inputs";
    figure.x.label = "input, in model order";
    figure.x.integral = true;
    describeQuantity(figure, view.quantity);
    figure.table.columns = {"input",
                            "linears",
                            "tokens",
                            "kurtosis",
                            "smallest",
                            "largest",
                            "median channel max",
                            "outlier channels",
                            "channels beyond 6",
                            "channels"};
    Series bars;
    bars.kind = Series::Kind::Bars;
    bars.name = view.quantity == InputQuantity::Range ? "largest |x|" : "";
    bars.colour = ColourRole::Weights;
    bars.line = LineStyle::None;
    bars.fillOpacity = 1;
    bars.barWidth = 0.66;
    Series ticks = bars; // a second value of each
    ticks.kind = Series::Kind::Line;
    ticks.name = "median channel";
    ticks.colour = ColourRole::Accent;
    ticks.mark = MarkStyle::Tick;
    ticks.fillOpacity = 0;
    double top = view.quantity == InputQuantity::Kurtosis ? normalKurtosis : 1;
    const ActivationInput *selected = view.input();
    const std::size_t count = view.set ? view.set->inputs.size() : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const ActivationInput &input = view.set->inputs[i];
        const auto [value, second] = valuesOf(input, view.quantity);
        top = std::max({top, value, second.value_or(0)});
        for (Series *series : {&bars, &ticks}) {
            series->x.push_back(static_cast<double>(i + 1));
            series->y.push_back(series == &bars ? value : second.value_or(0));
            series->links.push_back("tensor:" + input.tensors.front());
            series->readouts.push_back(inputText(input));
        }
        figure.table.rows.push_back(inputRow(input));
        if (&input == selected) {
            Mark frame;
            frame.kind = Mark::Kind::Frame;
            frame.x = static_cast<double>(i) + 0.5;
            frame.x2 = static_cast<double>(i) + 1.5;
            frame.colour = ColourRole::Text;
            figure.marks.push_back(frame);
        }
    }
    figure.series.push_back(std::move(bars));
    if (view.quantity == InputQuantity::Range)
        figure.series.push_back(std::move(ticks));
    constexpr double fewestSlots = 7; // a single bar does not fill the plot
    const double spare = std::max(0.0, fewestSlots - static_cast<double>(count)) / 2;
    for (std::size_t i = 1; spare > 0 && i <= count; ++i)
        figure.x.ticks.push_back({static_cast<double>(i), countText(i)});
    figure.x.lower = 0.25 - spare;
    figure.x.upper = static_cast<double>(count) + 0.75 + spare;
    figure.y.upper = 1.12 * top;
    return figure;
}

Figure costsFigure(const ActivationsView &view) {
    Figure figure;
    figure.id = "activations.costs";
    const bool output = view.effect == ActivationEffect::Output;
    const double unit = output ? 100 : 1;
    figure.title = output ? "What rounded activations cost" : "KL of rounded activations";
    figure.x.label = output ? "error of the output (%), dashed: smoothed" : "mean KL divergence, dashed: smoothed";
    figure.badge = badgeOf(output && view.costs && view.costs->sample);
    figure.gridVertical = true;
    double longest = 0;
    for (const CostRow &row : costRows(view)) {
        figure.stackedBars.push_back(costBar(row, view, unit));
        longest = std::max({longest, row.plain.value_or(0) * unit, row.smoothed.value_or(0) * unit});
    }
    if (const auto weights = weightsLine(view)) {
        Mark line;
        line.x = weights->value * unit;
        line.opacity = 0.4; // labels of short bars lie over it
        line.colour = ColourRole::Text;
        line.legend = recipeText(weights->recipe) + " weights alone, " + costText(weights->value, view.effect);
        figure.marks.push_back(line);
        Band band;
        band.to = line.x;
        band.vertical = true;
        figure.bands.push_back(band);
        longest = std::max(longest, line.x);
    }
    figure.x.upper = longest > 0 ? 1.05 * longest : 1;
    figure.table = costsTable(view);
    return figure;
}

Figure smoothingFigure(const ActivationsView &view) {
    Figure figure;
    figure.id = "activations.smoothing";
    figure.title = "Smoothing, " + nameOf(view.quant);
    figure.x.label = "α: 0 hard activations, 1 hard weights";
    figure.x.upper = 1;
    figure.y.label = "error of the output (%)";
    figure.gridVertical = true;
    figure.table.columns = {
        "alpha",           "output error (%)", "activations alone (%)", "weights alone (%)", "error of x / s (%)",
        "error of w s (%)"};
    if (!view.curve)
        return figure;
    const SmoothingCurve &curve = *view.curve;
    figure.badge = badgeOf(curve.sample);
    figure.series.push_back(smoothingSeries(curve, &SmoothingPoint::output, "both", ColourRole::Text, MarkStyle::None));
    figure.series.push_back(smoothingSeries(curve, &SmoothingPoint::fromActivations, "activations alone",
                                            colourOf(view.quant.bits), MarkStyle::None));
    if (curve.recipe.format != Format::None) {
        const ColourRole own = formatLook(curve.recipe.format).colour;
        figure.series.push_back(smoothingSeries(curve, &SmoothingPoint::fromWeights, "weights alone",
                                                own == colourOf(view.quant.bits) ? ColourRole::Weights : own,
                                                MarkStyle::None));
        figure.series.back().line = LineStyle::Dashed;
    }
    double top = 100 * curve.none.output;
    double bottom = top;
    for (const Series &series : figure.series) {
        top = std::max(top, *std::max_element(series.y.begin(), series.y.end()));
        bottom = std::min(bottom, *std::min_element(series.y.begin(), series.y.end()));
    }
    figure.y.upper = 1.12 * top;
    figure.y.lower = bottom < 0.5 * top ? 0 : std::max(0.0, bottom - 0.15 * (top - bottom));
    Mark none;
    none.kind = Mark::Kind::HorizontalLine;
    none.y = 100 * curve.none.output;
    none.line = LineStyle::Dotted;
    none.colour = ColourRole::Text;
    none.legend = "not smoothed";
    figure.marks.push_back(none);
    const auto ringed = std::min_element(curve.points.begin(), curve.points.end(),
                                         [&view](const SmoothingPoint &a, const SmoothingPoint &b) {
                                             return std::fabs(a.alpha - view.alpha) < std::fabs(b.alpha - view.alpha);
                                         });
    Mark ring;
    ring.kind = Mark::Kind::Ring;
    ring.x = ringed->alpha;
    ring.y = 100 * ringed->output;
    ring.colour = ColourRole::Text;
    ring.width = 2;
    figure.marks.push_back(ring);
    const auto row = [&figure](FigureTable::Cell alpha, const SmoothingPoint &point) {
        figure.table.rows.push_back({std::move(alpha), numberCell(100 * point.output),
                                     numberCell(100 * point.fromActivations), numberCell(100 * point.fromWeights),
                                     numberCell(100 * point.activationError), numberCell(100 * point.weightError)});
    };
    row(textCell("not smoothed"), curve.none);
    for (const SmoothingPoint &point : curve.points)
        row(numberCell(point.alpha), point);
    return figure;
}

ActivationEvidence activationEvidence(const ActivationSet &set, const ActivationKl *kl) {
    ActivationEvidence evidence;
    for (const ActivationInput &input : set.inputs) {
        const ActivationStatistics &s = input.statistics;
        evidence.channels += s.channelMax.size();
        evidence.outlierChannels += s.outliers.size();
        if (const auto spread = s.spread(); spread && (!evidence.largestSpread || *spread > *evidence.largestSpread)) {
            evidence.largestSpread = spread;
            evidence.largestSpreadName = shortTensorName(input.name);
        }
    }
    const auto quants = allActivationQuants();
    for (std::size_t i = 0; kl != nullptr && i < kl->plain.size(); ++i) {
        if (quants[i].scales != ActivationScales::Token)
            continue;
        auto &value = quants[i].bits == ActivationBits::Int8 ? evidence.klInt8 : evidence.klInt4;
        value = MeasuredValue{kl->plain[i].mean, kl->plain[i].standardError};
    }
    return evidence;
}

} // namespace nibblescope
