// SPDX-License-Identifier: GPL-3.0-or-later
// The report's sections about what recipes do to the model, and about what is said of it.
#include "core/report/figures_accuracy.h"
#include "core/report/report_parts.h"

namespace nibblescope::html {
namespace {

std::string recipesTable(const AccuracyInput &input) {
    Table table({{"recipe", false},
                 {"bpw", true},
                 {"KL × 10³", true},
                 {"perplexity", true},
                 {"change", true},
                 {"KL median", true},
                 {"KL 99 %", true},
                 {"top-1", true},
                 {"SQNR (dB)", true}});
    for (const AccuracyRow &row : accuracyRows(input))
        table.row({row.name, row.bpw, row.kl, row.perplexity, row.change, row.klMedian, row.klP99, row.top1, row.sqnr},
                  row.current ? "sum" : "");
    return table.finish();
}

// What was measured with other products than `results` were.
std::string productsTable(const AccuracyInput &input) {
    Table table({{"recipe", false}, {"products", false}, {"KL × 10³", true}, {"over F32 products", true}, {"", false}});
    for (const ProductsRow &row : productsRows(input))
        table.row({row.recipe, row.products, row.kl, row.cost, row.remark}, "");
    return table.finish();
}

std::string claimsTable(const std::vector<Claim> &claims) {
    std::string html = "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">said</th><th scope=\"col\">measured "
                       "here</th><th scope=\"col\">mark</th><th scope=\"col\">why</th></tr></thead><tbody>\n";
    for (const Claim &claim : claims) {
        const bool held = claim.mark == ClaimMark::Held;
        const char *kind = claim.mark == ClaimMark::Open ? "t\">" : held ? "yes\">✓ " : "no\">✗ ";
        html += "<tr><td>" + escaped(claim.said) + "</td><td>" + escaped(claim.measured) + "</td><td class=\"" + kind +
                escaped(displayName(claim.mark)) + "</td><td>" + escaped(claim.reason) + "</td></tr>\n";
    }
    return html + "</tbody></table></div>\n";
}

} // namespace

std::string accuracySection(const Report &report) {
    std::string html;
    if (report.accuracy && !report.accuracy->results.empty()) {
        const AccuracyInput &input = *report.accuracy;
        const Evaluation &evaluation = input.results.front()->evaluation;
        html += element("h2", "Accuracy");
        html += element("p", accuracyReading(input).text());
        html += svgFigure(paretoFigure(input), 340, "Bits against KL divergence of the recipes tried");
        html += element("p",
                        "Run on " + input.text + ", " + std::to_string(evaluation.plannedWindows) + " windows of " +
                            std::to_string(evaluation.context) +
                            " tokens, beside the unquantized model; ± is one standard error over windows. KL, its "
                            "median and its 99th percentile are in thousandths of a nat.",
                        " class=\"note\"");
        html += recipesTable(input);
    }
    if (report.accuracy && !report.accuracy->others.empty())
        html += element("h3", "On the packed kernels") +
                element("p",
                        "Run on " + report.accuracy->text +
                            " too, the quantized linears on packed weights: what the kernels that inference runs on "
                            "cost, beyond the weights. INT8 activations have a scale a token, and codebooks 8-bit "
                            "levels. KL and its difference are in thousandths of a nat.",
                        " class=\"note\"") +
                productsTable(*report.accuracy);
    if (!report.claims.empty())
        html += element("h2", "Said, and measured here") + claimsTable(report.claims);
    if (!report.answers.empty())
        html += element("h2", "Questions that learners are asked");
    for (const Answer &answer : report.answers)
        html += element("h3", answer.question) + element("p", answer.answer);
    return html;
}

} // namespace nibblescope::html
