// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/tensor_tree_model.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <QFont>
#include <QTimer>

#include "core/report/number_text.h"
#include "widgets/models/tensor_names.h"
#include "widgets/models/tensor_tree_node.h"

namespace nibblescope {
namespace {

// Results come in faster than a person reads: a list sorted by them is sorted anew twice a second.
constexpr int rebuildMilliseconds = 500;

} // namespace

TensorTreeModel::TensorTreeModel(QObject *parent) : QAbstractItemModel(parent), m_root(std::make_unique<Node>()) {}
TensorTreeModel::~TensorTreeModel() = default;

void TensorTreeModel::setTensors(std::vector<TensorResult> described) {
    m_items.clear();
    std::vector<std::string> names;
    for (TensorResult &result : described) {
        names.push_back(result.info.name);
        std::string shortName = shortTensorName(result.info.name);
        m_items.push_back({std::move(result), std::nullopt, std::move(shortName)});
    }
    m_parts = treeParts(names);
    m_baselineSqnr.clear();
    rebuild();
}

void TensorTreeModel::setDescriptions(std::vector<TensorResult> described) {
    Q_ASSERT(described.size() == m_items.size());
    for (std::size_t i = 0; i < described.size(); ++i)
        m_items[i].described = std::move(described[i]);
    if (m_sortColumn >= 0 || !m_filter.empty() || m_show.quantizedOnly || m_show.warningsOnly)
        rebuild();
    else
        refreshAll();
}

void TensorTreeModel::setResult(int tensor, const TensorResult &result) {
    if (tensor < 0 || tensor >= tensorCount() || result.sample)
        return;
    m_items[static_cast<std::size_t>(tensor)].measured = result;
    refresh(tensor);
    if (m_sortColumn == Sqnr || m_sortColumn == Kurtosis || m_filter.dependsOnResults() || m_show.warningsOnly)
        rebuildSoon();
}

void TensorTreeModel::forgetResults() {
    for (Item &item : m_items)
        item.measured.reset();
    refreshAll();
}

void TensorTreeModel::setBaseline(const QString &shortForm, std::vector<std::optional<double>> sqnrDb) {
    m_baseline = shortForm;
    m_baselineSqnr = std::move(sqnrDb);
}

void TensorTreeModel::setRule(const SelectionRule &rule) { m_rule = rule; }

void TensorTreeModel::setStored(bool stored) {
    m_stored = stored;
    refreshAll();
}

int TensorTreeModel::tensorCount() const { return static_cast<int>(m_items.size()); }

const TensorResult &TensorTreeModel::described(int tensor) const {
    return m_items[static_cast<std::size_t>(tensor)].described;
}

const TensorResult *TensorTreeModel::measured(int tensor) const {
    const auto &measured = m_items[static_cast<std::size_t>(tensor)].measured;
    return measured ? &*measured : nullptr;
}

TensorTreeModel::Progress TensorTreeModel::progressOf(int tensor) const {
    const Item &item = m_items[static_cast<std::size_t>(tensor)];
    if (!item.described.quantized)
        return Progress::Kept;
    if (!item.measured)
        return Progress::Waiting;
    return item.stale() ? Progress::Stale : Progress::Done;
}

const TensorResult &TensorTreeModel::shown(int tensor) const {
    const Item &item = m_items[static_cast<std::size_t>(tensor)];
    return item.measured && !item.stale() ? *item.measured : item.described;
}

void TensorTreeModel::setFilter(const TensorFilter &filter) {
    m_filter = filter;
    rebuild();
}

void TensorTreeModel::setShow(Show show) {
    if (show == m_show)
        return;
    m_show = show;
    rebuild();
}

void TensorTreeModel::sort(int column, Qt::SortOrder order) {
    if (column == m_sortColumn && order == m_sortOrder)
        return;
    m_sortColumn = column;
    m_sortOrder = order;
    rebuild();
}

bool TensorTreeModel::passes(const Item &item) const {
    if (m_show.quantizedOnly && !item.described.quantized)
        return false;
    if (m_show.warningsOnly && item.described.warnings.empty() && (!item.measured || item.measured->warnings.empty()))
        return false;
    return m_filter.matches(item.measured && !item.stale() ? *item.measured : item.described);
}

void TensorTreeModel::rebuild() {
    beginResetModel();
    m_rebuildPending = false;
    m_root = std::make_unique<Node>();
    m_leaves.assign(m_items.size(), nullptr);
    std::vector<int> tensors;
    for (int i = 0; i < tensorCount(); ++i) {
        if (passes(m_items[static_cast<std::size_t>(i)]))
            tensors.push_back(i);
    }
    m_visible.clear();
    if (flat())
        buildList(std::move(tensors));
    else
        buildTree(tensors);
    endResetModel();
}

void TensorTreeModel::rebuildSoon() {
    if (m_rebuildPending)
        return;
    m_rebuildPending = true;
    QTimer::singleShot(rebuildMilliseconds, this, [this] {
        if (m_rebuildPending)
            rebuild();
    });
}

void TensorTreeModel::addLeaf(Node &parent, int tensor, const std::string &label) {
    auto leaf = std::make_unique<Node>();
    leaf->parent = &parent;
    leaf->row = static_cast<int>(parent.children.size());
    leaf->tensor = tensor;
    leaf->label = QString::fromStdString(label);
    leaf->path = QString::fromStdString(m_items[static_cast<std::size_t>(tensor)].described.info.name);
    m_leaves[static_cast<std::size_t>(tensor)] = leaf.get();
    m_visible.push_back(tensor);
    parent.children.push_back(std::move(leaf));
}

void TensorTreeModel::buildList(std::vector<int> tensors) {
    if (m_sortColumn >= 0)
        sortTensors(tensors);
    for (const int tensor : tensors)
        addLeaf(*m_root, tensor, m_items[static_cast<std::size_t>(tensor)].shortName);
}

// Missing values stand last in both orders; equal ones keep the order of the model.
void TensorTreeModel::sortTensors(std::vector<int> &tensors) const {
    std::vector<QVariant> keys(m_items.size());
    for (const int tensor : tensors)
        keys[static_cast<std::size_t>(tensor)] = sortKey(m_items[static_cast<std::size_t>(tensor)], m_sortColumn);
    const bool descending = m_sortOrder == Qt::DescendingOrder;
    std::stable_sort(tensors.begin(), tensors.end(), [&](int a, int b) {
        const QVariant &left = keys[static_cast<std::size_t>(a)];
        const QVariant &right = keys[static_cast<std::size_t>(b)];
        if (!left.isValid() || !right.isValid())
            return left.isValid();
        if (left.typeId() == QMetaType::QString) {
            const int order = compareNames(left.toString().toStdString(), right.toString().toStdString());
            return descending ? order > 0 : order < 0;
        }
        return descending ? left.toDouble() > right.toDouble() : left.toDouble() < right.toDouble();
    });
}

namespace {

// The tree of parts before levels with one child are joined.
struct Branch {
    std::string label;
    int tensor = -1;
    std::vector<std::unique_ptr<Branch>> children; // in order of first appearance
    std::map<std::string, Branch *> groups;        // children that are groups, by label
};

// Modules in the order in which a layer computes with them; files often have theirs by name.
int computingOrder(const Branch &branch) {
    static const std::array<std::string_view, 7> order = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                          "gate_proj", "up_proj", "down_proj"};
    const std::string_view module = std::string_view(branch.label).substr(0, branch.label.find('.'));
    const auto at = std::find(order.begin(), order.end(), module);
    return at == order.end() ? -1 : static_cast<int>(at - order.begin());
}

// Only among themselves: the places that they take are those that they had.
void sortModules(Branch &parent) {
    std::vector<std::size_t> places;
    std::vector<std::unique_ptr<Branch>> modules;
    for (std::size_t i = 0; i < parent.children.size(); ++i) {
        if (computingOrder(*parent.children[i]) >= 0) {
            places.push_back(i);
            modules.push_back(std::move(parent.children[i]));
        }
    }
    std::stable_sort(modules.begin(), modules.end(),
                     [](const auto &a, const auto &b) { return computingOrder(*a) < computingOrder(*b); });
    for (std::size_t i = 0; i < places.size(); ++i)
        parent.children[places[i]] = std::move(modules[i]);
    for (const auto &child : parent.children)
        sortModules(*child);
}

Branch &childGroup(Branch &parent, const std::string &label) {
    Branch *&child = parent.groups[label];
    if (!child) {
        parent.children.push_back(std::make_unique<Branch>());
        child = parent.children.back().get();
        child->label = label;
    }
    return *child;
}

} // namespace

