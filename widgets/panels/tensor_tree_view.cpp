// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/tensor_tree_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <QEvent>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QScrollBar>

#include "widgets/panels/compact_header.h"
#include "widgets/panels/tensor_delegate.h"
#include "widgets/theme/draw_number.h"
#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int cellPadding = 4;
constexpr int indent = 10;
constexpr int leastName = 120;
constexpr int shortestName = 72;
constexpr int leastFullName = 160; // in a list
constexpr int leastSection = 60;
constexpr int accentEdge = 3;
constexpr int smallModel = 100; // tensors; up to this all groups start open

// In the order in which they give way.
constexpr int givingWay[] = {TensorTreeModel::Type, TensorTreeModel::Params, TensorTreeModel::Kurtosis,
                             TensorTreeModel::Shape, TensorTreeModel::Size};

// What a column of numbers is as wide as at least, so that it does not jump when the first ones come.
QString usualText(int column) {
    switch (column) {
    case TensorTreeModel::Params:
        return QStringLiteral("32.8 k");
    case TensorTreeModel::Bpw:
        return QStringLiteral("4.257");
    case TensorTreeModel::Sqnr:
        return QStringLiteral("20.75");
    case TensorTreeModel::Kurtosis:
        return QStringLiteral("12.32");
    case TensorTreeModel::Size:
        return QStringLiteral("5.75 KiB");
    default:
        return {};
    }
}

} // namespace

TensorTreeView::TensorTreeView(TensorTreeModel *model, QWidget *parent) : QTreeView(parent), m_model(model) {
    setModel(model);
    auto *delegate = new TensorDelegate(this);
    setItemDelegate(delegate);
    setUniformRowHeights(true);
    setAlternatingRowColors(true);
    setIndentation(indent);
    setSelectionMode(QAbstractItemView::ExtendedSelection);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setExpandsOnDoubleClick(false); // a double click on a tensor goes to its page
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setTextElideMode(Qt::ElideMiddle);
    setFrameShape(QFrame::NoFrame);
    setAccessibleName(tr("Tensors"));

    setHeader(new CompactHeader(this));
    header()->setSectionsMovable(false);
    header()->setStretchLastSection(false);
    header()->setMinimumSectionSize(24);
    header()->setSectionsClickable(true);
    header()->setSortIndicatorShown(true);
    header()->setSortIndicatorClearable(true); // the third click brings back the tree
    header()->setSortIndicator(-1, Qt::AscendingOrder);
    header()->setContextMenuPolicy(Qt::CustomContextMenu);
    header()->setSectionResizeMode(QHeaderView::Interactive);
    connect(header(), &QHeaderView::sortIndicatorChanged, m_model, &TensorTreeModel::sort);
    connect(header(), &QHeaderView::sortIndicatorChanged, this, &TensorTreeView::columnsChanged);
    connect(header(), &QWidget::customContextMenuRequested, this, &TensorTreeView::showHeaderMenu);
    connect(header(), &QHeaderView::sectionResized, this, [this](int section, int, int width) {
        if (!m_arranging && section != TensorTreeModel::Name && width > 0) {
            m_widths.at(static_cast<std::size_t>(section)) = width;
            arrangeColumns();
            Q_EMIT columnsChanged();
        }
    });
    connect(model, &QAbstractItemModel::modelAboutToBeReset, this, &TensorTreeView::rememberState);
    connect(model, &QAbstractItemModel::modelReset, this, &TensorTreeView::restoreState);
    connect(model, &QAbstractItemModel::dataChanged, this, [this](const QModelIndex &from) { growColumns(from); });
    connect(this, &QTreeView::expanded, this, [this](const QModelIndex &index) {
        if (!m_filtered)
            m_open.insert(index.data(TensorTreeModel::PathRole).toString());
    });
    connect(this, &QTreeView::collapsed, this, [this](const QModelIndex &index) {
        if (!m_filtered)
            m_open.erase(index.data(TensorTreeModel::PathRole).toString());
    });
    connect(this, &QTreeView::doubleClicked, this, [this](const QModelIndex &index) {
        const int tensor = index.data(TensorTreeModel::TensorRole).toInt();
        if (tensor >= 0)
            Q_EMIT tensorActivated(tensor);
        else
            setExpanded(index.siblingAtColumn(0), !isExpanded(index.siblingAtColumn(0)));
    });
    fitColumns();
}

void TensorTreeView::startModel() {
    m_open.clear();
    m_selected.clear();
    m_current = -1;
    const auto open = [this](const auto &self, const QModelIndex &parent, int depth) -> void {
        for (int row = 0; row < m_model->rowCount(parent); ++row) {
            const QModelIndex child = m_model->index(row, 0, parent);
            if (m_model->rowCount(child) == 0)
                continue;
            m_open.insert(child.data(TensorTreeModel::PathRole).toString());
            if (depth > 0)
                self(self, child, depth - 1);
        }
    };
    open(open, {}, m_model->tensorCount() <= smallModel ? 100 : 0);
    restoreExpansion();
    fitColumns();
}

