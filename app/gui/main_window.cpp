// SPDX-License-Identifier: GPL-3.0-or-later
// The wiring: what the session says is shown, what the user does is asked of the session.
#include "app/gui/main_window.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QDockWidget>
#include <QFile>
#include <QFileSystemWatcher>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QShortcut>
#include <QStackedWidget>
#include <QStyle>
#include <QToolButton>

#include <utility>

#include <unistd.h>

#include "app/gui/baseline_chip.h"
#include "app/gui/calibration_window.h"
#include "app/gui/dock_title.h"
#include "app/gui/document_jobs.h"
#include "app/gui/pages.h"
#include "core/kernels/kernels.h"
#include "core/quant/quantize.h"
#include "core/report/command_line.h"
#include "core/report/number_text.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/numbers_panel.h"
#include "widgets/panels/preferences_panel.h"
#include "widgets/panels/recipe_panel.h"
#include "widgets/panels/status_widgets.h"
#include "widgets/panels/tensor_panel.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int openingNoteMilliseconds = 300;
constexpr int memoryIntervalMilliseconds = 2000;
constexpr int smallestRecipeWidth = 264;
constexpr int smallestNumbersWidth = 220;

struct ThemeRow {
    ActionId action;
    const char *id;
    ThemeChoice choice;
};
constexpr ThemeRow themes[] = {{ActionId::ThemeSystem, "system", ThemeChoice::System},
                               {ActionId::ThemeLight, "light", ThemeChoice::Light},
                               {ActionId::ThemeDark, "dark", ThemeChoice::Dark},
                               {ActionId::ThemeHighContrast, "high-contrast", ThemeChoice::HighContrast}};

Theme themeOf(const Preferences &preferences) {
    ThemeChoice choice = ThemeChoice::System;
    for (const ThemeRow &row : themes)
        if (preferences.theme == QLatin1String(row.id))
            choice = row.choice;
    return Theme(choice, preferences.textSize, systemPalette());
}

struct TextSizeRow {
    ActionId action;
    int percent;
};
constexpr TextSizeRow textSizes[] = {
    {ActionId::Text100, 100}, {ActionId::Text125, 125}, {ActionId::Text150, 150}, {ActionId::Text200, 200}};

// Resident memory of this process in bytes; 0 where the system does not say.
std::uint64_t residentBytes() {
    QFile file(QStringLiteral("/proc/self/statm"));
    if (!file.open(QIODevice::ReadOnly))
        return 0;
    const QList<QByteArray> fields = file.readAll().split(' ');
    return fields.size() < 2 ? 0 : fields[1].toULongLong() * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

QString shortName(const TensorInfo &info) { return QString::fromStdString(shortTensorName(info.name)); }

} // namespace

MainWindow::MainWindow(JobRunner &runner, QWidget *parent)
    : QMainWindow(parent), m_runner(runner), m_session(new Session(runner, this)), m_actions(new Actions(this)),
      m_documents(new DocumentJobs(*m_session, this)) {
    setObjectName(QStringLiteral("mainWindow"));
    setAcceptDrops(true);
    m_preferences = m_settings.preferences();
    applyTheme(*qApp, themeOf(m_preferences)); // before anything is laid out
    m_watcher = new QFileSystemWatcher(this);
    buildCentre();
    buildDocks();
    buildToolBar();
    buildMenus();
    buildStatusBar();
    connectSession();
    connectDocks();
    m_calibration = new CalibrationWindow(*m_session, *m_recipePanel, this);
    connect(m_calibration, &CalibrationWindow::messageRaised, this, &MainWindow::showMessage);
    connectActions();
    connectFileActions();
    connectTensorActions();
    applyPreferences(m_settings.preferences());
    m_recipePanel->setUserPresets(m_settings.userPresets());
    m_tensorPanel->restoreState(m_settings.value(QStringLiteral("layout/tree")));
    showRecipe();
    showModel();
    restoreLayout();

    m_memoryTimer.setInterval(memoryIntervalMilliseconds);
    connect(&m_memoryTimer, &QTimer::timeout, this, [this] { m_machineStatus->setMemory(residentBytes()); });
    m_memoryTimer.start();
    m_machineStatus->setMemory(residentBytes());
}

