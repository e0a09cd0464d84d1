// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/accuracy.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/quant/quantize.h"
#include "core/report/claims.h"
#include "core/report/figure_pieces.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double surely = 2; // standard errors
constexpr double sameBits = 0.001;

std::string signedPercent(double share, int decimals) {
    return signedText(share, fixedText(100 * std::abs(share), decimals));
}

int decimalsOf(double error) {
    if (!(error > 0) || !std::isfinite(error))
        return 4;
    return std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, 8);
}

std::string smallText(double value) {
    return value != 0 && std::abs(value) < 0.1 ? fixedText(value, decimalsOf(std::abs(value)) + 1)
                                               : fixedText(value, 3);
}

Estimate inThousandths(Estimate estimate) {
    estimate.mean *= 1000;
    if (estimate.standardError)
        *estimate.standardError *= 1000;
    return estimate;
}

std::string threeDigits(double value) {
    if (!(value > 0) || !std::isfinite(value))
        return valueText(value);
    return fixedText(value, std::clamp(2 - static_cast<int>(std::floor(std::log10(value))), 0, 6));
}

bool beats(const AccuracyResult &a, const AccuracyResult &b, AccuracyRank rank) {
    const double one = rankValue(a, rank);
    const double other = rankValue(b, rank);
    return a.bpw <= b.bpw + sameBits && one <= other && (a.bpw < b.bpw - sameBits || one < other);
}

std::string remarkOf(const AccuracyResult &result) {
    std::string text;
    const Evaluation &evaluation = result.evaluation;
    if (!evaluation.complete())
        text = "Stopped: the first " + countText(evaluation.windows) + " of " + countText(evaluation.plannedWindows) +
               " windows. ";
    for (const std::string &remark : result.remarks)
        text += remark + " ";
    if (evaluation.products && evaluation.products->decodedCount() > 0)
        text += decodedRemark(*evaluation.products) + " ";
    if (!text.empty())
        text.pop_back();
    return text;
}

// "NF4 64", "NF4 64, packed INT8".
std::string nameOf(const AccuracyResult &result) {
    const Products products = productsOf(result);
    std::string name = shortForm(result.recipe);
    return products == Products::Blas ? name : name + ", " + std::string(traits(products).shortName);
}

AccuracyRow referenceRow(const AccuracyInput &input) {
    const auto longest = std::max_element(input.results.begin(), input.results.end(), [](const auto &a, const auto &b) {
        return a->evaluation.windows < b->evaluation.windows;
    });
    const Estimate &nll = (*longest)->evaluation.comparison->referenceNll;
    AccuracyRow row;
    row.name = input.referenceName.empty() ? "not quantized" : input.referenceName + ", not quantized";
    const double perplexity = std::exp(nll.mean);
    row.perplexity = fixedText(perplexity, 3);
    if (nll.standardError)
        row.remark = "Over windows its standard error is " + smallText(perplexity * *nll.standardError) + ".";
    for (std::string *cell : {&row.bpw, &row.kl, &row.change, &row.klMedian, &row.klP99, &row.top1, &row.sqnr})
        *cell = "–";
    return row;
}

} // namespace

Products productsOf(const AccuracyResult &result) {
    return result.evaluation.products ? result.evaluation.products->products : Products::Blas;
}

AccuracyPoint accuracyPoint(const Evaluation &soFar) {
    AccuracyPoint point;
    point.windows = soFar.windows;
    point.nll = soFar.nll;
    if (soFar.comparison) {
        point.nllDifference = soFar.comparison->nllDifference;
        point.kl = soFar.comparison->kl;
    }
    return point;
}

std::string rankLabel(AccuracyRank rank) {
    switch (rank) {
    case AccuracyRank::Kl:
        return "KL divergence (nat)";
    case AccuracyRank::Perplexity:
        return "rise of perplexity (%)";
    case AccuracyRank::Sqnr:
        break;
    }
    return "SQNR (dB)";
}

double referencePerplexity(const AccuracyResult &result) {
    return std::exp(result.evaluation.comparison->referenceNll.mean);
}

Estimate perplexityChange(const AccuracyResult &result) {
    return perplexityChange(result.evaluation.comparison->nllDifference);
}

Estimate perplexityChange(const Estimate &difference) {
    Estimate change;
    change.mean = std::expm1(difference.mean);
    if (difference.standardError)
        change.standardError = std::exp(difference.mean) * *difference.standardError;
    return change;
}

Estimate klDifference(const AccuracyResult &a, const AccuracyResult &b) {
    const auto &one = a.evaluation.comparison->windowKl;
    const auto &other = b.evaluation.comparison->windowKl;
    std::vector<double> differences;
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i)
        differences.push_back(one[i] - other[i]);
    return differences.empty() ? Estimate() : estimateOf(differences);
}

