// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/page_widget.h"

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QScrollArea>
#include <QStackedWidget>
#include <QStyle>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

#include "widgets/panels/themed_label.h"
#include "widgets/plots/plot_view.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int sideMargin = 16;
constexpr int barPadding = 3; // a tool bar has one margin on all sides
constexpr int buttonWidth = 30;
constexpr int buttonHeight = 26;

QToolButton *makeIconButton(const QString &icon, const QString &name) {
    auto *button = new QToolButton;
    button->setIcon(themeIcon(icon));
    button->setIconSize({16, 16});
    button->setFixedSize(currentTheme().scaled(buttonWidth), currentTheme().scaled(buttonHeight));
    button->setProperty("framed", true);
    button->setToolTip(name);
    button->setAccessibleName(name);
    button->setFocusPolicy(Qt::StrongFocus);
    button->setStyleSheet(QStringLiteral("QToolButton { padding: 0; }"));
    return button;
}

// A row of options with its extension menu. A tool bar asks for its margins before it has its name.
QToolBar *makeBar() {
    auto *bar = new QToolBar;
    bar->setObjectName(QStringLiteral("pageBar"));
    bar->setMovable(false);
    bar->setStyleSheet(QStringLiteral("QToolBar { border: 0; padding: %1px; spacing: 4px; }").arg(barPadding));
    bar->style()->polish(bar);
    QEvent styled(QEvent::StyleChange);
    QApplication::sendEvent(bar, &styled);
    if (auto *more = bar->findChild<QToolButton *>(QStringLiteral("qt_toolbar_ext_button"))) {
        more->setIcon(themeIcon(QStringLiteral("chevron-right")));
        more->setStyleSheet(QStringLiteral("QToolButton { padding: 0; border: 0; }"));
        more->setToolTip(PageWidget::tr("More options"));
        more->setAccessibleName(PageWidget::tr("More options"));
    }
    return bar;
}

} // namespace

PageWidget::PageWidget(const QString &name, QWidget *parent)
    : QWidget(parent), m_reading(new ReadingLabel), m_bar(makeBar()), m_ends(makeBar()), m_stack(new QStackedWidget),
      m_placeholder(new QLabel), m_body(nullptr) {
    setAccessibleName(name);
    setBackgroundRole(QPalette::Base);
    setAutoFillBackground(true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_reading);
    // Table and Export stand beside the bar: they stay when the options go into its extension menu.
    m_ends->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Preferred);
    QHBoxLayout *const row = inMargins(m_bar);
    row->addWidget(m_ends);
    layout->addLayout(row);
    layout->addWidget(new DividerLine(Qt::Horizontal));
    auto *content = new QWidget;
    m_body = new QVBoxLayout(content);
    m_body->setContentsMargins(0, 4, 0, 6);
    m_body->setSpacing(0);
    m_placeholder->setAlignment(Qt::AlignCenter);
    m_placeholder->setWordWrap(true);
    m_placeholder->setContentsMargins(sideMargin, 0, sideMargin, 0);
    m_placeholder->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    m_stack->addWidget(content);
    m_stack->addWidget(m_placeholder);
    layout->addWidget(m_stack, 1);
    connect(m_reading, &ReadingLabel::linkActivated, this, &PageWidget::linkActivated);
}

void PageWidget::setReading(const Reading &reading, const std::vector<ReadingLabel::Link> &links) {
    QStringList clauses;
    for (const std::string &clause : reading.clauses)
        clauses.append(QString::fromStdString(clause));
    m_reading->setReading(clauses, links);
    m_reading->setPending(false);
    for (PlotView *plot : m_plots)
        plot->setReading(m_reading->text());
}

void PageWidget::setPending(bool pending) { m_reading->setPending(pending); }

void PageWidget::setPlaceholder(const QString &text) {
    m_placeholder->setText(text);
    m_stack->setCurrentIndex(text.isEmpty() ? 0 : 1);
    if (!text.isEmpty())
        m_reading->setReading({});
}

QString PageWidget::placeholder() const { return m_stack->currentIndex() == 1 ? m_placeholder->text() : QString(); }

QToolBar *PageWidget::makeRow() { return makeBar(); }

QHBoxLayout *PageWidget::inMargins(QToolBar *row) {
    auto *layout = new QHBoxLayout;
    layout->setContentsMargins(sideMargin - barPadding, 0, sideMargin - barPadding, 0);
    layout->setSpacing(0);
    layout->addWidget(row, 1);
    return layout;
}

void PageWidget::addGap(QToolBar &row) {
    auto *gap = new QWidget;
    gap->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    row.addWidget(gap);
}

void PageWidget::addLabel(const QString &text) {
    auto *label = new QLabel(text);
    label->setContentsMargins(m_bar->actions().size() > 1 ? 4 : 0, 0, 2, 0);
    m_bar->addWidget(label);
}

QComboBox *PageWidget::makeCombo(const QString &name, const QStringList &items, const QString &toolTip, bool editable) {
    auto *box = new QComboBox;
    box->setEditable(editable);
    box->setInsertPolicy(QComboBox::NoInsert);
    box->addItems(items);
    box->setToolTip(toolTip);
    box->setAccessibleName(name);
    if (editable) {
        connect(box, &QComboBox::activated, this, &PageWidget::edited);
        connect(box->lineEdit(), &QLineEdit::editingFinished, this, [this, box] {
            if (box->lineEdit()->isModified())
                edited();
            box->lineEdit()->setModified(false);
        });
    }
    return box;
}

