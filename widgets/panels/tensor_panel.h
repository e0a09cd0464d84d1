// SPDX-License-Identifier: GPL-3.0-or-later
// The content of the dock *Tensors*: search, tree, footer, and the panel *Which Tensors...*.
#pragma once

#include <vector>

#include <QWidget>

#include "core/analysis/results.h"
#include "core/analysis/selection_rule.h"
#include "widgets/models/tensor_tree_model.h"

class QLabel;
class QLineEdit;
class QToolButton;

namespace nibblescope {

class TensorTreeView;
class WhichTensorsPanel;

class TensorPanel : public QWidget {
    Q_OBJECT
public:
    explicit TensorPanel(QWidget *parent = nullptr);

    // The values: what stands in the tree. See TensorTreeModel for description and measurement.
    void setTensors(std::vector<TensorResult> described); // a new model; empty: "No model open"
    void setDescriptions(std::vector<TensorResult> described, const SelectionRule &rule);
    void setResult(int tensor, const TensorResult &result);
    void forgetResults();
    void setBaseline(const QString &shortForm, std::vector<std::optional<double>> sqnrDb);
    // Ticks cannot be changed, there are no errors to wait for (a quantized file of ours).
    void setReadOnly(bool readOnly, const QString &reason = {});

    // The selection, without emitting anything. Opens groups and scrolls so that the current one is seen.
    void setSelection(const std::vector<int> &tensors, int current);
    int currentTensor() const;
    std::vector<int> selectedTensors() const;
    // Neighbours in the shown order, for Previous / Next Tensor; -1: none.
    int neighbour(int tensor, int step) const;

    void focusSearch();               // Ctrl+F
    void showWhichTensors(bool show); // opens the panel inside the dock
    TensorTreeModel &model() { return *m_model; }

    // Columns and their widths, sorting, open groups are not in it.
    QByteArray saveState() const;
    bool restoreState(const QByteArray &state);

Q_SIGNALS:
    void selectionChanged(const std::vector<int> &tensors, int current);
    void activated(int tensor); // double click, Enter
    void quantizeToggled(const std::vector<int> &tensors, bool quantize);
    void layoutChosen(const std::vector<int> &tensors, nibblescope::Layout layout);
    void copyNameRequested(const QStringList &names); // already on the clipboard
    void copyCommandRequested(int tensor);
    void exportRequested(const std::vector<int> &tensors);
    void ruleEdited(const nibblescope::SelectionRule &rule);
    void stateChanged(); // saveState() may be another

protected:
    bool eventFilter(QObject *watched, QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void buildSearch();
    void buildTree();
    void buildFooter();
    void applyFilter();
    void applyShow();
    void updateFooter();
    void updateEmpty();
    void showContextMenu(const QPoint &position);
    void toggleSelected();

    TensorTreeModel *m_model;
    TensorTreeView *m_tree = nullptr;
    QLineEdit *m_search = nullptr;
    QToolButton *m_funnel = nullptr;
    QAction *m_quantizedOnly = nullptr;
    QAction *m_warningsOnly = nullptr;
    QAction *m_grouped = nullptr;
    WhichTensorsPanel *m_which = nullptr;
    QLabel *m_empty = nullptr;
    QLabel *m_footer = nullptr;
    SelectionRule m_rule;
    bool m_readOnly = false;
};

} // namespace nibblescope
