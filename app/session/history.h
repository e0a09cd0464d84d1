// SPDX-License-Identifier: GPL-3.0-or-later
// Undo and redo as snapshots. Changes of the same field within a second are one step; 200 steps are kept.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "app/session/work_state.h"

namespace nibblescope {

class History {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t mostSteps = 200;
    static constexpr std::chrono::milliseconds mergeWindow{1000};

    void clear();
    // Notes that the setup went from `before` to `after`; what had been undone is forgotten.
    void record(const Setup &before, const Setup &after, Time now = std::chrono::steady_clock::now());
    // The setup to go to; nullopt if there is none.
    std::optional<Setup> undo();
    std::optional<Setup> redo();

    // "Group Size 64 → 32"; empty: nothing to undo.
    std::string undoText() const;
    std::string redoText() const;

private:
    struct Step {
        Setup before;
        Setup after;
        std::string field;
        std::string text;
        Time time;
    };
    bool mergesInto(const Step &step, const std::string &field, Time now) const;

    std::vector<Step> m_steps;
    std::size_t m_done = 0; // steps [0, m_done) can be undone, the others redone
};

} // namespace nibblescope
