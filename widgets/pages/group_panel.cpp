// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/group_panel.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QSpinBox>
#include <QStackedWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <limits>

#include "core/report/number_text.h"
#include "widgets/models/group_table_model.h"
#include "widgets/panels/compact_header.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/draw_number.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int rowHeight = 22;
constexpr int shownRows = 5;

// A byte in hex with this weight's nibble bold on Highlight.
class ByteDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override {
        QStyleOptionViewItem ground = option;
        initStyleOption(&ground, index);
        const QString text = std::exchange(ground.text, QString());
        option.widget->style()->drawControl(QStyle::CE_ItemViewItem, &ground, painter, option.widget);
        const int half = index.data(GroupTableModel::HighNibbleRole).toInt();
        const Theme theme = currentTheme();
        painter->save();
        QFont font = theme.font(FontRole::Mono);
        const QFontMetrics metrics(font);
        const int width = metrics.horizontalAdvance(QLatin1Char('0')) + 2;
        const bool selected = (option.state & QStyle::State_Selected) != 0;
        QRect cell(option.rect.right() - 6 - 2 * width, option.rect.top(), width, option.rect.height());
        for (int i = 0; i < 2; ++i) {
            const bool mine = half < 0 || (half == 1) == (i == 0);
            if (mine && !selected)
                painter->fillRect(cell.adjusted(0, 3, 0, -3), theme.colour(UiColour::Highlight));
            font.setBold(mine);
            painter->setFont(font);
            painter->setPen(theme.colour(mine || selected ? UiColour::HighlightText : UiColour::Text2));
            painter->drawText(cell, Qt::AlignCenter, text.mid(i, 1));
            cell.translate(width, 0);
        }
        painter->restore();
    }
};

// The error as a number, and as a small bar that grows from the middle of the free room at its left.
class ErrorDelegate : public NumberDelegate {
public:
    explicit ErrorDelegate(QObject *parent) : NumberDelegate(parent) {}
    void setFormat(Format format) { m_format = format; }

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override {
        NumberDelegate::paint(painter, option, index);
        const double share = std::clamp(index.data(GroupTableModel::ErrorShareRole).toDouble(), -1.0, 1.0);
        const Theme theme = currentTheme();
        const int room = option.rect.width() - theme.scaled(70);
        if (room < 20)
            return;
        const int middle = option.rect.left() + 8 + (room - 8) / 2;
        const int length = qRound(share * (room - 16) / 2);
        painter->fillRect(QRect(std::min(middle, middle + length), option.rect.top() + 6, std::abs(length),
                                option.rect.height() - 12),
                          theme.colour(formatLook(m_format).colour));
        painter->fillRect(QRect(middle, option.rect.top() + 3, 1, option.rect.height() - 6),
                          theme.colour(UiColour::Text2));
    }

private:
    Format m_format = Format::None;
};

QToolButton *makeArrow(const QString &icon, const QString &name) {
    auto *button = new QToolButton;
    button->setIcon(themeIcon(icon));
    button->setIconSize({16, 16});
    button->setProperty("framed", true);
    button->setToolTip(name);
    button->setAccessibleName(name);
    button->setFocusPolicy(Qt::StrongFocus);
    return button;
}

} // namespace

GroupPanel::GroupPanel(QWidget *parent) : QWidget(parent), m_model(new GroupTableModel(this)) {
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 4, 16, 0);
    layout->setSpacing(6);
    buildRow();
    layout->addWidget(m_row);
    m_view = new QTableView;
    m_view->setModel(m_model);
    m_view->setAccessibleName(tr("Weights of the group"));
    m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_view->setSelectionMode(QAbstractItemView::SingleSelection);
    m_view->setShowGrid(false);
    m_view->setAlternatingRowColors(true);
    m_view->setTabKeyNavigation(false);
    m_view->setFrameShape(QFrame::NoFrame);
    m_view->verticalHeader()->hide();
    m_view->setHorizontalHeader(new CompactHeader(m_view));
    m_view->horizontalHeader()->setHighlightSections(false);
    for (int column = 0; column < GroupTableModel::ColumnCount; ++column)
        m_view->setItemDelegateForColumn(column, new NumberDelegate(this));
    m_view->setItemDelegateForColumn(GroupTableModel::Byte, new ByteDelegate(this));
    m_view->setItemDelegateForColumn(GroupTableModel::Error, new ErrorDelegate(this));
    const Theme theme = currentTheme();
    const int widths[] = {34, 76, 96, 46, 50, 62, 88};
    for (int column = 0; column < GroupTableModel::Error; ++column)
        m_view->setColumnWidth(column, theme.scaled(widths[column]));
    m_view->horizontalHeader()->setStretchLastSection(true);
    m_view->verticalHeader()->setDefaultSectionSize(theme.scaled(rowHeight));
    m_view->setMinimumHeight(theme.scaled(rowHeight) * (shownRows + 1) + 4);
    m_note = new QLabel;
    m_note->setAlignment(Qt::AlignCenter);
    m_note->setWordWrap(true);
    m_stack = new QStackedWidget;
    m_stack->addWidget(m_view);
    m_stack->addWidget(m_note);
    layout->addWidget(m_stack, 1);
    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this](const QModelIndex &row) { selectedRowChanged(row.row()); });
}

