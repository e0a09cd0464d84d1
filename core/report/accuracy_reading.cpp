// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/accuracy.h"

#include <algorithm>
#include <cmath>

#include "core/quant/quantize.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr double sameBits = 0.001;
constexpr double saidRise = 0.02; // of GPTQ and AWQ, as the field has it

std::string bitsText(double bpw) { return withUnit(bpwText(bpw), "bpw"); }

bool fourBits(const AccuracyResult &result) { return traits(result.recipe.format).codeBits == 4; }

double klOf(const AccuracyResult &result) { return result.evaluation.comparison->kl.mean; }

std::string klText(const AccuracyResult &result) {
    return heldText("KL " + estimateText(result.evaluation.comparison->kl));
}

std::string forBits(double difference) {
    if (std::abs(difference) < sameBits)
        return "for the same bits";
    return "for " + heldText(bitsText(std::abs(difference)) + (difference > 0 ? " more" : " less"));
}

std::string perplexityClause(const Estimate &change) {
    if (!distinguishable(change))
        return "the change of perplexity, " + changeText(change) + ", is not distinguishable from none";
    return std::string("perplexity ") + (change.mean > 0 ? "rises" : "falls") + " by " +
           changeText({std::abs(change.mean), change.standardError}).substr(1);
}

std::string ownClause(const AccuracyResult &result) {
    return recipeText(result.recipe) + " moves the predictions by " + klText(result) + " at " + bitsText(result.bpw) +
           "; " + perplexityClause(perplexityChange(result)) + ".";
}

std::string comparedClause(const AccuracyResult &result, const AccuracyResult &other) {
    const std::string name = recipeText(other.recipe);
    const Estimate difference = klDifference(result, other);
    if (!distinguishable(difference))
        return "By KL it is not distinguishable from " + name + " (" + estimateText(other.evaluation.comparison->kl) +
               ").";
    const double ratio = klOf(result) / klOf(other);
    return name + " has " + klText(other) + ": " + recipeText(result.recipe) + " has " +
           (ratio < 1   ? percentText(1 - ratio, 2) + " less "
            : ratio < 3 ? percentText(ratio - 1, 2) + " more "
                        : withUnit(ratioText(ratio), "times") + " as much ") +
           forBits(result.bpw - other.bpw) + ".";
}

// The best of those that take no more bits.
std::string bestClause(const AccuracyInput &input, const AccuracyResult &result) {
    const AccuracyResult *best = &result;
    for (const SharedAccuracy &other : input.results)
        if (other->bpw <= result.bpw + sameBits && klOf(*other) < klOf(*best))
            best = other.get();
    if (best == &result)
        return input.results.size() < 2 ? std::string() : "No recipe measured here does better with as few bits.";
    const Estimate difference = klDifference(result, *best);
    const std::string least = "With no more bits " + recipeText(best->recipe) + " has the least, " + klText(*best);
    return least + (distinguishable(difference) ? "." : ", not distinguishable from it.");
}

// What the same recipe has with other products: the rounding of the kernels, told apart from that of the weights.
std::string otherProductsLesson(const AccuracyResult &result, const AccuracyResult &other) {
    const std::string text = "On " + std::string(traits(productsOf(other)).phrase) + " " + recipeText(result.recipe) +
                             " has " + klText(other);
    if (!distinguishable(klDifference(other, result)))
        return text + ", not distinguishable from its " + klText(result) + " on " +
               std::string(traits(productsOf(result)).phrase) + ".";
    const double ratio = klOf(other) / klOf(result);
    return text + ", " + percentText(std::abs(ratio - 1), 2) + (ratio < 1 ? " less than " : " more than ") + "on " +
           std::string(traits(productsOf(result)).phrase) + ".";
}

std::string runningClause(const AccuracyRunning &running) {
    std::string text = recipeText(running.recipe);
    if (running.curve.empty())
        return text + " is being quantized and run beside the unquantized model.";
    const AccuracyPoint &last = running.curve.back();
    text += ", " + countText(last.windows) + " of " + heldText(countText(running.planned) + " windows") + ": " +
            heldText("KL " + estimateText(last.kl)) + " so far";
    return text + ", perplexity " + changeText(perplexityChange(last.nllDifference)) + ".";
}

