// SPDX-License-Identifier: GPL-3.0-or-later
// The regions of the window: centre, docks, menus, tool bar, status bar, and the memory of their sizes.
#include "app/gui/main_window.h"

#include <QApplication>
#include <QDockWidget>
#include <QLabel>
#include <QMenuBar>
#include <QScreen>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

#include "app/gui/baseline_chip.h"
#include "app/gui/dock_title.h"
#include "app/gui/pages.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/numbers_panel.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/status_widgets.h"
#include "widgets/panels/tensor_panel.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr QSize defaultSize{1440, 900};
constexpr QSize minimumWindow{1024, 680};
constexpr int tensorsWidth = 420;
constexpr int recipeWidth = 288;
constexpr int recipeHeight = 446;
constexpr int numbersHeight = 362;
constexpr int narrowWindow = 1200; // below this the numbers are tabbed behind the recipe
constexpr int lowWindow = 560;     // at 100 % text size
constexpr int saveDelayMilliseconds = 500;

} // namespace

void MainWindow::buildCentre() {
    m_messages = new MessageArea;
    m_empty = new EmptyState;
    m_pages = new Pages(*m_session, *m_actions);
    m_centre = new QStackedWidget;
    m_centre->addWidget(m_empty);
    m_centre->addWidget(m_pages);
    auto *centre = new QWidget;
    auto *layout = new QVBoxLayout(centre);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_messages);
    layout->addWidget(m_centre, 1);
    setCentralWidget(centre);
    m_dropOverlay = new DropOverlay(this);
    m_dropOverlay->hide();
}

QDockWidget *MainWindow::addDock(const QString &name, const QString &title, QWidget *content, Qt::DockWidgetArea area,
                                 const QKeySequence &shortcut, DockTitle **titleBar) {
    auto *dock = new QDockWidget(title, this);
    dock->setObjectName(name);
    dock->setAllowedAreas(Qt::AllDockWidgetAreas);
    auto *bar = new DockTitle(dock);
    dock->setTitleBarWidget(bar);
    if (titleBar != nullptr)
        *titleBar = bar;
    dock->setWidget(content);
    dock->toggleViewAction()->setShortcut(shortcut);
    addDockWidget(area, dock);
    for (const auto signal : {&QDockWidget::topLevelChanged, &QDockWidget::visibilityChanged})
        connect(dock, signal, this, [this] { m_layoutTimer.start(); });
    connect(dock, &QDockWidget::dockLocationChanged, this, [this] { m_layoutTimer.start(); });
    return dock;
}

void MainWindow::buildDocks() {
    setDockOptions(AnimatedDocks | AllowTabbedDocks | AllowNestedDocks);
    setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    m_tensorPanel = new TensorPanel;
    m_tensorPanel->setMinimumWidth(260);
    m_recipePanel = new RecipePanel;
    m_numbersPanel = new NumbersPanel;
    m_tensorDock = addDock(QStringLiteral("tensors"), tr("Tensors"), m_tensorPanel, Qt::LeftDockWidgetArea,
                           QKeySequence(Qt::Key_F7), nullptr);
    m_recipeDock = addDock(QStringLiteral("recipe"), tr("Recipe"), m_recipePanel, Qt::RightDockWidgetArea,
                           QKeySequence(Qt::Key_F8), nullptr);
    m_numbersDock = addDock(QStringLiteral("numbers"), tr("Numbers"), m_numbersPanel, Qt::RightDockWidgetArea,
                            QKeySequence(Qt::Key_F9), &m_numbersTitle);
    m_layoutTimer.setSingleShot(true);
    m_layoutTimer.setInterval(saveDelayMilliseconds);
    connect(&m_layoutTimer, &QTimer::timeout, this, &MainWindow::saveLayout);
}

