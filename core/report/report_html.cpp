// SPDX-License-Identifier: GPL-3.0-or-later
#include <array>
#include <functional>

#include "core/base/version.h"
#include "core/report/figures_layers.h"
#include "core/report/number_text.h"
#include "core/report/report_parts.h"
#include "core/report/report_style.h"
#include "core/report/svg_writer.h"

namespace nibblescope {

namespace {

constexpr double figureWidth = 902; // the page's measure
} // namespace

namespace html {

std::string escaped(std::string_view text) { return xmlEscaped(text); }

std::string element(const char *tag, std::string_view text, const char *attributes) {
    return std::string("<") + tag + attributes + ">" + escaped(text) + "</" + tag + ">\n";
}

// Both copies stand in the page and one is shown.
std::string svgFigure(const Figure &figure, double height, const std::string &about) {
    SvgOptions options;
    options.width = figureWidth;
    options.height = height;
    options.ground = false;
    const std::string light = toSvg(figure, options);
    options.theme = FigureTheme::Dark;
    const std::string dark = toSvg(figure, options);
    return "<figure aria-label=\"" + escaped(about) + "\"><div class=\"for-light\">" + light +
           "</div><div class=\"for-dark\">" + dark + "</div></figure>\n";
}

Table::Table(std::vector<Column> columns) : m_columns(std::move(columns)) {
    m_html = "<div class=\"scroll\"><table><thead><tr>";
    for (const Column &column : m_columns)
        m_html += std::string("<th scope=\"col\"") + (column.number ? " class=\"n\">" : ">") + escaped(column.title) +
                  "</th>";
    m_html += "</tr></thead><tbody>\n";
}

void Table::row(const std::vector<std::string> &cells, const char *kind) {
    m_html += *kind != '\0' ? std::string("<tr class=\"") + kind + "\">" : "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i)
        m_html += std::string("<td class=\"") +
                  (m_columns[i].number ? "n"
                   : i == 0            ? "name"
                                       : "t") +
                  "\">" + escaped(cells[i]) + "</td>";
    m_html += "</tr>\n";
}

} // namespace html

namespace {

using html::element;
using html::escaped;
using html::svgFigure;
using html::Table;

constexpr const char *dash = "–";

std::string shapeText(const std::vector<std::uint64_t> &shape) {
    std::string text;
    for (const std::uint64_t side : shape)
        text += (text.empty() ? "" : " × ") + countText(side);
    return text.empty() ? "scalar" : heldText(text);
}

std::string optional(const std::optional<double> &value, const std::function<std::string(double)> &text) {
    return value ? text(*value) : dash;
}

std::string sqnrCell(const TensorResult &result) {
    return result.metrics ? sqnrText(result.metrics->sqnrDb, result.metrics->exact()) : dash;
}

std::string statedRecipe(const Report &report) {
    return report.plan.recipe.format == Format::None ? "no recipe: statistics only" : recipeText(report.plan.recipe);
}

// ---- sections

std::string head(const Report &report) {
    const std::string title = report.name + " · " + statedRecipe(report) + " · Nibblescope report";
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n" +
           element("title", title) + "<style>" + reportStyle + "</style>\n</head>\n<body>\n<main>\n";
}

std::string keyNumber(const std::string &term, const std::string &value, const std::string &what) {
    return "<div>" + element("dt", term) + element("dd", value, " class=\"value\"") +
           element("dd", what, " class=\"what\"") + "</div>\n";
}

std::string keyNumbers(const Report &report) {
    const ModelTotals &totals = report.totals;
    std::string html = "<dl class=\"key\">\n";
    if (totals.bpw)
        html += keyNumber("Bits per weight", withUnit(bpwText(*totals.bpw), "bpw"),
                          "over " + countText(totals.quantizedTensors) + " quantized tensors");
    if (totals.metrics)
        html += keyNumber("SQNR", withUnit(sqnrText(totals.metrics->sqnrDb, totals.metrics->exact()), "dB"),
                          "of all quantized tensors together");
    if (totals.modelBpw)
        html += keyNumber("Whole model", withUnit(bpwText(*totals.modelBpw), "bpw"),
                          "model_bpw, " + countText(totals.tensors - totals.quantizedTensors) +
                              " tensors left alone as stored");
    const double fp32 = static_cast<double>(report.memoryBars.front().memory.weightsBytes());
    const double here = static_cast<double>(report.memory.weightsBytes());
    html += keyNumber("Weights", bytesText(here),
                      here > 0 ? withUnit(ratioText(fp32 / here), "times") + " smaller than FP32" : std::string());
    if (report.memory.kvCacheBytes)
        html += keyNumber("KV cache", bytesText(static_cast<double>(*report.memory.kvCacheBytes)),
                          "for " + countText(report.memory.context) + " tokens, " +
                              std::string(displayName(report.memory.cacheType)));
    return html + "</dl>\n";
}

std::string opening(const Report &report) {
    std::string html = "<header>\n" + element("h1", report.name);
    html +=
        element("p",
                statedRecipe(report) + " · " + countText(report.totals.tensors) + " tensors, " +
                    countText(report.totals.params) + " parameters, " +
                    bytesText(static_cast<double>(report.totals.bytes)) + " as " + report.format + " · " + report.date,
                " class=\"sub\"");
    html += "</header>\n<div class=\"lede\">\n";
    if (report.totals.quantizedTensors > 0)
        html += element("p", report.layersReading.text());
    html += element("p", report.memoryReading.text()) + "</div>\n" + keyNumbers(report);
    if (!report.warnings.empty()) {
        html += "<ul class=\"warnings\" aria-label=\"Warnings\">\n";
        for (const std::string &warning : report.warnings)
            html += element("li", warning);
        html += "</ul>\n";
    }
    return html;
}

std::string layersSection(const Report &report) {
    if (report.totals.quantizedTensors == 0)
        return {};
    LayersInput input;
    input.results = report.results;
    input.recipe = recipeText(report.plan.recipe);
    input.format = report.plan.recipe.format;
    std::string html = element("h2", "Where the damage is");
    html += svgFigure(layersFigure(input), 300, "SQNR of each quantized tensor, worst first");
    if (const auto map = layersHeatMap(input)) {
        const double rows = static_cast<double>(map->heatMap->rows.size());
        html += svgFigure(*map, std::clamp(90 + 34 * rows, 150.0, 900.0), "SQNR by layer and module");
    }
    return html;
}

std::string worstTable(const Report &report) {
    Table table({{"tensor", false},
                 {"shape", true},
                 {"bpw", true},
                 {"SQNR (dB)", true},
                 {"relative error", true},
                 {"max |error|", true},
                 {"kurtosis", true}});
    for (const TensorResult &result : report.worst) {
        const auto &metrics = result.metrics;
        table.row({result.info.name, shapeText(result.info.shape), bpwText(result.bpw), sqnrCell(result),
                   metrics ? optional(metrics->relativeError, [](double v) { return percentText(v); }) : dash,
                   metrics ? valueText(metrics->maxAbsError) : dash,
                   optional(result.statistics.kurtosis, [](double v) { return fixedText(v, 2); })});
    }
    return table.finish();
}

std::string worstSection(const Report &report) {
    if (report.worst.empty())
        return {};
    const bool quantized = report.totals.quantizedTensors > 0;
    std::string html = element("h2", quantized ? "The worst tensors" : "The tensors with the heaviest tails");
    html += worstTable(report);
    for (const DistributionData &data : report.histograms) {
        html += element("h3", data.result.info.name);
        html += element("p", distributionReading(data.result, nullptr, data.outliers).text());
        html += svgFigure(weightsFigure(data), data.current ? 320 : 260, "Weights of " + data.result.info.name);
        if (data.current)
            html += svgFigure(errorFigure(data), 220, "Error of " + data.result.info.name);
    }
    return html;
}

std::string memorySection(const Report &report) {
    std::string html = element("h2", "Memory");
    html += svgFigure(memoryFigure(report.memoryBars, report.deviceGiB),
                      70 + 44 * static_cast<double>(report.memoryBars.size()), "Memory of the whole model");
    Table parts({{"part", false}, {"bytes", true}, {"bpw", true}, {"share", true}, {"where it comes from", false}});
    for (const MemoryPartRow &row : report.memoryParts)
        parts.row({row.part, bytesText(static_cast<double>(row.bytes)), optional(row.bpw, bpwText),
                   percentText(row.share), row.from},
                  row.total ? "sum" : "");
    html += element("h3", "Parts, " + statedRecipe(report)) + parts.finish();
    if (report.rules.empty())
        return html;
    html += element("h3", "Said, and true here");
    html += "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">said</th><th scope=\"col\" class=\"n\">true "
            "here</th><th scope=\"col\">holds</th><th scope=\"col\">why</th></tr></thead><tbody>\n";
    for (const SaidRule &rule : report.rules)
        html += "<tr><td>" + escaped(rule.said) + "</td><td class=\"n\">" + escaped(rule.trueHere) +
                "</td><td class=\"" + (rule.holds ? "yes\">✓ yes" : "no\">✗ no") + "</td><td>" + escaped(rule.why) +
                "</td></tr>\n";
    return html + "</tbody></table></div>\n";
}

std::string tensorsSection(const Report &report) {
    Table table({{"tensor", false},
                 {"shape", true},
                 {"type", false},
                 {"params", true},
                 {"bpw", true},
                 {"SQNR (dB)", true},
                 {"rel. error", true},
                 {"RMSE", true},
                 {"max |error|", true},
                 {"codes", true},
                 {"kurtosis", true}});
    for (const TensorResult &result : report.results) {
        const auto &metrics = result.metrics;
        const std::string kurtosis = optional(result.statistics.kurtosis, [](double v) { return fixedText(v, 2); });
        const std::string type(traits(result.info.dtype).name);
        if (!result.quantized) {
            const std::string kept = result.keptReason.empty() ? "kept" : "kept: " + result.keptReason;
            table.row({result.info.name + " (" + kept + ")", shapeText(result.info.shape), type,
                       countText(result.info.params), "kept", dash, dash, dash, dash, dash, kurtosis},
                      "kept");
            continue;
        }
        table.row({result.info.name, shapeText(result.info.shape), type, countText(result.info.params),
                   bpwText(result.bpw), sqnrCell(result),
                   metrics ? optional(metrics->relativeError, [](double v) { return percentText(v); }) : dash,
                   metrics ? valueText(metrics->rmse) : dash, metrics ? valueText(metrics->maxAbsError) : dash,
                   metrics ? countText(metrics->usedCodes) : dash, kurtosis});
    }
    return element("h2", "All tensors") +
           element("p",
                   countText(report.totals.tensors) + " tensors, " + countText(report.totals.quantizedTensors) +
                       " of them quantized, in the order of the file.",
                   " class=\"note\"") +
           table.finish();
}

std::string termsSection() {
    struct Term {
        const char *name;
        const char *meaning;
    };
    static constexpr std::array<Term, 7> terms = {{
        {"bpw", "Bits stored for a weight with every constant counted: codes, scales, zero-points, second-level "
                "constants. A short last group costs a whole scale. Lower is smaller."},
        {"SQNR",
         "10 · log10(Σ w² / Σ (w − w′)²) in dB, w′ the dequantized weight. Higher is better; 6.02 dB are one bit. "
         "Totals are one sum of signal and one of error, never a mean of dB."},
        {"Relative error", "√(Σ (w − w′)² / Σ w²). Lower is better."},
        {"RMSE, max |error|", "Root of the mean squared error, and the largest single error. Lower is better."},
        {"Codes", "How many of the codes occur. 4-bit formats have 16."},
        {"Kurtosis", "m4 / m2², 3 for normal weights; higher means heavier tails."},
        {"Kept", "Not quantized; stored as in the source. Sums and statistics are over finite weights."},
    }};
    std::string html = element("h2", "What the numbers mean") + "<dl class=\"terms\">\n";
    for (const Term &term : terms)
        html += element("dt", term.name) + element("dd", term.meaning);
    return html + "</dl>\n";
}

std::string closing(const Report &report) {
    return element("h2", "How to get this again") + "<pre><code>" + escaped(report.commandLine) + "</code></pre>\n" +
           "<footer>" + escaped("Nibblescope " + std::string(version()) + " · " + report.path) +
           "</footer>\n</main>\n</body>\n</html>\n";
}

} // namespace

std::string toHtml(const Report &report) {
    return head(report) + opening(report) + layersSection(report) + worstSection(report) + memorySection(report) +
           html::accuracySection(report) + tensorsSection(report) + termsSection() + closing(report);
}

} // namespace nibblescope
