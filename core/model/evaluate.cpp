// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/kernels/dense.h"
#include "core/model/activation.h"
#include "core/model/head.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t keptLayersLimit = 128ULL << 20; // decoded layers that stay in memory
constexpr std::uint64_t hiddenLimit = 96ULL << 20;      // hidden states of a group of windows
constexpr std::uint64_t headBlockBytes = 16ULL << 20;   // of the head at a time
constexpr std::uint64_t headBlockRows = 4096;

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

// Means over windows, in window order.
class Tally {
public:
    void add(const WindowScores::Result &window) {
        m_nll.push_back(meanOf(window.nll));
        if (window.kl.empty())
            return;
        m_reference.push_back(meanOf(window.referenceNll));
        m_difference.push_back(m_nll.back() - m_reference.back());
        m_klMeans.push_back(meanOf(window.kl));
        m_kl.insert(m_kl.end(), window.kl.begin(), window.kl.end());
        m_sameFirst += window.sameFirst;
    }

    void addTo(Evaluation &evaluation) const {
        evaluation.windows = m_nll.size();
        evaluation.tokens = m_nll.size() * (evaluation.context - 1);
        evaluation.nll = estimateOf(m_nll);
        evaluation.perplexity = std::exp(evaluation.nll.mean);
        if (m_kl.empty())
            return;
        Comparison comparison;
        comparison.referenceNll = estimateOf(m_reference);
        comparison.nllDifference = estimateOf(m_difference);
        comparison.kl = estimateOf(m_klMeans);
        comparison.klMedian = percentile(m_kl, 0.5);
        comparison.klP99 = percentile(m_kl, 0.99);
        comparison.top1Agreement = static_cast<double>(m_sameFirst) / static_cast<double>(m_kl.size());
        comparison.windowKl = m_klMeans;
        comparison.windowNllDifference = m_difference;
        evaluation.comparison = std::move(comparison);
    }

private:
    std::vector<double> m_nll;
    std::vector<double> m_reference;
    std::vector<double> m_difference;
    std::vector<double> m_klMeans;
    std::vector<double> m_kl;
    std::size_t m_sameFirst = 0;
};

// Hidden states of the windows of a group, for one model.
using Hidden = std::vector<std::vector<float>>;

struct DepthSums {
    double error = 0;
    double signal = 0;
};

class Evaluator {
public:
    Evaluator(const Llama &llama, const TokenWindows &windows, const WeightEdit *edit,
              const std::optional<ActivationQuant> &activations, const Work &work)
        : m_llama(llama), m_windows(windows), m_edit(edit), m_compares(edit != nullptr || activations), m_work(work),
          m_embedding(llama, llama.tensors().embedding, nullptr, work),
          m_head(llama, llama.tensors().head, nullptr, work),
          m_finalNorm(llama.tensor(llama.tensors().finalNorm, work)), m_depth(llama.config().layers) {
        if (edit != nullptr && edit->edits(llama.tensors().embedding))
            m_editedEmbedding.emplace(llama, llama.tensors().embedding, edit, work);
        if (edit != nullptr && edit->edits(llama.tensors().head))
            m_editedHead.emplace(llama, llama.tensors().head, edit, work);
        m_editedNorm = llama.tensor(llama.tensors().finalNorm, work, edit);
        m_keepLayers = layersBytes() * (edit != nullptr ? 2 : 1) <= keptLayersLimit;
        if (activations)
            m_change = [quant = *activations](InputKind, std::span<float> x, std::size_t cols) {
                quantizeActivations(x, cols, quant);
            };
    }

    std::size_t groupSize() const {
        const std::uint64_t window = m_windows.context * m_llama.config().hidden * sizeof(float);
        const std::size_t fewest = m_work.pool.threads();
        const std::size_t most = std::max<std::uint64_t>(fewest, hiddenLimit / (window * (m_compares ? 2 : 1)));
        return m_keepLayers ? std::min(most, 4 * fewest) : most;
    }

    std::vector<WindowScores::Result> runGroup(std::size_t first, std::size_t count) {
        m_first = first;
        m_reference.assign(count, {});
        m_edited.clear();
        embed(m_embedding, m_reference);
        if (m_editedEmbedding) {
            m_edited.assign(count, {});
            embed(*m_editedEmbedding, m_edited);
        }
        for (std::size_t i = 0; i < m_llama.config().layers; ++i) {
            runLayer(i);
            reportLayer(i, count);
        }
        return score(count);
    }

