// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_layers.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"
#include "core/report/readings.h"

namespace nibblescope {
namespace {

constexpr std::size_t narrowBars = 400; // tensors from which bars touch
constexpr std::size_t mostBars = 800;   // and from which neighbours share one
constexpr double barWidth = 0.66;

bool higherIsBetter(LayersQuantity quantity) { return quantity == LayersQuantity::Sqnr; }

std::string plainValueText(double value, LayersQuantity quantity) {
    switch (quantity) {
    case LayersQuantity::Sqnr:
    case LayersQuantity::Kurtosis:
        return fixedText(value, 2);
    case LayersQuantity::RelativeError:
    case LayersQuantity::OutputError:
        return percentText(value);
    case LayersQuantity::MaxAbsError:
        break;
    }
    return valueText(value);
}

std::string valueWithUnit(double value, LayersQuantity quantity) {
    return quantity == LayersQuantity::Sqnr ? withUnit(plainValueText(value, quantity), "dB")
                                            : plainValueText(value, quantity);
}

std::optional<double> known(const std::map<std::string, double> &values, const std::string &name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
}

std::optional<double> baselineQuantity(const LayersInput &input, const TensorResult &result) {
    return input.quantity == LayersQuantity::OutputError ? known(input.baselineOutputErrors, result.info.name)
                                                         : quantityOf(result, input.quantity);
}

struct Entry {
    const TensorResult *result = nullptr;
    std::optional<double> value;
    std::optional<double> baseline;
    std::size_t merged = 1; // neighbours that this bar stands for, being the worst of them
};

bool worse(const Entry &a, const Entry &b, LayersQuantity quantity) {
    if (a.value.has_value() != b.value.has_value())
        return a.value.has_value(); // what waits stands last
    if (!a.value)
        return false;
    return higherIsBetter(quantity) ? *a.value < *b.value : *a.value > *b.value;
}

bool inScope(const LayersInput &input, const TensorResult &result) {
    return input.scope.empty() ||
           std::find(input.scope.begin(), input.scope.end(), result.info.name) != input.scope.end();
}

std::vector<Entry> entriesOf(const LayersInput &input) {
    std::map<std::string, const TensorResult *> baseline;
    for (const TensorResult &result : input.baseline)
        baseline[result.info.name] = &result;
    const bool anyQuantized = std::any_of(input.results.begin(), input.results.end(),
                                          [](const TensorResult &result) { return result.quantized; });
    std::vector<Entry> entries;
    for (const TensorResult &result : input.results) {
        const bool shown = result.quantized ||
                           (!anyQuantized && input.quantity == LayersQuantity::Kurtosis && result.statistics.kurtosis);
        if (!shown || !inScope(input, result))
            continue;
        Entry entry;
        entry.result = &result;
        entry.value = quantityOf(input, result);
        if (const auto at = baseline.find(result.info.name); at != baseline.end())
            entry.baseline = baselineQuantity(input, *at->second);
        entries.push_back(entry);
    }
    if (input.order == LayersOrder::WorstFirst)
        std::stable_sort(entries.begin(), entries.end(),
                         [&](const Entry &a, const Entry &b) { return worse(a, b, input.quantity); });
    return entries;
}

// Where there are too many, neighbours share a bar that shows the worst of them.
std::vector<Entry> binned(const std::vector<Entry> &entries, LayersQuantity quantity) {
    if (entries.size() <= mostBars)
        return entries;
    const std::size_t size = (entries.size() + mostBars - 1) / mostBars;
    std::vector<Entry> bars;
    for (std::size_t at = 0; at < entries.size(); at += size) {
        const auto first = entries.begin() + static_cast<std::ptrdiff_t>(at);
        const auto last = entries.begin() + static_cast<std::ptrdiff_t>(std::min(entries.size(), at + size));
        bars.push_back(*std::min_element(first, last,
                                         [quantity](const Entry &a, const Entry &b) { return worse(a, b, quantity); }));
        bars.back().merged = static_cast<std::size_t>(last - first);
    }
    return bars;
}

// One sum of signal and one of error.
std::optional<double> together(const std::vector<Entry> &entries, LayersQuantity quantity) {
    double signal = 0;
    double error = 0;
    for (const Entry &entry : entries) {
        if (entry.result->metrics) {
            signal += entry.result->metrics->sums.signal;
            error += entry.result->metrics->sums.error;
        }
    }
    if (!(signal > 0) || !(error > 0))
        return std::nullopt;
    if (quantity == LayersQuantity::Sqnr)
        return 10 * std::log10(signal / error);
    if (quantity == LayersQuantity::RelativeError)
        return std::sqrt(error / signal);
    return std::nullopt;
}

std::string entryReadout(const LayersInput &input, const Entry &entry) {
    std::string text = tensorText(entry.result->info);
    if (entry.merged > 1)
        text += ", worst of " + countText(entry.merged);
    text += "\n";
    if (entry.value)
        text += valueWithUnit(*entry.value, input.quantity);
    else
        text += entry.result->metrics && entry.result->metrics->exact() ? "no error" : "·";
    if (entry.baseline)
        text += ", " + input.baselineRecipe + " " + valueWithUnit(*entry.baseline, input.quantity);
    return text;
}

Series barsOf(const LayersInput &input, const std::vector<Entry> &entries, double base) {
    Series series;
    series.kind = Series::Kind::Bars;
    series.name = input.recipe;
    series.colour = formatLook(input.format).colour;
    series.line = LineStyle::None;
    series.fillOpacity = 1;
    series.base = base;
    series.barWidth = entries.size() > narrowBars ? 1 : barWidth;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        series.x.push_back(static_cast<double>(i + 1));
        series.y.push_back(entries[i].value.value_or(base));
        series.readouts.push_back(entryReadout(input, entries[i]));
        series.links.push_back("tensor:" + entries[i].result->info.name);
    }
    return series;
}

Series ticksOf(const LayersInput &input, const std::vector<Entry> &entries) {
    Series series;
    series.name = input.baselineRecipe + ", baseline";
    series.colour = formatLook(input.baselineFormat).colour;
    series.line = LineStyle::None;
    series.mark = MarkStyle::Tick;
    series.barWidth = entries.size() > narrowBars ? 1 : barWidth;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!entries[i].baseline)
            continue;
        series.x.push_back(static_cast<double>(i + 1));
        series.y.push_back(*entries[i].baseline);
        series.readouts.push_back(entryReadout(input, entries[i]));
        series.links.push_back("tensor:" + entries[i].result->info.name);
    }
    return series;
}

