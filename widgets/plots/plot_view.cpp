// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/plot_view.h"

#include "core/report/figure_table.h"
#include "widgets/plots/chart.h"
#include "widgets/plots/chart_accessible.h"
#include "widgets/plots/figure_table_model.h"
#include "widgets/theme/draw_number.h"
#include "widgets/theme/icons.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QMimeData>
#include <QSortFilterProxyModel>
#include <QStackedLayout>
#include <QTableView>

#include <algorithm>

namespace nibblescope {
namespace {

constexpr int rowHeight = 22;
constexpr int tableMargin = 16;

} // namespace

PlotView::PlotView(QWidget *parent) : QWidget(parent), m_stack(new QStackedLayout(this)), m_chart(new Chart(this)) {
    useChartAccessibility();
    m_stack->setContentsMargins(0, 0, 0, 0);
    m_stack->addWidget(m_chart);
    setFocusProxy(m_chart);
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    connect(m_chart, &Chart::linkActivated, this, &PlotView::linkActivated);
    connect(m_chart, &Chart::linkDoubleClicked, this, &PlotView::linkDoubleClicked);
    connect(m_chart, &Chart::cursorMoved, this, &PlotView::cursorMoved);
    connect(m_chart, &Chart::cursorTextChanged, this, &PlotView::cursorText);
    connect(m_chart, &Chart::viewChanged, this, &PlotView::viewChanged);
    connect(m_chart, &Chart::neededLeftChanged, this, &PlotView::neededLeftChanged);
    connect(m_chart, &Chart::menuRequested, this, &PlotView::showMenu);
    connect(m_chart, &Chart::copyRequested, this, &PlotView::copy);
    connect(m_chart, &Chart::tableRequested, this, [this] { setTableShown(true); });
}

PlotView::~PlotView() = default;

void PlotView::setFigure(std::shared_ptr<const Figure> figure) {
    m_figure = std::move(figure);
    updateGeometry();
    m_chart->setFigure(m_figure);
    if (isTableShown())
        fillTable();
    updateAccessibleTexts();
}

void PlotView::setPlaceholder(const QString &text) {
    m_chart->setPlaceholder(text);
    updateAccessibleTexts();
}

void PlotView::setReading(const QString &text) {
    m_reading = text;
    updateAccessibleTexts();
}

void PlotView::setSubject(const QString &text) {
    m_subject = text;
    updateAccessibleTexts();
}

void PlotView::updateAccessibleTexts() {
    QString name = m_figure ? QString::fromStdString(m_figure->title) : tr("Empty plot");
    if (!m_subject.isEmpty())
        name = tr("%1 of %2").arg(name, m_subject);
    m_chart->setAccessibleName(name);
    m_chart->setAccessibleDescription(m_reading);
    if (m_table)
        m_table->setAccessibleName(tr("%1, as a table").arg(name));
}

void PlotView::setTheme(const Theme &theme) {
    m_ownTheme = true;
    m_chart->setTheme(theme);
}

void PlotView::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    const bool look = event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange;
    if (look && m_chart && !m_ownTheme && !(m_chart->theme() == currentTheme()))
        m_chart->setTheme(currentTheme());
}

bool PlotView::isTableShown() const { return m_table != nullptr && m_stack->currentWidget()->isAncestorOf(m_table); }

QTableView *PlotView::makeTable() {
    auto *frame = new QWidget(this);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(tableMargin, tableMargin / 2, tableMargin, tableMargin / 2);
    auto *table = new QTableView(frame);
    m_model = new FigureTableModel(table);
    auto *sorted = new QSortFilterProxyModel(table);
    sorted->setSourceModel(m_model);
    sorted->setSortRole(FigureTableModel::sortRole);
    table->setModel(sorted);
    table->setSortingEnabled(true);
    table->horizontalHeader()->setSortIndicatorClearable(true);
    table->sortByColumn(-1, Qt::AscendingOrder);
    table->setAlternatingRowColors(true);
    table->setShowGrid(false);
    table->setWordWrap(false);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setItemDelegate(new NumberDelegate(table));
    table->setTabKeyNavigation(false);
    table->verticalHeader()->hide();
    table->verticalHeader()->setDefaultSectionSize(currentTheme().scaled(rowHeight));
    table->horizontalHeader()->setStretchLastSection(true);
    table->installEventFilter(this);
    layout->addWidget(table);
    m_stack->addWidget(frame);
    return table;
}

void PlotView::fillTable() {
    m_model->setTable(m_figure ? tableOf(*m_figure) : FigureTable());
    m_table->resizeColumnsToContents();
    for (int column = 0; column < m_model->columnCount(); ++column)
        m_table->setColumnWidth(column, std::clamp(m_table->columnWidth(column) + 16, 72, 320));
}

