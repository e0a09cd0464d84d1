// SPDX-License-Identifier: GPL-3.0-or-later
// Opening, dropping, saving: everything of the window that has to do with files.
#include "app/gui/main_window.h"

#include <QApplication>
#include <QCoreApplication>
#include <QDir>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QFileSystemWatcher>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QSaveFile>
#include <QToolBar>
#include <QToolButton>

#include <algorithm>
#include <fstream>

#include "app/gui/document_jobs.h"
#include "app/gui/help_texts.h"
#include "app/gui/pages.h"
#include "app/gui/plot_files.h"
#include "core/base/error.h"
#include "core/io/open.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/recipe_panel.h"

namespace nibblescope {

namespace {

nlohmann::ordered_json readJson(const QString &path) {
    std::ifstream file(path.toStdString());
    const std::string name = QFileInfo(path).fileName().toStdString();
    if (!file)
        throw Error(Fault::Input, "`" + name + "` cannot be read.");
    auto json = nlohmann::ordered_json::parse(file, nullptr, false);
    if (json.is_discarded())
        throw Error(Fault::Input, "`" + name + "` is not JSON.");
    return json;
}

void writeJson(const QString &path, const nlohmann::ordered_json &json) {
    QSaveFile file(path);
    const QByteArray text = QByteArray::fromStdString(json.dump(2)) + '\n';
    if (!file.open(QIODevice::WriteOnly) || file.write(text) != text.size() || !file.commit())
        throw Error(Fault::Machine, "`" + QFileInfo(path).fileName().toStdString() +
                                        "` was not written: " + file.errorString().toStdString() + ".");
}

QStringList localPaths(const QMimeData &data) {
    QStringList paths;
    for (const QUrl &url : data.urls())
        if (url.isLocalFile())
            paths.append(url.toLocalFile());
    return paths;
}

// Files that together are one model: all shards of one folder.
bool areShards(const QStringList &paths) {
    const QString folder = QFileInfo(paths.first()).absolutePath();
    if (!QFileInfo::exists(folder + QStringLiteral("/model.safetensors.index.json")))
        return false;
    return std::all_of(paths.begin(), paths.end(), [&](const QString &path) {
        return QFileInfo(path).absolutePath() == folder &&
               (path.endsWith(QLatin1String(".safetensors")) || path.endsWith(QLatin1String(".json")));
    });
}

} // namespace

QString MainWindow::samplePath() {
    const QString name = QStringLiteral("sample_model");
    const QString program = QCoreApplication::applicationDirPath();
    const QStringList places{program + QStringLiteral("/../share/nibblescope/") + name,
                             QStringLiteral(NIBBLESCOPE_RESOURCES "/") + name};
    for (const QString &place : places)
        if (QFileInfo::exists(place + QStringLiteral("/model.safetensors")))
            return QDir(place).canonicalPath();
    return {};
}

// Opening ------------------------------------------------------------------------------------------------------------

void MainWindow::openPath(const QString &path) {
    if (!m_session->run().isRunning() && !m_documents->isBusy() && !m_session->accuracy().isRunning()) {
        reallyOpen(path);
        return;
    }
    const QString name = QFileInfo(path).fileName();
    m_messages->show({Severity::Warning,
                      tr("`%1` would replace the model that is being worked on.").arg(name),
                      {{tr("Stop and open"),
                        [this, path] {
                            m_documents->cancel();
                            reallyOpen(path);
                        }},
                       {tr("Keep running"), [] {}}},
                      QStringLiteral("open"),
                      true});
}

void MainWindow::reallyOpen(const QString &path) {
    const QString absolute = QFileInfo(path).absoluteFilePath();
    m_settings.setLastFolder(QFileInfo(absolute).absolutePath());
    m_session->open(absolute, m_settings.lastTensor(absolute));
}

void MainWindow::openFailed(const QString &path, const QString &text) {
    QString said = text;
    if (m_session->model())
        said += tr(" The open model is unchanged.");
    else
        showRecentFiles();
    m_messages->show({Severity::Error,
                      said,
                      {{tr("Show in Folder"), [path] { showInFolder(path); }}},
                      QStringLiteral("open"),
                      false});
}

void MainWindow::openSample() {
    if (const QString path = samplePath(); !path.isEmpty())
        openPath(path);
    else
        m_messages->show({Severity::Warning, tr("The sample model is not installed."), {}, {}, false});
}

void MainWindow::chooseFile() {
    const QString filter =
        tr("Weights (%1);;All files (*)").arg(QString::fromStdString(knownEndings()).remove(QLatin1Char(',')));
    const QString path = QFileDialog::getOpenFileName(this, tr("Open File"), m_settings.lastFolder(), filter);
    if (!path.isEmpty())
        openPath(path);
}

void MainWindow::chooseFolder() {
    const QString path = QFileDialog::getExistingDirectory(this, tr("Open Folder"), m_settings.lastFolder());
    if (!path.isEmpty())
        openPath(path);
}

void MainWindow::showRecentFiles() {
    const auto files = m_settings.recentFiles();
    m_empty->setRecentFiles(files);
    m_recentMenu->clear();
    int number = 0;
    for (const RecentFile &file : files) {
        const QString text = tr("&%1 %2").arg(++number % 10).arg(file.name);
        QAction *action = m_recentMenu->addAction(file.found ? text : tr("%1 (not found)").arg(text));
        action->setToolTip(file.path);
        action->setEnabled(file.found);
        connect(action, &QAction::triggered, this, [this, path = file.path] { openPath(path); });
    }
    m_recentMenu->setEnabled(!files.empty());
    m_recentMenu->addSeparator();
    connect(m_recentMenu->addAction(tr("&Clear")), &QAction::triggered, this, [this] {
        m_settings.clearRecent();
        showRecentFiles();
    });
}

// The files of the open model: a change on disk is told.
void MainWindow::watchModel() {
    if (!m_watcher->files().isEmpty())
        m_watcher->removePaths(m_watcher->files());
    const auto &model = m_session->model();
    if (!model)
        return;
    const QFileInfo info(QString::fromStdString(model->path.string()));
    QStringList files;
    if (info.isDir()) {
        const auto found =
            QDir(info.filePath())
                .entryInfoList({QStringLiteral("*.safetensors"), QStringLiteral("*.h5"), QStringLiteral("*.hdf5")},
                               QDir::Files);
        for (const QFileInfo &file : found)
            files.append(file.filePath());
    } else {
        files.append(info.filePath());
    }
    m_watcher->addPaths(files);
}

void MainWindow::connectFileActions() {
    const Actions &a = *m_actions;
    const auto on = [&](ActionId id, auto &&call) { connect(a[id], &QAction::triggered, this, call); };
    on(ActionId::OpenFile, [this] { chooseFile(); });
    on(ActionId::OpenFolder, [this] { chooseFolder(); });
    on(ActionId::OpenSample, [this] { openSample(); });
    on(ActionId::OpenSession, [this] { chooseSession(); });
    on(ActionId::SaveSession, [this] { saveSession(); });
    on(ActionId::Reload, [this] { m_session->reload(); });
    on(ActionId::CloseModel, [this] { m_session->close(); });
    on(ActionId::ExportQuantized, [this] { exportQuantized(); });
    on(ActionId::ExportSelected, [this] { exportQuantized(m_session->selection().tensors()); });
    on(ActionId::ExportAsSource, [this] { exportDequantized({}); });
    on(ActionId::ExportF32, [this] { exportDequantized(QStringLiteral("F32")); });
    on(ActionId::ExportF16, [this] { exportDequantized(QStringLiteral("F16")); });
    on(ActionId::ExportBf16, [this] { exportDequantized(QStringLiteral("BF16")); });
    on(ActionId::ExportCsv, [this] { exportTable(QStringLiteral("csv")); });
    on(ActionId::ExportJson, [this] { exportTable(QStringLiteral("json")); });
    on(ActionId::Report, [this] { writeReport(); });
    on(ActionId::LoadRecipe, [this] { loadRecipe(); });
    on(ActionId::SaveRecipe, [this] { saveRecipe(); });
    m_toolBar->findChild<QToolButton *>(QStringLiteral("openButton"))->setMenu(m_recentMenu);
    m_toolBar->findChild<QToolButton *>(QStringLiteral("exportButton"))
        ->setMenu(findChild<QMenu *>(QStringLiteral("exports")));
    connect(m_watcher, &QFileSystemWatcher::fileChanged, this, [this](const QString &path) {
        m_messages->show({Severity::Warning,
                          tr("`%1` changed on disk while it was open.").arg(QFileInfo(path).fileName()),
                          {{tr("Reload"), [this] { m_session->reload(); }}},
                          QStringLiteral("changed"),
                          false});
    });
}

// Dropping -----------------------------------------------------------------------------------------------------------

void MainWindow::dragEnterEvent(QDragEnterEvent *event) {
    const QStringList paths = localPaths(*event->mimeData());
    if (paths.isEmpty())
        return;
    event->acceptProposedAction();
    m_dropOverlay->showFor(QFileInfo(paths.first()).fileName());
}

void MainWindow::dragMoveEvent(QDragMoveEvent *event) { event->acceptProposedAction(); }

void MainWindow::dragLeaveEvent(QDragLeaveEvent *event) {
    m_dropOverlay->hide();
    event->accept();
}

void MainWindow::dropEvent(QDropEvent *event) {
    m_dropOverlay->hide();
    const QStringList paths = localPaths(*event->mimeData());
    if (paths.isEmpty())
        return;
    event->acceptProposedAction();
    dropPaths(paths);
}

void MainWindow::dropPaths(const QStringList &paths) {
    if (paths.size() > 1 && areShards(paths)) {
        openPath(QFileInfo(paths.first()).absolutePath());
        return;
    }
    if (paths.first().endsWith(QLatin1String(".session.json"))) {
        openSession(paths.first());
        return;
    }
    openPath(paths.first());
    QStringList others;
    for (const QString &path : paths.mid(1))
        others.append(QStringLiteral("`%1`").arg(QFileInfo(path).fileName()));
    if (!others.isEmpty())
        m_messages->show({Severity::Info,
                          tr("One model is open at a time: %1 not opened.")
                              .arg(others.join(QStringLiteral(", ")) + (others.size() == 1 ? tr(" was") : tr(" were"))),
                          {},
                          {},
                          false});
}

// Sessions and recipes -----------------------------------------------------------------------------------------------

void MainWindow::chooseSession() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Open Session"), m_settings.lastFolder(),
                                                      tr("Sessions (*.session.json);;All files (*)"));
    if (!path.isEmpty())
        openSession(path);
}

