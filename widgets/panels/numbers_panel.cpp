// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/numbers_panel.h"

#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QMenu>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

#include "core/report/number_text.h"
#include "widgets/panels/compact_header.h"
#include "widgets/panels/themed_label.h"
#include "widgets/theme/draw_number.h"
#include "widgets/theme/icons.h"

namespace nibblescope {
namespace {

constexpr int rowHeight = 22;
constexpr int headerHeight = 22;
constexpr int sideMargin = 12;
constexpr int columnGap = 6;

QString count(std::uint64_t n) { return QString::fromStdString(countText(n)); }

class NumbersDelegate : public NumberDelegate {
public:
    using NumberDelegate::NumberDelegate;

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override {
        QStyleOptionViewItem item = option;
        const int margin = sideMargin - 4; // beside the 4 px of a cell
        if (index.column() == 0)
            item.rect.setLeft(item.rect.left() + margin);
        if (index.column() == index.model()->columnCount() - 1)
            item.rect.setRight(item.rect.right() - margin);
        paintGround(painter, option, index);
        if (index.column() == 0)
            QStyledItemDelegate::paint(painter, item, index);
        else
            NumberDelegate::paint(painter, item, index);
    }

    // Room for the margins at both ends, and between the columns.
    QSize sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const override {
        QSize size = NumberDelegate::sizeHint(option, index);
        const bool last = index.column() == index.model()->columnCount() - 1;
        size.rwidth() += columnGap + (index.column() == 0 || last ? sideMargin - 4 : 0);
        return size;
    }

protected:
    void initStyleOption(QStyleOptionViewItem *option, const QModelIndex &index) const override {
        NumberDelegate::initStyleOption(option, index);
        const Theme theme = currentTheme();
        const int better = index.data(NumbersModel::BetterRole).toInt();
        std::optional<UiColour> colour;
        if (better != 0)
            colour = better > 0 ? UiColour::Good : UiColour::Error;
        else if (index.data(NumbersModel::MutedRole).toBool())
            colour = UiColour::Text2;
        if (colour) {
            for (const auto group : {QPalette::Active, QPalette::Inactive})
                option->palette.setColor(group, QPalette::Text, theme.colour(*colour));
        }
        if (index.data(NumbersModel::StrongRole).toBool())
            option->font.setWeight(QFont::DemiBold);
        option->state &= ~QStyle::State_HasFocus;
    }

private:
    // The whole cell, also beside the margin.
    static void paintGround(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) {
        if (option.state.testFlag(QStyle::State_Selected))
            painter->fillRect(option.rect, option.palette.color(QPalette::Active, QPalette::Highlight));
        else if (index.row() % 2 != 0)
            painter->fillRect(option.rect, option.palette.color(QPalette::AlternateBase));
    }
};

} // namespace

NumbersPanel::NumbersPanel(QWidget *parent)
    : QWidget(parent), m_model(new NumbersModel(this)), m_table(new QTableView),
      m_footnote(new ThemedLabel(FontRole::Small, UiColour::Text2)),
      m_empty(new ThemedLabel(tr("No model open"), FontRole::Body, UiColour::Text2)) {
    auto *header = new CompactHeader(m_table);
    header->setSideMargin(sideMargin);
    m_table->setHorizontalHeader(header);
    m_table->setModel(m_model);
    m_table->setItemDelegate(new NumbersDelegate(m_table));
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->setShowGrid(false);
    m_table->setAlternatingRowColors(true);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setTabKeyNavigation(false);
    m_table->setWordWrap(false);
    m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setMinimumSectionSize(1);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->horizontalHeader()->setSectionsClickable(false);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->setContextMenuPolicy(Qt::CustomContextMenu);
    m_table->setAccessibleName(tr("Numbers"));
    connect(m_table, &QWidget::customContextMenuRequested, this, &NumbersPanel::showContextMenu);
    setAutoFillBackground(true);
    m_footnote->setAutoFillBackground(true);
    m_footnote->setBackgroundRole(QPalette::Base);
    m_footnote->setWordWrap(true);
    m_footnote->setContentsMargins(sideMargin, 6, sideMargin, 6);
    m_empty->setContentsMargins(sideMargin, 9, sideMargin, 9);
    m_empty->setAlignment(Qt::AlignLeft | Qt::AlignTop);

    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_empty, 1);
    layout->addWidget(m_table, 1);
    layout->addWidget(m_footnote);
    setFocusProxy(m_table);
    applyRowHeight();
    showNumbers();
}