void PlotView::setTableShown(bool shown) {
    if (shown == isTableShown())
        return;
    const bool focused = m_chart->hasFocus() || (m_table && m_table->hasFocus());
    if (shown && !m_table) {
        m_table = makeTable();
        updateAccessibleTexts();
    }
    if (shown)
        fillTable();
    m_stack->setCurrentIndex(shown ? 1 : 0);
    setFocusProxy(shown ? static_cast<QWidget *>(m_table) : m_chart);
    if (focused)
        setFocus();
    Q_EMIT tableShownChanged(shown);
}

bool PlotView::eventFilter(QObject *watched, QEvent *event) {
    if (watched == m_table && (event->type() == QEvent::KeyPress || event->type() == QEvent::ShortcutOverride)) {
        const auto *key = static_cast<QKeyEvent *>(event);
        const bool back = key->key() == Qt::Key_T && key->modifiers() == Qt::NoModifier;
        const bool copying = key->matches(QKeySequence::Copy);
        if (back || copying) {
            if (event->type() == QEvent::ShortcutOverride)
                event->accept();
            else if (back)
                setTableShown(false);
            else
                copy();
            return true;
        }
    }
    if (watched == m_table && event->type() == QEvent::ContextMenu) {
        showMenu(static_cast<QContextMenuEvent *>(event)->globalPos());
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

bool PlotView::isZoomed() const { return m_chart->isZoomed(); }
FigureView PlotView::visibleRanges() const { return m_chart->view(); }
void PlotView::setVisibleRanges(const FigureView &view) { m_chart->setView(view); }
void PlotView::resetZoom() { m_chart->resetView(); }
void PlotView::zoomBy(double factor) { m_chart->zoomBy(factor); }

void PlotView::setCursor(int series, int index) {
    if (series < 0 || index < 0)
        m_chart->setCursorPlace(std::nullopt, false);
    else
        m_chart->setCursorPlace(CursorPlace{series, index}, true);
}

QString PlotView::readout() const { return m_chart->cursorText(); }

double PlotView::neededLeft() const { return m_chart->neededLeft(); }
void PlotView::setMinimumLeft(double pixels) { m_chart->setMinimumLeft(pixels); }

PlotExport PlotView::exportOptions(bool asOnScreen) const {
    PlotExport options;
    if (asOnScreen)
        options.theme = m_chart->theme();
    if (m_figure)
        options.view = m_chart->view();
    return options;
}

std::unique_ptr<QMimeData> PlotView::copied() const {
    return m_figure ? clipboardData(*m_figure, exportOptions()) : std::make_unique<QMimeData>();
}

void PlotView::copy() const {
    if (m_figure)
        QGuiApplication::clipboard()->setMimeData(copied().release());
}

std::unique_ptr<QMenu> PlotView::contextMenu() {
    auto menu = std::make_unique<QMenu>(this);
    menu->addAction(themeIcon(QStringLiteral("copy")), tr("&Copy"), this, &PlotView::copy)
        ->setShortcut(QKeySequence::Copy);
    QMenu *saving = menu->addMenu(themeIcon(QStringLiteral("share")), tr("&Export"));
    const std::pair<QString, PlotFormat> formats[] = {{tr("&PNG..."), PlotFormat::Png},
                                                      {tr("&SVG..."), PlotFormat::Svg},
                                                      {tr("P&DF..."), PlotFormat::Pdf},
                                                      {tr("&CSV..."), PlotFormat::Csv}};
    for (const auto &entry : formats) {
        const PlotFormat format = entry.second;
        saving->addAction(entry.first, this, [this, format] { Q_EMIT exportRequested(format); });
    }
    QAction *table = menu->addAction(themeIcon(QStringLiteral("table")), tr("Show as &Table"));
    table->setCheckable(true);
    table->setChecked(isTableShown());
    table->setShortcut(Qt::Key_T);
    connect(table, &QAction::triggered, this, &PlotView::setTableShown);
    QAction *reset = menu->addAction(themeIcon(QStringLiteral("reset")), tr("&Reset Zoom"), this, &PlotView::resetZoom);
    reset->setShortcut(Qt::Key_Home);
    reset->setEnabled(isZoomed());
    for (QAction *action : menu->actions())
        action->setEnabled(action->isEnabled() && m_figure != nullptr);
    return menu;
}

void PlotView::showMenu(const QPoint &globalPosition) {
    QMenu *menu = contextMenu().release();
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->popup(globalPosition);
}

QSize PlotView::sizeHint() const { return {640, 300}; }
// What text needs at its size, so that pages scroll rather than crowd.
QSize PlotView::minimumSizeHint() const {
    const bool strip = m_figure && m_figure->levels && m_figure->levels->place == LevelStrip::Place::Below;
    const int bars = m_figure ? static_cast<int>(m_figure->stackedBars.size()) : 0;
    const Theme &theme = m_chart->theme();
    return {theme.scaled(240), theme.scaled(std::max(strip ? 190 : 150, 80 + bars * 20))};
}

} // namespace nibblescope
