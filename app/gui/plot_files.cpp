// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/plot_files.h"

#include <QCoreApplication>
#include <QDesktopServices>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QSaveFile>
#include <QSettings>
#include <QUrl>

#include "widgets/plots/plot_view.h"

namespace nibblescope {

namespace {

QString tr(const char *text) { return QCoreApplication::translate("PlotFiles", text); }

const QString folderKey = QStringLiteral("plotFolder");

// Empty: written; else why not.
QString write(const QString &path, const QByteArray &bytes) {
    QSaveFile file(path);
    if (file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.commit())
        return {};
    return tr("`%1` was not written: %2.").arg(QFileInfo(path).fileName(), file.errorString());
}

QString nameOf(const PlotView &plot) {
    return QString::fromStdString(plot.figure()->id).replace(QLatin1Char('.'), QLatin1Char('-'));
}

} // namespace

void showInFolder(const QString &path) {
    QDesktopServices::openUrl(QUrl::fromLocalFile(QFileInfo(path).absolutePath()));
}

Message writtenMessage(const QString &path, const QString &what) {
    const QString name = QFileInfo(path).fileName();
    return {Severity::Info,
            what.isEmpty() ? tr("Wrote `%1`.").arg(name) : tr("Wrote `%1`: %2.").arg(name, what),
            {{tr("Show in Folder"), [path] { showInFolder(path); }}},
            {},
            false};
}

PlotExport PlotFiles::optionsOf(const PlotView &plot) const {
    PlotExport options = plot.exportOptions(!m_size.lightTheme);
    options.widthMm = m_size.widthMm;
    options.heightMm = m_size.heightMm;
    options.ratio = m_size.scale;
    return options;
}

std::optional<Message> PlotFiles::save(const PlotView &plot, PlotFormat format) const {
    if (!plot.figure())
        return std::nullopt;
    QSettings settings;
    const QString suffix = suffixOf(format);
    const QString folder = settings.value(folderKey, QDir::homePath()).toString();
    QString path = QFileDialog::getSaveFileName(m_parent, tr("Export Plot"),
                                                QDir(folder).filePath(nameOf(plot) + QLatin1Char('.') + suffix),
                                                QStringLiteral("%1 (*.%2)").arg(suffix.toUpper(), suffix));
    if (path.isEmpty())
        return std::nullopt;
    if (QFileInfo(path).suffix().isEmpty())
        path += QLatin1Char('.') + suffix;
    settings.setValue(folderKey, QFileInfo(path).absolutePath());
    const QString problem = write(path, exported(*plot.figure(), format, optionsOf(plot)));
    if (!problem.isEmpty())
        return Message{Severity::Error, problem, {}, {}, false};
    return writtenMessage(path, {});
}

std::optional<Message> PlotFiles::saveAll(const std::vector<PlotView *> &plots) const {
    QSettings settings;
    const QString folder = QFileDialog::getExistingDirectory(m_parent, tr("Export All Plots"),
                                                             settings.value(folderKey, QDir::homePath()).toString());
    if (folder.isEmpty())
        return std::nullopt;
    settings.setValue(folderKey, folder);
    int written = 0;
    for (const PlotView *plot : plots) {
        if (!plot->figure() || !plot->isVisible())
            continue;
        for (const PlotFormat format : {PlotFormat::Png, PlotFormat::Svg, PlotFormat::Pdf, PlotFormat::Csv}) {
            const QString path = QDir(folder).filePath(nameOf(*plot) + QLatin1Char('.') + suffixOf(format));
            const QString problem = write(path, exported(*plot->figure(), format, optionsOf(*plot)));
            if (!problem.isEmpty())
                return Message{Severity::Error, problem, {}, {}, false};
            ++written;
        }
    }
    return writtenMessage(folder, tr("%1 files").arg(written));
}

} // namespace nibblescope
