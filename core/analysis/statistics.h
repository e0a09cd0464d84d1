// SPDX-License-Identifier: GPL-3.0-or-later
// Statistics of weights that come in blocks of any size.
#pragma once

#include <span>
#include <vector>

#include "core/analysis/results.h"
#include "core/base/work.h"

namespace nibblescope {

// Sums are made over fixed chunks of the flat matrix and combined in index order (Chan et al., Pébay 2008), so that the
// result does not depend on how the weights were cut into blocks or on the number of threads.
class StatisticsBuilder {
public:
    // The next weights in flat order.
    void add(std::span<const float> weights, const Work &work);
    Statistics finish(const Work &work);

private:
    void addChunk(const Moments &moments, std::span<const float> chunk);

    std::vector<float> m_carry; // begun chunk, less than chunkWeights
    Moments m_total;
    std::uint64_t m_seen = 0; // weights in finished chunks
    std::optional<std::uint64_t> m_firstNotFinite;
};

} // namespace nibblescope
