// SPDX-License-Identifier: GPL-3.0-or-later
// The workbench: nibblescope [PATH] [--session FILE] [--report FILE.pdf PATH] [--screenshots DIR]
#include <QApplication>
#include <QCommandLineParser>
#include <QSettings>
#include <QTemporaryDir>

#include <cstdio>
#include <functional>
#include <numeric>

#include "app/gui/main_window.h"
#include "app/gui/pdf_report.h"
#include "app/gui/screenshots.h"
#include "core/base/error.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "widgets/theme/icons.h"

namespace {

using namespace nibblescope;

constexpr int callFault = 2;
constexpr int machineFault = 3;

void complain(const QString &text) { std::fprintf(stderr, "nibblescope: %s\n", qPrintable(text)); }

// Qt ends the process with a core dump where there is no display; a sentence is kinder.
bool displayIsThere(int argc, char **argv) {
    const auto isSet = [](const char *name) { return !qEnvironmentVariableIsEmpty(name); };
    if (isSet("QT_QPA_PLATFORM") || isSet("DISPLAY") || isSet("WAYLAND_DISPLAY"))
        return true;
    for (int i = 1; i < argc; ++i)
        if (QByteArray(argv[i]).startsWith("-platform") || QByteArray(argv[i]).startsWith("--platform"))
            return true;
    return false;
}

bool needsNoDisplay(int argc, char **argv) {
    for (int i = 1; i < argc; ++i)
        for (const char *option : {"--report", "--screenshots", "--help", "-h", "--version", "-v"})
            if (QByteArray(argv[i]) == option || QByteArray(argv[i]).startsWith(QByteArray(option) + '='))
                return true;
    return false;
}

// The report of a whole model without a window: NF4 in groups of 64, as `nibblescope-cli report` takes it.
void writeReport(const QString &target, const QString &path) {
    if (!target.endsWith(QLatin1String(".pdf"), Qt::CaseInsensitive))
        throw Error(Fault::Call, "--report writes PDF: FILE has to end in .pdf. nibblescope-cli report writes .html, "
                                 ".json and .csv.");
    const Model model = openModel(path.toStdString());
    for (const std::string &warning : model.warnings)
        complain(QString::fromStdString(warning));
    WorkerPool pool;
    const Work work{pool, selectKernels(), Priority::Interactive, {}, {}};
    std::vector<std::size_t> tensors(model.tensors.size());
    std::iota(tensors.begin(), tensors.end(), std::size_t{0});
    ReportRequest request;
    request.plan.recipe = defaultRecipe(Format::Nf4);
    request.warnings = model.warnings;
    writePdf(makeReport(model, analyzeModel(model, tensors, request.plan, work), request, work), target);
}

int withErrors(const std::function<void()> &work) {
    try {
        work();
        return 0;
    } catch (const Error &error) {
        complain(QString::fromUtf8(error.what()));
        return static_cast<int>(error.fault());
    }
}

} // namespace

int main(int argc, char **argv) {
    try {
        selectKernels();
    } catch (const Error &error) {
        complain(QString::fromUtf8(error.what()));
        return callFault;
    }
    if (!displayIsThere(argc, argv)) {
        if (!needsNoDisplay(argc, argv)) {
            complain(QStringLiteral("there is no display here; nibblescope-cli report PATH prints a report to the "
                                    "terminal."));
            return machineFault;
        }
        qputenv("QT_QPA_PLATFORM", "offscreen");
    }
    QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("Nibblescope"));
    QApplication::setApplicationName(QStringLiteral("nibblescope"));
    QApplication::setApplicationDisplayName(QStringLiteral("Nibblescope"));
    QApplication::setApplicationVersion(QStringLiteral(NIBBLESCOPE_VERSION));
    QApplication::setDesktopFileName(QStringLiteral("nibblescope"));
    QApplication::setWindowIcon(applicationIcon());

    QCommandLineParser parser;
    parser.setApplicationDescription(QStringLiteral("Shows what 4-bit quantization does to a network's weights."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(QStringLiteral("PATH"), QStringLiteral("A weights file or model folder to open."));
    const QCommandLineOption sessionOption(QStringLiteral("session"), QStringLiteral("Take up a saved session."),
                                           QStringLiteral("FILE"));
    parser.addOption(sessionOption);
    const QCommandLineOption screenshotsOption(QStringLiteral("screenshots"),
                                               QStringLiteral("Write pictures of all pages on PATH, or on the sample."),
                                               QStringLiteral("DIR"));
    parser.addOption(screenshotsOption);
    const QCommandLineOption reportOption(QStringLiteral("report"),
                                          QStringLiteral("Write a report on PATH as PDF, without a window."),
                                          QStringLiteral("FILE.pdf"));
    parser.addOption(reportOption);
    parser.process(application);
    const QStringList paths = parser.positionalArguments();
    if (paths.size() > 1) {
        complain(QStringLiteral("one PATH at a time, %1 were given.").arg(paths.size()));
        return callFault;
    }

    if (parser.isSet(reportOption)) {
        if (paths.isEmpty() && MainWindow::samplePath().isEmpty()) {
            complain(QStringLiteral("--report needs a PATH: a weights file or a model folder."));
            return callFault;
        }
        return withErrors([&] {
            writeReport(parser.value(reportOption), paths.isEmpty() ? MainWindow::samplePath() : paths.first());
        });
    }
    // Pictures show the program as it first starts, and leave nobody's settings changed.
    const QTemporaryDir settings;
    if (parser.isSet(screenshotsOption)) {
        QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, settings.path());
        return withErrors([&] {
            JobRunner runner(0, selectKernels());
            MainWindow window(runner);
            takeScreenshots(window, paths.isEmpty() ? MainWindow::samplePath() : paths.first(),
                            parser.value(screenshotsOption));
        });
    }
    JobRunner runner(0, selectKernels());
    MainWindow window(runner);
    window.show();
    if (parser.isSet(sessionOption))
        window.openSession(parser.value(sessionOption));
    else if (!paths.isEmpty())
        window.openPath(paths.first());
    return QApplication::exec();
}