// The children live a little longer than the members that their signals lead to.
MainWindow::~MainWindow() {
    m_session->disconnect(this);
    m_session->accuracy().disconnect(this);
    delete std::exchange(m_calibration, nullptr);
    m_session->selection().disconnect(this);
    m_documents->disconnect(this);
    m_runner.dropAll();
    for (QDockWidget *dock : {m_tensorDock, m_recipeDock, m_numbersDock})
        dock->disconnect(this);
    hide();
}

// The session ---------------------------------------------------------------------------------------------------------

void MainWindow::connectSession() {
    Session &session = *m_session;
    connect(&session, &Session::modelChanged, this, &MainWindow::showModel);
    connect(&session, &Session::descriptionsChanged, this, &MainWindow::showDescriptions);
    connect(&session, &Session::recipeChanged, this, &MainWindow::showRecipe);
    connect(&session, &Session::baselineChanged, this, &MainWindow::showBaseline);
    connect(&session, &Session::baselineResultsChanged, this, &MainWindow::showBaseline);
    connect(&session, &Session::viewChanged, this, &MainWindow::showNumbers);
    connect(&session, &Session::resultChanged, this, [this](int tensor, const SharedResult &result) {
        // Results of the baseline and of older recipes are known to the store; the tree shows the present ones.
        const TensorResult &described = m_session->described()[static_cast<std::size_t>(tensor)];
        if (!result->quantized || result->recipe == described.recipe)
            m_tensorPanel->setResult(tensor, *result);
        if (m_session->selection().many())
            showNumbers();
    });
    connect(&session, &Session::messageRaised, this, &MainWindow::showMessage);
    connect(&session, &Session::openFailed, this, &MainWindow::openFailed);
    connect(&session, &Session::runChanged, this, &MainWindow::showJob);
    connect(m_documents, &DocumentJobs::changed, this, &MainWindow::showJob);
    connect(&session.accuracy(), &Accuracy::progressed, this, &MainWindow::showJob);
    connect(&session.accuracy(), &Accuracy::ended, this, &MainWindow::showJob);
    connect(&session.calibration(), &Calibration::progressed, this, &MainWindow::showJob);
    connect(m_documents, &DocumentJobs::messageRaised, this, &MainWindow::showMessage);

    // Many signals make one update.
    m_actionsTimer.setSingleShot(true);
    m_actionsTimer.setInterval(0);
    connect(&m_actionsTimer, &QTimer::timeout, this, &MainWindow::showActions);
    const auto later = [this] { m_actionsTimer.start(); };
    connect(&session, &Session::historyChanged, this, later);
    connect(&session, &Session::setupChanged, this, later);
    connect(&session, &Session::modelChanged, this, later);
    connect(&session, &Session::runChanged, this, later);
    connect(m_documents, &DocumentJobs::changed, this, later);
    connect(&session.accuracy(), &Accuracy::progressed, this, later);
    connect(&session.accuracy(), &Accuracy::ended, this, later);
    connect(&session.calibration(), &Calibration::progressed, this, later);
    connect(&session.selection(), &Selection::historyChanged, this, later);

    Selection &selection = session.selection();
    connect(&selection, &Selection::tensorChanged, this, &MainWindow::showSelection);
    connect(&selection, &Selection::tensorsChanged, this, &MainWindow::showSelection);

    m_openingTimer.setSingleShot(true);
    m_openingTimer.setInterval(openingNoteMilliseconds);
    connect(&m_openingTimer, &QTimer::timeout, this, [this] { m_readout->setText(tr("reading headers...")); });
    connect(&session, &Session::openingChanged, this, [this](bool opening) {
        if (opening)
            m_openingTimer.start();
        else {
            m_openingTimer.stop();
            m_readout->clear();
        }
    });
}

void MainWindow::showModel() {
    const auto &model = m_session->model();
    m_centre->setCurrentWidget(model ? static_cast<QWidget *>(m_pages) : m_empty);
    setWindowTitle(model ? tr("%1 - Nibblescope").arg(QString::fromStdString(model->name)) : tr("Nibblescope"));
    m_tensorPanel->setTensors(m_session->described());
    m_tensorPanel->setReadOnly(m_session->isStored(), tr("stored in the file"));
    m_recipePanel->setStored(m_session->isStored());
    m_numbersPanel->setEmptyText(model ? tr("Choose a tensor in the tree (Ctrl+F)") : tr("No model open"));
    if (model) {
        showDescriptions();
        const QString path = QString::fromStdString(model->path.string());
        m_settings.addRecent(path);
        m_readout->clear();
        m_tensorPanel->setFocus();
    } else {
        m_recipePanel->setModel(std::nullopt);
        m_readout->setText(tr("Open a model to begin"));
        m_empty->focusDefault();
    }
    watchModel();
    showRecentFiles();
    showSelection();
    showNumbers();
    showActions();
}