void TensorTreeModel::buildTree(const std::vector<int> &tensors) {
    Branch top;
    for (const int tensor : tensors) {
        const auto &parts = m_parts[static_cast<std::size_t>(tensor)];
        Branch *at = &top;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i)
            at = &childGroup(*at, parts[i]);
        at->children.push_back(std::make_unique<Branch>());
        at->children.back()->label = parts.back();
        at->children.back()->tensor = tensor;
    }
    sortModules(top);
    const auto grow = [this](const auto &self, const Branch &from, Node &into, const QString &path) -> void {
        for (const auto &child : from.children) {
            const Branch *branch = child.get();
            std::string label = branch->label;
            while (branch->tensor < 0 && branch->children.size() == 1) {
                branch = branch->children.front().get();
                label += "." + branch->label;
            }
            if (branch->tensor >= 0) {
                addLeaf(into, branch->tensor, label);
                into.tensors.push_back(branch->tensor);
                continue;
            }
            auto group = std::make_unique<Node>();
            group->parent = &into;
            group->row = static_cast<int>(into.children.size());
            group->label = QString::fromStdString(label);
            group->path = path + group->label + QLatin1Char('.');
            Node &node = *group;
            into.children.push_back(std::move(group));
            self(self, *branch, node, node.path);
            into.tensors.insert(into.tensors.end(), node.tensors.begin(), node.tensors.end());
        }
    };
    grow(grow, top, *m_root, QString());
}