void TensorTreeView::setFiltered(bool filtered) {
    m_filtered = filtered;
    restoreExpansion();
    if (m_current >= 0 && m_model->indexOf(m_current).isValid())
        scrollTo(m_model->indexOf(m_current));
}

void TensorTreeView::rememberState() {
    m_quiet = true;
    const QModelIndex top = indexAt(QPoint(indent, 2));
    m_topTensor = top.isValid() ? top.data(TensorTreeModel::TensorRole).toInt() : -1;
}

void TensorTreeView::restoreState() {
    setRootIsDecorated(!m_model->flat());
    arrangeColumns();
    restoreExpansion();
    select(m_selected, m_current);
    if (m_current >= 0 && m_model->indexOf(m_current).isValid())
        scrollTo(m_model->indexOf(m_current));
    else if (m_topTensor >= 0)
        scrollTo(m_model->indexOf(m_topTensor), QAbstractItemView::PositionAtTop);
    m_quiet = false;
}

void TensorTreeView::restoreExpansion() {
    if (m_model->flat())
        return;
    const QSignalBlocker blocker(this); // m_open is what is wanted, not what is reported back
    if (m_filtered) {
        expandAll();
        return;
    }
    collapseAll();
    for (const QString &path : m_open) {
        if (const QModelIndex index = m_model->indexOfPath(path); index.isValid())
            expand(index);
    }
}

void TensorTreeView::select(const std::vector<int> &tensors, int current) {
    const bool before = std::exchange(m_quiet, true);
    m_selected = tensors;
    const bool moved = m_current != current;
    m_current = current;
    QItemSelection selection;
    for (const int tensor : tensors) {
        if (const QModelIndex index = m_model->indexOf(tensor); index.isValid())
            selection.select(index, index.siblingAtColumn(TensorTreeModel::ColumnCount - 1));
    }
    const QModelIndex index = m_model->indexOf(current);
    if (index.isValid()) {
        for (QModelIndex up = index.parent(); up.isValid(); up = up.parent())
            expand(up);
        selectionModel()->setCurrentIndex(index, QItemSelectionModel::NoUpdate);
    }
    selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect);
    if (moved && index.isValid())
        scrollTo(index);
    m_quiet = before;
    viewport()->update();
}

void TensorTreeView::readSelection() {
    std::vector<int> tensors;
    for (const QModelIndex &index : selectionModel()->selectedRows()) {
        const int tensor = index.data(TensorTreeModel::TensorRole).toInt();
        if (tensor >= 0)
            tensors.push_back(tensor);
    }
    std::sort(tensors.begin(), tensors.end());
    if (tensors.empty())
        return; // a group, or nothing: the pages stay with what they show
    const int clicked = currentIndex().data(TensorTreeModel::TensorRole).toInt();
    const auto holds = [&](int tensor) { return std::binary_search(tensors.begin(), tensors.end(), tensor); };
    const int current = holds(clicked) ? clicked : holds(m_current) ? m_current : tensors.front();
    if (tensors == m_selected && current == m_current)
        return;
    m_selected = std::move(tensors);
    m_current = current;
    Q_EMIT tensorsSelected(m_selected, m_current);
}

void TensorTreeView::selectionChanged(const QItemSelection &selected, const QItemSelection &deselected) {
    QTreeView::selectionChanged(selected, deselected);
    if (!m_quiet)
        readSelection();
}

// The name of the current row is bold: both rows are drawn anew.
void TensorTreeView::currentChanged(const QModelIndex &current, const QModelIndex &previous) {
    QTreeView::currentChanged(current, previous);
    viewport()->update();
}

void TensorTreeView::drawRow(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const {
    QTreeView::drawRow(painter, option, index);
    if (currentIndex().siblingAtColumn(0) != index.siblingAtColumn(0))
        return;
    const QRect row(0, option.rect.top(), accentEdge, option.rect.height());
    painter->fillRect(row, currentTheme().colour(UiColour::Accent));
    if (hasFocus()) {
        const int width = currentTheme().highContrast() ? 2 : 1;
        painter->setPen(QPen(currentTheme().colour(UiColour::Accent), width));
        painter->drawRect(QRectF(0.5, option.rect.top() + 0.5, viewport()->width() - 1, option.rect.height() - 1));
    }
}

void TensorTreeView::keyPressEvent(QKeyEvent *event) {
    switch (event->key()) {
    case Qt::Key_Space:
        Q_EMIT toggleRequested();
        return;
    case Qt::Key_Return:
    case Qt::Key_Enter: {
        const int tensor = currentIndex().data(TensorTreeModel::TensorRole).toInt();
        if (!currentIndex().isValid())
            return;
        if (tensor >= 0)
            Q_EMIT tensorActivated(tensor);
        else
            setExpanded(currentIndex().siblingAtColumn(0), !isExpanded(currentIndex().siblingAtColumn(0)));
        return;
    }
    default:
        QTreeView::keyPressEvent(event);
    }
}

void TensorTreeView::changeEvent(QEvent *event) {
    QTreeView::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange)
        fitColumns();
}