void MainWindow::showDescriptions() {
    const auto &described = m_session->described();
    m_tensorPanel->setDescriptions(described, m_session->setup().rule);
    RecipePanel::ModelShapes shapes;
    shapes.tensors = described.size();
    for (std::size_t i = 0; i < described.size(); ++i) {
        if (described[i].quantized)
            shapes.quantized.push_back(described[i].shape);
        if (const SharedResult result = m_session->result(static_cast<int>(i)))
            m_tensorPanel->setResult(static_cast<int>(i), *result);
    }
    m_recipePanel->setModel(shapes);
    showSelection();
}

void MainWindow::showRecipe() {
    Recipe recipe = m_session->recipe();
    if (m_session->isStored())
        for (const TensorResult &result : m_session->described())
            if (result.quantized) {
                recipe = result.recipe;
                break;
            }
    m_recipePanel->setRecipe(recipe);
}

void MainWindow::showBaseline() {
    const auto &baseline = m_session->baseline();
    m_recipePanel->setBaseline(baseline);
    std::vector<std::optional<double>> sqnr;
    if (baseline) {
        m_baselineChip->setBaseline(*baseline);
        for (std::size_t i = 0; i < m_session->described().size(); ++i) {
            const SharedResult result = m_session->baselineResult(static_cast<int>(i));
            sqnr.push_back(result && result->metrics ? result->metrics->sqnrDb : std::nullopt);
        }
    }
    m_baselineChipAction->setVisible(baseline.has_value());
    m_tensorPanel->setBaseline(baseline ? QString::fromStdString(shortForm(*baseline)) : QString(), sqnr);
    showNumbers();
}

void MainWindow::showSelection() {
    const Selection &selection = m_session->selection();
    m_tensorPanel->setSelection(selection.tensors(), selection.tensor());
    const auto &described = m_session->described();
    const int tensor = selection.tensor();
    if (tensor >= 0 && static_cast<std::size_t>(tensor) < described.size()) {
        const TensorResult &result = described[static_cast<std::size_t>(tensor)];
        m_recipePanel->setTensor(shortName(result.info), result.quantized ? std::optional(result.shape) : std::nullopt);
        m_settings.setLastTensor(QString::fromStdString(m_session->model()->path.string()), result.info.name);
    } else {
        m_recipePanel->setTensor({}, std::nullopt);
    }
    showNumbers();
    m_actionsTimer.start();
}

void MainWindow::showNumbers() {
    const Selection &selection = m_session->selection();
    const int tensor = selection.tensor();
    const auto withTitle = [](NumbersSource numbers, const std::optional<Recipe> &recipe) {
        if (recipe && recipe->format != Format::None)
            numbers.recipe = QString::fromStdString(shortForm(*recipe));
        return numbers;
    };
    if (!m_session->model() || tensor < 0) {
        m_numbersPanel->setNumbers(std::nullopt);
        return;
    }
    if (selection.many()) {
        std::vector<TensorResult> current;
        std::vector<TensorResult> baseline;
        for (const int index : selection.tensors()) {
            const SharedResult result = m_session->result(index);
            current.push_back(result ? *result : m_session->described()[static_cast<std::size_t>(index)]);
            if (const SharedResult pinned = m_session->baselineResult(index))
                baseline.push_back(*pinned);
        }
        std::optional<NumbersSource> against;
        if (!baseline.empty())
            against = withTitle(numbersOf(baseline), m_session->baseline());
        m_numbersPanel->setNumbers(withTitle(numbersOf(current), m_session->recipe()), against);
        return;
    }
    const TensorLoader &loader = m_session->loader();
    const TensorResult &described = m_session->described()[static_cast<std::size_t>(tensor)];
    if (loader.tensor() == tensor && loader.current()) {
        if (m_session->isStored() && described.quantized) { // bits are known, errors would need the original
            NumbersSource stored = numbersOf(described);
            stored.kurtosis = loader.current()->result.statistics.kurtosis;
            stored.noMetrics = tr("the original is not open");
            m_numbersPanel->setNumbers(stored);
            return;
        }
        std::optional<NumbersSource> against;
        if (loader.baseline())
            against = numbersOf(loader.baseline()->result);
        m_numbersPanel->setNumbers(numbersOf(loader.current()->result), against);
        return;
    }
    const SharedResult known = m_session->result(tensor);
    NumbersSource numbers = numbersOf(known ? *known : described);
    if (!known && described.quantized) {
        numbers.noMetrics = loader.failure() ? QString::fromStdString(loader.failure()->text) : tr("computing");
        if (numbers.noMetrics.endsWith(QLatin1Char('.')))
            numbers.noMetrics.chop(1); // it becomes part of a sentence
    }
    m_numbersPanel->setNumbers(numbers);
}

