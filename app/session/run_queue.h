// SPDX-License-Identifier: GPL-3.0-or-later
// The tensors that a run still has to measure: taken by the job, reordered by the window while it runs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

namespace nibblescope {

class RunQueue {
public:
    explicit RunQueue(std::deque<std::size_t> tensors) : m_tensors(std::move(tensors)) {}

    std::optional<std::size_t> take() {
        const std::lock_guard lock(m_mutex);
        if (m_tensors.empty())
            return std::nullopt;
        const std::size_t tensor = m_tensors.front();
        m_tensors.pop_front();
        return tensor;
    }
    // To be measured next. False: it is not waiting.
    bool prefer(std::size_t tensor) {
        const bool waiting = remove(tensor);
        if (waiting) {
            const std::lock_guard lock(m_mutex);
            m_tensors.push_front(tensor);
        }
        return waiting;
    }
    // Somebody else measured it. False: it was not waiting.
    bool remove(std::size_t tensor) {
        const std::lock_guard lock(m_mutex);
        const auto found = std::find(m_tensors.begin(), m_tensors.end(), tensor);
        if (found == m_tensors.end())
            return false;
        m_tensors.erase(found);
        return true;
    }

private:
    std::mutex m_mutex;
    std::deque<std::size_t> m_tensors;
};

} // namespace nibblescope