void MainWindow::openSession(const QString &path) {
    try {
        const WorkState state = workStateFromJson(readJson(path));
        m_session->restore(state);
        m_pages->show(pageIdFrom(state.page));
    } catch (const Error &error) {
        m_messages->show({Severity::Error, QString::fromUtf8(error.what()), {}, {}, false});
    }
}

void MainWindow::saveSession() {
    const QString path = chooseTarget(tr("Save Session"), suggestedPath(QStringLiteral("session.json")),
                                      tr("Sessions (*.session.json)"));
    if (path.isEmpty())
        return;
    try {
        writeJson(path, toJson(m_session->state()));
        m_messages->show({Severity::Info, tr("Wrote `%1`.").arg(QFileInfo(path).fileName()), {}, {}, false});
    } catch (const Error &error) {
        m_messages->show({Severity::Error, QString::fromUtf8(error.what()), {}, {}, false});
    }
}

void MainWindow::loadRecipe() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Load Recipe"), m_settings.lastFolder(),
                                                      tr("Recipes (*.json);;All files (*)"));
    if (path.isEmpty())
        return;
    try {
        m_session->setRecipe(recipeFromJson(readJson(path)));
    } catch (const Error &error) {
        m_messages->show({Severity::Error, QString::fromUtf8(error.what()), {}, {}, false});
    }
}

