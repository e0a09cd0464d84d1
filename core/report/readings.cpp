// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/readings.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/kernels/format.h"
#include "core/report/number_text.h"

namespace nibblescope {
namespace {

constexpr const char *noBreakSpace = "\u00a0";
constexpr double sameSqnr = 0.05;
constexpr double sameBpw = 0.001;
constexpr std::size_t longestName = 40;

std::string dbText(double db, bool sample = false) { return withUnit((sample ? "≈" : "") + sqnrText(db), "dB"); }
std::string bitsText(double bpw) { return withUnit(bpwText(bpw), "bpw"); }

// "for the same bits", "for 0.070 bpw more".
std::string forBits(double difference) {
    if (std::abs(difference) < sameBpw)
        return "for the same bits";
    return "for " + bitsText(std::abs(difference)) + noBreakSpace + (difference > 0 ? "more" : "less");
}

std::string countOf(std::uint64_t n, const char *one, const char *many) {
    return countText(n) + noBreakSpace + (n == 1 ? one : many);
}

std::string joined(const std::vector<std::string> &parts) {
    std::string text;
    for (const std::string &part : parts)
        text += (text.empty() ? "" : ", ") + part;
    return text;
}

std::string typeName(const TensorInfo &info) { return std::string(traits(info.dtype).name); }

// ---- Distribution

Reading keptReading(const TensorResult &result) {
    // The whole name where there is room for it, else without what all tensors share.
    const std::string &whole = result.info.name;
    const std::string name = whole.size() <= longestName ? whole : elidedName(shortTensorName(whole), longestName);
    if (traits(result.info.dtype).integer)
        return {{name + " is an " + heldText(typeName(result.info) + " tensor") + ": shown, not quantized."}};
    const std::string type = typeName(result.info);
    return {{name + " is kept as " + type + ": " + result.keptReason + "."}};
}

std::string shapeClause(double kurtosis) {
    const std::string word = kurtosisWord(kurtosis);
    return heldText("kurtosis is " + fixedText(kurtosis, 2)) + (word.empty() ? "" : ", " + word);
}

Reading statisticsReading(const TensorResult &result) {
    const std::string about = result.sample ? "≈" : "";
    if (!result.statistics.std)
        return {{tensorText(result.info) + " holds no finite weight."}};
    if (result.statistics.min == result.statistics.max)
        return {{"All " + countOf(result.statistics.finite, "weight", "weights") + " of " + tensorText(result.info) +
                 " are " + valueText(*result.statistics.min) + "."}};
    std::string text = "The weights of " + tensorText(result.info) + " spread by " +
                       heldText("σ = " + about + valueText(*result.statistics.std));
    if (result.statistics.kurtosis)
        text += "; " + shapeClause(*result.statistics.kurtosis);
    return {{text + "."}};
}

std::string keepsClause(const TensorResult &result) {
    const ErrorMetrics &metrics = *result.metrics;
    const std::string recipe = recipeText(result.recipe);
    const std::string at = " at " + bitsText(result.bpw) + ".";
    if (metrics.sqnrDb)
        return recipe + " keeps " + dbText(*metrics.sqnrDb, result.sample) + " of " + tensorText(result.info) + at;
    if (metrics.exact())
        return recipe + " keeps " + tensorText(result.info) + " exactly" + at;
    return "All weights of " + tensorText(result.info) + " are 0: there is nothing to lose" + at;
}

std::string baselineClause(const TensorResult &result, const TensorResult &baseline) {
    const double difference = *result.metrics->sqnrDb - *baseline.metrics->sqnrDb;
    const double bits = result.bpw - baseline.bpw;
    std::string text = recipeText(baseline.recipe) + " keeps " + dbText(*baseline.metrics->sqnrDb);
    if (std::abs(bits) >= sameBpw)
        text += " at " + bitsText(baseline.bpw);
    text += ": " + recipeText(result.recipe);
    if (std::abs(difference) < sameSqnr)
        text += " keeps the same ";
    else
        text += " is " + dbText(std::abs(difference)) + (difference > 0 ? " better " : " worse ");
    return text + forBits(bits) + ".";
}

bool comparable(const TensorResult &result, const TensorResult *other) {
    return other != nullptr && !result.sample && !other->sample && result.metrics && result.metrics->sqnrDb &&
           other->metrics && other->metrics->sqnrDb && other->info.name == result.info.name &&
           !(other->recipe == result.recipe);
}

std::string errorClause(const TensorResult &result) {
    std::string text = "The error is " + std::string(result.sample ? "≈" : "") +
                       percentText(*result.metrics->relativeError, 2) + " of the weights";
    if (result.statistics.kurtosis)
        text += "; " + shapeClause(*result.statistics.kurtosis);
    return text + ".";
}

std::string outlierClause(const Outliers &outliers) {
    return countOf(outliers.weights, "weight", "weights") + " beyond " + heldText(valueText(outliers.sigmas) + " σ") +
           (outliers.weights == 1 ? " sets" : " set") + " the scale of " + countText(outliers.groups) + " of " +
           countOf(outliers.allGroups, "group", "groups") + ".";
}

// ---- Bins

// The short form without its group: "INT4 asym", "NF4 DQ".
std::string formatText(const Recipe &recipe) {
    std::string text = shortForm(recipe);
    const std::string group = " " + toString(recipe.groupSize);
    if (const std::size_t at = text.find(group); at != std::string::npos)
        text.erase(at, group.size());
    return heldText(text);
}

Format otherFormat(Format format) { return traits(format).codebook ? Format::Int4 : Format::Nf4; }

bool wasSwept(const Sweep &sweep, Format format) {
    return std::any_of(sweep.curves.begin(), sweep.curves.end(),
                       [format](const SweepCurve &curve) { return curve.format == format && !curve.points.empty(); });
}

std::string reachesClause(const TensorResult &result, const Sweep &sweep) {
    const Format other = otherFormat(result.recipe.format);
    if (!wasSwept(sweep, other))
        return {};
    const SweepPoint *point = cheapestReaching(sweep, other, *result.metrics->sqnrDb);
    if (point == nullptr)
        return "; " + heldText(std::string(traits(other).shortName)) + " does not reach that at any size swept (" +
               heldText("16 and up") + ")";
    const bool counted = point->recipe.groupSize.kind == GroupSize::Kind::Count;
    return "; " + formatText(point->recipe) + " reaches that at " +
           heldText((counted ? "group " : "") + toString(point->recipe.groupSize)) + ", " + bitsText(point->bpw);
}

std::optional<std::string> asymmetricClause(const TensorResult &result, const Sweep &sweep) {
    if (result.recipe.format == Format::Int4Asym || result.recipe.format == Format::Int8)
        return std::nullopt;
    Recipe wanted = result.recipe;
    wanted.format = Format::Int4Asym;
    const SweepPoint *point = findPoint(sweep, wanted);
    if (point == nullptr || !point->sqnrDb)
        return std::nullopt;
    const double difference = *point->sqnrDb - *result.metrics->sqnrDb;
    const std::string bits = forBits(point->bpw - result.bpw) + ".";
    if (difference >= sameSqnr)
        return recipeText(point->recipe) + " is " + dbText(difference) + " better" +
               (std::abs(point->bpw - result.bpw) < sameBpw ? " " : ", ") + bits;
    if (difference > -sameSqnr)
        return recipeText(point->recipe) + " keeps the same (" + dbText(*point->sqnrDb) + ") " + bits;
    return std::nullopt;
}

std::optional<std::string> idleClause(const TensorResult &result) {
    const FormatTraits &format = traits(result.recipe.format);
    const auto &counts = result.metrics->codeCounts;
    if (format.codeBits != 4 || counts.size() != 16 || result.sample)
        return std::nullopt;
    std::vector<std::string> idle;
    for (int nibble = 0; nibble < 16; ++nibble) {
        if (counts[static_cast<std::size_t>(nibble)] == 0)
            idle.push_back(fixedText(nibble + format.lowestCode, 0));
    }
    if (idle.empty())
        return std::nullopt;
    if (idle.size() == 1)
        return heldText("Code " + idle.front()) + " is never used: one level of sixteen idles.";
    return "Codes " + joined(idle) + " are never used: " + heldText(std::to_string(idle.size()) + " levels") + " idle.";
}

// How far the recipe is from what 16 levels can do at all, where its levels are times the group's largest weight, and
// from what any code can do for a normal source.
std::optional<std::string> boundClause(const TensorResult &result, const Sweep &sweep) {
    const Format format = result.recipe.format;
    const SweepBound *bound = findBound(sweep, result.recipe);
    if (bound == nullptr || !bound->sqnrDb || traits(format).codeBits != 4)
        return std::nullopt;
    const double here = *result.metrics->sqnrDb;
    std::string text;
    const bool absmax =
        format == Format::Int4 || format == Format::Nf4 || format == Format::Fp4 || format == Format::Fitted;
    if (absmax && result.recipe.method == "rtn") {
        const double gap = *bound->sqnrDb - here;
        text = "The best of any 16 levels keeps " + dbText(*bound->sqnrDb) + " in these groups" +
               (gap < sameSqnr ? ", the same; " : ", " + dbText(gap) + " more; ");
    }
    const double limit = normalLimitDb(result.bpw);
    text += text.empty() ? "No code of " : "no code of ";
    return text + bitsText(result.bpw) + " keeps more than " + dbText(limit) + " of normal weights, " +
           dbText(limit - here) + " more.";
}

// ---- Layers

struct LayerSummary {
    std::vector<const TensorResult *> measured; // with errors, rising SQNR
    std::uint64_t done = 0;
    double signal = 0;
    double error = 0;