// One result touches its own row and the sums above it.
void TensorTreeModel::refresh(int tensor) {
    const Node *node = m_leaves[static_cast<std::size_t>(tensor)];
    for (; node && node != m_root.get(); node = node->parent) {
        node->sums.reset();
        Q_EMIT dataChanged(indexOfNode(node, Name), indexOfNode(node, ColumnCount - 1));
    }
}

void TensorTreeModel::refreshAll() {
    const auto visit = [this](const auto &self, const Node &parent) -> void {
        if (parent.children.empty())
            return;
        Q_EMIT dataChanged(indexOfNode(parent.children.front().get(), Name),
                           indexOfNode(parent.children.back().get(), ColumnCount - 1));
        for (const auto &child : parent.children) {
            child->sums.reset();
            self(self, *child);
        }
    };
    visit(visit, *m_root);
}

const TensorTreeModel::Node *TensorTreeModel::nodeOf(const QModelIndex &index) const {
    return index.isValid() ? static_cast<const Node *>(index.internalPointer()) : m_root.get();
}

QModelIndex TensorTreeModel::indexOfNode(const Node *node, int column) const {
    return node && node != m_root.get() ? createIndex(node->row, column, node) : QModelIndex();
}

QModelIndex TensorTreeModel::indexOf(int tensor, int column) const {
    if (tensor < 0 || tensor >= tensorCount())
        return {};
    return indexOfNode(m_leaves[static_cast<std::size_t>(tensor)], column);
}

QModelIndex TensorTreeModel::indexOfPath(const QString &path) const {
    const Node *at = m_root.get();
    while (at) {
        const Node *next = nullptr;
        for (const auto &child : at->children) {
            if (child->group() && child->path == path)
                return indexOfNode(child.get(), Name);
            if (child->group() && path.startsWith(child->path))
                next = child.get();
        }
        at = next;
    }
    return {};
}

std::vector<int> TensorTreeModel::tensorsUnder(const QModelIndex &index) const {
    const Node *node = nodeOf(index);
    return node->group() ? node->tensors : std::vector<int>{node->tensor};
}

QModelIndex TensorTreeModel::index(int row, int column, const QModelIndex &parent) const {
    const Node *node = nodeOf(parent);
    if (row < 0 || column < 0 || column >= ColumnCount || row >= static_cast<int>(node->children.size()) ||
        (parent.isValid() && parent.column() != 0))
        return {};
    return createIndex(row, column, node->children[static_cast<std::size_t>(row)].get());
}