void MainWindow::showActions() {
    const Selection &selection = m_session->selection();
    ActionState state;
    state.model = m_session->model() != nullptr;
    state.stored = m_session->isStored();
    state.recipe = m_session->recipe().format != Format::None;
    state.tensor = selection.tensor() >= 0;
    state.baseline = m_session->baseline().has_value();
    state.running = m_session->run().isRunning();
    state.busy = state.running || m_documents->isBusy() || m_pages->isBusy() || m_session->accuracy().isRunning() ||
                 m_session->calibration().isMaking();
    state.back = selection.canGoBack();
    state.forward = selection.canGoForward();
    state.undoText = QString::fromStdString(m_session->history().undoText());
    state.redoText = QString::fromStdString(m_session->history().redoText());
    m_actions->update(state);
    auto *exportButton = m_toolBar->findChild<QToolButton *>(QStringLiteral("exportButton"));
    exportButton->setEnabled(state.model);
    exportButton->setToolTip(state.model ? tr("Write quantized or dequantized weights, or the table")
                                         : tr("Open a model first"));
    showRunButton(state.running);
}

// While a run is on, the button cancels it.
void MainWindow::showRunButton(bool running) {
    const QAction *action = (*m_actions)[running ? ActionId::CancelJob : ActionId::RunModel];
    m_runButton->setText(running ? tr("Cancel run") : tr("Run whole model"));
    m_runButton->setEnabled(action->isEnabled());
    m_runButton->setToolTip(action->toolTip());
    m_runEscape->setEnabled(running);
    const bool primary = !running;
    m_runButton->setIcon(running               ? themeIcon(QStringLiteral("stop"))
                         : action->isEnabled() ? themeIcon(QStringLiteral("run"), UiColour::AccentText)
                                               : themeIcon(QStringLiteral("run")));
    if (m_runButton->property("primary").toBool() != primary) {
        m_runButton->setProperty("primary", primary);
        style()->unpolish(m_runButton);
        style()->polish(m_runButton);
    }
}

void MainWindow::showJob() {
    QString name;
    const ModelRun &run = m_session->run();
    const ModelRun::Status status = run.status();
    if (run.isRunning())
        name = tr("Quantizing with %1").arg(QString::fromStdString(shortForm(run.plan().recipe)));
    else if (m_documents->isBusy())
        name = m_documents->name();
    else if (m_session->calibration().isMaking())
        name = tr("Calibrating");
    else if (m_session->accuracy().isRunning()) {
        const Accuracy::Status &evaluation = m_session->accuracy().status();
        const std::vector<AccuracyRunning> &running = evaluation.running;
        name = running.size() > 1 ? tr("Evaluating %1 recipes").arg(running.size())
                                  : tr("Evaluating %1").arg(QString::fromStdString(shortForm(running.front().recipe)));
        if (evaluation.products != Products::Blas)
            name += tr(", ") + QString::fromUtf8(traits(evaluation.products).shortName.data());
    }
    if (name.isEmpty()) {
        if (!m_shownJob.isEmpty())
            m_jobStatus->finish();
    } else {
        if (name != m_shownJob)
            m_jobStatus->start(name);
        if (run.isRunning()) {
            const auto left = TimeLeft().seconds(status.elapsedSeconds, static_cast<int>(status.doneHere),
                                                 status.bytesDone, status.bytes);
            m_jobStatus->setProgress(status.bytesDone, status.bytes, tr("%1 of %2").arg(status.done).arg(status.total),
                                     left);
        } else if (!m_documents->isBusy() && m_session->calibration().isMaking()) {
            const auto percent = static_cast<std::uint64_t>(100 * m_session->calibration().share());
            m_jobStatus->setProgress(percent, 100, tr("%1 %").arg(percent), m_session->calibration().secondsLeft());
        } else if (!m_documents->isBusy()) {
            const Accuracy::Status &evaluation = m_session->accuracy().status();
            const auto percent = static_cast<std::uint64_t>(100 * evaluation.share);
            m_jobStatus->setProgress(percent, 100, tr("%1 %").arg(percent), m_session->accuracy().secondsLeft());
        } else {
            const Progress &progress = m_documents->progress();
            const QString text = progress.total == 0
                                     ? QString()
                                     : tr("%1 %").arg(100 * progress.done / std::max<std::uint64_t>(1, progress.total));
            m_jobStatus->setProgress(progress.done, progress.total, text, std::nullopt);
        }
    }
    m_shownJob = name;
}

