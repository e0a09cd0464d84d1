// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/statistics.h"

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr std::size_t chunksPerTask = 64;

// Pébay, Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments
// (2008).
Moments combined(const Moments &a, const Moments &b) {
    Moments sum = a;
    sum.nan += b.nan;
    sum.inf += b.inf;
    if (b.finite == 0)
        return sum;
    if (a.finite == 0) {
        sum = b;
        sum.nan += a.nan;
        sum.inf += a.inf;
        return sum;
    }
    const auto na = static_cast<double>(a.finite);
    const auto nb = static_cast<double>(b.finite);
    const double n = na + nb;
    const double delta = b.mean - a.mean;
    const double step = delta / n;
    sum.finite = a.finite + b.finite;
    sum.mean = a.mean + step * nb;
    sum.m2 = a.m2 + b.m2 + delta * step * na * nb;
    sum.m3 = a.m3 + b.m3 + delta * step * step * na * nb * (na - nb) + 3.0 * step * (na * b.m2 - nb * a.m2);
    sum.m4 = a.m4 + b.m4 + delta * step * step * step * na * nb * (na * na - na * nb + nb * nb) +
             6.0 * step * step * (na * na * b.m2 + nb * nb * a.m2) + 4.0 * step * (na * b.m3 - nb * a.m3);
    sum.min = std::min(a.min, b.min);
    sum.max = std::max(a.max, b.max);
    return sum;
}

} // namespace

void StatisticsBuilder::addChunk(const Moments &moments, std::span<const float> chunk) {
    if (!m_firstNotFinite && moments.nan + moments.inf > 0) {
        const auto found = std::find_if(chunk.begin(), chunk.end(), [](float w) { return !std::isfinite(w); });
        m_firstNotFinite = m_seen + static_cast<std::uint64_t>(found - chunk.begin());
    }
    m_total = combined(m_total, moments);
    m_seen += chunk.size();
}

void StatisticsBuilder::add(std::span<const float> weights, const Work &work) {
    if (!m_carry.empty()) {
        const std::size_t taken = std::min(chunkWeights - m_carry.size(), weights.size());
        m_carry.insert(m_carry.end(), weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(taken));
        weights = weights.subspan(taken);
        if (m_carry.size() < chunkWeights)
            return;
        addChunk(work.kernels.moments(m_carry.data(), m_carry.size()), m_carry);
        m_carry.clear();
    }
    const std::size_t chunks = weights.size() / chunkWeights;
    std::vector<Moments> parts(chunks);
    work.parallelFor((chunks + chunksPerTask - 1) / chunksPerTask, [&](std::size_t task) {
        for (std::size_t i = task * chunksPerTask; i < std::min(chunks, (task + 1) * chunksPerTask); ++i)
            parts[i] = work.kernels.moments(weights.data() + i * chunkWeights, chunkWeights);
    });
    for (std::size_t i = 0; i < chunks; ++i)
        addChunk(parts[i], weights.subspan(i * chunkWeights, chunkWeights));
    const auto rest = weights.subspan(chunks * chunkWeights);
    m_carry.assign(rest.begin(), rest.end());
}

Statistics StatisticsBuilder::finish(const Work &work) {
    if (!m_carry.empty())
        addChunk(work.kernels.moments(m_carry.data(), m_carry.size()), m_carry);
    m_carry.clear();
    Statistics result;
    result.finite = m_total.finite;
    result.nan = m_total.nan;
    result.inf = m_total.inf;
    result.firstNotFinite = m_firstNotFinite;
    if (m_total.finite == 0)
        return result;
    const auto n = static_cast<double>(m_total.finite);
    const double variance = m_total.m2 / n;
    const bool constant = m_total.min == m_total.max;
    result.mean = constant ? static_cast<double>(m_total.min) : m_total.mean;
    result.std = constant ? 0.0 : std::sqrt(variance);
    if (!constant && variance > 0)
        result.kurtosis = m_total.m4 / n / (variance * variance);
    result.min = static_cast<double>(m_total.min);
    result.max = static_cast<double>(m_total.max);
    return result;
}

} // namespace nibblescope
