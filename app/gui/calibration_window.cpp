// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/calibration_window.h"

#include <QCryptographicHash>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QSettings>
#include <QStandardPaths>

#include "app/gui/main_window.h"
#include "app/gui/plot_files.h"
#include "core/report/number_text.h"
#include "widgets/panels/calibrate_panel.h"
#include "widgets/panels/recipe_panel.h"

namespace nibblescope {

namespace {

const QString topic = QStringLiteral("calibration");
constexpr int largestUsualContext = 256;

QString folderOf(const Model &model) {
    const QFileInfo info(QString::fromStdString(model.path.string()));
    return info.isDir() ? info.absoluteFilePath() : info.absolutePath();
}

// Beside the weights where that can be written, else where the user's data are kept.
QString suggestedTarget(const Model &model) {
    QString folder = folderOf(model);
    if (!QFileInfo(folder).isWritable()) {
        folder = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
        QDir().mkpath(folder);
    }
    return QDir(folder).filePath(QString::fromStdString(model.name) + QStringLiteral(".calibration.h5"));
}

} // namespace

CalibrationWindow::CalibrationWindow(Session &session, RecipePanel &recipe, QWidget *parent)
    : QObject(parent), m_session(session), m_recipe(recipe), m_parent(parent) {
    Calibration &calibration = session.calibration();
    connect(&session, &Session::modelChanged, this, &CalibrationWindow::modelChanged);
    connect(&session.accuracy(), &Accuracy::abilityChanged, this, &CalibrationWindow::showState);
    connect(&calibration, &Calibration::changed, this, [this] {
        showState();
        remember();
    });
    connect(&calibration, &Calibration::progressed, this, &CalibrationWindow::showState);
    connect(&calibration, &Calibration::warned, this, [this](const QString &text) {
        Q_EMIT messageRaised({Severity::Warning, text, {}, topic, false});
    });
    connect(&calibration, &Calibration::failed, this, [this](const QString &text) {
        if (text.isEmpty())
            Q_EMIT messageRaised({Severity::Info, tr("Stopped: no calibration was made."), {}, topic, true});
        else
            Q_EMIT messageRaised({Severity::Error, text, {}, topic, false});
    });
    connect(&calibration, &Calibration::made, this, [this](const QString &path) {
        Q_EMIT messageRaised(
            {Severity::Info,
             (notRun().isEmpty() ? tr("Calibrated: `%1` is in use. GPTQ, AWQ and importance weights can be chosen.")
                                 : tr("Calibrated: `%1` is in use. GPTQ and importance weights can be chosen."))
                 .arg(QFileInfo(path).fileName()),
             {{tr("Show in Folder"), [path] { showInFolder(path); }}},
             topic,
             false});
    });
    connect(&recipe, &RecipePanel::calibrateRequested, this, &CalibrationWindow::show);
    connect(&recipe, &RecipePanel::importCalibrationRequested, this, &CalibrationWindow::showImport);
    connect(&recipe, &RecipePanel::chooseCalibrationRequested, this, &CalibrationWindow::chooseFile);
    connect(&recipe, &RecipePanel::forgetCalibrationRequested, this, [this] {
        QSettings().remove(rememberedKey());
        m_session.calibration().forget();
    });
    showState();
}

void CalibrationWindow::showState() {
    const Calibration &calibration = m_session.calibration();
    CalibrationState state;
    state.file = QFileInfo(calibration.path()).fileName();
    if (calibration.file()) {
        const CalibrationHeader &header = calibration.file()->header();
        const QString model = QString::fromStdString(header.model);
        state.about = header.windows == 0 ? tr("Imported inputs of %1 tokens, made for %2")
                                                .arg(QString::fromStdString(countText(header.positions)), model)
                                          : tr("%1 windows of %2 tokens, made with %3")
                                                .arg(QString::fromStdString(countText(header.windows)),
                                                     QString::fromStdString(countText(header.context)), model);
    }
    state.making = calibration.isMaking();
    state.reasonNotRun = notRun();
    m_recipe.setCalibration(state);
    if (m_panel != nullptr) {
        m_panel->setProblem(calibration.isMaking() ? tr("A calibration is being made.") : QString());
        m_panel->setNotRun(state.reasonNotRun);
    }
}

QString CalibrationWindow::notRun() const {
    const ModelAbility *ability = m_session.accuracy().ability();
    if (m_session.model() && ability == nullptr)
        return tr("the model is being looked at");
    return ability == nullptr ? QString() : QString::fromStdString(ability->notRun);
}

void CalibrationWindow::modelChanged() {
    if (m_panel != nullptr)
        m_panel->hide();
    if (m_session.model() && m_session.calibration().path().isEmpty()) {
        const QString known = QSettings().value(rememberedKey()).toString();
        if (!known.isEmpty() && QFileInfo::exists(known))
            m_session.calibration().load(known);
    }
    showState();
}

QString CalibrationWindow::rememberedKey() const {
    const QByteArray path = QByteArray::fromStdString(m_session.model()->path.string());
    return QStringLiteral("calibrations/") +
           QString::fromLatin1(QCryptographicHash::hash(path, QCryptographicHash::Sha1).toHex());
}

void CalibrationWindow::remember() {
    if (m_session.model() && !m_session.calibration().path().isEmpty())
        QSettings().setValue(rememberedKey(), m_session.calibration().path());
}

CalibratePanel &CalibrationWindow::panel() {
    if (m_panel == nullptr) {
        m_panel = new CalibratePanel(m_parent);
        m_panel->setWindowFlags(Qt::Dialog);
        connect(m_panel, &CalibratePanel::textRequested, this, [this] {
            const QString path =
                QFileDialog::getOpenFileName(m_panel, tr("Text to Calibrate On"), folderOf(*m_session.model()),
                                             tr("Texts and token ids (*.txt *.md *.npy);;All files (*)"));
            if (!path.isEmpty())
                m_panel->setText(path);
        });
        connect(m_panel, &CalibratePanel::folderRequested, this, [this] {
            const QString path =
                QFileDialog::getExistingDirectory(m_panel, tr("Folder of Inputs"), folderOf(*m_session.model()));
            if (!path.isEmpty())
                m_panel->setFolder(path);
        });
        connect(m_panel, &CalibratePanel::targetRequested, this, [this] {
            const QString path =
                QFileDialog::getSaveFileName(m_panel, tr("Calibration File"), m_panel->target(), tr("HDF5 (*.h5)"));
            if (!path.isEmpty())
                m_panel->setTarget(path);
        });
        connect(m_panel, &CalibratePanel::calibrateRequested, this, &CalibrationWindow::start);
    }
    return *m_panel;
}

void CalibrationWindow::show() {
    if (!m_session.model())
        return;
    CalibratePanel &window = panel();
    const Model &model = *m_session.model();
    const QString heldOut = folderOf(model) + QStringLiteral("/heldout.txt");
    if (window.text().isEmpty() && QFileInfo::exists(heldOut))
        window.setText(heldOut);
    window.setTarget(suggestedTarget(model));
    const ModelAbility *ability = m_session.accuracy().ability();
    if (ability != nullptr && ability->contextLimit)
        window.setContext(static_cast<int>(std::min<std::uint64_t>(*ability->contextLimit, largestUsualContext)));
    window.setImports(ability != nullptr && !ability->notRun.empty());
    showState();
    window.show();
    window.raise();
    window.activateWindow();
}

void CalibrationWindow::showImport() {
    show();
    if (m_session.model())
        panel().setImports(true);
}

void CalibrationWindow::start() {
    m_panel->hide();
    if (m_panel->imports()) {
        m_session.calibration().importInputs(m_panel->folder(), m_panel->target());
        return;
    }
    TextSource text;
    text.path = m_panel->text().toStdString();
    text.tokenIds = m_panel->text().endsWith(QLatin1String(".npy"), Qt::CaseInsensitive);
    text.context = static_cast<std::size_t>(m_panel->context());
    text.windows = static_cast<std::size_t>(m_panel->windows());
    text.fromEnd = m_panel->fromEnd();
    m_session.calibration().make(text, m_panel->target());
}

void CalibrationWindow::chooseFile() {
    if (!m_session.model())
        return;
    const QString path = QFileDialog::getOpenFileName(m_parent, tr("Calibration File"), folderOf(*m_session.model()),
                                                      tr("Calibrations (*.h5 *.hdf5);;All files (*)"));
    if (!path.isEmpty())
        m_session.calibration().load(path);
}

} // namespace nibblescope
