// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/pages.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QPainter>
#include <QSettings>
#include <QShortcut>
#include <QStackedWidget>
#include <QTabBar>
#include <QVBoxLayout>

#include <algorithm>
#include <functional>

#include "app/gui/accuracy_presenter.h"
#include "app/gui/activations_presenter.h"
#include "app/gui/bins_presenter.h"
#include "app/gui/distribution_presenter.h"
#include "app/gui/layers_presenter.h"
#include "app/gui/memory_presenter.h"
#include "app/gui/speed_presenter.h"
#include "core/base/error.h"
#include "widgets/plots/plot_splitter.h"
#include "widgets/plots/plot_view.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr const char *ids[] = {"distribution", "bins", "layers", "memory", "speed", "accuracy", "activations"};
constexpr int refreshMilliseconds = 15;

// A small dot in a tab while its content is computed.
class Dot : public QWidget {
public:
    Dot() { setFixedSize(8, 8); }
    void setOn(bool on) {
        if (on == m_on)
            return;
        m_on = on;
        update();
    }

protected:
    void paintEvent(QPaintEvent *) override {
        if (!m_on)
            return;
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(currentTheme().colour(UiColour::Accent));
        painter.drawEllipse(QRectF(1, 1, 6, 6));
    }

private:
    bool m_on = false;
};

// The line under the tabs goes over the whole width.
class TabRow : public QWidget {
protected:
    void paintEvent(QPaintEvent *) override {
        QPainter(this).fillRect(0, height() - 1, width(), 1, currentTheme().colour(UiColour::Divider));
    }
};

std::unique_ptr<Presenter> makePresenter(PageId page, Session &session) {
    switch (page) {
    case PageId::Distribution:
        return std::make_unique<DistributionPresenter>(session);
    case PageId::Bins:
        return std::make_unique<BinsPresenter>(session);
    case PageId::Layers:
        return std::make_unique<LayersPresenter>(session);
    case PageId::Memory:
        return std::make_unique<MemoryPresenter>(session);
    case PageId::Speed:
        return std::make_unique<SpeedPresenter>(session);
    case PageId::Accuracy:
        return std::make_unique<AccuracyPresenter>(session);
    case PageId::Activations:
        return std::make_unique<ActivationsPresenter>(session);
    }
    return nullptr;
}

} // namespace

const char *idOf(PageId page) { return ids[static_cast<std::size_t>(page)]; }

PageId pageIdFrom(const std::string &id) {
    for (std::size_t i = 0; i < pageCount; ++i)
        if (id == ids[i])
            return static_cast<PageId>(i);
    return PageId::Distribution;
}

Pages::Pages(Session &session, Actions &actions, QWidget *parent)
    : QWidget(parent), m_session(session), m_tabs(new QTabBar), m_stack(new QStackedWidget) {
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    m_tabs->setDocumentMode(true);
    m_tabs->setDrawBase(false);
    m_tabs->setExpanding(false);
    for (const ActionId action :
         {ActionId::PageDistribution, ActionId::PageBins, ActionId::PageLayers, ActionId::PageMemory,
          ActionId::PageSpeed, ActionId::PageAccuracy, ActionId::PageActivations}) {
        const int tab = m_tabs->addTab(actions[action]->text().remove(QLatin1Char('&')));
        m_tabs->setTabToolTip(tab, actions[action]->toolTip());
        m_tabs->setTabButton(tab, QTabBar::RightSide, new Dot);
        m_stack->addWidget(new QWidget);
    }
    auto *row = new TabRow;
    auto *rowLayout = new QHBoxLayout(row);
    rowLayout->setContentsMargins(8, 4, 8, 0);
    rowLayout->addWidget(m_tabs);
    rowLayout->addStretch();
    layout->addWidget(row);
    layout->addWidget(m_stack, 1);
    setFocusProxy(m_tabs);
    connect(m_tabs, &QTabBar::currentChanged, this, [this](int tab) { show(static_cast<PageId>(tab)); });

    m_refresh.setSingleShot(true);
    connect(&m_refresh, &QTimer::timeout, this, &Pages::refresh);
    connectSession();

    const auto key = [this](const QKeySequence &keys, const std::function<void()> &call) {
        auto *shortcut = new QShortcut(keys, this);
        shortcut->setContext(Qt::WidgetWithChildrenShortcut);
        connect(shortcut, &QShortcut::activated, this, call);
    };
    key(QKeySequence(Qt::Key_T), [this] { setTableShown(!tableShown()); });
    key(QKeySequence(Qt::Key_BracketLeft), [this] { stepGroup(-1); });
    key(QKeySequence(Qt::Key_BracketRight), [this] { stepGroup(1); });
}