void TensorTreeView::resizeEvent(QResizeEvent *event) {
    QTreeView::resizeEvent(event);
    arrangeColumns();
}

int TensorTreeView::textWidth(const QString &text) const {
    return static_cast<int>(std::ceil(numberWidth(text, QFontMetricsF(font())))) + 2 * cellPadding;
}

void TensorTreeView::fitColumns() {
    for (int column = TensorTreeModel::Shape; column < TensorTreeModel::ColumnCount; ++column) {
        const QString title = m_model->headerData(column, Qt::Horizontal).toString();
        int width = std::max(textWidth(title), textWidth(usualText(column)));
        if (column == TensorTreeModel::Shape && m_model->tensorCount() != 0)
            width = std::max(width, textWidth(tr("%1 tensors").arg(m_model->tensorCount())));
        std::set<QString> seen; // few texts are different: shapes and types repeat
        for (int tensor = 0; tensor < m_model->tensorCount(); ++tensor) {
            const QString text = m_model->indexOf(tensor, column).data().toString();
            if (seen.insert(text).second)
                width = std::max(width, textWidth(text));
        }
        m_widths.at(static_cast<std::size_t>(column)) = width;
    }
    arrangeColumns();
}

// Numbers that come in later may be wider than what was there.
void TensorTreeView::growColumns(const QModelIndex &from) {
    for (const int column : {TensorTreeModel::Sqnr, TensorTreeModel::Kurtosis}) {
        const int width = textWidth(from.siblingAtColumn(column).data().toString());
        int &present = m_widths.at(static_cast<std::size_t>(column));
        if (width > present) {
            present = width;
            arrangeColumns();
        }
    }
}

// Name takes what is left; columns without room for it give way until there is.
void TensorTreeView::arrangeColumns() {
    if (m_arranging)
        return;
    m_arranging = true;
    const int room = viewport()->width();
    const int least = currentTheme().scaled(m_model->flat() ? leastFullName : leastName);
    std::set<int> hidden = m_unwanted;
    const auto others = [&] {
        int sum = 0;
        for (int column = TensorTreeModel::Shape; column < TensorTreeModel::ColumnCount; ++column)
            sum += hidden.count(column) == 0 ? m_widths.at(static_cast<std::size_t>(column)) : 0;
        return sum;
    };
    for (const int column : givingWay) {
        if (room - others() < least)
            hidden.insert(column);
    }
    // Large text in a narrow dock: a name that says nothing is worse than a number that stands in *Numbers* too.
    for (const int column : {TensorTreeModel::Bpw, TensorTreeModel::Sqnr}) {
        if (room - others() < currentTheme().scaled(shortestName))
            hidden.insert(column);
    }
    header()->resizeSection(TensorTreeModel::Name, std::max(room - others(), leastSection));
    for (int column = TensorTreeModel::Shape; column < TensorTreeModel::ColumnCount; ++column) {
        setColumnHidden(column, hidden.count(column) != 0);
        if (hidden.count(column) == 0)
            header()->resizeSection(column, m_widths.at(static_cast<std::size_t>(column)));
    }
    m_arranging = false;
}

void TensorTreeView::setColumnWanted(int column, bool wanted) {
    if (column == TensorTreeModel::Name || wanted == columnWanted(column))
        return;
    if (wanted)
        m_unwanted.erase(column);
    else
        m_unwanted.insert(column);
    arrangeColumns();
    Q_EMIT columnsChanged();
}

void TensorTreeView::showHeaderMenu(const QPoint &position) {
    QMenu menu(this);
    for (int column = TensorTreeModel::Shape; column < TensorTreeModel::ColumnCount; ++column) {
        QAction *action = menu.addAction(m_model->headerData(column, Qt::Horizontal).toString());
        action->setCheckable(true);
        action->setChecked(columnWanted(column));
        if (columnWanted(column) && isColumnHidden(column))
            action->setToolTip(tr("There is no room for it now"));
        connect(action, &QAction::toggled, this, [this, column](bool on) { setColumnWanted(column, on); });
    }
    menu.addSeparator();
    connect(menu.addAction(tr("Fit Columns")), &QAction::triggered, this, &TensorTreeView::fitColumns);
    menu.exec(header()->mapToGlobal(position));
}

} // namespace nibblescope
