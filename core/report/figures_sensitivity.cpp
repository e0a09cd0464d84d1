// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_sensitivity.h"

#include <algorithm>

#include "core/report/accuracy.h"
#include "core/report/figure_colours.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double barWidth = 0.66;
constexpr double capWidth = 0.08;

const SensitivityPart *mostOf(const Sensitivity &sensitivity) {
    const auto most =
        std::max_element(sensitivity.parts.begin(), sensitivity.parts.end(),
                         [](const SensitivityPart &a, const SensitivityPart &b) { return a.kl.mean < b.kl.mean; });
    return most == sensitivity.parts.end() ? nullptr : &*most;
}

std::string shortPart(const Sensitivity &sensitivity, const std::string &name) {
    return sensitivity.by == SensitivityBy::Layers ? name.substr(name.rfind('.') + 1) : name;
}

std::string readoutOf(const SensitivityPart &part) {
    std::string text = part.name + "\nKL " + estimateText(part.kl) + ", perplexity " +
                       changeText(perplexityChange(part.nllDifference)) + "\n" + shortCount(part.weights) +
                       " weights · top-1 " + percentText(part.top1Agreement);
    if (part.localError && part.finalError)
        text += "\nhidden states: " + percentText(*part.localError) + " behind it, " + percentText(*part.finalError) +
                " behind the last layer";
    return text;
}

void addWhisker(Figure &figure, double x, const Estimate &kl, ColourRole colour) {
    if (!kl.standardError)
        return;
    Mark line;
    line.kind = Mark::Kind::Segment;
    line.colour = colour;
    line.x = line.x2 = x;
    line.y = kl.mean - *kl.standardError;
    line.y2 = kl.mean + *kl.standardError;
    figure.marks.push_back(line);
    for (const double end : {line.y, line.y2}) {
        Mark cap = line;
        cap.x -= capWidth;
        cap.x2 += capWidth;
        cap.y = cap.y2 = end;
        figure.marks.push_back(cap);
    }
}

} // namespace

Figure sensitivityFigure(const Sensitivity &sensitivity, const Recipe &recipe) {
    const bool layers = sensitivity.by == SensitivityBy::Layers;
    Figure figure;
    figure.id = layers ? "layers.sensitivity" : "layers.sensitivity-kinds";
    figure.title = layers ? "KL with one layer quantized" : "KL with one kind of matrix quantized";
    figure.note = "whisker: one standard error";
    figure.x.label = layers ? "layer" : "kind of matrix";
    figure.x.lower = -0.6;
    figure.x.upper = static_cast<double>(std::max<std::size_t>(1, sensitivity.parts.size())) - 0.4;
    figure.y.label = "KL divergence (nat)";
    Series bars;
    bars.kind = Series::Kind::Bars;
    bars.colour = formatLook(recipe.format).colour;
    bars.line = LineStyle::None;
    bars.fillOpacity = 1;
    bars.barWidth = barWidth;
    figure.table.columns = {layers ? "layer" : "kind", "weights",        "KL mean",
                            "KL standard error",       "nll difference", "top-1 agreement"};
    double highest = 0;
    for (std::size_t i = 0; i < sensitivity.parts.size(); ++i) {
        const SensitivityPart &part = sensitivity.parts[i];
        const auto x = static_cast<double>(i);
        bars.x.push_back(x);
        bars.y.push_back(part.kl.mean);
        bars.readouts.push_back(readoutOf(part));
        figure.x.ticks.push_back({x, shortPart(sensitivity, part.name)});
        highest = std::max(highest, part.kl.mean + part.kl.standardError.value_or(0));
        addWhisker(figure, x, part.kl, ColourRole::Text);
        figure.table.rows.push_back({textCell(part.name), numberCell(static_cast<double>(part.weights)),
                                     numberCell(part.kl.mean), numberCell(part.kl.standardError),
                                     numberCell(part.nllDifference.mean), numberCell(part.top1Agreement)});
    }
    figure.y.upper = highest > 0 ? 1.12 * highest : 1;
    figure.series.push_back(std::move(bars));
    return figure;
}

Reading sensitivityReading(const SensitivityInput &input) {
    Reading reading;
    const SensitivityPart *layer = mostOf(input.layers);
    const SensitivityPart *kind = mostOf(input.kinds);
    const double layersTogether = input.layers.sumOfKl();
    if (layer != nullptr && layersTogether > 0)
        reading.clauses.push_back("With " + recipeText(input.recipe) + " " + layer->name +
                                  " matters most: quantized alone it costs " +
                                  heldText("KL " + estimateText(layer->kl)) + ", " +
                                  percentText(layer->kl.mean / layersTogether, 2) + " of the sum over layers.");
    const double kindsTogether = input.kinds.sumOfKl();
    if (kind != nullptr && kindsTogether > 0)
        reading.clauses.push_back("Of the kinds " + kind->name + " costs most, " +
                                  percentText(kind->kl.mean / kindsTogether, 2) + " of their sum.");
    return reading;
}

} // namespace nibblescope