    std::vector<double> depthErrors() const {
        std::vector<double> errors;
        for (const DepthSums &sums : m_depth)
            errors.push_back(sums.signal > 0 ? std::sqrt(sums.error / sums.signal) : 0);
        return errors;
    }

private:
    std::uint64_t layersBytes() const {
        std::uint64_t bytes = 0;
        for (const LinearKind kind : allLinears)
            bytes += linearShape(m_llama.config(), kind).size() * sizeof(float);
        return bytes * m_llama.config().layers;
    }

    bool editsLayer(std::size_t index) const {
        if (m_edit == nullptr)
            return false;
        const LlamaTensors::Layer &places = m_llama.tensors().layers[index];
        bool any = m_edit->edits(places.inputNorm) || m_edit->edits(places.mlpNorm);
        for (std::size_t i = 0; i < linearCount; ++i)
            any = any || m_edit->edits(places.linears[i]) || (places.biases[i] && m_edit->edits(*places.biases[i]));
        return any;
    }

    void embed(const VocabularyMatrix &embedding, Hidden &hidden) const {
        m_work.parallelFor(hidden.size(), [&](std::size_t i) {
            hidden[i].resize(m_windows.context * m_llama.config().hidden);
            embedding.gather(m_windows.window(m_first + i), hidden[i], m_work);
        });
    }

    void runWindows(const LlamaLayer &layer, Hidden &hidden) const {
        m_work.parallelFor(hidden.size(), [&](std::size_t i) { m_llama.run(layer, hidden[i]); });
    }
    void runEdited(const LlamaLayer &layer) {
        m_work.parallelFor(m_edited.size(), [&](std::size_t i) { m_llama.run(layer, m_edited[i], {}, m_change); });
    }

    // Both models stand at the same states until the first layer that is edited.
    void runLayer(std::size_t index) {
        const bool edited = editsLayer(index);
        if ((edited || m_change) && m_edited.empty())
            m_edited = m_reference;
        if (m_keepLayers && m_layers.size() == index)
            m_layers.push_back(m_llama.layer(index, m_work));
        LlamaLayer read;
        if (!m_keepLayers)
            read = m_llama.layer(index, m_work);
        const LlamaLayer &layer = m_keepLayers ? m_layers[index] : read;
        runWindows(layer, m_reference);
        if (m_edited.empty())
            return;
        if (!edited) {
            runEdited(layer);
        } else if (m_keepLayers) {
            if (m_editedLayers.size() <= index)
                m_editedLayers.resize(index + 1);
            if (m_editedLayers[index].linears[0].weights.empty()) {
                LlamaLayer changed = layer;
                m_llama.apply(*m_edit, changed, m_work);
                m_editedLayers[index] = std::move(changed);
            }
            runEdited(m_editedLayers[index]);
        } else {
            m_llama.apply(*m_edit, read, m_work);
            runEdited(read);
        }
        measureDepth(index);
    }

    void measureDepth(std::size_t index) {
        std::vector<DepthSums> sums(m_edited.size());
        m_work.parallelFor(sums.size(), [&](std::size_t i) {
            for (std::size_t k = 0; k < m_edited[i].size(); ++k) {
                const double h = static_cast<double>(m_reference[i][k]);
                const double error = static_cast<double>(m_edited[i][k]) - h;
                sums[i].error += error * error;
                sums[i].signal += h * h;
            }
        });
        for (const DepthSums &part : sums) {
            m_depth[index].error += part.error;
            m_depth[index].signal += part.signal;
        }
    }

    void reportLayer(std::size_t index, std::size_t count) const {
        const std::uint64_t layers = m_llama.config().layers;
        m_work.report({m_first * layers + (index + 1) * count, m_windows.count * layers,
                       "window " + std::to_string(m_first + count) + " of " + std::to_string(m_windows.count)});
    }

    void normStates(Hidden &hidden, const std::vector<float> &norm) const {
        const LlamaConfig &config = m_llama.config();
        m_work.parallelFor(hidden.size(), [&](std::size_t i) {
            for (std::size_t at = 0; at < hidden[i].size(); at += config.hidden)
                rmsNorm(hidden[i].data() + at, norm.data(), config.normEpsilon, config.hidden, hidden[i].data() + at);
        });
    }