QComboBox *PageWidget::addCombo(const QString &label, const QStringList &items, const QString &toolTip, bool editable) {
    addLabel(label);
    QComboBox *box = makeCombo(label, items, toolTip, editable);
    m_bar->addWidget(box);
    return box;
}

void PageWidget::finishBar() {
    m_note = new ThemedLabel(FontRole::Body, UiColour::Text2);
    m_note->setContentsMargins(4, 0, 8, 0);
    m_noteAction = m_ends->addWidget(m_note);
    m_noteAction->setVisible(false);
    m_table = makeIconButton(QStringLiteral("table"), tr("Show as Table (T)"));
    m_table->setCheckable(true);
    connect(m_table, &QToolButton::clicked, this, &PageWidget::setTableShown);
    m_ends->addWidget(m_table);
    auto *exports = makeIconButton(QStringLiteral("share"), tr("Export the plots"));
    exports->setFixedWidth(currentTheme().scaled(buttonWidth + 10));
    exports->setStyleSheet(QStringLiteral("QToolButton { padding: 0 12px 0 0; }"));
    m_exports = new QMenu(exports);
    exports->setMenu(m_exports);
    exports->setPopupMode(QToolButton::InstantPopup);
    connect(m_exports, &QMenu::aboutToShow, this, &PageWidget::fillExportMenu);
    m_ends->addWidget(exports);
}

void PageWidget::addScrolled(QWidget *content, Qt::ScrollBarPolicy horizontal) {
    auto *scroll = new QScrollArea;
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(horizontal);
    scroll->setAccessibleName(tr("%1, all of the page").arg(accessibleName()));
    scroll->setWidget(content);
    m_body->addWidget(scroll, 1);
}

PlotView *PageWidget::adopt(PlotView *plot) {
    m_plots.push_back(plot);
    connect(plot, &PlotView::linkActivated, this, &PageWidget::linkActivated);
    connect(plot, &PlotView::linkDoubleClicked, this, &PageWidget::linkDoubleClicked);
    connect(plot, &PlotView::cursorText, this, &PageWidget::readoutChanged);
    connect(plot, &PlotView::exportRequested, this,
            [this, plot](PlotFormat format) { Q_EMIT exportRequested(plot, format); });
    return plot;
}

PlotView *PageWidget::focusedPlot() const {
    const QWidget *focus = QApplication::focusWidget();
    const auto found = std::find_if(m_plots.begin(), m_plots.end(), [focus](const PlotView *plot) {
        return focus != nullptr && (plot == focus || plot->isAncestorOf(focus));
    });
    if (found != m_plots.end())
        return *found;
    const auto first = std::find_if(m_plots.begin(), m_plots.end(),
                                    [](const PlotView *plot) { return plot->isVisible() && plot->figure(); });
    return first == m_plots.end() ? nullptr : *first;
}

void PageWidget::setTableShown(bool shown) {
    if (m_table != nullptr)
        m_table->setChecked(shown);
    if (m_tableShown == shown)
        return;
    m_tableShown = shown;
    for (PlotView *plot : m_plots)
        plot->setTableShown(shown);
    Q_EMIT tableShownChanged(shown);
}

void PageWidget::resetZoom() {
    for (PlotView *plot : m_plots)
        plot->resetZoom();
}

void PageWidget::setSubject(const QString &subject) {
    for (PlotView *plot : m_plots)
        plot->setSubject(subject);
}

void PageWidget::setNote(const QString &text) {
    m_note->setText(text);
    m_noteAction->setVisible(!text.isEmpty());
}

QString PageWidget::note() const { return m_note->text(); }

void PageWidget::show(PlotView *plot, Figure figure) {
    plot->setFigure(std::make_shared<const Figure>(std::move(figure)));
}

// The plot in focus first; the others, where there are several, by name.
void PageWidget::fillExportMenu() {
    m_exports->clear();
    const auto fill = [this](QMenu *menu, PlotView *plot) {
        const std::pair<PlotFormat, QString> formats[] = {{PlotFormat::Png, tr("PNG...")},
                                                          {PlotFormat::Svg, tr("SVG...")},
                                                          {PlotFormat::Pdf, tr("PDF...")},
                                                          {PlotFormat::Csv, tr("CSV...")}};
        for (const auto &format : formats)
            connect(menu->addAction(format.second), &QAction::triggered, this,
                    [this, plot, kind = format.first] { Q_EMIT exportRequested(plot, kind); });
        connect(menu->addAction(tr("Copy")), &QAction::triggered, plot, &PlotView::copy);
    };
    std::vector<PlotView *> shown;
    for (PlotView *plot : m_plots)
        if (plot->isVisible() && plot->figure())
            shown.push_back(plot);
    PlotView *focused = focusedPlot();
    if (focused == nullptr || shown.empty())
        return;
    m_exports->addSection(QString::fromStdString(focused->figure()->title));
    fill(m_exports, focused);
    if (shown.size() > 1) {
        m_exports->addSeparator();
        for (PlotView *plot : shown)
            if (plot != focused)
                fill(m_exports->addMenu(QString::fromStdString(plot->figure()->title)), plot);
        connect(m_exports->addAction(tr("All Plots...")), &QAction::triggered, this, &PageWidget::exportAllRequested);
    }
    m_exports->addSeparator();
    connect(m_exports->addAction(tr("Size and Theme...")), &QAction::triggered, this, &PageWidget::exportSizeRequested);
}

} // namespace nibblescope