QModelIndex TensorTreeModel::parent(const QModelIndex &child) const {
    return child.isValid() ? indexOfNode(nodeOf(child)->parent, Name) : QModelIndex();
}

int TensorTreeModel::rowCount(const QModelIndex &parent) const {
    return parent.column() > 0 ? 0 : static_cast<int>(nodeOf(parent)->children.size());
}

int TensorTreeModel::columnCount(const QModelIndex &) const { return ColumnCount; }

Qt::ItemFlags TensorTreeModel::flags(const QModelIndex &index) const {
    if (!index.isValid())
        return Qt::NoItemFlags;
    Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    const Node *node = nodeOf(index);
    if (!node->group())
        flags |= Qt::ItemNeverHasChildren;
    if (index.column() == Name && checkState(*node).isValid() && !m_stored)
        flags |= Qt::ItemIsUserCheckable;
    return flags;
}

QVariant TensorTreeModel::data(const QModelIndex &index, int role) const {
    if (!index.isValid())
        return {};
    const Node &node = *nodeOf(index);
    const int column = index.column();
    const Item *item = node.group() ? nullptr : &m_items[static_cast<std::size_t>(node.tensor)];
    switch (role) {
    case Qt::DisplayRole:
        if (column == Name)
            return node.label;
        return item ? tensorText(*item, column) : groupText(node, column);
    case Qt::ToolTipRole:
        return item ? tensorTip(*item, column) : groupTip(node, column);
    case Qt::TextAlignmentRole:
        return QVariant(column >= Params ? Qt::AlignRight | Qt::AlignVCenter : Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::CheckStateRole:
        return column == Name ? checkState(node) : QVariant();
    case Qt::FontRole:
        if (column == Name && item && m_rule.overrides.count(item->described.info.name) != 0) {
            QFont font;
            font.setItalic(true);
            font.setResolveMask(QFont::StyleResolved); // size and family are the view's
            return font;
        }
        return {};
    case TensorRole:
        return node.tensor;
    case PathRole:
        return node.path;
    case MutedRole:
        return item ? muted(*item, column) : column == Shape;
    case StaleRole:
        return item && column == Sqnr && item->stale() && item->described.quantized;
    case WarningRole:
        return column == Name && item &&
               (!item->described.warnings.empty() || (item->measured && !item->measured->warnings.empty()));
    default:
        return {};
    }
}

QVariant TensorTreeModel::checkState(const Node &node) const {
    int can = 0;
    int quantized = 0;
    for (const int tensor : node.group() ? node.tensors : std::vector<int>{node.tensor}) {
        const TensorResult &described = m_items[static_cast<std::size_t>(tensor)].described;
        if (described.quantized || canBeQuantized(described.info)) {
            ++can;
            quantized += described.quantized ? 1 : 0;
        }
    }
    if (can == 0)
        return {};
    return quantized == 0 ? Qt::Unchecked : quantized == can ? Qt::Checked : Qt::PartiallyChecked;
}

// A tick on a group takes all of it away, or brings back what the rule says without the user's own decisions.
bool TensorTreeModel::setData(const QModelIndex &index, const QVariant &value, int role) {
    if (role != Qt::CheckStateRole || index.column() != Name || !(flags(index) & Qt::ItemIsUserCheckable))
        return false;
    const Node &node = *nodeOf(index);
    const bool wanted = node.group() ? checkState(node).toInt() == Qt::Unchecked : value.toInt() == Qt::Checked;
    std::vector<int> able;
    std::vector<int> byRule;
    SelectionRule rule = m_rule;
    rule.overrides.clear();
    for (const int tensor : tensorsUnder(index)) {
        const TensorResult &described = m_items[static_cast<std::size_t>(tensor)].described;
        if (described.quantized == wanted || !canBeQuantized(described.info))
            continue;
        able.push_back(tensor);
        if (!keptReason(described.info, rule))
            byRule.push_back(tensor);
    }
    if (wanted && node.group() && !byRule.empty())
        able = byRule;
    if (able.empty())
        return false;
    Q_EMIT quantizeToggled(able, wanted);
    return true;
}

} // namespace nibblescope
