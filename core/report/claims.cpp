// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/claims.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/report/claim_text.h"
#include "core/report/number_text.h"
#include "core/report/readings.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char *nothing = "–";
constexpr double sameDb = 0.05;
constexpr double errors = 2; // standard errors that a measured value may be off by

// A value below, in or above a range of shares.
enum class Where : std::uint8_t { Below, In, Above };
Where whereIs(const MeasuredValue &value, double lower, double upper) {
    const double slack = errors * value.error.value_or(0);
    if (value.value + slack < lower)
        return Where::Below;
    return value.value - slack > upper ? Where::Above : Where::In;
}

std::string runIt(const std::string &what) {
    return "Run " + what + " on a text: on the Accuracy page, or with " + heldText("report --text FILE.");
}

std::string costText(const RecipeEvidence &run) { return changeText(*run.perplexityChange) + " (" + nameOf(run) + ")"; }

// Why a cost lies where it does, from what else is known.
std::string costReason(const ClaimEvidence &evidence, const RecipeEvidence &run, Where where) {
    std::string kept = run.sqnrDb ? nameOf(run) + " keeps " + dbText(run) + " of the weights" : std::string();
    if (run.kl)
        kept += (kept.empty() ? nameOf(run) : ",") + std::string(kept.empty() ? " moves" : " and moves") +
                " the predictions by a KL of " + plusMinus(*run.kl);
    if (kept.empty())
        kept = nameOf(run) + " was run on " + countText(evidence.predictions) + " predictions";
    if (where == Where::Below)
        return "It costs less here: " + kept + ".";
    if (where == Where::In)
        return kept + ".";
    const bool small = evidence.params > 0 && evidence.params < 1'000'000'000;
    return "It costs more here: " + kept +
           (small ? "; with " + shortCount(evidence.params) +
                        " weights this model has less slack than those of billions that the figure comes from."
                  : ".");
}

ClaimMark heldIf(bool held) { return held ? ClaimMark::Held : ClaimMark::NotHeld; }

Claim costClaim(const ClaimEvidence &evidence, Claim claim, const RecipeEvidence *run, double lower, double upper) {
    claim.page = "accuracy";
    claim.measured = nothing;
    if (run == nullptr || !run->perplexityChange)
        return claim;
    const Where where = whereIs(*run->perplexityChange, lower, upper);
    claim.measured = costText(*run);
    claim.mark = heldIf(where == Where::In);
    claim.reason = costReason(evidence, *run, where);
    return claim;
}

Claim naiveClaim(const ClaimEvidence &evidence) {
    Claim claim{
        "naive-tensor", "Naive rounding with one scale a tensor costs 5 to 10 % of perplexity.", {}, {}, {}, {}};
    claim.reason = runIt(heldText("INT4 tensor"));
    claim = costClaim(evidence, claim, roundedEvidence(evidence, Format::Int4, GroupSize::tensor()), 0.05, 0.10);
    if (claim.mark != ClaimMark::Open && evidence.shape && evidence.shape->largestSigmas > 0)
        claim.reason += " The largest weight sets the scale of its whole tensor: in " +
                        evidence.shape->largestSigmasName + " it lies " +
                        heldText(fixedText(evidence.shape->largestSigmas, 1) + " σ") + " out.";
    return claim;
}

Claim groupsClaim(const ClaimEvidence &evidence) {
    Claim claim{"rtn-groups", "Rounding to nearest in groups costs 3 to 5 % (3 to 7 %).", {}, {}, {}, {}};
    claim.reason = runIt(heldText("INT4 128"));
    return costClaim(evidence, claim, roundedInGroups(evidence), 0.03, 0.07);
}

Claim methodsClaim(const ClaimEvidence &evidence) {
    Claim claim{"gptq-awq", "GPTQ and AWQ cost less than 2 %.", nothing, ClaimMark::Open, {}, "accuracy"};
    constexpr double bound = 0.02;
    std::string measured;
    bool held = true;
    const RecipeEvidence *worst = nullptr;
    for (const char *method : {"gptq", "awq"}) {
        const RecipeEvidence *run = bestOfMethod(evidence, method);
        if (run == nullptr)
            continue;
        measured += (measured.empty() ? "" : ", ") + costText(*run);
        held = held && whereIs(*run->perplexityChange, -1, bound) == Where::In;
        if (worst == nullptr || run->perplexityChange->value > worst->perplexityChange->value)
            worst = run;
    }
    if (worst == nullptr) {
        claim.reason = "Run GPTQ and AWQ on a text with statistics of the inputs: on the Accuracy page, or with " +
                       heldText("report --text FILE --calibration FILE.");
        return claim;
    }
    claim.measured = measured;
    claim.mark = heldIf(held);
    const RecipeEvidence *plain = roundedPartner(evidence, worst->recipe);
    if (plain == nullptr) {
        claim.reason = costReason(evidence, *worst, held ? Where::In : Where::Above);
    } else if (held && whereIs(*plain->perplexityChange, -1, bound) == Where::In) {
        claim.reason = "So does plain rounding with the same bits (" + costText(*plain) +
                       "): on this model the method is not what makes the difference to 2 %";
        if (plain->kl && worst->kl)
            claim.reason += ", but KL falls from " + plusMinus(*plain->kl) + " to " + plusMinus(*worst->kl);
        claim.reason += ".";
    } else {
        claim.reason = "Plain rounding with the same bits costs " + costText(*plain) + ". " +
                       (held ? "Errors of one column are made good in those after it, or scaled away."
                             : costReason(evidence, *worst, Where::Above));
    }
    return claim;
}

