// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/selection/selection.h"

#include <algorithm>
#include <utility>

namespace nibblescope {

Selection::Selection(QObject *parent) : QObject(parent) {}

void Selection::reset(int count) {
    m_count = count;
    m_history.clear();
    m_position = 0;
    apply({});
    selectCode(std::nullopt);
    Q_EMIT historyChanged();
}

void Selection::selectTensor(int index) { selectTensors({index}, index); }

void Selection::selectTensors(std::vector<int> tensors, int current) {
    const auto outside = [this](int index) { return index < 0 || index >= m_count; };
    if (outside(current))
        return;
    tensors.push_back(current);
    std::erase_if(tensors, outside);
    std::sort(tensors.begin(), tensors.end());
    tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
    State next = m_state;
    next.tensors = std::move(tensors);
    if (next.tensor != current) {
        next.tensor = current;
        next.row.reset();
        next.group.reset();
    }
    if (next == m_state)
        return;
    if (next.tensor != m_state.tensor)
        step(next);
    else
        m_history[m_position] = next;
    apply(next);
    Q_EMIT historyChanged();
}

void Selection::selectRow(std::optional<std::uint64_t> row) {
    if (m_state.tensor < 0 || m_state.row == row)
        return;
    m_state.row = row;
    m_history[m_position] = m_state;
    Q_EMIT rowChanged();
}

void Selection::selectGroup(std::optional<std::uint64_t> group) {
    if (m_state.tensor < 0 || m_state.group == group)
        return;
    m_state.group = group;
    m_history[m_position] = m_state;
    Q_EMIT groupChanged();
}

void Selection::selectCode(std::optional<int> code) {
    if (m_code == code)
        return;
    m_code = code;
    Q_EMIT codeChanged();
}

void Selection::goBack() {
    if (!canGoBack())
        return;
    --m_position;
    apply(m_history[m_position]);
    Q_EMIT historyChanged();
}

void Selection::goForward() {
    if (!canGoForward())
        return;
    ++m_position;
    apply(m_history[m_position]);
    Q_EMIT historyChanged();
}

// A new step drops what lay ahead; beyond the limit the oldest one goes.
void Selection::step(const State &next) {
    if (!m_history.empty())
        m_history.resize(m_position + 1);
    m_history.push_back(next);
    if (m_history.size() > historyLimit)
        m_history.erase(m_history.begin());
    m_position = m_history.size() - 1;
}

// The whole state is in place before the first signal, so that a receiver never sees a half of it.
void Selection::apply(const State &next) {
    const State before = std::exchange(m_state, next);
    if (before.tensor != m_state.tensor)
        Q_EMIT tensorChanged(m_state.tensor);
    if (before.tensors != m_state.tensors)
        Q_EMIT tensorsChanged(m_state.tensors);
    if (before.row != m_state.row)
        Q_EMIT rowChanged();
    if (before.group != m_state.group)
        Q_EMIT groupChanged();
}

} // namespace nibblescope