// Several that run side by side: the current one's means, else those of the best of 4 bits so far.
std::string runningClause(const AccuracyInput &input) {
    const std::vector<AccuracyRunning> &running = input.running;
    if (running.size() == 1)
        return runningClause(running.front());
    const std::string count = countText(running.size()) + " recipes";
    const auto begun = [](const AccuracyRunning &one) { return !one.curve.empty(); };
    if (std::none_of(running.begin(), running.end(), begun))
        return count + " are being quantized and run side by side with the unquantized model.";
    const auto own = std::find_if(running.begin(), running.end(),
                                  [&](const AccuracyRunning &one) { return one.recipe == input.current; });
    if (own != running.end() && !own->curve.empty())
        return count + " side by side: " + runningClause(*own);
    const AccuracyRunning *best = nullptr;
    for (const AccuracyRunning &one : running) {
        if (!begun(one))
            continue;
        const bool four = one.recipe.format != Format::Int8;
        if (best == nullptr ||
            (four && (best->recipe.format == Format::Int8 || one.curve.back().kl.mean < best->curve.back().kl.mean)))
            best = &one;
    }
    return count + " side by side, of 4 bits with the least so far: " + runningClause(*best);
}

// The recipe with the same codes' room, rounded to nearest.
SharedAccuracy roundedSame(const std::vector<SharedAccuracy> &results, const Recipe &recipe) {
    Recipe plain = recipe;
    plain.method = "rtn";
    plain.actOrder = false;
    plain.damp = defaultDamp;
    plain.sequential = false;
    plain.awqNoClip = false;
    return recipe == plain ? nullptr : findResult(results, plain);
}

// Perplexity prefers one, KL surely the other: the pair that it misleads about most.
std::string luckLesson(const std::vector<SharedAccuracy> &results) {
    const AccuracyResult *liked = nullptr;
    const AccuracyResult *better = nullptr;
    double most = 1;
    for (const SharedAccuracy &a : results)
        for (const SharedAccuracy &b : results) {
            if (!fourBits(*a) || !fourBits(*b) || a->evaluation.windows != b->evaluation.windows ||
                a->evaluation.perplexity >= b->evaluation.perplexity || !(klOf(*b) > 0))
                continue;
            const double ratio = klOf(*a) / klOf(*b);
            if (ratio > most && distinguishable(klDifference(*a, *b))) {
                most = ratio;
                liked = a.get();
                better = b.get();
            }
        }
    if (liked == nullptr)
        return {};
    return "Rank by KL: " + recipeText(liked->recipe) + " has a lower perplexity than " + recipeText(better->recipe) +
           " (" + fixedText(liked->evaluation.perplexity, 3) + " against " +
           fixedText(better->evaluation.perplexity, 3) + "), yet its KL is " + percentText(most - 1, 2) +
           " higher. Perplexity asks only about the tokens of this text, where gains and losses cancel by luck; KL "
           "counts every change.";
}

std::string belowReferenceLesson(const std::vector<SharedAccuracy> &results) {
    for (const SharedAccuracy &result : results) {
        const Estimate change = perplexityChange(*result);
        if (distinguishable(change) && change.mean < 0)
            return recipeText(result->recipe) + " has a lower perplexity than the unquantized model (" +
                   changeText(change) + "): that is this text's luck, no recipe adds knowledge.";
    }
    return {};
}

std::string sqnrLesson(const std::vector<SharedAccuracy> &results) {
    for (const SharedAccuracy &result : rankedBy(results, AccuracyRank::Kl)) {
        const SharedAccuracy plain = roundedSame(results, result->recipe);
        if (!plain || !plain->sqnrDb || !result->sqnrDb || *result->sqnrDb >= *plain->sqnrDb)
            continue;
        const Estimate difference = klDifference(*result, *plain);
        if (!distinguishable(difference) || difference.mean >= 0)
            continue;
        return "SQNR ranks " + recipeText(result->recipe) + " below plain rounding (" + sqnrText(result->sqnrDb) +
               " against " + withUnit(sqnrText(plain->sqnrDb), "dB") + "), although its KL is " +
               percentText(1 - klOf(*result) / klOf(*plain), 2) +
               " less: it gives up weights that inputs hardly use to keep the outputs.";
    }
    return {};
}