void GroupPanel::buildRow() {
    m_row = new QWidget;
    auto *row = new QHBoxLayout(m_row);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    auto *label = new ThemedLabel(tr("Group"), FontRole::Title, UiColour::Text);
    m_previous = makeArrow(QStringLiteral("chevron-left"), tr("Previous group ([)"));
    m_next = makeArrow(QStringLiteral("chevron-right"), tr("Next group (])"));
    m_number = new QSpinBox;
    m_number->setButtonSymbols(QAbstractSpinBox::NoButtons);
    m_number->setAlignment(Qt::AlignCenter);
    m_number->setAccessibleName(tr("Group"));
    m_number->setKeyboardTracking(false);
    m_number->setMinimumWidth(currentTheme().scaled(56));
    m_of = new QLabel;
    m_text = new ThemedLabel(FontRole::Body, UiColour::Text2);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_worst = new QPushButton(tr("Worst group"));
    m_worst->setToolTip(tr("The group of lowest SQNR"));
    m_worst->setAutoDefault(false);
    label->setBuddy(m_number);
    for (QWidget *widget : std::initializer_list<QWidget *>{label, m_previous, m_number, m_next, m_of, m_text})
        row->addWidget(widget);
    m_text->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    row->setStretchFactor(m_text, 1);
    row->addWidget(m_worst);
    connect(m_previous, &QToolButton::clicked, this,
            [this] { Q_EMIT groupChosen(static_cast<quint64>(std::max(0, m_number->value() - 1))); });
    connect(m_next, &QToolButton::clicked, this,
            [this] { Q_EMIT groupChosen(static_cast<quint64>(m_number->value() + 1)); });
    connect(m_number, &QSpinBox::valueChanged, this,
            [this](int group) { Q_EMIT groupChosen(static_cast<quint64>(group)); });
    connect(m_worst, &QPushButton::clicked, this, &GroupPanel::worstRequested);
}

void GroupPanel::showGroup(std::uint64_t group, std::uint64_t groups) {
    const QSignalBlocker blocker(m_number);
    const auto shown = [](std::uint64_t n) {
        return static_cast<int>(std::min<std::uint64_t>(n, std::numeric_limits<int>::max()));
    };
    m_number->setRange(0, groups == 0 ? 0 : shown(groups - 1));
    m_number->setValue(shown(group));
    m_previous->setEnabled(group > 0);
    m_next->setEnabled(group + 1 < groups);
    m_worst->setEnabled(groups > 1);
    m_of->setText(tr("of %1").arg(QString::fromStdString(countText(groups))));
}

void GroupPanel::setTable(const GroupTable &table, Format format) {
    m_format = format;
    static_cast<ErrorDelegate *>(m_view->itemDelegateForColumn(GroupTableModel::Error))->setFormat(format);
    m_model->setTable(table, format == Format::Int8);
    showGroup(table.group, table.groups);
    m_text->setText(QString::fromStdString(groupText(table)));
    m_text->setToolTip(m_text->text());
    m_stack->setCurrentWidget(m_view);
}

void GroupPanel::setNote(const QString &note, std::uint64_t groups, std::uint64_t group) {
    m_model->setTable({}, false);
    showGroup(group, groups);
    m_text->clear();
    m_note->setText(note);
    m_stack->setCurrentWidget(m_note);
}

void GroupPanel::setSelectedCode(std::optional<unsigned> code) { m_model->setSelectedCode(code); }

const GroupTable &GroupPanel::table() const { return m_model->table(); }

void GroupPanel::selectedRowChanged(int row) {
    const auto &rows = m_model->table().rows;
    if (row < 0 || static_cast<std::size_t>(row) >= rows.size())
        return;
    const GroupTable::Row &chosen = rows[static_cast<std::size_t>(row)];
    Q_EMIT readoutChanged(tr("weight %1: code %2, dequantized %3, error %4")
                              .arg(QString::fromStdString(valueText(static_cast<double>(chosen.weight))))
                              .arg(chosen.code)
                              .arg(QString::fromStdString(valueText(static_cast<double>(chosen.dequantized))),
                                   QString::fromStdString(valueText(chosen.error))));
    Q_EMIT codeChosen(chosen.nibble);
}

} // namespace nibblescope