void MainWindow::showMessage(const Message &message) { m_messages->show(message); }

// Docks --------------------------------------------------------------------------------------------------------------

void MainWindow::connectDocks() {
    Selection &selection = m_session->selection();
    connect(m_tensorPanel, &TensorPanel::selectionChanged, this,
            [&selection](const std::vector<int> &tensors, int current) { selection.selectTensors(tensors, current); });
    connect(m_tensorPanel, &TensorPanel::activated, this, [this](int tensor) {
        m_session->selection().selectTensor(tensor);
        m_pages->show(PageId::Distribution);
    });
    connect(m_tensorPanel, &TensorPanel::quantizeToggled, m_session, &Session::setQuantized);
    connect(m_tensorPanel, &TensorPanel::layoutChosen, m_session, &Session::setLayout);
    connect(m_tensorPanel, &TensorPanel::ruleEdited, m_session, &Session::setRule);
    connect(m_tensorPanel, &TensorPanel::copyCommandRequested, this, &MainWindow::copyCommand);
    connect(m_tensorPanel, &TensorPanel::exportRequested, this,
            [this](const std::vector<int> &tensors) { exportQuantized(tensors); });
    connect(m_tensorPanel, &TensorPanel::stateChanged, this,
            [this] { m_settings.setValue(QStringLiteral("layout/tree"), m_tensorPanel->saveState()); });
    connect(m_recipePanel, &RecipePanel::recipeEdited, this,
            [this](const Recipe &recipe) { m_session->setRecipe(recipe); });
    connect(m_recipePanel, &RecipePanel::whichTensorsRequested, (*m_actions)[ActionId::WhichTensors],
            &QAction::trigger);
    connect(m_recipePanel, &RecipePanel::problemChanged, this, [this](const QString &problem) {
        const QString topic = QStringLiteral("recipe");
        if (problem.isEmpty())
            m_messages->closeTopic(topic);
        else
            m_messages->show({Severity::Warning, problem, {}, topic, false});
    });
    connect(m_numbersPanel, &NumbersPanel::titleChanged, m_numbersTitle, &DockTitle::setSubject);
    connect(m_pages, &Pages::readoutChanged, m_readout, &QLabel::setText);
    connect(m_pages, &Pages::exportSizeRequested, this, &MainWindow::showPreferences);
    connect(m_pages, &Pages::messageRaised, this, &MainWindow::showMessage);
    connect(m_pages, &Pages::measuringChanged, &m_actionsTimer, qOverload<>(&QTimer::start));
    connect(m_jobStatus, &JobStatus::cancelRequested, (*m_actions)[ActionId::CancelJob], &QAction::trigger);
    connect(m_empty, &EmptyState::openSampleRequested, this, &MainWindow::openSample);
    connect(m_empty, &EmptyState::openFileRequested, this, &MainWindow::chooseFile);
    connect(m_empty, &EmptyState::openFolderRequested, this, &MainWindow::chooseFolder);
    connect(m_empty, &EmptyState::openRecentRequested, this, &MainWindow::openPath);
    connect(m_empty, &EmptyState::clearRecentRequested, this, [this] {
        m_settings.clearRecent();
        showRecentFiles();
    });
    m_empty->setSampleAvailable(!samplePath().isEmpty());
    (*m_actions)[ActionId::OpenSample]->setVisible(!samplePath().isEmpty());
}

// Actions ------------------------------------------------------------------------------------------------------------