Pages::~Pages() = default;

void Pages::connectSession() {
    const auto later = [this] { outdated(); };
    connect(&m_session, &Session::modelChanged, this, later);
    connect(&m_session, &Session::setupChanged, this, later);
    // What is there is shown at once: workers begin while the window shows the numbers. What is on its way may change
    // again.
    connect(&m_session, &Session::viewChanged, this, [this] {
        if (!m_session.loader().current() || m_session.loader().isPending()) {
            outdated();
            return;
        }
        m_refresh.stop(); // for what is told before the view
        refresh();
    });
    connect(&m_session, &Session::resultChanged, this, later);
    connect(&m_session, &Session::runChanged, this, later);
    connect(&m_session, &Session::baselineResultsChanged, this, later);
    connect(&m_session.selection(), &Selection::tensorChanged, this, later);
    connect(&m_session.selection(), &Selection::tensorsChanged, this, later);
    connect(&m_session.selection(), &Selection::groupChanged, this, later);
    connect(&m_session.selection(), &Selection::codeChanged, this, later);
}

Presenter &Pages::presenter(PageId page) {
    const auto index = static_cast<std::size_t>(page);
    if (m_presenters[index])
        return *m_presenters[index];
    m_presenters[index] = makePresenter(page, m_session);
    Presenter &made = *m_presenters[index];
    PageWidget &widget = made.page();
    const int place = static_cast<int>(index);
    delete m_stack->widget(place);
    m_stack->insertWidget(place, &widget);
    m_stack->setCurrentIndex(m_tabs->currentIndex());
    connect(&widget, &PageWidget::linkDoubleClicked, this, [this](const QString &link) {
        follow(link);
        if (link.startsWith(QLatin1String("tensor:")))
            show(PageId::Distribution);
    });
    connect(&widget, &PageWidget::exportRequested, this, [this](PlotView *plot, PlotFormat format) {
        const PlotFiles files(this, m_exportSize);
        if (const auto message = files.save(*plot, format))
            Q_EMIT messageRaised(*message);
    });
    connect(&widget, &PageWidget::exportAllRequested, this, [this, &widget] {
        const PlotFiles files(this, m_exportSize);
        if (const auto message = files.saveAll(widget.plots()))
            Q_EMIT messageRaised(*message);
    });
    connect(&widget, &PageWidget::exportSizeRequested, this, &Pages::exportSizeRequested);
    const auto splitters = widget.findChildren<PlotSplitter *>();
    for (int i = 0; i < splitters.size(); ++i) {
        const QString key = QStringLiteral("layout/splitters/%1-%2").arg(QLatin1String(idOf(page))).arg(i);
        splitters[i]->restoreSizes(QSettings().value(key).toByteArray());
        connect(splitters[i], &PlotSplitter::sizesChanged, this,
                [key, splitter = splitters[i]] { QSettings().setValue(key, splitter->savedSizes()); });
    }
    connect(&widget, &PageWidget::readoutChanged, this, &Pages::readoutChanged);
    connect(&widget, &PageWidget::tableShownChanged, this, &Pages::tableShownChanged);
    connect(&widget, &PageWidget::linkActivated, this, &Pages::follow);
    connect(&made, &Presenter::messageRaised, this, &Pages::messageRaised);
    connect(&made, &Presenter::computingChanged, this, &Pages::updateDots);
    if (page == PageId::Speed || page == PageId::Activations)
        connect(&made, &Presenter::computingChanged, this, &Pages::measuringChanged);
    return made;
}

PageWidget &Pages::page(PageId page) { return presenter(page).page(); }

PageId Pages::current() const { return static_cast<PageId>(m_tabs->currentIndex()); }

void Pages::show(PageId page) {
    presenter(page);
    m_tabs->setCurrentIndex(static_cast<int>(page));
    m_stack->setCurrentIndex(static_cast<int>(page));
    m_session.setPage(idOf(page));
    refresh();
    Q_EMIT readoutChanged({});
    Q_EMIT pageChanged(page);
}

void Pages::outdated() {
    if (!m_refresh.isActive())
        m_refresh.start(refreshMilliseconds);
}

void Pages::refresh() {
    if (!m_session.model())
        return;
    presenter(current()).refresh();
    updateDots();
}