std::string saidLesson(const std::vector<SharedAccuracy> &results) {
    const AccuracyResult *least = nullptr;
    std::size_t all = 0;
    std::size_t held = 0;
    for (const SharedAccuracy &result : results) {
        if (!fourBits(*result))
            continue;
        ++all;
        const Estimate change = perplexityChange(*result);
        held += change.mean < saidRise ? 1 : 0;
        if (least == nullptr || change.mean < perplexityChange(*least).mean)
            least = result.get();
    }
    if (all < 3)
        return {};
    if (held == 0)
        return "The field's \"under 2 %\" holds for none of the " + countText(all) +
               " recipes of 4 bits here; the smallest rise is " + changeText(perplexityChange(*least)) + " with " +
               recipeText(least->recipe) + ". Small models have less to spare.";
    return "The field's \"under 2 %\" holds for " + countText(held) + " of the " + countText(all) +
           " recipes of 4 bits on this model and text.";
}

std::string namesOf(const std::vector<const AccuracyResult *> &results) {
    std::string text;
    for (std::size_t i = 0; i < results.size(); ++i)
        text += (i == 0 ? "" : i + 1 == results.size() ? " and " : ", ") + recipeText(results[i]->recipe);
    return text;
}

// Where methods do not pay.
std::string losersLesson(const std::vector<SharedAccuracy> &results) {
    std::vector<const AccuracyResult *> worse;
    std::vector<const AccuracyResult *> same;
    for (const SharedAccuracy &result : results) {
        const SharedAccuracy plain = roundedSame(results, result->recipe);
        if (!plain)
            continue;
        const Estimate difference = klDifference(*result, *plain);
        if (!distinguishable(difference))
            same.push_back(result.get());
        else if (difference.mean > 0)
            worse.push_back(result.get());
    }
    std::string text;
    if (!worse.empty())
        text = namesOf(worse) + (worse.size() == 1 ? " is" : " are") +
               " worse here than plain rounding with its "
               "groups. ";
    if (!same.empty())
        text += namesOf(same) + (same.size() == 1 ? " is" : " are") +
                " not distinguishable from plain rounding on so "
                "few windows. ";
    if (!text.empty())
        text.pop_back();
    return text;
}

} // namespace

Reading accuracyReading(const AccuracyInput &input) {
    Reading reading;
    const auto add = [&reading](const std::string &clause) {
        if (!clause.empty())
            reading.clauses.push_back(clause);
    };
    if (!input.running.empty())
        add(runningClause(input));
    const SharedAccuracy own = findResult(input.results, input.current);
    const bool ownRuns = std::any_of(input.running.begin(), input.running.end(),
                                     [&](const AccuracyRunning &running) { return running.recipe == input.current; });
    if (own && !ownRuns) {
        add(ownClause(*own));
        const SharedAccuracy baseline = input.baseline ? findResult(input.results, *input.baseline) : nullptr;
        if (baseline && baseline != own)
            add(comparedClause(*own, *baseline));
        else
            add(bestClause(input, *own));
    } else if (input.running.empty() && !input.results.empty()) {
        std::vector<SharedAccuracy> four = input.results;
        std::erase_if(four, [](const SharedAccuracy &result) { return !fourBits(*result); });
        if (!four.empty()) {
            const SharedAccuracy best = rankedBy(four, AccuracyRank::Kl).front();
            add("Of " + countText(four.size()) + heldText(four.size() == 1 ? " recipe" : " recipes") + " of 4 bits " +
                recipeText(best->recipe) + " moves the predictions least, " + klText(*best) + "; " +
                perplexityClause(perplexityChange(*best)) + ".");
        }
        add(recipeText(input.current) + " is not measured yet: press Evaluate.");
    }
    if (input.running.empty())
        for (const std::string &lesson : accuracyLessons(input))
            add(lesson);
    if (input.products != Products::Blas && !reading.clauses.empty())
        reading.clauses.front() = "On " + std::string(traits(input.products).phrase) + ": " + reading.clauses.front();
    return reading;
}

std::vector<std::string> accuracyLessons(const AccuracyInput &input) {
    std::vector<std::string> lessons{luckLesson(input.results), belowReferenceLesson(input.results),
                                     sqnrLesson(input.results), saidLesson(input.results), losersLesson(input.results)};
    if (const SharedAccuracy own = findResult(input.results, input.current))
        for (const SharedAccuracy &other : input.others)
            if (other->recipe == own->recipe)
                lessons.push_back(otherProductsLesson(*own, *other));
    std::erase_if(lessons, [](const std::string &lesson) { return lesson.empty(); });
    return lessons;
}

} // namespace nibblescope