void NumbersPanel::applyRowHeight() {
    const Theme theme = currentTheme();
    m_table->verticalHeader()->setDefaultSectionSize(theme.scaled(rowHeight));
    m_table->horizontalHeader()->setFixedHeight(theme.scaled(headerHeight));
}

void NumbersPanel::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        applyRowHeight();
        fitColumns();
    }
}

void NumbersPanel::showEvent(QShowEvent *event) {
    QWidget::showEvent(event);
    fitColumns();
}

void NumbersPanel::setNumbers(std::optional<NumbersSource> current, std::optional<NumbersSource> baseline) {
    const QString before = title();
    if (!m_model->setNumbers(std::move(current), std::move(baseline)))
        return;
    showNumbers();
    if (title() != before)
        Q_EMIT titleChanged(title());
}

void NumbersPanel::showNumbers() {
    const bool some = m_model->current().has_value();
    m_empty->setVisible(!some);
    m_table->setVisible(some);
    m_footnote->setVisible(some);
    updateFootnote();
    fitColumns();
}

// The values get what they need, the differences at least as much as the widest of them; the names take the rest. Done
// before the table is drawn: a header that fits its sections itself does so afterwards, and all is drawn twice.
void NumbersPanel::fitColumns() {
    QHeaderView *header = m_table->horizontalHeader();
    const QAbstractItemView *cells = m_table;
    for (int column = 0; column < m_model->columnCount(); ++column) {
        const auto mode = column == 0 ? QHeaderView::Stretch : QHeaderView::Fixed;
        if (header->sectionResizeMode(column) != mode)
            header->setSectionResizeMode(column, mode);
        if (column > 0)
            header->resizeSection(column, std::max(cells->sizeHintForColumn(column), header->sectionSizeHint(column)));
    }
}

void NumbersPanel::setEmptyText(const QString &text) { m_empty->setText(text); }

QString NumbersPanel::title() const {
    const auto &current = m_model->current();
    if (!current)
        return {};
    if (!current->sample || current->sampled == 0)
        return current->title;
    const std::uint64_t nth = (current->weights + current->sampled / 2) / current->sampled;
    return tr("%1 · sample, 1 in %2").arg(current->title, count(nth));
}

void NumbersPanel::updateFootnote() {
    const auto &current = m_model->current();
    if (!current)
        return;
    QString text;
    if (current->recipe.isEmpty())
        text = tr("Kept unquantized: %1.").arg(current->noMetrics);
    else if (current->sample)
        text = tr("≈ from %1 of %2 weights; the exact numbers follow.")
                   .arg(count(current->sampled), count(current->weights));
    else if (!current->metrics || !current->noMetrics.isEmpty())
        text = current->noMetrics.isEmpty() ? tr("Computing.") : current->noMetrics + QLatin1Char('.');
    else
        text = tr("Exact, over %1 weights in %2 groups.").arg(count(current->weights), count(current->groups));
    if (m_model->baseline())
        text += QLatin1Char(' ') + tr("Differences are taken before rounding.");
    m_footnote->setText(text);
}

void NumbersPanel::showContextMenu(const QPoint &position) {
    const QModelIndex index = m_table->indexAt(position);
    QMenu menu(this);
    QAction *copy = menu.addAction(themeIcon(QStringLiteral("copy")), tr("&Copy"));
    copy->setEnabled(index.isValid());
    connect(copy, &QAction::triggered, this,
            [this, row = index.row()] { QApplication::clipboard()->setText(m_model->rowText(row)); });
    connect(menu.addAction(tr("Copy &All as CSV")), &QAction::triggered, this,
            [this] { QApplication::clipboard()->setText(m_model->csv()); });
    menu.exec(m_table->viewport()->mapToGlobal(position));
}

} // namespace nibblescope