bool Pages::isUpToDate() const {
    const auto &shown = m_presenters[static_cast<std::size_t>(current())];
    return !m_refresh.isActive() && !m_session.loader().isPending() && shown && !shown->isComputing();
}

void Pages::updateDots() {
    for (std::size_t i = 0; i < pageCount; ++i) {
        const bool shown = static_cast<std::size_t>(m_tabs->currentIndex()) == i;
        bool busy = m_presenters[i] && m_presenters[i]->isComputing();
        if (i == static_cast<std::size_t>(PageId::Layers))
            busy = m_session.run().isRunning();
        else if (i == static_cast<std::size_t>(PageId::Accuracy))
            busy = m_session.accuracy().isRunning();
        else if (shown && i < static_cast<std::size_t>(PageId::Layers))
            busy = busy || m_session.loader().isPending();
        static_cast<Dot *>(m_tabs->tabButton(static_cast<int>(i), QTabBar::RightSide))->setOn(busy);
    }
}

void Pages::follow(const QString &link) {
    const QString kind = link.section(QLatin1Char(':'), 0, 0);
    const QString rest = link.section(QLatin1Char(':'), 1);
    if (presenter(current()).follow(link))
        return;
    Selection &selection = m_session.selection();
    if (kind == QLatin1String("tensor")) {
        if (const auto tensor = m_session.model()->find(rest.toStdString()))
            selection.selectTensor(static_cast<int>(*tensor));
    } else if (kind == QLatin1String("code")) {
        const int code = rest.toInt();
        selection.selectCode(selection.code() == code ? std::nullopt : std::optional<int>(code));
    } else if (kind == QLatin1String("group")) {
        selection.selectGroup(rest.toULongLong());
    } else if (kind == QLatin1String("recipe")) {
        try {
            m_session.setRecipe(recipeFromJson(nlohmann::ordered_json::parse(rest.toStdString(), nullptr, false)));
        } catch (const Error &error) {
            Q_EMIT messageRaised({Severity::Error, QString::fromUtf8(error.what()), {}, {}, false});
        }
    } else if (kind == QLatin1String("page")) {
        show(pageIdFrom(rest.toStdString()));
    } else if (kind == QLatin1String("quantize")) {
        m_session.setQuantized({selection.tensor()}, true);
    }
}

bool Pages::tableShown() const {
    const auto &shown = m_presenters[static_cast<std::size_t>(current())];
    return shown && shown->page().tableShown();
}

void Pages::setTableShown(bool shown) { presenter(current()).page().setTableShown(shown); }

void Pages::resetZoom() { presenter(current()).page().resetZoom(); }

void Pages::copyPlot() {
    if (PlotView *plot = presenter(current()).page().focusedPlot())
        plot->copy();
}

void Pages::stepGroup(int step) {
    if (current() != PageId::Bins)
        show(PageId::Bins);
    static_cast<BinsPresenter &>(presenter(PageId::Bins)).stepGroup(step);
}

void Pages::measureSpeed() { static_cast<SpeedPresenter &>(presenter(PageId::Speed)).measure(); }

void Pages::evaluate() {
    show(PageId::Accuracy);
    static_cast<AccuracyPresenter &>(presenter(PageId::Accuracy)).evaluateCurrent();
}

QString Pages::evaluationOptions() {
    return static_cast<AccuracyPresenter &>(presenter(PageId::Accuracy)).commandOptions();
}

QString Pages::activationCommands() {
    return static_cast<ActivationsPresenter &>(presenter(PageId::Activations)).commands();
}

void Pages::evaluateUsual() { static_cast<AccuracyPresenter &>(presenter(PageId::Accuracy)).evaluateUsual(); }

bool Pages::isBusy() const {
    return std::any_of(m_presenters.begin(), m_presenters.end(),
                       [](const auto &made) { return made && made->canBeCancelled(); });
}

void Pages::cancelJobs() {
    for (const auto &made : m_presenters)
        if (made && made->canBeCancelled())
            made->cancel();
}

bool Pages::isMeasuring() const {
    const auto &speed = m_presenters[static_cast<std::size_t>(PageId::Speed)];
    return speed && speed->isComputing();
}

void Pages::resetSizes() {
    for (PlotSplitter *splitter : findChildren<PlotSplitter *>())
        splitter->resetSizes();
}

void Pages::setExportSize(const PlotFiles::Size &size) { m_exportSize = size; }

} // namespace nibblescope