bool distinguishable(const Estimate &difference) {
    return difference.standardError && std::abs(difference.mean) >= surely * *difference.standardError &&
           difference.mean != 0;
}

double rankValue(const AccuracyResult &result, AccuracyRank rank) {
    switch (rank) {
    case AccuracyRank::Kl:
        return result.evaluation.comparison->kl.mean;
    case AccuracyRank::Perplexity:
        return result.evaluation.comparison->nllDifference.mean;
    case AccuracyRank::Sqnr:
        break;
    }
    return -result.sqnrDb.value_or(0);
}

std::vector<SharedAccuracy> rankedBy(std::vector<SharedAccuracy> results, AccuracyRank rank) {
    std::stable_sort(results.begin(), results.end(),
                     [rank](const auto &a, const auto &b) { return rankValue(*a, rank) < rankValue(*b, rank); });
    return results;
}

std::vector<SharedAccuracy> paretoFront(const std::vector<SharedAccuracy> &results, AccuracyRank rank) {
    std::vector<SharedAccuracy> front;
    for (const SharedAccuracy &candidate : results) {
        const bool beaten = std::any_of(results.begin(), results.end(), [&](const SharedAccuracy &other) {
            return other != candidate && beats(*other, *candidate, rank);
        });
        if (!beaten)
            front.push_back(candidate);
    }
    std::stable_sort(front.begin(), front.end(), [](const auto &a, const auto &b) { return a->bpw < b->bpw; });
    return front;
}

std::vector<Recipe> usualRecipes(bool calibrated) {
    std::vector<Recipe> recipes;
    const auto add = [&recipes](Format format, GroupSize size, const char *method = "rtn") -> Recipe & {
        Recipe recipe = defaultRecipe(format);
        if (traits(format).fixedGroupSize == 0)
            recipe.groupSize = size;
        recipe.method = method;
        recipes.push_back(recipe);
        return recipes.back();
    };
    add(Format::Int8, GroupSize::row());
    add(Format::Int4, GroupSize::tensor());
    for (const GroupSize size : {GroupSize::row(), GroupSize::of(128), GroupSize::of(64), GroupSize::of(32)})
        add(Format::Int4, size);
    add(Format::Int4Max, GroupSize::of(32));
    add(Format::Int4Asym, GroupSize::of(64));
    add(Format::Int4Asym, GroupSize::of(32));
    add(Format::Nf4, GroupSize::of(64));
    add(Format::Nf4, GroupSize::of(32));
    add(Format::Fitted, GroupSize::of(64));
    add(Format::Fp4, GroupSize::of(64));
    add(Format::Mxfp4, GroupSize::of(32));
    add(Format::Int4Asym, GroupSize::of(32), "mse");
    add(Format::Int4Asym, GroupSize::of(64), "hqq");
    if (calibrated) {
        add(Format::Int4Asym, GroupSize::of(32), "iw");
        for (const std::uint32_t size : {64U, 32U}) {
            add(Format::Int4Asym, GroupSize::of(size), "gptq");
            add(Format::Int4Asym, GroupSize::of(size), "gptq").actOrder = true;
            add(Format::Int4Asym, GroupSize::of(size), "awq");
        }
        add(Format::Nf4, GroupSize::of(64), "gptq");
    }
    for (const Recipe &recipe : claimRunRecipes(calibrated))
        if (std::find(recipes.begin(), recipes.end(), recipe) == recipes.end())
            recipes.push_back(recipe);
    std::erase_if(recipes, [](const Recipe &recipe) { return problemOf(recipe).has_value(); });
    return recipes;
}

std::string estimateText(const Estimate &estimate) {
    if (!estimate.standardError)
        return smallText(estimate.mean);
    const int decimals = decimalsOf(*estimate.standardError);
    return heldText(fixedText(estimate.mean, decimals) + " ± " + fixedText(*estimate.standardError, decimals));
}

std::string changeText(const Estimate &change) {
    const double error = change.standardError.value_or(0);
    const int decimals = std::min(decimalsOf(100 * error), 3);
    std::string text = signedPercent(change.mean, decimals);
    if (change.standardError)
        text += " ± " + fixedText(100 * error, decimals);
    return heldText(text + " %");
}

RecipeEvidence recipeEvidence(const AccuracyResult &result) {
    const Estimate change = perplexityChange(result);
    const Estimate &kl = result.evaluation.comparison->kl;
    RecipeEvidence evidence;
    evidence.recipe = result.recipe;
    evidence.bpw = result.bpw;
    evidence.sqnrDb = result.sqnrDb;
    evidence.perplexityChange = MeasuredValue{change.mean, change.standardError};
    evidence.kl = MeasuredValue{kl.mean, kl.standardError};
    return evidence;
}

