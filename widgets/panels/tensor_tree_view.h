// SPDX-License-Identifier: GPL-3.0-or-later
// The tree of the dock *Tensors*: how its rows are drawn, which columns there is room for, and what survives when its
// model is built anew (a filter, a sort order): selection, open groups, scroll position.
#pragma once

#include <array>
#include <set>
#include <vector>

#include <QTreeView>

#include "widgets/models/tensor_tree_model.h"

namespace nibblescope {

class TensorTreeView : public QTreeView {
    Q_OBJECT
public:
    TensorTreeView(TensorTreeModel *model, QWidget *parent = nullptr);

    // Widths of all columns but Name after the contents; the user's own widths are forgotten. Opens the groups of a
    // small model, the outermost ones of a large one.
    void startModel();
    // While a filter is on every group is open; without it those that were open before.
    void setFiltered(bool filtered);

    void select(const std::vector<int> &tensors, int current); // emits nothing
    int currentTensor() const { return m_current; }
    const std::vector<int> &selectedTensors() const { return m_selected; }

    // Hidden by the user; columns without room are hidden on top of these.
    void setColumnWanted(int column, bool wanted);
    bool columnWanted(int column) const { return m_unwanted.count(column) == 0; }
    const std::set<int> &unwantedColumns() const { return m_unwanted; }

Q_SIGNALS:
    void tensorsSelected(const std::vector<int> &tensors, int current);
    void tensorActivated(int tensor);
    void toggleRequested(); // Space
    void columnsChanged();

protected:
    void drawRow(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override;
    void keyPressEvent(QKeyEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;
    void selectionChanged(const QItemSelection &selected, const QItemSelection &deselected) override;
    void currentChanged(const QModelIndex &current, const QModelIndex &previous) override;

private:
    void rememberState();
    void restoreState();
    void restoreExpansion();
    void fitColumns();
    void growColumns(const QModelIndex &from);
    void arrangeColumns();
    int textWidth(const QString &text) const;
    void showHeaderMenu(const QPoint &position);
    void readSelection();

    TensorTreeModel *m_model;
    std::array<int, TensorTreeModel::ColumnCount> m_widths{}; // of hidden columns too
    std::set<int> m_unwanted{TensorTreeModel::Size};
    std::set<QString> m_open; // paths of groups
    std::vector<int> m_selected;
    int m_current = -1;
    int m_topTensor = -1;
    bool m_quiet = false;
    bool m_filtered = false;
    bool m_arranging = false;
};

} // namespace nibblescope