void fitY(Figure &figure, const std::vector<Entry> &entries, std::optional<double> line, bool fromZero) {
    std::vector<double> values;
    for (const Entry &entry : entries) {
        if (entry.value)
            values.push_back(*entry.value);
        if (entry.baseline)
            values.push_back(*entry.baseline);
    }
    if (line)
        values.push_back(*line);
    if (values.empty())
        values = {0, 1};
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    if (fromZero) {
        figure.y.lower = std::min(0.0, *low * 1.1);
        figure.y.upper = *high > 0 ? *high * 1.15 : 1;
        return;
    }
    const double margin = std::max(0.1, 0.1 * (*high - *low));
    figure.y.lower = *low - margin;
    figure.y.upper = *high + 1.6 * margin; // room for the name of the selected
}

void addLine(Figure &figure, const LayersInput &input, std::optional<double> value) {
    Mark line;
    line.kind = Mark::Kind::HorizontalLine;
    line.colour = ColourRole::Text;
    if (value) {
        line.y = *value;
        line.legend = std::string("line: ") + (input.running ? "finished tensors" : "all tensors") + " together, " +
                      valueWithUnit(*value, input.quantity);
    } else if (input.quantity == LayersQuantity::Kurtosis) {
        line.y = 3;
        line.legend = "line: a normal, 3";
    } else {
        return;
    }
    figure.marks.push_back(line);
}

// A name beside the bar at `index`, on the side that has room.
Mark nameMark(const Figure &figure, std::size_t index, std::size_t count, double y, std::string text, bool bold) {
    const bool left = static_cast<double>(index) < 0.6 * static_cast<double>(count);
    Mark mark;
    mark.kind = Mark::Kind::Text;
    mark.x = static_cast<double>(index + 1) + (left ? 0.65 : -0.65) * std::max(1.0, static_cast<double>(count) / 60);
    mark.y = std::clamp(y, figure.y.lower, figure.y.upper);
    mark.align = left ? Mark::Align::Left : Mark::Align::Right;
    mark.colour = ColourRole::Text;
    mark.text = std::move(text);
    mark.bold = bold;
    return mark;
}

std::string namedValue(const Entry &entry, LayersQuantity quantity) {
    return tensorText(entry.result->info) + (entry.value ? " " + plainValueText(*entry.value, quantity) : "");
}

