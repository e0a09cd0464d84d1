// SPDX-License-Identifier: GPL-3.0-or-later
// The loop of byte-pair encoding: as long as there is an adjacent pair that can be merged, the best one is; the
// leftmost of equals. Sennrich et al., Neural Machine Translation of Rare Words with Subword Units (2016).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

namespace nibblescope {

struct PairMerge {
    double rank = 0; // smaller first
    std::int32_t merged = 0;
};

// `find(left, right)` gives the merge of two symbols, if there is one. Time n log n.
template <typename Find>
std::vector<std::int32_t> mergePairs(const std::vector<std::int32_t> &symbols, Find find) {
    struct Link {
        std::int32_t symbol;
        std::size_t previous;
        std::size_t next;
        bool gone;
    };
    struct Candidate {
        double rank;
        std::size_t left;
        std::int32_t leftSymbol;
        std::int32_t rightSymbol;
        std::int32_t merged;
        bool operator<(const Candidate &other) const {
            return rank != other.rank ? rank > other.rank : left > other.left;
        }
    };
    const std::size_t count = symbols.size();
    std::vector<Link> links;
    links.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        links.push_back({symbols[i], i == 0 ? count : i - 1, i + 1, false});
    std::priority_queue<Candidate> candidates;
    const auto consider = [&](std::size_t left) {
        if (left >= count || links[left].next >= count)
            return;
        const std::int32_t a = links[left].symbol;
        const std::int32_t b = links[links[left].next].symbol;
        if (const std::optional<PairMerge> merge = find(a, b))
            candidates.push({merge->rank, left, a, b, merge->merged});
    };
    for (std::size_t i = 0; i + 1 < count; ++i)
        consider(i);
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        Link &left = links[best.left];
        // Candidates are not taken back when a neighbour is merged; the old ones are passed over here.
        if (left.gone || left.symbol != best.leftSymbol || left.next >= count ||
            links[left.next].symbol != best.rightSymbol)
            continue;
        Link &right = links[left.next];
        right.gone = true;
        left.symbol = best.merged;
        left.next = right.next;
        if (left.next < count)
            links[left.next].previous = best.left;
        consider(left.previous);
        consider(best.left);
    }
    std::vector<std::int32_t> merged;
    for (const Link &link : links)
        if (!link.gone)
            merged.push_back(link.symbol);
    return merged;
}

} // namespace nibblescope