void MainWindow::connectActions() {
    const Actions &a = *m_actions;
    const auto on = [&](ActionId id, auto &&call) { connect(a[id], &QAction::triggered, this, call); };
    on(ActionId::Quit, [this] { close(); });
    on(ActionId::Undo, [this] { m_session->undo(); });
    on(ActionId::Redo, [this] { m_session->redo(); });
    on(ActionId::CopyPlot, [this] { m_pages->copyPlot(); });
    on(ActionId::CopyCommand, [this] { copyCommand(m_session->selection().tensor()); });
    on(ActionId::Preferences, [this] { showPreferences(); });
    const std::pair<ActionId, PageId> pages[] = {{ActionId::PageDistribution, PageId::Distribution},
                                                 {ActionId::PageBins, PageId::Bins},
                                                 {ActionId::PageLayers, PageId::Layers},
                                                 {ActionId::PageMemory, PageId::Memory},
                                                 {ActionId::PageSpeed, PageId::Speed},
                                                 {ActionId::PageAccuracy, PageId::Accuracy},
                                                 {ActionId::PageActivations, PageId::Activations}};
    for (const auto &page : pages)
        on(page.first, [this, id = page.second] { m_pages->show(id); });
    connect(m_pages, &Pages::pageChanged, this, [this, &a, pages](PageId id) {
        for (const auto &page : pages)
            if (page.second == id)
                a[page.first]->setChecked(true);
        a[ActionId::ShowAsTable]->setChecked(m_pages->tableShown());
    });
    a[ActionId::PageDistribution]->setChecked(true);
    on(ActionId::ShowAsTable, [this](bool shown) { m_pages->setTableShown(shown); });
    connect(m_pages, &Pages::tableShownChanged, a[ActionId::ShowAsTable], &QAction::setChecked);
    on(ActionId::ResetZoom, [this] { m_pages->resetZoom(); });
    for (const ThemeRow &row : themes)
        on(row.action, [this, id = row.id] {
            Preferences changed = m_preferences;
            changed.theme = QString::fromLatin1(id);
            applyPreferences(changed);
        });
    for (const TextSizeRow &row : textSizes)
        on(row.action, [this, percent = row.percent] {
            Preferences changed = m_preferences;
            changed.textSize = percent;
            applyPreferences(changed);
        });
    on(ActionId::ResetLayout, [this] { resetLayout(); });
    on(ActionId::FullScreen, [this](bool full) { full ? showFullScreen() : showNormal(); });
    on(ActionId::PinBaseline, [this] { m_session->pinBaseline(); });
    on(ActionId::SwapBaseline, [this] { m_session->swapWithBaseline(); });
    on(ActionId::ClearBaseline, [this] { m_session->clearBaseline(); });
    on(ActionId::RunModel, [this] { m_session->startRun(); });
    on(ActionId::CancelJob, [this] {
        m_session->stopRun();
        m_documents->cancel();
        m_pages->cancelJobs();
        m_session->accuracy().stop();
        m_session->calibration().stop();
    });
    m_runEscape = new QShortcut(QKeySequence(Qt::Key_Escape), m_runButton, nullptr, nullptr, Qt::WidgetShortcut);
    connect(m_runEscape, &QShortcut::activated, a[ActionId::CancelJob], &QAction::trigger);
    on(ActionId::MeasureSpeed, [this] {
        m_pages->show(PageId::Speed);
        m_pages->measureSpeed();
    });
    on(ActionId::Calibrate, [this] { m_calibration->show(); });
    on(ActionId::Evaluate, [this] { m_pages->evaluate(); });
    on(ActionId::Shortcuts, [this] { showShortcuts(); });
    on(ActionId::Meanings, [this] { showMeanings(); });
    on(ActionId::About, [this] { showAbout(); });

    auto *group = new QActionGroup(this);
    const auto addIsa = [&](const QString &text, const QString &id) {
        QAction *action = m_isaMenu->addAction(text);
        action->setCheckable(true);
        action->setData(id);
        group->addAction(action);
        connect(action, &QAction::triggered, this, [this, id] {
            Preferences changed = m_preferences;
            changed.instructionSet = id;
            applyPreferences(changed);
        });
    };
    addIsa(tr("&Auto"), QStringLiteral("auto"));
    for (const Isa isa : supportedIsas())
        addIsa(QString::fromUtf8(displayName(isa).data()), QString::fromUtf8(idOf(isa).data()));
    for (const Preset &preset : presets()) {
        QAction *action = m_presetMenu->addAction(QString::fromStdString(preset.name));
        action->setToolTip(QString::fromStdString(preset.help));
        connect(action, &QAction::triggered, this, [this, recipe = preset.recipe] {
            m_session->setRecipe(recipe);
            m_recipePanel->setGroupSizeByHand(true);
        });
    }
}