void MainWindow::buildMenus() {
    const Actions &a = *m_actions;
    const auto add = [&a](QMenu *menu, std::initializer_list<ActionId> ids) {
        for (const ActionId id : ids)
            menu->addAction(a[id]);
    };
    QMenu *file = menuBar()->addMenu(tr("&File"));
    add(file, {ActionId::OpenFile, ActionId::OpenFolder, ActionId::OpenSample});
    m_recentMenu = file->addMenu(tr("Open &Recent"));
    add(file, {ActionId::Reload});
    file->addSeparator();
    QMenu *exports = file->addMenu(tr("&Export"));
    exports->setObjectName(QStringLiteral("exports"));
    add(exports, {ActionId::ExportQuantized, ActionId::ExportSelected});
    add(exports->addMenu(tr("&Dequantized safetensors")),
        {ActionId::ExportAsSource, ActionId::ExportF32, ActionId::ExportF16, ActionId::ExportBf16});
    add(exports, {ActionId::ExportCsv, ActionId::ExportJson});
    add(file, {ActionId::Report});
    file->addSeparator();
    add(file, {ActionId::OpenSession, ActionId::SaveSession});
    file->addSeparator();
    add(file, {ActionId::CloseModel, ActionId::Quit});

    QMenu *edit = menuBar()->addMenu(tr("&Edit"));
    add(edit, {ActionId::Undo, ActionId::Redo});
    edit->addSeparator();
    add(edit, {ActionId::CopyPlot, ActionId::CopyCommand});
    edit->addSeparator();
    add(edit, {ActionId::FindTensor, ActionId::Preferences});

    QMenu *view = menuBar()->addMenu(tr("&View"));
    add(view, {ActionId::PageDistribution, ActionId::PageBins, ActionId::PageLayers, ActionId::PageMemory,
               ActionId::PageSpeed, ActionId::PageAccuracy, ActionId::PageActivations});
    view->addSeparator();
    for (QDockWidget *dock : {m_tensorDock, m_recipeDock, m_numbersDock})
        view->addAction(dock->toggleViewAction());
    view->addSeparator();
    add(view, {ActionId::ShowAsTable, ActionId::ResetZoom});
    add(view->addMenu(tr("T&heme")),
        {ActionId::ThemeSystem, ActionId::ThemeLight, ActionId::ThemeDark, ActionId::ThemeHighContrast});
    add(view->addMenu(tr("Text Si&ze")), {ActionId::Text100, ActionId::Text125, ActionId::Text150, ActionId::Text200});
    view->addAction(m_toolBar->toggleViewAction());
    add(view, {ActionId::ResetLayout, ActionId::FullScreen});

    QMenu *recipe = menuBar()->addMenu(tr("Re&cipe"));
    m_presetMenu = recipe->addMenu(tr("&Presets"));
    add(recipe, {ActionId::LoadRecipe, ActionId::SaveRecipe});
    recipe->addSeparator();
    add(recipe, {ActionId::PinBaseline, ActionId::SwapBaseline, ActionId::ClearBaseline});
    recipe->addSeparator();
    add(recipe, {ActionId::WhichTensors, ActionId::ToggleQuantize});

    QMenu *run = menuBar()->addMenu(tr("&Run"));
    add(run, {ActionId::RunModel, ActionId::CancelJob});
    run->addSeparator();
    add(run, {ActionId::Calibrate, ActionId::Evaluate, ActionId::MeasureSpeed});
    m_isaMenu = run->addMenu(tr("&Instruction Set"));

    add(menuBar()->addMenu(tr("&Go")),
        {ActionId::Back, ActionId::Forward, ActionId::PreviousTensor, ActionId::NextTensor, ActionId::WorstTensor,
         ActionId::PreviousGroup, ActionId::NextGroup});
    add(menuBar()->addMenu(tr("&Help")), {ActionId::Shortcuts, ActionId::Meanings, ActionId::About});
    for (QMenu *menu : menuBar()->findChildren<QMenu *>())
        menu->setToolTipsVisible(true);
}