void addNames(Figure &figure, const LayersInput &input, const std::vector<Entry> &entries) {
    const double unit = inPercent(input.quantity) ? 100 : 1; // of the y axis
    const auto worst = std::min_element(entries.begin(), entries.end(),
                                        [&](const Entry &a, const Entry &b) { return worse(a, b, input.quantity); });
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto at = std::find(input.selected.begin(), input.selected.end(), entries[i].result->info.name);
        if (at == input.selected.end())
            continue;
        Mark frame;
        frame.kind = Mark::Kind::Frame;
        frame.x = static_cast<double>(i) + 0.5;
        frame.x2 = static_cast<double>(i) + 1.5;
        frame.colour = ColourRole::Text;
        figure.marks.push_back(frame);
        if (at == input.selected.begin())
            figure.marks.push_back(nameMark(figure, i, entries.size(),
                                            figure.y.upper - 0.05 * (figure.y.upper - figure.y.lower),
                                            namedValue(entries[i], input.quantity), true));
    }
    const bool named =
        !input.selected.empty() && worst != entries.end() && input.selected.front() == worst->result->info.name;
    if (worst != entries.end() && worst->value && !named && entries.size() > 1)
        figure.marks.push_back(nameMark(figure, static_cast<std::size_t>(worst - entries.begin()), entries.size(),
                                        unit * *worst->value, namedValue(*worst, input.quantity), false));
}

FigureTable barsTable(const LayersInput &input, const std::vector<Entry> &entries) {
    FigureTable table;
    table.columns = {"tensor", quantityLabel(input.quantity)};
    if (!input.baseline.empty())
        table.columns.push_back(input.baselineRecipe + ", baseline");
    const double unit = inPercent(input.quantity) ? 100 : 1;
    const auto cell = [unit](std::optional<double> value) {
        return numberCell(value ? std::optional(*value * unit) : std::nullopt);
    };
    for (const Entry &entry : entries) {
        table.rows.push_back({textCell(entry.result->info.name), cell(entry.value)});
        if (!input.baseline.empty())
            table.rows.back().push_back(cell(entry.baseline));
    }
    return table;
}

std::string orderLabel(LayersOrder order) {
    return order == LayersOrder::WorstFirst ? "tensor, worst first" : "tensor, in model order";
}

std::string titleOf(LayersQuantity quantity) {
    switch (quantity) {
    case LayersQuantity::Sqnr:
        return "SQNR of each tensor";
    case LayersQuantity::RelativeError:
        return "Relative error of each tensor";
    case LayersQuantity::OutputError:
        return "Output error of each tensor";
    case LayersQuantity::MaxAbsError:
        return "Largest error of each tensor";
    case LayersQuantity::Kurtosis:
        break;
    }
    return "Kurtosis of each tensor";
}

} // namespace

std::string quantityLabel(LayersQuantity quantity) {
    switch (quantity) {
    case LayersQuantity::Sqnr:
        return "SQNR (dB)";
    case LayersQuantity::RelativeError:
        return "relative error (%)";
    case LayersQuantity::OutputError:
        return "output error (%)";
    case LayersQuantity::MaxAbsError:
        return "max |error|";
    case LayersQuantity::Kurtosis:
        break;
    }
    return "kurtosis";
}

bool inPercent(LayersQuantity quantity) {
    return quantity == LayersQuantity::RelativeError || quantity == LayersQuantity::OutputError;
}

std::optional<double> quantityOf(const LayersInput &input, const TensorResult &result) {
    return input.quantity == LayersQuantity::OutputError ? known(input.outputErrors, result.info.name)
                                                         : quantityOf(result, input.quantity);
}

std::optional<double> quantityOf(const TensorResult &result, LayersQuantity quantity) {
    if (quantity == LayersQuantity::Kurtosis)
        return result.statistics.kurtosis;
    if (!result.metrics)
        return std::nullopt;
    switch (quantity) {
    case LayersQuantity::Sqnr:
        return result.metrics->sqnrDb;
    case LayersQuantity::RelativeError:
        return result.metrics->relativeError;
    case LayersQuantity::OutputError:
        return std::nullopt;
    case LayersQuantity::MaxAbsError:
    case LayersQuantity::Kurtosis:
        break;
    }
    return result.metrics->maxAbsError;
}

