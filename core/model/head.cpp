// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/head.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/dense.h"
#include "core/kernels/elementwise.h"
#include "core/model/activation.h"

namespace nibblescope {
namespace {

// A vocabulary matrix up to this size is held whole.
constexpr std::uint64_t wholeBytes = 32ULL << 20;

} // namespace

VocabularyMatrix::VocabularyMatrix(const Llama &llama, std::size_t tensor, const WeightEdit *edit, const Work &work)
    : m_llama(llama), m_tensor(tensor), m_rows(llama.config().vocabulary), m_cols(llama.config().hidden) {
    const bool edited = edit != nullptr && edit->edits(tensor);
    if (edited || m_rows * m_cols * sizeof(float) <= wholeBytes)
        m_whole = llama.tensor(tensor, work, edit);
}

std::span<const float> VocabularyMatrix::block(std::uint64_t first, std::uint64_t count, std::vector<float> &buffer,
                                               const Work &work) const {
    if (!m_whole.empty())
        return std::span(m_whole).subspan(first * m_cols, count * m_cols);
    buffer = m_llama.vocabularyRows(m_tensor, first, count, work);
    return buffer;
}

void VocabularyMatrix::gather(std::span<const std::int32_t> ids, std::span<float> out, const Work &work) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
        std::vector<float> buffer;
        const auto row = block(static_cast<std::uint64_t>(ids[i]), 1, buffer, work);
        std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(i * m_cols));
    }
}

WindowScores::WindowScores(std::span<const std::int32_t> targets, std::size_t models, const ElementKernels &kernels)
    : m_kernels(kernels), m_targets(targets), m_p(targets.size()), m_factor(targets.size(), 1), m_models(models) {
    const auto begin = [](std::vector<Distribution> &list) {
        for (Distribution &distribution : list)
            distribution.largest = -std::numeric_limits<float>::infinity();
    };
    begin(m_p);
    for (Compared &model : m_models) {
        model.q.resize(targets.size());
        model.cross.resize(targets.size());
        begin(model.q);
    }
}

double WindowScores::Distribution::logSum() const { return static_cast<double>(largest) + std::log(sum); }

double WindowScores::look(Distribution &seen, const float *scores, const Block &block, std::size_t position) const {
    const auto target = static_cast<std::uint64_t>(m_targets[position]);
    if (target >= block.firstId && target < block.firstId + block.ids)
        seen.target = static_cast<double>(scores[target - block.firstId]);
    const float largest = m_kernels.largest(scores, block.ids);
    if (!(largest > seen.largest))
        return 1;
    const double factor = std::exp(static_cast<double>(seen.largest) - static_cast<double>(largest));
    seen.largest = largest;
    seen.best = block.firstId + static_cast<std::uint64_t>(std::find(scores, scores + block.ids, largest) - scores);
    seen.sum *= factor;
    return factor;
}

void WindowScores::addReference(const Block &block, const float *p, float *exponentials) {
    for (std::size_t i = 0; i < block.positions; ++i) {
        const std::size_t position = block.firstPosition + i;
        const std::size_t at = i * block.ids;
        Distribution &seen = m_p[position];
        m_factor[position] = look(seen, p + at, block, position);
        seen.sum += m_kernels.exponentials(p + at, block.ids, seen.largest, exponentials + at);
    }
}

void WindowScores::add(std::size_t model, const Block &block, const float *p, const float *exponentials, float *q) {
    Compared &compared = m_models[model];
    for (std::size_t i = 0; i < block.positions; ++i) {
        const std::size_t position = block.firstPosition + i;
        const std::size_t at = i * block.ids;
        Distribution &seen = compared.q[position];
        look(seen, q + at, block, position);
        compared.cross[position] = compared.cross[position] * m_factor[position] +
                                   m_kernels.weightedDifference(exponentials + at, p + at, q + at, block.ids);
        seen.sum += m_kernels.exponentials(q + at, block.ids, seen.largest, q + at);
    }
}

WindowScores::Result WindowScores::reference() const {
    Result result;
    for (const Distribution &p : m_p)
        result.nll.push_back(p.logSum() - p.target);
    return result;
}

WindowScores::Result WindowScores::compared(std::size_t model) const {
    Result result;
    result.referenceNll = reference().nll;
    for (std::size_t position = 0; position < m_p.size(); ++position) {
        const Distribution &p = m_p[position];
        const Distribution &q = m_models[model].q[position];
        result.nll.push_back(q.logSum() - q.target);
        result.kl.push_back(m_models[model].cross[position] / p.sum - p.logSum() + q.logSum());
        result.sameFirst += p.best == q.best ? 1 : 0;
    }
    return result;
}

std::vector<float> logitsOf(const Llama &llama, std::span<const std::int32_t> ids, const WeightEdit *edit,
                            const Work &work) {
    const LlamaConfig &config = llama.config();
    std::vector<float> hidden(ids.size() * config.hidden);
    VocabularyMatrix(llama, llama.tensors().embedding, edit, work).gather(ids, hidden, work);
    for (std::size_t i = 0; i < config.layers; ++i) {
        LlamaLayer layer = llama.layer(i, work);
        if (edit != nullptr)
            llama.apply(*edit, layer, work);
        llama.run(layer, hidden);
    }
    const std::vector<float> norm = llama.tensor(llama.tensors().finalNorm, work, edit);
    std::vector<float> normed(hidden.size());
    for (std::size_t at = 0; at < hidden.size(); at += config.hidden)
        rmsNorm(hidden.data() + at, norm.data(), config.normEpsilon, config.hidden, normed.data() + at);
    const std::vector<float> head = llama.tensor(llama.tensors().head, work, edit);
    std::vector<float> logits(ids.size() * config.vocabulary);
    DenseProduct<float> product;
    product.rows = ids.size();
    product.cols = config.vocabulary;
    product.inner = config.hidden;
    product.a = {normed.data(), config.hidden, Transposed::No};
    product.b = {head.data(), config.hidden, Transposed::Yes};
    product.c = logits.data();
    product.cStride = config.vocabulary;
    multiply(product);
    return logits;
}

} // namespace nibblescope
