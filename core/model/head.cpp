// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/head.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/dense.h"
#include "core/model/activation.h"

namespace nibblescope {
namespace {

// A vocabulary matrix up to this size is held whole.
constexpr std::uint64_t wholeBytes = 64ULL << 20;

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

WindowScores::WindowScores(std::span<const std::int32_t> targets, bool compare)
    : m_targets(targets), m_p(targets.size()), m_q(compare ? targets.size() : 0), m_cross(m_q.size()) {
    for (auto *list : {&m_p, &m_q})
        for (Distribution &distribution : *list)
            distribution.largest = -std::numeric_limits<float>::infinity();
}

double WindowScores::Distribution::logSum() const { return static_cast<double>(largest) + std::log(sum); }

// Takes the largest of the new scores into account; returns what earlier sums were multiplied by.
double WindowScores::rescale(Distribution &seen, std::span<const float> scores, std::uint64_t first) {
    const auto place = std::max_element(scores.begin(), scores.end());
    if (!(*place > seen.largest))
        return 1;
    const double factor = std::exp(static_cast<double>(seen.largest) - static_cast<double>(*place));
    seen.largest = *place;
    seen.best = first + static_cast<std::uint64_t>(place - scores.begin());
    seen.sum *= factor;
    return factor;
}

void WindowScores::add(std::uint64_t first, std::uint64_t count, std::span<float> p, std::span<float> q) {
    m_difference.resize(count);
    const auto takeTarget = [&](Distribution &seen, std::span<const float> scores, std::size_t position) {
        const auto target = static_cast<std::uint64_t>(m_targets[position]);
        if (target >= first && target < first + count)
            seen.target = static_cast<double>(scores[target - first]);
    };
    for (std::size_t position = 0; position < m_p.size(); ++position) {
        const std::span<float> pRow = p.subspan(position * count, count);
        Distribution &pSeen = m_p[position];
        takeTarget(pSeen, pRow, position);
        const double factor = rescale(pSeen, pRow, first);
        if (m_q.empty()) {
            pSeen.sum += exponentials(pRow.data(), count, pSeen.largest);
            continue;
        }
        const std::span<float> qRow = q.subspan(position * count, count);
        Distribution &qSeen = m_q[position];
        takeTarget(qSeen, qRow, position);
        rescale(qSeen, qRow, first);
        for (std::size_t i = 0; i < count; ++i)
            m_difference[i] = pRow[i] - qRow[i];
        pSeen.sum += exponentials(pRow.data(), count, pSeen.largest);
        qSeen.sum += exponentials(qRow.data(), count, qSeen.largest);
        double cross = 0;
        for (std::size_t i = 0; i < count; ++i)
            cross += static_cast<double>(pRow[i]) * static_cast<double>(m_difference[i]);
        m_cross[position] = m_cross[position] * factor + cross;
    }
}

WindowScores::Result WindowScores::finish() const {
    Result result;
    for (std::size_t position = 0; position < m_p.size(); ++position) {
        const double pNll = m_p[position].logSum() - m_p[position].target;
        if (m_q.empty()) {
            result.nll.push_back(pNll);
            continue;
        }
        const Distribution &q = m_q[position];
        result.referenceNll.push_back(pNll);
        result.nll.push_back(q.logSum() - q.target);
        result.kl.push_back(m_cross[position] / m_p[position].sum - m_p[position].logSum() + q.logSum());
        result.sameFirst += m_p[position].best == q.best ? 1 : 0;
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