void MainWindow::saveRecipe() {
    const Recipe &recipe = m_session->recipe();
    const QString name = QString::fromStdString(shortForm(recipe));
    const QString path =
        chooseTarget(tr("Save Recipe"), QDir(m_settings.lastFolder()).filePath(name + QStringLiteral(".json")),
                     tr("Recipes (*.json)"));
    if (path.isEmpty())
        return;
    try {
        writeJson(path, toJson(recipe));
        auto presets = m_settings.userPresets();
        const std::string presetName = QFileInfo(path).completeBaseName().toStdString();
        presets.erase(std::remove_if(presets.begin(), presets.end(),
                                     [&](const Preset &preset) { return preset.name == presetName; }),
                      presets.end());
        presets.push_back({presetName, recipe, {}});
        m_settings.setUserPresets(presets);
        m_recipePanel->setUserPresets(presets);
    } catch (const Error &error) {
        m_messages->show({Severity::Error, QString::fromUtf8(error.what()), {}, {}, false});
    }
}

// Writing ------------------------------------------------------------------------------------------------------------

QString MainWindow::suggestedPath(const QString &ending) const {
    const QString name = m_session->model() ? QString::fromStdString(m_session->model()->name) : tr("session");
    const QString recipe =
        QString::fromStdString(shortForm(m_session->recipe())).replace(QLatin1Char(' '), QLatin1Char('-'));
    return QDir(m_settings.lastFolder()).filePath(QStringLiteral("%1-%2.%3").arg(name, recipe.toLower(), ending));
}