    void scoresInto(std::vector<float> &scores, const std::vector<float> &hidden, std::span<const float> head,
                    std::size_t rows) const {
        const std::size_t cols = m_llama.config().hidden;
        scores.resize((m_windows.context - 1) * rows);
        DenseProduct<float> product;
        product.rows = m_windows.context - 1;
        product.cols = rows;
        product.inner = cols;
        product.a = {hidden.data(), cols, Transposed::No};
        product.b = {head.data(), cols, Transposed::Yes};
        product.c = scores.data();
        product.cStride = rows;
        multiply(product);
    }

    std::vector<WindowScores::Result> score(std::size_t count) {
        const bool compare = m_compares;
        if (compare && m_edited.empty())
            m_edited = m_reference;
        normStates(m_reference, m_finalNorm);
        normStates(m_edited, m_editedNorm);
        std::vector<WindowScores> scores;
        for (std::size_t i = 0; i < count; ++i)
            scores.emplace_back(m_windows.window(m_first + i).subspan(1), compare);
        const std::uint64_t rowBytes = m_llama.config().hidden * sizeof(float);
        const std::uint64_t step = std::clamp<std::uint64_t>(headBlockBytes / rowBytes, 1, headBlockRows);
        std::vector<float> buffer;
        std::vector<float> editedBuffer;
        for (std::uint64_t first = 0; first < m_head.rows(); first += step) {
            const std::uint64_t rows = std::min(step, m_head.rows() - first);
            const auto head = m_head.block(first, rows, buffer, m_work);
            const auto editedHead = m_editedHead ? m_editedHead->block(first, rows, editedBuffer, m_work) : head;
            m_work.parallelFor(count, [&](std::size_t i) {
                std::vector<float> p;
                std::vector<float> q;
                scoresInto(p, m_reference[i], head, rows);
                if (compare)
                    scoresInto(q, m_edited[i], editedHead, rows);
                scores[i].add(first, rows, p, q);
            });
        }
        std::vector<WindowScores::Result> results;
        for (const WindowScores &window : scores)
            results.push_back(window.finish());
        return results;
    }

    const Llama &m_llama;
    const TokenWindows &m_windows;
    const WeightEdit *m_edit;
    bool m_compares; // two models run
    InputEdit m_change;
    const Work &m_work;
    VocabularyMatrix m_embedding;
    VocabularyMatrix m_head;
    std::optional<VocabularyMatrix> m_editedEmbedding;
    std::optional<VocabularyMatrix> m_editedHead;
    std::vector<float> m_finalNorm;
    std::vector<float> m_editedNorm;
    bool m_keepLayers = false;
    std::vector<LlamaLayer> m_layers;
    std::vector<LlamaLayer> m_editedLayers;
    std::size_t m_first = 0;
    Hidden m_reference;
    Hidden m_edited; // empty as long as it would be the same
    std::vector<DepthSums> m_depth;
};

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

Evaluation evaluate(const Llama &llama, const TokenWindows &windows, const WeightEdit *edit, const Work &work,
                    const std::function<void(const Evaluation &)> &soFar,
                    const std::optional<ActivationQuant> &activations) {
    Evaluation evaluation;
    evaluation.context = windows.context;
    evaluation.plannedWindows = windows.count;
    Tally tally;
    try {
        Evaluator evaluator(llama, windows, edit, activations, work);
        const std::size_t group = evaluator.groupSize();
        for (std::size_t first = 0; first < windows.count; first += group) {
            work.checkStop();
            const auto results = evaluator.runGroup(first, std::min(group, windows.count - first));
            for (const WindowScores::Result &window : results)
                tally.add(window);
            const bool last = first + group >= windows.count;
            if (!last && !soFar)
                continue;
            tally.addTo(evaluation);
            if (evaluation.comparison)
                evaluation.comparison->depthErrors = evaluator.depthErrors();
            if (soFar)
                soFar(evaluation);
        }
    } catch (const Error &error) {
        if (error.fault() != Fault::Interrupted || evaluation.windows == 0)
            throw;
    }
    return evaluation;
}

void addJson(const Evaluation &evaluation, nlohmann::ordered_json &json) {
    const auto add = [&json](const std::string &name, const std::string &errorName, const Estimate &estimate) {
        json[name] = estimate.mean;
        if (estimate.standardError)
            json[errorName] = *estimate.standardError;
    };
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
