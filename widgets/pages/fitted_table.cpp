// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/fitted_table.h"

#include <QEvent>
#include <QHeaderView>
#include <QScrollBar>

#include "widgets/panels/compact_header.h"
#include "widgets/theme/draw_number.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int heightOfRow = 22;
constexpr int markRole = Qt::UserRole;

} // namespace

FittedTable::FittedTable(const QString &name, std::vector<FittedColumn> columns, QWidget *parent)
    : QTableWidget(0, static_cast<int>(columns.size()), parent), m_columns(std::move(columns)) {
    setAccessibleName(name);
    setEditTriggers(NoEditTriggers);
    setSelectionBehavior(SelectRows);
    setSelectionMode(SingleSelection);
    setAlternatingRowColors(true);
    setShowGrid(false);
    setWordWrap(false);
    setFrameShape(NoFrame);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAsNeeded);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setTabKeyNavigation(false);
    verticalHeader()->hide();
    setHorizontalHeader(new CompactHeader(this));
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setSectionsClickable(false);
    for (int i = 0; i < columnCount(); ++i) {
        const FittedColumn &column = m_columns[static_cast<std::size_t>(i)];
        auto *header = new QTableWidgetItem(column.title);
        header->setTextAlignment(Qt::AlignVCenter | (column.number ? Qt::AlignRight : Qt::AlignLeft));
        setHorizontalHeaderItem(i, header);
        if (column.number)
            setItemDelegateForColumn(i, new NumberDelegate(this));
    }
    setResizeModes();
}

// Columns that fit their contents measure all rows after every change of a cell: they do so once, at the end.
class FittedTable::Filling {
public:
    explicit Filling(FittedTable &table) : m_table(table) {
        for (int i = 0; i < m_table.columnCount(); ++i)
            m_table.horizontalHeader()->setSectionResizeMode(i, QHeaderView::Fixed);
    }
    ~Filling() { m_table.setResizeModes(); }
    Filling(const Filling &) = delete;
    Filling &operator=(const Filling &) = delete;

private:
    FittedTable &m_table;
};

void FittedTable::setResizeModes() {
    for (int i = 0; i < columnCount(); ++i)
        horizontalHeader()->setSectionResizeMode(
            i, m_columns[static_cast<std::size_t>(i)].stretch ? QHeaderView::Stretch : QHeaderView::ResizeToContents);
}

void FittedTable::setRows(const std::vector<std::vector<Cell>> &rows, int boldRow) {
    const Filling filling(*this);
    m_boldRow = boldRow;
    setRowCount(static_cast<int>(rows.size()));
    for (int row = 0; row < rowCount(); ++row) {
        const auto &cells = rows[static_cast<std::size_t>(row)];
        for (int column = 0; column < columnCount(); ++column) {
            const Cell &cell = cells[static_cast<std::size_t>(column)];
            QTableWidgetItem *present = item(row, column);
            if (present == nullptr) {
                present = new QTableWidgetItem;
                setItem(row, column, present);
            }
            present->setText(cell.text);
            present->setToolTip(cell.toolTip.isEmpty() ? cell.text : cell.toolTip);
            present->setData(markRole, cell.mark);
            const bool number = m_columns[static_cast<std::size_t>(column)].number;
            present->setTextAlignment(Qt::AlignVCenter | (number ? Qt::AlignRight : Qt::AlignLeft));
        }
    }
    restyle();
    updateGeometry();
}

void FittedTable::restyle() {
    const Theme theme = currentTheme();
    verticalHeader()->setDefaultSectionSize(theme.scaled(heightOfRow));
    for (int row = 0; row < rowCount(); ++row)
        for (int column = 0; column < columnCount(); ++column) {
            QTableWidgetItem *cell = item(row, column);
            if (cell == nullptr)
                continue;
            const bool bold = row == m_boldRow;
            const bool muted = m_columns[static_cast<std::size_t>(column)].muted && !bold;
            const int mark = cell->data(markRole).toInt();
            UiColour colour = muted ? UiColour::Text2 : UiColour::Text;
            if (mark != 0)
                colour = mark > 0 ? UiColour::Good : UiColour::Error;
            cell->setForeground(theme.colour(colour));
            cell->setFont(theme.font(bold ? FontRole::Title : FontRole::Body));
            cell->setIcon(mark == 0 ? QIcon()
                                    : themeIcon(mark > 0 ? QStringLiteral("check") : QStringLiteral("close"), colour));
        }
    updateGeometry();
}

QSize FittedTable::sizeHint() const {
    const int rows = rowCount() * verticalHeader()->defaultSectionSize();
    return {400, horizontalHeader()->sizeHint().height() + rows + 2};
}

QSize FittedTable::minimumSizeHint() const { return {200, sizeHint().height()}; }

void FittedTable::changeEvent(QEvent *event) {
    QTableWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) {
        const Filling filling(*this);
        restyle();
    }
}

} // namespace nibblescope
