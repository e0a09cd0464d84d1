// SPDX-License-Identifier: GPL-3.0-or-later
// The questions that learners are asked. Each answer is a rule in half a sentence and the numbers of this model behind
// it; what was not measured is left out, and what to run is said in its place.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/kernels/format.h"
#include "core/report/claim_text.h"
#include "core/report/claims.h"
#include "core/report/number_text.h"
#include "core/report/readings.h"

namespace nibblescope {
namespace {

std::string runText(const RecipeEvidence &run) {
    std::string text = nameOf(run) + " costs " + changeText(*run.perplexityChange) + " of perplexity";
    if (run.kl)
        text += " (KL " + plusMinus(*run.kl) + ")";
    return text;
}

Answer everywhere(const ClaimEvidence &evidence) {
    Answer answer{"why-not-everywhere", "Why not INT4 everywhere?", {}, "accuracy"};
    const RecipeEvidence *four = roundedEvidence(evidence, Format::Int4, GroupSize::of(64));
    const RecipeEvidence *eight = findRecipe(evidence, defaultRecipe(Format::Int8));
    const bool kept = four != nullptr && eight != nullptr && four->sqnrDb && eight->sqnrDb;
    answer.answer = "Because 16 levels cost accuracy that 256 do not";
    if (kept)
        answer.answer += ": " + nameOf(*four) + " keeps " + dbText(*four) + " of the weights, " + nameOf(*eight) + " " +
                         dbText(*eight);
    answer.answer += ".";
    if (four != nullptr && four->perplexityChange) {
        answer.answer += " On this model " + runText(*four);
        if (eight != nullptr && eight->perplexityChange)
            answer.answer += ", " + runText(*eight);
        answer.answer += ".";
    }
    if (evidence.memory && evidence.memory->memory.parts.leftAlone > 0) {
        const MemoryBreakdown &memory = evidence.memory->memory;
        answer.answer +=
            " Embeddings and norms are left alone: " + bytesText(static_cast<double>(memory.parts.leftAlone)) + " of " +
            bytesText(static_cast<double>(memory.weightsBytes())) + ".";
    }
    return answer;
}

Answer groupSize(const ClaimEvidence &evidence) {
    Answer answer{"which-group-size", "Which group size?", {}, "bins"};
    const std::vector<GroupStep> steps = groupSteps(evidence, Format::Int4);
    const RecipeEvidence *sweet = sweetSpot(steps);
    answer.answer = "The smallest that is worth its bits: each halving of a group costs twice the bits for scales";
    if (sweet != nullptr) {
        answer.answer +=
            ". Here " + nameOf(*sweet) + " (" + dbText(*sweet) + " at " + withUnit(bpwText(sweet->bpw), "bpw") + ")";
        for (const GroupStep &step : steps) {
            if (step.point->bpw <= sweet->bpw)
                continue;
            answer.answer += "; the next step brings " + heldText(fixedText(step.dbPerBit, 1) + " dB a bit") +
                             ", a further bit of code 6.02";
            break;
        }
    }
    answer.answer += ".";
    const RecipeEvidence *large = roundedEvidence(evidence, Format::Int4, GroupSize::of(128));
    const RecipeEvidence *small = roundedEvidence(evidence, Format::Int4, GroupSize::of(32));
    if (large != nullptr && small != nullptr && large->kl && small->kl)
        answer.answer += " KL is " + plusMinus(*large->kl) + " with 128 and " + plusMinus(*small->kl) + " with 32.";
    return answer;
}

// Smallest and largest distance between neighbouring levels.
std::pair<double, double> stepsOf(Format format) {
    const auto &level = sortedLevels(format).level;
    double least = 2;
    double most = 0;
    for (std::size_t i = 0; i + 1 < level.size(); ++i) {
        const double step = static_cast<double>(level[i + 1]) - static_cast<double>(level[i]);
        least = std::min(least, step);
        most = std::max(most, step);
    }
    return {least, most};
}

Answer nf4(const ClaimEvidence &evidence) {
    Answer answer{"nf4-or-int4", "How does NF4 differ from uniform INT4?", {}, "bins"};
    const auto [least, most] = stepsOf(Format::Nf4);
    answer.answer = "NF4's levels are dense near 0 and sparse outside, as normal weights are: its steps run from " +
                    fixedText(least, 3) + " to " + fixedText(most, 3) +
                    " of the group's largest weight, INT4's are all " + fixedText(1.0 / 7, 3) + ".";
    const RecipeEvidence *normal = roundedEvidence(evidence, Format::Nf4, GroupSize::of(64));
    const RecipeEvidence *uniform = roundedEvidence(evidence, Format::Int4, GroupSize::of(64));
    const RecipeEvidence *asymmetric = roundedEvidence(evidence, Format::Int4Asym, GroupSize::of(64));
    if (normal == nullptr || uniform == nullptr || !normal->sqnrDb || !uniform->sqnrDb)
        return answer;
    const double gain = *normal->sqnrDb - *uniform->sqnrDb;
    answer.answer += " For the same bits it keeps " + dbText(*normal) + " where INT4 keeps " + dbText(*uniform) + " (" +
                     withUnit(differenceText(gain, 2), "dB") + ")";
    if (asymmetric != nullptr && asymmetric->sqnrDb)
        answer.answer += "; INT4 with a zero-point, which leaves no level idle, keeps " + dbText(*asymmetric) +
                         " for " + withUnit(bpwText(asymmetric->bpw - normal->bpw), "bpw") + " more";
    answer.answer += ".";
    if (normal->kl && uniform->kl)
        answer.answer += " KL: " + plusMinus(*normal->kl) + " and " + plusMinus(*uniform->kl) + ".";
    return answer;
}

Answer withoutMethods(const ClaimEvidence &evidence) {
    Answer answer{"without-gptq", "Is INT4 usable without GPTQ or AWQ?", {}, "accuracy"};
    const RecipeEvidence *gptq = bestOfMethod(evidence, "gptq");
    const RecipeEvidence *best = gptq != nullptr ? gptq : bestOfMethod(evidence, "awq");
    const RecipeEvidence *plain = best != nullptr ? roundedPartner(evidence, best->recipe) : roundedInGroups(evidence);
    if (plain == nullptr) {
        answer.answer = "In groups yes, at a price that has to be measured: run " + heldText("INT4 64") +
                        " on a text, on the Accuracy page or with " + heldText("report --text FILE.");
        return answer;
    }
    answer.answer = "In groups, at a price: " + runText(*plain);
    if (best != nullptr)
        answer.answer += ", while " + runText(*best); // the short form names the method
    if (const RecipeEvidence *hqq = bestOfMethod(evidence, "hqq"))
        answer.answer += "; HQQ, which needs no data: " + runText(*hqq);
    answer.answer += ".";
    const RecipeEvidence *naive = roundedEvidence(evidence, Format::Int4, GroupSize::tensor());
    if (naive != nullptr && naive->perplexityChange)
        answer.answer += " With one scale a tensor it is not: " + runText(*naive) + ".";
    return answer;
}

Answer memory(const ClaimEvidence &evidence) {
    Answer answer{"where-memory-goes", "Where does the memory of an INT4 model go?", {}, "memory"};
    if (!evidence.memory) {
        answer.answer = "Into codes, the constants of groups, what is left alone, and the KV cache; it takes a recipe "
                        "to count them.";
        return answer;
    }
    const MemoryBreakdown &memory = evidence.memory->memory;
    const auto total = static_cast<double>(memory.weightsBytes());
    answer.answer =
        "Of " + bytesText(total) + " with " + recipeText(evidence.memory->recipe) + ", codes are " +
        percentText(static_cast<double>(memory.parts.codes) / total, 2) + ", scales and zero-points " +
        percentText(
            static_cast<double>(memory.parts.scales + memory.parts.zeroPoints + memory.parts.secondLevel) / total, 2) +
        ", and tensors that are left alone, embeddings above all, " +
        percentText(static_cast<double>(memory.parts.leftAlone) / total, 2) + ".";
    if (memory.kvCacheBytes)
        answer.answer += " A context of " + heldText(countText(memory.context) + " tokens") + " adds a KV cache of " +
                         bytesText(static_cast<double>(*memory.kvCacheBytes)) + ".";
    return answer;
}

Answer activations(const ClaimEvidence &evidence) {
    Answer answer{"why-activations", "Why are activations harder than weights?", {}, "activations"};
    answer.answer = "A few channels are many times larger than the rest in every token, and a token has one scale";
    if (!evidence.activations) {
        answer.answer += "; run INT4 activations on a text to see by how much it matters here.";
        return answer;
    }
    const ActivationEvidence &inputs = *evidence.activations;
    if (inputs.largestSpread)
        answer.answer += ": in " + inputs.largestSpreadName + " the largest channel is " +
                         withUnit(ratioText(*inputs.largestSpread), "times") + " the median one";
    answer.answer += ".";
    const RecipeEvidence *weights = roundedEvidence(evidence, Format::Int4, GroupSize::of(64));
    if (inputs.klInt4) {
        answer.answer += " KL is " + plusMinus(*inputs.klInt4) + " with INT4 activations";
        if (inputs.klInt8)
            answer.answer += ", " + plusMinus(*inputs.klInt8) + " with INT8 ones";
        if (weights != nullptr && weights->kl)
            answer.answer += ", and " + plusMinus(*weights->kl) + " with INT4 weights";
        answer.answer += ".";
    }
    return answer;
}

} // namespace

std::vector<Answer> learnersAnswers(const ClaimEvidence &evidence) {
    return {everywhere(evidence),     groupSize(evidence), nf4(evidence),
            withoutMethods(evidence), memory(evidence),    activations(evidence)};
}

} // namespace nibblescope
