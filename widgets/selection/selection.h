// SPDX-License-Identifier: GPL-3.0-or-later
// The one linked selection: which tensor is looked at, which others are chosen with it, and where in it (row, group,
// code). Every page and panel follows it and changes it; nobody keeps a selection of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <QObject>

namespace nibblescope {

class Selection : public QObject {
    Q_OBJECT
public:
    // Tensors are indices into the open model's list, -1: none.
    struct State {
        int tensor = -1;
        std::vector<int> tensors; // sorted, without repeats; holds `tensor` if there is one
        std::optional<std::uint64_t> row;
        std::optional<std::uint64_t> group;
        bool operator==(const State &) const = default;
    };
    static constexpr std::size_t historyLimit = 200;

    explicit Selection(QObject *parent = nullptr);

    const State &state() const { return m_state; }
    int tensor() const { return m_state.tensor; }
    const std::vector<int> &tensors() const { return m_state.tensors; }
    bool many() const { return m_state.tensors.size() > 1; }
    std::optional<std::uint64_t> row() const { return m_state.row; }
    std::optional<std::uint64_t> group() const { return m_state.group; }
    std::optional<int> code() const { return m_code; }

    // A new model: `count` tensors, nothing selected, no history.
    void reset(int count);
    // Selects one tensor; another one than before is a step of the history and forgets row and group. Indices outside
    // the model are ignored.
    void selectTensor(int index);
    // Several, `current` being the last clicked (taken into `tensors` if it is missing).
    void selectTensors(std::vector<int> tensors, int current);
    // Within the tensor. They belong to the present step of the history: coming back to a tensor finds them again.
    void selectRow(std::optional<std::uint64_t> row);
    void selectGroup(std::optional<std::uint64_t> group);
    // A code is the same code in every tensor: it stays when the tensor changes.
    void selectCode(std::optional<int> code);

    bool canGoBack() const { return m_position > 0; }
    bool canGoForward() const { return m_position + 1 < m_history.size(); }
    void goBack();
    void goForward();

Q_SIGNALS:
    void tensorChanged(int tensor);
    void tensorsChanged(const std::vector<int> &tensors);
    void rowChanged();
    void groupChanged();
    void codeChanged();
    void historyChanged(); // canGoBack() or canGoForward() may be another

private:
    void apply(const State &next);
    void step(const State &next);

    int m_count = 0;
    State m_state;
    std::optional<int> m_code;
    std::vector<State> m_history; // m_history[m_position] is the present state, once a tensor was selected
    std::size_t m_position = 0;
};

} // namespace nibblescope