    std::optional<double> sqnrDb() const {
        return signal > 0 && error > 0 ? std::optional(10 * std::log10(signal / error)) : std::nullopt;
    }
};

LayerSummary summarise(const std::vector<TensorResult> &results) {
    LayerSummary summary;
    for (const TensorResult &result : results) {
        if (!result.quantized || !result.metrics || result.sample)
            continue;
        ++summary.done;
        summary.signal += result.metrics->sums.signal;
        summary.error += result.metrics->sums.error;
        if (result.metrics->sqnrDb)
            summary.measured.push_back(&result);
    }
    std::stable_sort(summary.measured.begin(), summary.measured.end(),
                     [](const auto *a, const auto *b) { return *a->metrics->sqnrDb < *b->metrics->sqnrDb; });
    return summary;
}

std::string spreadClause(const LayerSummary &summary) {
    if (summary.measured.size() < summary.done) { // among them tensors of zeros, and those that the levels hold exactly
        const std::uint64_t others = summary.done - summary.measured.size();
        return "; " + countText(others) + (others == 1 ? " loses" : " lose") + " nothing.";
    }
    const double lowest = *summary.measured.front()->metrics->sqnrDb;
    const double spread = *summary.measured.back()->metrics->sqnrDb - lowest;
    if (spread < 3)
        return ", and all lie within " + dbText(spread) + " of each other.";
    std::string text = ", " + dbText(*summary.sqnrDb() - lowest) + " below the whole";
    if (summary.measured.size() > 3) {
        double error = 0;
        for (std::size_t i = 0; i < 3; ++i)
            error += summary.measured[i]->metrics->sums.error;
        text += "; the worst three carry " + percentText(error / summary.error, 2) + " of the error";
    }
    return text + ".";
}

// ---- Memory

struct RestPart {
    std::string text; // "embed_tokens is"
    std::uint64_t bytes = 0;
};

RestPart largestRestPart(const MemoryBreakdown &memory, const std::vector<TensorResult> &results) {
    RestPart largest;
    const auto consider = [&largest](const std::string &text, std::uint64_t bytes) {
        if (bytes > largest.bytes)
            largest = {text, bytes};
    };
    for (const TensorResult &result : results) {
        if (!result.quantized)
            consider(tensorText(result.info) + " is ", result.info.bytes);
    }
    consider("scales are ", memory.parts.scales);
    consider("zero-points are ", memory.parts.zeroPoints);
    consider("second-level constants are ", memory.parts.secondLevel);
    return largest;
}

std::string cacheClause(const MemoryBreakdown &memory) {
    std::string text = "At " + countOf(memory.context, "token", "tokens");
    if (memory.batch > 1)
        text += " and " + heldText("batch " + countText(memory.batch));
    return text + " the KV cache adds " + bytesText(static_cast<double>(*memory.kvCacheBytes)) + ".";
}

} // namespace

std::string Reading::text() const {
    std::string all;
    for (const std::string &clause : clauses)
        all += (all.empty() ? "" : " ") + clause;
    return all;
}

std::string recipeText(const Recipe &recipe) { return heldText(shortForm(recipe)); }

std::string tensorText(const TensorInfo &info) { return elidedName(shortTensorName(info.name), longestName); }

std::string kurtosisWord(double kurtosis) {
    if (kurtosis >= 2.7 && kurtosis <= 3.3)
        return "close to normal";
    if (kurtosis > 4)
        return "heavier-tailed than normal";
    if (kurtosis < 2.5)
        return "flatter than normal";
    return {};
}

Reading distributionReading(const TensorResult &result, const TensorResult *baseline,
                            const std::optional<Outliers> &outliers) {
    if (!result.quantized)
        return result.keptReason.empty() ? statisticsReading(result) : keptReading(result);
    if (!result.metrics)
        return {{tensorText(result.info) + " is stored as " + recipeText(result.recipe) + " at " +
                 bitsText(result.bpw) + "; what it lost is not known, since the original is not open."}};
    Reading reading{{keepsClause(result)}};
    if (comparable(result, baseline))
        reading.clauses.push_back(baselineClause(result, *baseline));
    else if (result.metrics->relativeError)
        reading.clauses.push_back(errorClause(result));
    if (outliers && outliers->weights > 0 && !result.sample)
        reading.clauses.push_back(outlierClause(*outliers));
    return reading;
}

Reading binsReading(const TensorResult &result, const Sweep *sweep) {
    if (!result.quantized || !result.metrics || !result.metrics->sqnrDb)
        return distributionReading(result);
    std::string first = recipeText(result.recipe) + " keeps " + dbText(*result.metrics->sqnrDb, result.sample) +
                        " at " + bitsText(result.bpw);
    const bool exact = sweep != nullptr && !sweep->sample && !result.sample;
    if (exact)
        first += reachesClause(result, *sweep);
    Reading reading{{first + "."}};
    if (exact) {
        if (const auto clause = asymmetricClause(result, *sweep))
            reading.clauses.push_back(*clause);
    }
    if (const auto clause = idleClause(result))
        reading.clauses.push_back(*clause);
    if (exact) {
        if (const auto clause = boundClause(result, *sweep))
            reading.clauses.push_back(*clause);
    }
    return reading;
}

Reading layersReading(const LayersReadingInput &input) {
    const LayerSummary summary = summarise(*input.results);
    if (summary.done == 0) {
        if (input.expected == 0)
            return {{"No tensor is quantized by this recipe."}};
        return {{"None of " + countOf(input.expected, "tensor", "tensors") + " is measured yet."}};
    }
    const bool complete = !input.running && summary.done >= input.expected;
    if (summary.measured.empty()) {
        if (summary.error == 0)
            return {{countOf(summary.done, "tensor is", "tensors are") + " kept without any error" +
                     (complete ? "." : " so far.")}};
        return {{countOf(summary.done, "tensor", "tensors") + " measured; none has a signal to compare with."}};
    }
    const TensorResult &worst = *summary.measured.front();
    const std::string worstText = "the worst is " + tensorText(worst.info) + " at " + dbText(*worst.metrics->sqnrDb);
    if (!complete)
        return {{countText(summary.done) + " of " + countOf(input.expected, "tensor", "tensors") +
                 " done: " + dbText(*summary.sqnrDb()) + " so far; " + worstText + "."}};
    if (summary.done == 1)
        return {{tensorText(worst.info) + ", the only tensor, keeps " + dbText(*worst.metrics->sqnrDb) + "."}};
    return {{countOf(summary.done, "tensor", "tensors") + " keep " + dbText(*summary.sqnrDb()) + " together; " +
             worstText + spreadClause(summary)}};
}

Reading memoryReading(const MemoryBreakdown &memory, const MemoryBreakdown &fp32, const Recipe &recipe,
                      const std::vector<TensorResult> &results) {
    Reading reading;
    if (memory.weightsBytes() == 0)
        return {{"The model holds no weights."}};
    if (memory.quantizedParams == 0 || recipe.format == Format::None) {
        reading.clauses.push_back("Nothing is quantized: the model takes " +
                                  bytesText(static_cast<double>(memory.weightsBytes())) + " as stored.");
    } else {
        const double ratio = static_cast<double>(fp32.weightsBytes()) / static_cast<double>(memory.weightsBytes());
        std::string text =
            recipeText(recipe) + " makes the model " + heldText(ratioText(ratio) + " times") + " smaller than FP32";
        const RestPart rest = largestRestPart(memory, results);
        if (ratio < 7.5 && traits(recipe.format).codeBits == 4 && rest.bytes > 0)
            text += ", not 8: " + rest.text +
                    percentText(static_cast<double>(rest.bytes) / static_cast<double>(memory.weightsBytes()), 2) +
                    " of what is left";
        reading.clauses.push_back(text + ".");
    }
    if (memory.kvCacheBytes &&
        static_cast<double>(*memory.kvCacheBytes) > 0.2 * static_cast<double>(memory.weightsBytes()))
        reading.clauses.push_back(cacheClause(memory));
    return reading;
}

} // namespace nibblescope
