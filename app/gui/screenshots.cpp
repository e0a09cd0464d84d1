// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/screenshots.h"

#include <QDir>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QPixmap>
#include <QTimer>

#include <functional>

#include "app/gui/main_window.h"
#include "app/gui/pages.h"
#include "core/base/error.h"
#include "widgets/panels/message_bar.h"

namespace nibblescope {

namespace {

constexpr QSize pictureSize{1440, 900};
constexpr int patienceMilliseconds = 120'000;
constexpr int settleMilliseconds = 250;

// Sleeps between events: a thread that only asks for them would take a processor from what is measured.
void letRun(int milliseconds) {
    QEventLoop loop;
    QTimer::singleShot(milliseconds, &loop, &QEventLoop::quit);
    loop.exec();
}

void waitFor(const char *what, const std::function<bool()> &ready) {
    QElapsedTimer timer;
    timer.start();
    while (!ready()) {
        if (timer.elapsed() > patienceMilliseconds)
            throw Error(Fault::Machine, std::string(what) + " took too long.");
        letRun(10);
    }
}

void chooseTensor(Session &session) {
    const auto &tensors = session.model()->tensors;
    for (std::size_t i = 0; i < tensors.size(); ++i)
        if (tensors[i].name.find("down_proj") != std::string::npos) {
            session.selection().selectTensor(static_cast<int>(i));
            return;
        }
}

void grab(MainWindow &window, const QString &folder, const QString &name) {
    if (!window.grab().save(QDir(folder).filePath(name)))
        throw Error(Fault::Machine, "`" + name.toStdString() + "` was not written.");
}

// A handful of recipes on few windows, where the model can be run.
void evaluateSome(MainWindow &window) {
    Session &session = window.session();
    waitFor("Looking at the model", [&] { return session.accuracy().ability() != nullptr; });
    if (!session.accuracy().ability()->notRun.empty())
        return;
    session.setPageOptions("accuracy", {{"windows", 16U}});
    window.pages().show(PageId::Accuracy);
    window.pages().evaluateUsual();
    waitFor("Evaluating", [&] { return !session.accuracy().isRunning(); });
}

} // namespace

void takeScreenshots(MainWindow &window, const QString &model, const QString &folder) {
    Session &session = window.session();
    std::string problem;
    QObject::connect(&session, &Session::openFailed, &window,
                     [&problem](const QString &, const QString &text) { problem = text.toStdString(); });
    window.resetLayout();
    window.resize(pictureSize);
    window.show();
    window.openPath(model);
    waitFor("Opening the model", [&] { return session.model() != nullptr || !problem.empty(); });
    if (!problem.empty())
        throw Error(Fault::Input, problem);
    chooseTensor(session);
    Recipe recipe = defaultRecipe(Format::Int4);
    session.setRecipe(recipe);
    session.pinBaseline();
    session.setRecipe(defaultRecipe(Format::Nf4));
    session.startRun();
    waitFor("Quantizing the model", [&] { return !session.run().isRunning() && session.unmeasured().empty(); });

    if (!QDir().mkpath(folder))
        throw Error(Fault::Machine, "The folder `" + folder.toStdString() + "` cannot be made.");
    for (const ActionId theme : {ActionId::ThemeLight, ActionId::ThemeDark}) {
        window.actions()[theme]->trigger();
        for (std::size_t i = 0; i < pageCount; ++i) {
            const auto page = static_cast<PageId>(i);
            window.pages().show(page);
            if (page == PageId::Speed && theme == ActionId::ThemeLight) // a size that tells something
                session.setPageOptions("speed", {{"shape", {4096U, 4096U}}, {"batch", {1U, 32U}}});
            if (page == PageId::Speed && theme == ActionId::ThemeLight)
                window.pages().measureSpeed();
            if (page == PageId::Accuracy && theme == ActionId::ThemeLight)
                evaluateSome(window);
            waitFor(idOf(page), [&] { return window.pages().isUpToDate() && !window.pages().isMeasuring(); });
            window.messages().clear();
            letRun(settleMilliseconds);
            const QString dark = theme == ActionId::ThemeDark ? QStringLiteral("dark") : QStringLiteral("light");
            grab(window, folder, QStringLiteral("%1-%2.png").arg(QLatin1String(idOf(page)), dark));
            if (page != PageId::Speed)
                continue;
            nlohmann::ordered_json options = session.pageOptions("speed");
            for (const char *view : {"roofline", "errors", "tokens", "times"}) {
                options["view"] = view;
                session.setPageOptions("speed", options);
                letRun(settleMilliseconds);
                if (std::string(view) != "times")
                    grab(window, folder, QStringLiteral("speed-%1-%2.png").arg(QLatin1String(view), dark));
            }
        }
    }
}

} // namespace nibblescope