// The format that keeps most at groups of 64 without data, of about the bits of NF4.
const RecipeEvidence *bestFormat(const ClaimEvidence &evidence) {
    static constexpr std::array formats = {Format::Int4, Format::Int4Max, Format::Int4Asym,
                                           Format::Nf4,  Format::Fp4,     Format::Mxfp4};
    const RecipeEvidence *best = nullptr;
    for (const Format format : formats) {
        const RecipeEvidence *entry = roundedEvidence(evidence, format, GroupSize::of(64));
        if (entry != nullptr && entry->sqnrDb && (best == nullptr || *entry->sqnrDb > *best->sqnrDb))
            best = entry;
    }
    return best;
}

Claim normalClaim(const ClaimEvidence &evidence) {
    Claim claim{"normal-nf4",
                "Weights are normal, and NF4 is therefore the best format.",
                nothing,
                ClaimMark::Open,
                "Needs the statistics of the weights, and NF4 beside the other formats.",
                "bins"};
    const RecipeEvidence *nf4 = roundedEvidence(evidence, Format::Nf4, GroupSize::of(64));
    const RecipeEvidence *best = bestFormat(evidence);
    if (!evidence.shape || nf4 == nullptr || !nf4->sqnrDb || best == nullptr)
        return claim;
    const ShapeEvidence &shape = *evidence.shape;
    const bool normal = 2 * shape.normal > shape.tensors;
    const bool first = *best->sqnrDb - *nf4->sqnrDb < sameDb;
    claim.measured = countText(shape.normal) + " of " + heldText(countText(shape.tensors) + " matrices") +
                     " have a kurtosis of 2.7 to 3.3; " + nameOf(*nf4) + " keeps " + dbText(*nf4);
    claim.mark = heldIf(normal && first);
    claim.reason = "The median kurtosis is " + fixedText(shape.medianKurtosis, 2) + ", the largest " +
                   fixedText(shape.largestKurtosis, 2) + " (" + shape.largestKurtosisName + "; normal is 3)";
    if (!first) {
        claim.reason += ", but " + nameOf(*best) + " keeps " + dbText(*best);
        const double bits = best->bpw - nf4->bpw;
        claim.reason += bits >= 0.001 ? " for " + withUnit(bpwText(bits), "bpw") + " more" : " for the same bits";
        if (nf4->kl && best->kl)
            claim.reason += " (KL " + plusMinus(*best->kl) + " against " + plusMinus(*nf4->kl) + ")";
    } else if (const RecipeEvidence *int4 = roundedEvidence(evidence, Format::Int4, GroupSize::of(64));
               int4 != nullptr && int4->sqnrDb) {
        claim.reason += normal ? ", so that levels that are dense near 0 fit: " : ", yet NF4 keeps most: ";
        claim.reason += nameOf(*int4) + " keeps " + dbText(*int4) + " for the same bits";
    }
    claim.reason += ".";
    return claim;
}

std::string sizeText(const RecipeEvidence &entry) {
    return entry.recipe.groupSize.kind == GroupSize::Kind::Row ? "whole rows" : toString(entry.recipe.groupSize);
}