Figure layersFigure(const LayersInput &input) {
    const std::vector<Entry> all = entriesOf(input);
    const std::vector<Entry> entries = binned(all, input.quantity);
    const std::optional<double> line = together(all, input.quantity);
    Figure figure;
    figure.id = "layers.bars";
    figure.title = titleOf(input.quantity);
    figure.x.label = orderLabel(input.order);
    figure.x.integral = true;
    figure.x.lower = 0.25;
    figure.x.upper = static_cast<double>(std::max<std::size_t>(entries.size(), 1)) + 0.75;
    figure.y.label = quantityLabel(input.quantity);
    if (entries.size() < all.size())
        figure.note =
            countText(all.size()) + " tensors, the worst of every " + countText((all.size() + mostBars - 1) / mostBars);
    const bool hanging = input.quantity == LayersQuantity::Sqnr && line;
    fitY(figure, entries, line, input.quantity != LayersQuantity::Sqnr);
    figure.series.push_back(barsOf(input, entries, hanging ? *line : 0));
    if (!input.baseline.empty())
        figure.series.push_back(ticksOf(input, entries));
    if (inPercent(input.quantity)) { // shown in percent
        for (Series &series : figure.series)
            for (double &y : series.y)
                y *= 100;
        figure.y.lower *= 100;
        figure.y.upper *= 100;
    }
    addLine(figure, input, line);
    if (input.quantity == LayersQuantity::RelativeError && line)
        figure.marks.back().y *= 100;
    addNames(figure, input, entries);
    figure.table = barsTable(input, all);
    return figure;
}

Reading outputErrorReading(const LayersInput &input) {
    std::vector<std::pair<double, std::string>> errors;
    for (const auto &[name, error] : input.outputErrors)
        errors.emplace_back(error, name);
    if (errors.empty())
        return {};
    std::sort(errors.begin(), errors.end());
    Reading reading;
    TensorInfo worst;
    worst.name = errors.back().second;
    reading.clauses.push_back("With " + heldText(input.recipe) + " the outputs of " + countText(errors.size()) +
                              " matrices err by " + percentText(errors[errors.size() / 2].first, 2) +
                              " in the middle; the worst is " + tensorText(worst) + " at " +
                              percentText(errors.back().first, 2) + ".");
    if (!input.depthErrors.empty())
        reading.clauses.push_back("Run through all layers they pile up to " + percentText(input.depthErrors.back(), 2) +
                                  " of the hidden states.");
    std::size_t better = 0;
    std::size_t both = 0;
    for (const auto &[name, error] : input.outputErrors)
        if (const auto there = known(input.baselineOutputErrors, name)) {
            ++both;
            better += error < *there ? 1 : 0;
        }
    if (both > 0)
        reading.clauses.push_back(heldText(input.recipe) + " has the smaller output error in " + countText(better) +
                                  " of " + countText(both) + " against " + heldText(input.baselineRecipe) + ".");
    return reading;
}

std::optional<Figure> depthFigure(const LayersInput &input) {
    if (input.depthErrors.empty())
        return std::nullopt;
    const std::size_t layers = input.depthErrors.size();
    std::vector<double> squares(layers);
    std::vector<double> counts(layers);
    for (const auto &[name, error] : input.outputErrors)
        if (const auto place = layerPlace(name); place && place->layer < layers) {
            squares[place->layer] += error * error;
            counts[place->layer] += 1;
        }
    Figure figure;
    figure.id = "layers.depth";
    figure.title = "How errors pile up through the depth";
    figure.x.label = "layer";
    figure.x.integral = true;
    figure.x.lower = -0.6;
    figure.x.upper = static_cast<double>(layers) - 0.4;
    figure.y.label = "error (%)";
    Series local;
    local.kind = Series::Kind::Bars;
    local.name = "outputs of the layer's matrices, root mean square";
    local.colour = formatLook(input.format).colour;
    local.line = LineStyle::None;
    local.fillOpacity = 0.5;
    local.barWidth = barWidth;
    Series depth;
    depth.name = "hidden states behind the layer";
    depth.colour = ColourRole::Text;
    depth.mark = MarkStyle::Circle;
    figure.table.columns = {"layer", "output error, root mean square (%)", "error of the hidden states behind it (%)"};
    double highest = 0;
    for (std::size_t i = 0; i < layers; ++i) {
        const std::string name = "layer " + countText(i) + "\n";
        const double behind = 100 * input.depthErrors[i];
        std::optional<double> own;
        if (counts[i] > 0) {
            own = 100 * std::sqrt(squares[i] / counts[i]);
            local.x.push_back(static_cast<double>(i));
            local.y.push_back(*own);
            local.readouts.push_back(name + "outputs " + percentText(*own / 100));
            highest = std::max(highest, *own);
        }
        depth.x.push_back(static_cast<double>(i));
        depth.y.push_back(behind);
        depth.readouts.push_back(name + "hidden states " + percentText(behind / 100));
        highest = std::max(highest, behind);
        figure.table.rows.push_back({numberCell(static_cast<double>(i)), numberCell(own), numberCell(behind)});
    }
    figure.y.upper = highest > 0 ? 1.15 * highest : 1;
    if (!local.x.empty())
        figure.series.push_back(std::move(local));
    figure.series.push_back(std::move(depth));
    return figure;
}

} // namespace nibblescope