QString MainWindow::chooseTarget(const QString &title, const QString &suggested, const QString &filter) {
    const QString path = QFileDialog::getSaveFileName(this, title, suggested, filter);
    if (!path.isEmpty())
        m_settings.setLastFolder(QFileInfo(path).absolutePath());
    return path;
}

void MainWindow::exportQuantized(const std::vector<int> &tensors) {
    const QString path =
        chooseTarget(tr("Export Quantized Model"), suggestedPath(QStringLiteral("h5")), tr("HDF5 (*.h5 *.hdf5)"));
    if (!path.isEmpty())
        m_documents->exportQuantized(path, tensors);
}

void MainWindow::exportDequantized(const QString &dequantType) {
    const QString path = chooseTarget(tr("Export Dequantized Weights"), suggestedPath(QStringLiteral("safetensors")),
                                      tr("safetensors (*.safetensors)"));
    if (!path.isEmpty())
        m_documents->exportDequantized(path, dequantType);
}

void MainWindow::exportTable(const QString &ending) {
    const QString path =
        chooseTarget(tr("Export Table"), suggestedPath(ending), tr("%1 (*.%2)").arg(ending.toUpper(), ending));
    if (!path.isEmpty())
        m_documents->writeTable(path);
}

void MainWindow::writeReport() {
    const QString path =
        chooseTarget(tr("Report"), suggestedPath(QStringLiteral("html")), tr("HTML (*.html);;PDF (*.pdf)"));
    if (!path.isEmpty())
        m_documents->writeReport(path);
}

void MainWindow::showShortcuts() { showHelp(this, tr("Shortcuts"), shortcutsHtml(*m_actions)); }

void MainWindow::showMeanings() { showHelp(this, tr("What the Numbers Mean"), meaningsHtml()); }

void MainWindow::showAbout() { showHelp(this, tr("About Nibblescope"), aboutHtml()); }

} // namespace nibblescope