void MainWindow::buildToolBar() {
    m_toolBar = addToolBar(tr("Tool Bar"));
    m_toolBar->setObjectName(QStringLiteral("toolBar"));
    m_toolBar->setMovable(false);
    m_toolBar->setIconSize({20, 20});
    m_toolBar->setContextMenuPolicy(Qt::PreventContextMenu);
    const Actions &a = *m_actions;
    const auto button = [&](ActionId id, const QString &text) {
        auto *button = new QToolButton;
        button->setDefaultAction(a[id]);
        button->setToolButtonStyle(text.isEmpty() ? Qt::ToolButtonIconOnly : Qt::ToolButtonTextBesideIcon);
        if (!text.isEmpty()) { // the action's own text is the menu's
            const auto keep = [button, text] {
                if (button->text() != text)
                    button->setText(text);
            };
            connect(a[id], &QAction::changed, button, keep, Qt::QueuedConnection);
            keep();
        }
        m_toolBar->addWidget(button);
        return button;
    };
    auto *open = button(ActionId::OpenFile, tr("Open"));
    open->setPopupMode(QToolButton::MenuButtonPopup);
    open->setObjectName(QStringLiteral("openButton"));
    auto *exports = new QToolButton;
    exports->setText(tr("Export"));
    exports->setIcon(themeIcon(QStringLiteral("export")));
    exports->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    exports->setPopupMode(QToolButton::InstantPopup);
    exports->setObjectName(QStringLiteral("exportButton"));
    m_toolBar->addWidget(exports);
    button(ActionId::Report, tr("Report"));
    m_toolBar->addSeparator();
    button(ActionId::Undo, {});
    button(ActionId::Redo, {});
    m_toolBar->addSeparator();
    button(ActionId::Back, {});
    button(ActionId::Forward, {});
    m_toolBar->addSeparator();
    // Run or Cancel, by what goes on; its icon is in the colour of text on the accent.
    m_runButton = new QToolButton;
    m_runButton->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    connect(m_runButton, &QToolButton::clicked, this, [this] {
        (*m_actions)[m_session->run().isRunning() ? ActionId::CancelJob : ActionId::RunModel]->trigger();
    });
    m_toolBar->addWidget(m_runButton);
    button(ActionId::PinBaseline, tr("Pin baseline"));
    auto *stretch = new QWidget;
    stretch->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    m_toolBar->addWidget(stretch);
    m_baselineChip = new BaselineChip(a[ActionId::SwapBaseline], a[ActionId::ClearBaseline]);
    m_baselineChipAction = m_toolBar->addWidget(m_baselineChip);
    m_baselineChipAction->setVisible(false);
    auto *theme = new QToolButton;
    theme->setIcon(themeIcon(QStringLiteral("theme")));
    theme->setToolTip(tr("Light or dark"));
    theme->setAccessibleName(tr("Light or dark"));
    connect(theme, &QToolButton::clicked, this,
            [this] { (*m_actions)[currentTheme().dark() ? ActionId::ThemeLight : ActionId::ThemeDark]->trigger(); });
    m_toolBar->addWidget(theme);
}

void MainWindow::buildStatusBar() {
    m_readout = new QLabel(tr("Open a model to begin"));
    m_readout->setTextInteractionFlags(Qt::NoTextInteraction);
    m_readout->setContentsMargins(6, 0, 0, 0);
    m_readout->setMinimumWidth(80);
    m_readout->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_jobStatus = new JobStatus;
    m_machineStatus = new MachineStatus;
    statusBar()->setSizeGripEnabled(false);
    statusBar()->addWidget(m_readout, 1);
    statusBar()->addPermanentWidget(m_jobStatus);
    statusBar()->addPermanentWidget(m_machineStatus);
}

// Layout -------------------------------------------------------------------------------------------------------------

