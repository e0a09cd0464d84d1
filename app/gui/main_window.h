// SPDX-License-Identifier: GPL-3.0-or-later
// The workbench: docks, pages, menus, and the wiring between them and the session.
#pragma once

#include <QMainWindow>
#include <QTimer>

#include <memory>

#include "app/gui/actions.h"
#include "app/gui/settings.h"
#include "app/jobs/job_runner.h"
#include "app/session/session.h"

class QComboBox;
class QDockWidget;
class QFileSystemWatcher;
class QLabel;
class QShortcut;
class QStackedWidget;
class QToolButton;

namespace nibblescope {

class BaselineChip;
class CalibrationWindow;
class DockTitle;
class DocumentJobs;
class DropOverlay;
class EmptyState;
class JobStatus;
class MachineStatus;
class MessageArea;
class NumbersPanel;
class Pages;
class PreferencesPanel;
class RecipePanel;
class TensorPanel;

class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    // `runner` outlives the window.
    explicit MainWindow(JobRunner &runner, QWidget *parent = nullptr);
    ~MainWindow() override;

    void openPath(const QString &path); // asks first where a run would be lost
    void openSample();
    void openSession(const QString &path);
    static QString samplePath(); // empty: not installed

    Session &session() { return *m_session; }
    Actions &actions() { return *m_actions; }
    Pages &pages() { return *m_pages; }
    MessageArea &messages() { return *m_messages; }
    TensorPanel &tensorPanel() { return *m_tensorPanel; }
    RecipePanel &recipePanel() { return *m_recipePanel; }
    NumbersPanel &numbersPanel() { return *m_numbersPanel; }
    DocumentJobs &documents() { return *m_documents; }
    CalibrationWindow &calibrationWindow() { return *m_calibration; }

    void applyPreferences(const Preferences &preferences);
    const Preferences &preferences() const { return m_preferences; }
    void resetLayout();

protected:
    void closeEvent(QCloseEvent *event) override;
    void dragEnterEvent(QDragEnterEvent *event) override;
    void dragMoveEvent(QDragMoveEvent *event) override;
    void dragLeaveEvent(QDragLeaveEvent *event) override;
    void dropEvent(QDropEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    bool event(QEvent *event) override;

private:
    // Construction (main_window_layout.cpp)
    void buildCentre();
    void buildDocks();
    QDockWidget *addDock(const QString &name, const QString &title, QWidget *content, Qt::DockWidgetArea area,
                         const QKeySequence &shortcut, DockTitle **titleBar);
    void buildMenus();
    void buildToolBar();
    void buildStatusBar();
    void restoreLayout();
    void saveLayout();
    void fitToWidth();
    void cycleRegions(int step);

    // Wiring (main_window.cpp)
    void connectSession();
    void connectDocks();
    void connectActions();
    void connectFileActions();
    void connectTensorActions();
    void showModel();
    void showDescriptions();
    void showRecipe();
    void showBaseline();
    void showSelection();
    void showNumbers();
    void showActions();
    void showRunButton(bool running);
    void showJob();
    void showRecentFiles();
    void showMessage(const Message &message);
    void showPreferences();
    void selectNeighbour(int step);
    void selectWorst();
    void selectGroup(int step);
    void toggleQuantize();
    void copyCommand(int tensor);

    // Files (main_window_files.cpp)
    void chooseFile();
    void chooseFolder();
    void chooseSession();
    void saveSession();
    void loadRecipe();
    void saveRecipe();
    void exportQuantized(const std::vector<int> &tensors = {});
    void exportDequantized(const QString &dequantType);
    void exportTable(const QString &ending);
    void writeReport();
    void reallyOpen(const QString &path);
    void openFailed(const QString &path, const QString &text);
    void watchModel();
    void dropPaths(const QStringList &paths);
    QString suggestedPath(const QString &ending) const;
    QString chooseTarget(const QString &title, const QString &suggested, const QString &filter);
    void showShortcuts();
    void showMeanings();
    void showAbout();

    JobRunner &m_runner;
    Settings m_settings;
    Preferences m_preferences;
    Session *m_session;
    Actions *m_actions;
    DocumentJobs *m_documents;
    CalibrationWindow *m_calibration = nullptr;

    QStackedWidget *m_centre = nullptr;
    MessageArea *m_messages = nullptr;
    EmptyState *m_empty = nullptr;
    Pages *m_pages = nullptr;
    TensorPanel *m_tensorPanel = nullptr;
    RecipePanel *m_recipePanel = nullptr;
    NumbersPanel *m_numbersPanel = nullptr;
    QDockWidget *m_tensorDock = nullptr;
    QDockWidget *m_recipeDock = nullptr;
    QDockWidget *m_numbersDock = nullptr;
    DockTitle *m_numbersTitle = nullptr;
    QToolBar *m_toolBar = nullptr;
    QToolButton *m_runButton = nullptr;
    QShortcut *m_runEscape = nullptr; // Esc on the button, while it cancels
    BaselineChip *m_baselineChip = nullptr;
    QAction *m_baselineChipAction = nullptr;
    QMenu *m_recentMenu = nullptr;
    QMenu *m_presetMenu = nullptr;
    QMenu *m_isaMenu = nullptr;
    QLabel *m_readout = nullptr;
    JobStatus *m_jobStatus = nullptr;
    MachineStatus *m_machineStatus = nullptr;
    DropOverlay *m_dropOverlay = nullptr;
    PreferencesPanel *m_preferencesPanel = nullptr;
    QFileSystemWatcher *m_watcher = nullptr;
    QTimer m_layoutTimer;
    QTimer m_memoryTimer;
    QTimer m_openingTimer;
    QTimer m_actionsTimer;
    QString m_shownJob; // what JobStatus was started with; empty: nothing
    bool m_layoutReady = false;
    bool m_numbersTabbed = false;
};

} // namespace nibblescope
