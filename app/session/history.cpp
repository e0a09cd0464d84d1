// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/history.h"

namespace nibblescope {

void History::clear() {
    m_steps.clear();
    m_done = 0;
}

bool History::mergesInto(const Step &step, const std::string &field, Time now) const {
    return m_done == m_steps.size() && step.field == field && now - step.time <= mergeWindow;
}

void History::record(const Setup &before, const Setup &after, Time now) {
    const ChangeDescription change = describeChange(before, after);
    if (change.field.empty())
        return;
    if (m_done > 0 && mergesInto(m_steps[m_done - 1], change.field, now)) {
        Step &last = m_steps[m_done - 1];
        last.after = after;
        last.text = describeChange(last.before, after).text;
        last.time = now;
        if (last.before == after) {
            m_steps.pop_back();
            --m_done;
        }
        return;
    }
    m_steps.resize(m_done);
    if (m_steps.size() == mostSteps)
        m_steps.erase(m_steps.begin());
    m_steps.push_back({before, after, change.field, change.text, now});
    m_done = m_steps.size();
}

std::optional<Setup> History::undo() {
    if (m_done == 0)
        return std::nullopt;
    return m_steps[--m_done].before;
}

std::optional<Setup> History::redo() {
    if (m_done == m_steps.size())
        return std::nullopt;
    return m_steps[m_done++].after;
}

std::string History::undoText() const { return m_done == 0 ? std::string() : m_steps[m_done - 1].text; }

std::string History::redoText() const { return m_done == m_steps.size() ? std::string() : m_steps[m_done].text; }

} // namespace nibblescope