void MainWindow::resetLayout() {
    m_settings.forgetDocks();
    m_pages->resetSizes();
    for (QDockWidget *dock : {m_tensorDock, m_recipeDock, m_numbersDock}) {
        dock->setFloating(false);
        dock->show();
    }
    addDockWidget(Qt::LeftDockWidgetArea, m_tensorDock);
    addDockWidget(Qt::RightDockWidgetArea, m_recipeDock);
    addDockWidget(Qt::RightDockWidgetArea, m_numbersDock);
    splitDockWidget(m_recipeDock, m_numbersDock, Qt::Vertical);
    m_numbersTabbed = false;
    m_toolBar->show();
    fitToWidth();
    const Theme theme = currentTheme();
    resizeDocks({m_tensorDock, m_recipeDock}, {tensorsWidth, theme.scaled(recipeWidth)}, Qt::Horizontal);
    resizeDocks({m_recipeDock, m_numbersDock}, {recipeHeight, numbersHeight}, Qt::Vertical);
}

void MainWindow::restoreLayout() {
    setMinimumSize(minimumWindow);
    resize(defaultSize);
    if (!restoreGeometry(m_settings.geometry()) || m_settings.geometry().isEmpty())
        resize(defaultSize);
    // A screen that is gone: back to where it can be seen.
    const QList<QScreen *> screens = QGuiApplication::screens();
    const bool seen = std::any_of(screens.begin(), screens.end(), [this](const QScreen *screen) {
        return screen->availableGeometry().intersects(frameGeometry());
    });
    if (!seen && !screens.isEmpty())
        move(screens.first()->availableGeometry().topLeft());
    const QByteArray docks = m_settings.docks();
    if (docks.isEmpty() || !restoreState(docks, Settings::layoutVersion))
        resetLayout();
    m_layoutReady = true;
}

void MainWindow::saveLayout() {
    if (m_layoutReady && isVisible())
        m_settings.setLayout(saveGeometry(), saveState(Settings::layoutVersion));
}

// In a narrow window, or one that is low for its text size, the numbers stand behind the recipe.
void MainWindow::fitToWidth() {
    const bool narrow = width() < narrowWindow || height() < currentTheme().scaled(lowWindow);
    if (narrow == m_numbersTabbed || m_numbersDock->isFloating() || m_recipeDock->isFloating())
        return;
    m_numbersTabbed = narrow;
    if (narrow) {
        tabifyDockWidget(m_recipeDock, m_numbersDock);
        m_recipeDock->raise();
    } else {
        removeDockWidget(m_numbersDock);
        addDockWidget(Qt::RightDockWidgetArea, m_numbersDock);
        splitDockWidget(m_recipeDock, m_numbersDock, Qt::Vertical);
        m_numbersDock->show();
        resizeDocks({m_recipeDock, m_numbersDock}, {recipeHeight, numbersHeight}, Qt::Vertical);
    }
}

void MainWindow::resizeEvent(QResizeEvent *event) {
    QMainWindow::resizeEvent(event);
    if (m_layoutReady) {
        fitToWidth();
        m_layoutTimer.start();
    }
}

// F6 and Shift+F6: tool bar, tensors, pages, recipe, numbers.
void MainWindow::cycleRegions(int step) {
    const std::vector<QWidget *> regions{m_toolBar, m_tensorPanel, m_centre, m_recipePanel, m_numbersPanel};
    const QWidget *focus = QApplication::focusWidget();
    std::size_t present = 0;
    for (std::size_t i = 0; i < regions.size(); ++i)
        if (focus != nullptr && (regions[i] == focus || regions[i]->isAncestorOf(focus)))
            present = i;
    for (std::size_t tried = 1; tried <= regions.size(); ++tried) {
        const std::size_t count = regions.size();
        QWidget *region = regions[step > 0 ? (present + tried) % count : (present + count - tried) % count];
        if (!region->isVisible())
            continue;
        const auto children = region->findChildren<QWidget *>();
        const auto target = std::find_if(children.begin(), children.end(), [](const QWidget *child) {
            return child->isVisible() && child->isEnabled() && (child->focusPolicy() & Qt::TabFocus) != 0;
        });
        if (target != children.end()) {
            (*target)->setFocus(Qt::TabFocusReason);
            return;
        }
    }
}

} // namespace nibblescope
