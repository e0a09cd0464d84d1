// SPDX-License-Identifier: GPL-3.0-or-later
// The tensors of a model as a tree by the parts of their names, or as a flat list once they are sorted.
//
// Two things are known of a tensor: its description (what the header, the recipe and the rule say: known at once) and
// its measurement (as results come in). A measurement that was made with another recipe or layout than the description
// says is stale: shown in grey with the recipe it came from, and never put into a group's sum.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <QAbstractItemModel>

#include "core/analysis/results.h"
#include "core/analysis/selection_rule.h"
#include "widgets/models/tensor_filter.h"

namespace nibblescope {

class TensorTreeModel : public QAbstractItemModel {
    Q_OBJECT
public:
    enum Column { Name, Shape, Type, Params, Bpw, Sqnr, Kurtosis, Size, ColumnCount };
    enum Role {
        TensorRole = Qt::UserRole, // int: index in the model's list, -1 for a group
        PathRole,                  // QString: key of a group; the full name of a tensor
        MutedRole,                 // bool: in text2 (kept, of second rank, not complete)
        StaleRole,                 // bool: from an older recipe
        WarningRole,               // bool, column Name
    };

    // State of the row of one tensor.
    enum class Progress { Kept, Waiting, Done, Stale };

    explicit TensorTreeModel(QObject *parent = nullptr);
    ~TensorTreeModel() override;

    // A new model; measurements are forgotten.
    void setTensors(std::vector<TensorResult> described);
    // Another recipe, rule or layout: the same tensors in the same order. Measurements stay and may become stale.
    void setDescriptions(std::vector<TensorResult> described);
    // One finished result (metrics and statistics, or statistics alone). Samples are ignored: they are not shown here.
    void setResult(int tensor, const TensorResult &result);
    void forgetResults();
    // SQNR of each tensor with the baseline, for the tooltips; empty: no baseline.
    void setBaseline(const QString &shortForm, std::vector<std::optional<double>> sqnrDb);
    void setRule(const SelectionRule &rule); // for italics, and for what a tick restores
    // A quantized file of ours: its type is the format, nothing can be ticked, and there are no errors to wait for.
    void setStored(bool stored);

    int tensorCount() const;
    const TensorResult &described(int tensor) const;
    const TensorResult *measured(int tensor) const; // null: not yet
    Progress progressOf(int tensor) const;
    // What is shown of a tensor: the measurement where it is up to date, else the description.
    const TensorResult &shown(int tensor) const;

    void setFilter(const TensorFilter &filter);
    struct Show {
        bool quantizedOnly = false;
        bool warningsOnly = false;
        bool grouped = true; // false: a list in model order
        bool operator==(const Show &) const = default;
    };
    void setShow(Show show);
    Show showing() const { return m_show; }
    bool flat() const { return m_sortColumn >= 0 || !m_show.grouped; }
    int visibleTensors() const { return static_cast<int>(m_visible.size()); }
    // Tensors in the order in which they are shown, those in closed groups too.
    const std::vector<int> &visibleOrder() const { return m_visible; }

    QModelIndex indexOf(int tensor, int column = Name) const;      // invalid: filtered out
    QModelIndex indexOfPath(const QString &path) const;            // of a group
    std::vector<int> tensorsUnder(const QModelIndex &index) const; // a tensor: itself

    QModelIndex index(int row, int column, const QModelIndex &parent = {}) const override;
    QModelIndex parent(const QModelIndex &child) const override;
    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    Qt::ItemFlags flags(const QModelIndex &index) const override;
    bool setData(const QModelIndex &index, const QVariant &value, int role = Qt::EditRole) override;
    void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override; // -1: the tree again

Q_SIGNALS:
    // A tick was set or taken away by the user. The model does not change until setDescriptions() says so.
    void quantizeToggled(const std::vector<int> &tensors, bool quantize);

private:
    struct Item;
    struct Node;
    struct Sums;

    void rebuild();
    void buildTree(const std::vector<int> &tensors);
    void buildList(std::vector<int> tensors);
    void sortTensors(std::vector<int> &tensors) const;
    void addLeaf(Node &parent, int tensor, const std::string &label);
    void refresh(int tensor);
    void refreshAll();
    void rebuildSoon();
    bool passes(const Item &item) const;
    const Node *nodeOf(const QModelIndex &index) const;
    QModelIndex indexOfNode(const Node *node, int column) const;
    const Sums &sumsOf(const Node &node) const;
    QString tensorText(const Item &item, int column) const;
    QString groupText(const Node &node, int column) const;
    QString tensorTip(const Item &item, int column) const;
    QString groupTip(const Node &node, int column) const;
    QString sqnrTip(const Item &item) const;
    QVariant sortKey(const Item &item, int column) const;
    bool muted(const Item &item, int column) const;
    QVariant checkState(const Node &node) const;

    std::vector<Item> m_items;
    std::vector<std::vector<std::string>> m_parts; // by tensor, see treeParts()
    std::unique_ptr<Node> m_root;
    std::vector<Node *> m_leaves; // by tensor; null: filtered out
    std::vector<int> m_visible;
    TensorFilter m_filter;
    Show m_show;
    SelectionRule m_rule;
    bool m_stored = false;
    QString m_baseline;
    std::vector<std::optional<double>> m_baselineSqnr;
    int m_sortColumn = -1;
    Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
    bool m_rebuildPending = false;
};

} // namespace nibblescope