Claim groupSizeClaim(const ClaimEvidence &evidence) {
    Claim claim{"group-size",
                "Smaller groups are better, and 128 is the sweet spot.",
                nothing,
                ClaimMark::Open,
                "Needs INT4 with several group sizes.",
                "bins"};
    const std::vector<GroupStep> steps = groupSteps(evidence, Format::Int4);
    const RecipeEvidence *sweet = sweetSpot(steps);
    if (sweet == nullptr)
        return claim;
    bool rising = true;
    std::string measured;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        rising = rising && (i == 0 || steps[i].dbPerBit > 0);
        measured += (measured.empty() ? "INT4 " : ", ") + sizeText(*steps[i].point) + ": " +
                    withUnit((steps[i].point->sample ? "≈" : "") + sqnrText(steps[i].point->sqnrDb), "dB");
    }
    claim.measured = measured;
    const bool at128 = sweet->recipe.groupSize == GroupSize::of(128);
    claim.mark = heldIf(rising && at128);
    claim.reason = rising ? "Each step is better" : "Not every step is better";
    claim.reason += "; smaller groups are worth their bits as long as they bring the 6.02 dB that a further bit of "
                    "code would: here down to " +
                    sizeText(*sweet);
    const auto next = std::find_if(steps.begin(), steps.end(),
                                   [sweet](const GroupStep &step) { return step.point->bpw > sweet->bpw; });
    if (next != steps.end())
        claim.reason += " (" + sizeText(*next->point) + " would bring " +
                        heldText(fixedText(next->dbPerBit, 1) + " dB a bit") + ")";
    if (evidence.shape && evidence.shape->shortestRow <= 128)
        claim.reason += "; rows are only " + heldText(countText(evidence.shape->shortestRow) + " weights") + " long" +
                        (evidence.shape->longestRow > evidence.shape->shortestRow ? " in the shortest matrix" : "");
    claim.reason += ".";
    return claim;
}

Claim doubleQuantClaim(const ClaimEvidence &evidence) {
    Claim claim{"double-quant",  "Double quantization is nearly free and saves 0.4 bit.", nothing,
                ClaimMark::Open, "Needs NF4 with and without double quantization.",       "memory"};
    const auto pair = doubledPair(evidence);
    if (!pair)
        return claim;
    const double saved = pair->plain->bpw - pair->doubled->bpw;
    const double lost = *pair->plain->sqnrDb - *pair->doubled->sqnrDb;
    claim.measured = withUnit(fixedText(saved, 3), "bit") + " less, " + withUnit(differenceText(-lost, 3), "dB") +
                     " (" + nameOf(*pair->doubled) + ")";
    claim.mark = heldIf(saved >= 0.35 && saved < 0.45 && lost < sameDb);
    claim.reason = "That is against scales of 32 bits (" + withUnit(bpwText(pair->plain->bpw), "bpw") + ")";
    const Recipe &recipe = pair->plain->recipe;
    if (recipe.groupSize.kind == GroupSize::Kind::Count)
        claim.reason += "; against scales of 16 bits it saves " +
                        withUnit(fixedText(saved - 16.0 / recipe.groupSize.count, 3), "bit") + " at most";
    if (pair->plain->kl && pair->doubled->kl)
        claim.reason += "; KL goes from " + plusMinus(*pair->plain->kl) + " to " + plusMinus(*pair->doubled->kl);
    claim.reason += ".";
    return claim;
}

Claim sizeClaim(const ClaimEvidence &evidence) {
    Claim claim{"eight-times",
                "4 bits make a model 8 times smaller than FP32; scales take 1 to 2 %.",
                nothing,
                ClaimMark::Open,
                "Needs a 4-bit recipe.",
                "memory"};
    if (!evidence.memory || evidence.memory->memory.quantizedParams == 0)
        return claim;
    const MemoryBreakdown &memory = evidence.memory->memory;
    const auto constants =
        static_cast<double>(memory.parts.scales + memory.parts.zeroPoints + memory.parts.secondLevel);
    const double quantized = static_cast<double>(memory.parts.codes) + constants;
    const double ratio = static_cast<double>(evidence.memory->fp32QuantizedBytes) / quantized;
    const double whole =
        static_cast<double>(evidence.memory->fp32WeightsBytes) / static_cast<double>(memory.weightsBytes());
    const double share = constants / quantized;
    const std::string name = recipeText(evidence.memory->recipe);
    claim.measured = withUnit(ratioText(ratio), "times") + " over what is quantized, " +
                     withUnit(ratioText(whole), "times") + " over the whole model; scales take " +
                     percentText(share, 2) + " (" + name + ")";
    claim.mark = heldIf(ratio >= 7.75 && share <= 0.02);
    const double bits = 8 * constants / static_cast<double>(memory.quantizedParams);
    claim.reason = name + " stores " + withUnit(fixedText(bits, 3), "bit") + " of constants beside 4 bits of code";
    if (share > 0.02)
        claim.reason += ", and 2 % would be 0.08";
    if (memory.parts.leftAlone > 0)
        claim.reason +=
            "; tensors that are left alone take " +
            percentText(static_cast<double>(memory.parts.leftAlone) / static_cast<double>(memory.weightsBytes()), 2) +
            " of what remains";
    claim.reason += ".";
    return claim;
}