void MainWindow::connectTensorActions() {
    const Actions &a = *m_actions;
    const auto on = [&](ActionId id, auto &&call) { connect(a[id], &QAction::triggered, this, call); };
    on(ActionId::FindTensor, [this] {
        m_tensorDock->show();
        m_tensorDock->raise();
        m_tensorPanel->focusSearch();
    });
    on(ActionId::WhichTensors, [this] {
        m_tensorDock->show();
        m_tensorDock->raise();
        m_tensorPanel->showWhichTensors(true);
    });
    on(ActionId::ToggleQuantize, [this] { toggleQuantize(); });
    on(ActionId::Back, [this] { m_session->selection().goBack(); });
    on(ActionId::Forward, [this] { m_session->selection().goForward(); });
    on(ActionId::PreviousTensor, [this] { selectNeighbour(-1); });
    on(ActionId::NextTensor, [this] { selectNeighbour(1); });
    on(ActionId::WorstTensor, [this] { selectWorst(); });
    on(ActionId::PreviousGroup, [this] { m_pages->stepGroup(-1); });
    on(ActionId::NextGroup, [this] { m_pages->stepGroup(1); });
}

void MainWindow::selectNeighbour(int step) {
    const int next = m_tensorPanel->neighbour(m_session->selection().tensor(), step);
    if (next >= 0)
        m_session->selection().selectTensor(next);
}

void MainWindow::selectWorst() {
    int worst = -1;
    double lowest = 0;
    for (std::size_t i = 0; i < m_session->described().size(); ++i) {
        const SharedResult result = m_session->result(static_cast<int>(i));
        if (!result || !result->metrics || !result->metrics->sqnrDb)
            continue;
        if (worst < 0 || *result->metrics->sqnrDb < lowest) {
            worst = static_cast<int>(i);
            lowest = *result->metrics->sqnrDb;
        }
    }
    if (worst >= 0)
        m_session->selection().selectTensor(worst);
    else
        m_messages->show({Severity::Info,
                          tr("No tensor is measured with this recipe yet."),
                          {{tr("Run Whole Model"), [this] { m_session->startRun(); }}},
                          QStringLiteral("worst"),
                          false});
}

void MainWindow::toggleQuantize() {
    const auto &tensors = m_session->selection().tensors();
    if (tensors.empty())
        return;
    const auto current = static_cast<std::size_t>(m_session->selection().tensor());
    m_session->setQuantized(tensors, !m_session->described()[current].quantized);
}

void MainWindow::copyCommand(int tensor) {
    const auto &model = m_session->model();
    if (!model)
        return;
    const bool one = tensor >= 0 && m_pages->current() != PageId::Layers && m_pages->current() != PageId::Memory;
    const Setup &setup = m_session->setup();
    const std::string calibration = m_session->calibration().path().toStdString();
    const bool evaluation = m_pages->current() == PageId::Accuracy;
    const QString activations = m_pages->current() == PageId::Activations ? m_pages->activationCommands() : QString();
    std::string command = commandLineOf(evaluation ? "evaluate" : "analyze", model->path, setup.recipe, setup.rule,
                                        calibration.empty() ? std::string("FILE") : calibration);
    if (evaluation)
        command += " " + m_pages->evaluationOptions().toStdString();
    else if (one)
        command += " --only " + shellQuoted(model->tensors[static_cast<std::size_t>(tensor)].name);
    if (!activations.isEmpty())
        command = activations.toStdString();
    QApplication::clipboard()->setText(QString::fromStdString(command));
    m_messages->show(
        {Severity::Info, tr("Copied: %1").arg(QString::fromStdString(command)), {}, QStringLiteral("copied"), false});
}

// Preferences --------------------------------------------------------------------------------------------------------

