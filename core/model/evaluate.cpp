// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/model/side_by_side.h"

namespace nibblescope {
namespace {

double meanOf(const std::vector<double> &values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Linear between order statistics, as NumPy's default.
double percentile(std::vector<double> values, double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::ptrdiff_t>(place);
    std::nth_element(values.begin(), values.begin() + low, values.end());
    const double first = values[static_cast<std::size_t>(low)];
    if (low + 1 == static_cast<std::ptrdiff_t>(values.size()))
        return first;
    const double second = *std::min_element(values.begin() + low + 1, values.end());
    return first + (place - static_cast<double>(low)) * (second - first);
}

double relativeError(const DepthSums &sums) { return sums.signal > 0 ? std::sqrt(sums.error / sums.signal) : 0; }

// What the windows say about one model, in window order.
class Tally {
public:
    void add(const WindowOfModel &window) {
        m_nll.push_back(meanOf(window.scores.nll));
        if (window.scores.kl.empty())
            return;
        m_reference.push_back(meanOf(window.scores.referenceNll));
        m_difference.push_back(m_nll.back() - m_reference.back());
        m_klMeans.push_back(meanOf(window.scores.kl));
        m_kl.insert(m_kl.end(), window.scores.kl.begin(), window.scores.kl.end());
        m_sameFirst += window.scores.sameFirst;
        m_depth.resize(window.depth.size());
        for (std::size_t i = 0; i < m_depth.size(); ++i) {
            m_depth[i].error += window.depth[i].error;
            m_depth[i].signal += window.depth[i].signal;
        }
    }

    // The means; of no windows nothing is said.
    void addMeans(Evaluation &evaluation) const {
        evaluation.windows = m_nll.size();
        evaluation.tokens = m_nll.size() * (evaluation.context - 1);
        if (m_nll.empty())
            return;
        evaluation.nll = estimateOf(m_nll);
        evaluation.perplexity = std::exp(evaluation.nll.mean);
        if (m_kl.empty())
            return;
        Comparison comparison;
        comparison.referenceNll = estimateOf(m_reference);
        comparison.nllDifference = estimateOf(m_difference);
        comparison.kl = estimateOf(m_klMeans);
        comparison.top1Agreement = static_cast<double>(m_sameFirst) / static_cast<double>(m_kl.size());
        for (const DepthSums &sums : m_depth)
            comparison.depthErrors.push_back(relativeError(sums));
        evaluation.comparison = std::move(comparison);
    }
    void addAll(Evaluation &evaluation) const {
        addMeans(evaluation);
        if (!evaluation.comparison)
            return;
        evaluation.comparison->klMedian = percentile(m_kl, 0.5);
        evaluation.comparison->klP99 = percentile(m_kl, 0.99);
        evaluation.comparison->windowKl = m_klMeans;
        evaluation.comparison->windowNllDifference = m_difference;
    }

private:
    std::vector<double> m_nll;
    std::vector<double> m_reference;
    std::vector<double> m_difference;
    std::vector<double> m_klMeans;
    std::vector<double> m_kl;
    std::vector<DepthSums> m_depth;
    std::size_t m_sameFirst = 0;
};

// Models that run together, as one of several runs over the same windows.
struct Run {
    std::span<const ModelVariant> variants;
    std::size_t index = 0; // of this run
    std::size_t count = 1; // of runs
};

// Adds up a tally a model (one where there are no variants) and notes the problems of each; `told` is called after each
// group of windows.
void runTogether(const Llama &llama, const TokenWindows &windows, const Run &run, std::span<Tally> tallies,
                 std::span<Evaluation> evaluations, const Work &work, const std::function<void()> &told) {
    const std::uint64_t layers = llama.config().layers;
    const std::uint64_t total = windows.count * layers;
    const std::string several = run.variants.size() > 1 ? std::to_string(run.variants.size()) + " recipes, " : "";
    work.report({run.index * total, run.count * total, several + "decoding layers"});
    SideBySide models(llama, windows, run.variants, work);
    const std::size_t group = models.groupSize();
    const auto lookForProblems = [&] {
        for (std::size_t k = 0; k < run.variants.size(); ++k) {
            evaluations[k].problem = models.problem(k);
            evaluations[k].products = models.productsUsed(k);
        }
    };
    lookForProblems();
    for (std::size_t first = 0; first < windows.count && !models.nothingRuns(); first += group) {
        work.checkStop();
        const std::size_t count = std::min(group, windows.count - first);
        const auto results = models.run(first, count, [&](std::size_t done) {
            work.report({run.index * total + first * layers + done * count, run.count * total,
                         several + "window " + std::to_string(first + count) + " of " + std::to_string(windows.count)});
        });
        lookForProblems();
        for (const auto &window : results)
            for (std::size_t k = 0; k < tallies.size(); ++k)
                if (!evaluations[k].problem)
                    tallies[k].add(window[k]);
        told();
    }
}

std::vector<Run> runsOf(const Llama &llama, const TokenWindows &windows, std::span<const ModelVariant> variants,
                        const Work &work) {
    if (variants.empty())
        return {Run()};
    std::vector<Run> runs;
    for (std::size_t begin = 0; begin < variants.size();) {
        const std::size_t count = SideBySide::howMany(llama, windows, variants.subspan(begin), work);
        runs.push_back({variants.subspan(begin, count), runs.size(), 0});
        begin += count;
    }
    for (Run &run : runs)
        run.count = runs.size();
    return runs;
}

// No variants: the unquantized model alone, as the only one.
std::vector<Evaluation> evaluateAll(const Llama &llama, const TokenWindows &windows,
                                    std::span<const ModelVariant> variants, const Work &work,
                                    const EvaluationsSink &soFar) {
    Evaluation empty;
    empty.context = windows.context;
    empty.plannedWindows = windows.count;
    std::vector<Evaluation> evaluations(std::max<std::size_t>(1, variants.size()), empty);
    std::vector<Tally> tallies(evaluations.size());
    std::size_t begin = 0;
    try {
        for (const Run &run : runsOf(llama, windows, variants, work)) {
            const std::size_t count = std::max<std::size_t>(1, run.variants.size());
            const auto own = std::span(evaluations).subspan(begin, count);
            runTogether(llama, windows, run, std::span(tallies).subspan(begin, count), own, work, [&] {
                for (std::size_t k = begin; soFar && k < begin + count; ++k)
                    tallies[k].addMeans(evaluations[k]);
                if (soFar)
                    soFar(evaluations);
            });
            begin += count;
        }
    } catch (const Error &error) {
        if (error.fault() != Fault::Interrupted)
            throw;
    }
    for (std::size_t k = 0; k < tallies.size(); ++k)
        tallies[k].addAll(evaluations[k]);
    if (std::all_of(evaluations.begin(), evaluations.end(), [](const Evaluation &one) { return one.windows == 0; }))
        throwIfStopped(work.stop);
    return evaluations;
}

} // namespace

Estimate estimateOf(const std::vector<double> &windowMeans) {
    Estimate estimate;
    estimate.mean = meanOf(windowMeans);
    if (windowMeans.size() < 2)
        return estimate;
    double squares = 0;
    for (const double mean : windowMeans)
        squares += (mean - estimate.mean) * (mean - estimate.mean);
    const auto n = static_cast<double>(windowMeans.size());
    estimate.standardError = std::sqrt(squares / (n - 1) / n);
    return estimate;
}

Evaluation evaluate(const Llama &llama, const TokenWindows &windows, const ModelVariant &variant, const Work &work,
                    const EvaluationSink &soFar) {
    std::vector<ModelVariant> variants;
    if (variant.edit != nullptr || variant.activations)
        variants.push_back(variant);
    EvaluationsSink told;
    if (soFar)
        told = [&soFar](const std::vector<Evaluation> &one) { soFar(one.front()); };
    Evaluation evaluation = evaluateAll(llama, windows, variants, work, told).front();
    if (evaluation.problem)
        throw *evaluation.problem;
    return evaluation;
}

std::vector<Evaluation> evaluateSideBySide(const Llama &llama, const TokenWindows &windows,
                                           std::span<const ModelVariant> variants, const Work &work,
                                           const EvaluationsSink &soFar) {
    if (variants.empty())
        return {};
    return evaluateAll(llama, windows, variants, work, soFar);
}

void addJson(const Evaluation &evaluation, nlohmann::ordered_json &json) {
    const auto add = [&json](const std::string &name, const std::string &errorName, const Estimate &estimate) {
        json[name] = estimate.mean;
        if (estimate.standardError)
            json[errorName] = *estimate.standardError;
    };
    if (evaluation.products)
        addJson(*evaluation.products, json);
    json["perplexity"] = evaluation.perplexity;
    add("nll", "nll_stderr", evaluation.nll);
    json["tokens"] = evaluation.tokens;
    if (!evaluation.comparison)
        return;
    const Comparison &comparison = *evaluation.comparison;
    add("kl_mean", "kl_stderr", comparison.kl);
    json["kl_median"] = comparison.klMedian;
    json["kl_p99"] = comparison.klP99;
    json["top1_agreement"] = comparison.top1Agreement;
    add("nll_difference", "nll_difference_stderr", comparison.nllDifference);
    json["reference_perplexity"] = std::exp(comparison.referenceNll.mean);
    json["reference_nll"] = comparison.referenceNll.mean;
    json["depth_errors"] = comparison.depthErrors;
}

} // namespace nibblescope