SharedAccuracy findResult(const std::vector<SharedAccuracy> &results, const Recipe &recipe) {
    const auto found = std::find_if(results.begin(), results.end(),
                                    [&recipe](const SharedAccuracy &result) { return result->recipe == recipe; });
    return found == results.end() ? nullptr : *found;
}

std::vector<AccuracyRow> accuracyRows(const AccuracyInput &input) {
    std::vector<AccuracyRow> rows;
    if (input.results.empty())
        return rows;
    rows.push_back(referenceRow(input));
    const std::vector<SharedAccuracy> front = paretoFront(input.results, input.rank);
    for (const SharedAccuracy &result : rankedBy(input.results, input.rank)) {
        const Evaluation &evaluation = result->evaluation;
        const Comparison &comparison = *evaluation.comparison;
        AccuracyRow row;
        row.recipe = result->recipe;
        row.name = nameOf(*result);
        row.bpw = bpwText(result->bpw);
        row.kl = estimateText(inThousandths(comparison.kl));
        row.perplexity = fixedText(evaluation.perplexity, 3);
        row.change = changeText(perplexityChange(*result));
        row.klMedian = threeDigits(1000 * comparison.klMedian);
        row.klP99 = threeDigits(1000 * comparison.klP99);
        row.top1 = percentText(comparison.top1Agreement);
        row.sqnr = sqnrText(result->sqnrDb);
        row.remark = remarkOf(*result);
        if (!evaluation.complete())
            row.name += " …";
        row.current = result->recipe == input.current;
        row.baseline = input.baseline && result->recipe == *input.baseline;
        row.onFront = std::find(front.begin(), front.end(), result) != front.end();
        rows.push_back(row);
    }
    return rows;
}

FigureTable accuracyTable(const AccuracyInput &input) {
    FigureTable table;
    table.columns = {
        "recipe",          "bpw",        "KL mean",        "KL standard error",  "KL median",
        "KL 99 %",         "perplexity", "nll difference", "its standard error", "change of perplexity (%)",
        "top-1 agreement", "SQNR (dB)",  "windows",        "on the Pareto front"};
    if (input.products != Products::Blas)
        table.columns.emplace_back("products");
    const std::vector<SharedAccuracy> front = paretoFront(input.results, input.rank);
    for (const SharedAccuracy &result : rankedBy(input.results, input.rank)) {
        const Comparison &comparison = *result->evaluation.comparison;
        const bool onFront = std::find(front.begin(), front.end(), result) != front.end();
        table.rows.push_back(
            {textCell(shortForm(result->recipe)), numberCell(result->bpw), numberCell(comparison.kl.mean),
             numberCell(comparison.kl.standardError), numberCell(comparison.klMedian), numberCell(comparison.klP99),
             numberCell(result->evaluation.perplexity), numberCell(comparison.nllDifference.mean),
             numberCell(comparison.nllDifference.standardError), numberCell(100 * perplexityChange(*result).mean),
             numberCell(comparison.top1Agreement), numberCell(result->sqnrDb),
             numberCell(static_cast<double>(result->evaluation.windows)), textCell(onFront ? "yes" : "no")});
        if (result->evaluation.products)
            table.rows.back().push_back(textCell(describe(*result->evaluation.products)));
    }
    return table;
}

std::vector<ProductsRow> productsRows(const AccuracyInput &input) {
    std::vector<ProductsRow> rows;
    for (const SharedAccuracy &result : input.others) {
        const SharedAccuracy same = findResult(input.results, result->recipe);
        ProductsRow row;
        row.recipe = shortForm(result->recipe);
        row.products = result->evaluation.products ? describe(*result->evaluation.products)
                                                   : std::string(traits(Products::Blas).phrase);
        row.kl = estimateText(inThousandths(result->evaluation.comparison->kl));
        const Estimate cost = same ? inThousandths(klDifference(*result, *same)) : Estimate();
        row.cost = same ? signedText(cost.mean, estimateText({std::abs(cost.mean), cost.standardError})) : "–";
        row.remark = remarkOf(*result);
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string productsSuffix(const AccuracyInput &input) {
    if (input.products == Products::Blas)
        return {};
    if (!input.results.empty() && input.results.front()->evaluation.products)
        return ", " + describe(*input.results.front()->evaluation.products);
    return ", " + std::string(traits(input.products).shortName);
}

} // namespace nibblescope