void MainWindow::applyPreferences(const Preferences &preferences) {
    m_preferences = preferences;
    m_settings.setPreferences(preferences);
    for (const ThemeRow &row : themes)
        (*m_actions)[row.action]->setChecked(preferences.theme == QLatin1String(row.id));
    for (const TextSizeRow &row : textSizes)
        (*m_actions)[row.action]->setChecked(row.percent == preferences.textSize);
    if (!(themeOf(preferences) == currentTheme()))
        applyTheme(*qApp, themeOf(preferences));
    if (m_layoutReady)
        fitToWidth();
    m_recipePanel->setMinimumWidth(currentTheme().scaled(smallestRecipeWidth));
    m_numbersPanel->setMinimumWidth(currentTheme().scaled(smallestNumbersWidth));

    const auto threads = static_cast<unsigned>(std::max(0, preferences.threads));
    const unsigned wanted = threads == 0 ? std::max(1U, std::thread::hardware_concurrency()) : threads;
    if (m_runner.threads() != wanted)
        m_runner.setThreads(wanted);
    const Kernels *kernels = &selectKernels();
    QStringList sets;
    for (const Isa isa : supportedIsas()) {
        sets.append(QString::fromUtf8(displayName(isa).data()));
        if (preferences.instructionSet == QLatin1String(idOf(isa).data()) &&
            !qEnvironmentVariableIsSet("NIBBLESCOPE_ISA"))
            kernels = &kernelsFor(isa);
    }
    m_runner.setKernels(*kernels);
    const QList<QAction *> isaActions = m_isaMenu->actions();
    for (QAction *action : isaActions)
        action->setChecked(action->data().toString() == preferences.instructionSet);
    m_machineStatus->setMachine(QString::fromUtf8(displayName(kernels->isa).data()),
                                static_cast<int>(m_runner.threads()),
                                tr("This CPU has: %1").arg(sets.join(QStringLiteral(", "))));
    m_pages->setExportSize({static_cast<double>(preferences.exportWidthMm),
                            static_cast<double>(preferences.exportHeightMm),
                            static_cast<double>(preferences.exportScale), preferences.lightExports});
    if (m_preferencesPanel != nullptr)
        m_preferencesPanel->setPreferences(preferences);
}

void MainWindow::showPreferences() {
    if (m_preferencesPanel == nullptr) {
        m_preferencesPanel = new PreferencesPanel(this);
        m_preferencesPanel->setWindowFlags(Qt::Dialog);
        m_preferencesPanel->setWindowTitle(tr("Preferences"));
        std::vector<std::pair<QString, QString>> sets;
        for (const Isa isa : supportedIsas())
            sets.emplace_back(QString::fromUtf8(idOf(isa).data()), QString::fromUtf8(displayName(isa).data()));
        m_preferencesPanel->setMachine(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())), sets);
        m_preferencesPanel->setPreferences(m_preferences);
        connect(m_preferencesPanel, &PreferencesPanel::preferencesEdited, this, &MainWindow::applyPreferences);
        connect(m_preferencesPanel, &PreferencesPanel::clearRecentRequested, this, [this] {
            m_settings.clearRecent();
            showRecentFiles();
        });
    }
    m_preferencesPanel->show();
    m_preferencesPanel->raise();
    m_preferencesPanel->activateWindow();
}

// Events -------------------------------------------------------------------------------------------------------------

void MainWindow::keyPressEvent(QKeyEvent *event) {
    if (event->key() == Qt::Key_F6)
        cycleRegions((event->modifiers() & Qt::ShiftModifier) != 0 ? -1 : 1);
    else
        QMainWindow::keyPressEvent(event);
}

bool MainWindow::event(QEvent *event) {
    // A theme that follows the desktop follows its change too.
    if (event->type() == QEvent::ApplicationPaletteChange && m_preferences.theme == QLatin1String("system") &&
        m_layoutReady)
        QTimer::singleShot(0, this, [this] {
            const Theme theme = themeOf(m_preferences);
            if (!(theme == currentTheme()))
                applyTheme(*qApp, theme);
        });
    return QMainWindow::event(event);
}

void MainWindow::closeEvent(QCloseEvent *event) {
    if (m_session->run().isRunning() || m_documents->isBusy() || m_session->accuracy().isRunning()) {
        const QString name = m_documents->isBusy()          ? m_documents->name()
                             : m_session->run().isRunning() ? tr("A run over the whole model")
                                                            : tr("An evaluation");
        const auto answer =
            QMessageBox::question(this, tr("Nibblescope"), tr("%1 is not finished. Stop it and close?").arg(name),
                                  QMessageBox::Close | QMessageBox::Cancel, QMessageBox::Cancel);
        if (answer != QMessageBox::Close) {
            event->ignore();
            return;
        }
    }
    saveLayout();
    m_documents->cancel();
    m_session->close();
    event->accept();
}

} // namespace nibblescope