Claim speedClaim(const ClaimEvidence &evidence) {
    Claim claim{
        "faster-int8",   "4 bits are 1.5 to 2 times faster than INT8 where memory is the limit.",       nothing,
        ClaimMark::Open, "Measure products: on the Speed page, or with " + heldText("report --speed."), "speed"};
    const std::vector<SpeedPair> pairs = speedPairs(evidence);
    if (pairs.empty())
        return claim;
    const SpeedPair &pair = pairs.front();
    const std::string name = heldText(displayFormat(*pair.four));
    claim.measured = withUnit(ratioText(pair.ratio()), "times") + " (" + name + ", " +
                     heldText(countText(pair.four->threads) + (pair.four->threads == 1 ? " thread" : " threads")) + ")";
    const double byBytes = static_cast<double>(pair.eight->bytes) / static_cast<double>(pair.four->bytes);
    const std::string shares =
        percentText(pair.four->share, 2) + " of the read bandwidth, INT8 " + percentText(pair.eight->share, 2);
    if (!pair.memoryBound()) {
        claim.reason = "Memory is not the limit in this product: " + name + " reads at " + shares + ".";
        return claim;
    }
    claim.mark = heldIf(pair.ratio() >= 1.5 && pair.ratio() <= 2.05);
    claim.reason = "Bytes alone would give " + ratioText(byBytes) + "; " + name + " reads at " + shares + ".";
    return claim;
}

Claim activationClaim(const ClaimEvidence &evidence) {
    Claim claim{"activations",
                "Activations are harder to quantize than weights, because of outliers.",
                nothing,
                ClaimMark::Open,
                "Run INT4 activations on a text: on the Activations page, or with " + heldText("report --text FILE."),
                "activations"};
    const RecipeEvidence *weights = roundedEvidence(evidence, Format::Int4, GroupSize::of(64));
    if (!evidence.activations || !evidence.activations->klInt4 || weights == nullptr || !weights->kl)
        return claim;
    const ActivationEvidence &inputs = *evidence.activations;
    const double ratio = inputs.klInt4->value / weights->kl->value;
    claim.measured =
        "KL " + plusMinus(*inputs.klInt4) + " with INT4 activations, " + plusMinus(*weights->kl) + " with INT4 weights";
    const bool harder = ratio > 1;
    claim.mark = heldIf(harder && (!inputs.largestSpread || inputs.outlierChannels > 0));
    claim.reason = harder ? "They cost " + withUnit(ratioText(ratio), "times") + " as much" : "They cost no more here";
    if (inputs.largestSpread) {
        claim.reason += "; the largest channel of " + inputs.largestSpreadName + " is " +
                        withUnit(ratioText(*inputs.largestSpread), "times") + " its median one, and " +
                        countText(inputs.outlierChannels) + " of " +
                        heldText(countText(inputs.channels) + " channels") + " are beyond 6 times";
        if (harder && inputs.outlierChannels == 0)
            claim.reason += ": not for outliers, but because a token has one scale and weights have one for 64";
    }
    claim.reason += ".";
    return claim;
}

} // namespace

std::string_view idOf(ClaimMark mark) {
    switch (mark) {
    case ClaimMark::Held:
        return "held";
    case ClaimMark::NotHeld:
        return "not_held";
    case ClaimMark::Open:
        break;
    }
    return "open";
}

std::string_view displayName(ClaimMark mark) {
    switch (mark) {
    case ClaimMark::Held:
        return "held";
    case ClaimMark::NotHeld:
        return "not held";
    case ClaimMark::Open:
        break;
    }
    return "not measured";
}

std::vector<Claim> claims(const ClaimEvidence &evidence) {
    return {naiveClaim(evidence),  groupsClaim(evidence),    methodsClaim(evidence),
            normalClaim(evidence), groupSizeClaim(evidence), doubleQuantClaim(evidence),
            sizeClaim(evidence),   speedClaim(evidence),     activationClaim(evidence)};
}

Json toJson(const std::vector<Claim> &claims) {
    Json list = Json::array();
    for (const Claim &claim : claims)
        list.push_back({{"id", claim.id},
                        {"said", claim.said},
                        {"measured", claim.measured},
                        {"mark", idOf(claim.mark)},
                        {"reason", claim.reason},
                        {"page", claim.page}});
    return list;
}

Json toJson(const std::vector<Answer> &answers) {
    Json list = Json::array();
    for (const Answer &answer : answers)
        list.push_back(
            {{"id", answer.id}, {"question", answer.question}, {"answer", answer.answer}, {"page", answer.page}});
    return list;
}

} // namespace nibblescope
