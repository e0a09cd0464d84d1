// SPDX-License-Identifier: GPL-3.0-or-later
// The Speed page of the real window: measuring, a run saved to a file, and one laid over another, through the menu and
// its dialogs.
#include <QFileDialog>
#include <QLineEdit>
#include <QMenu>
#include <QTemporaryDir>
#include <QTimer>
#include <QToolButton>

#include <algorithm>

#include "tests/app/window_driver.h"
#include "tests/support/small_model.h"
#include "widgets/plots/plot_view.h"

using namespace nibblescope;
using namespace nibblescope::test;

class SpeedPageTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("speed_page_test"), m_folder.path());
        m_model = m_folder.filePath(QStringLiteral("small"));
        writeSmallModel(m_model.toStdString());
    }

    void aRunIsSavedAndLaidOver() {
        Window window;
        QVERIFY(measured(window));
        QVERIFY(item(window, "Save Run")->isEnabled());
        QVERIFY(!item(window, "Take Saved Run Away")->isEnabled());
        const QString path = m_folder.filePath(QStringLiteral("first run.json"));
        choose(window, "Save Run", path);
        QVERIFY2(window->messages().texts().join(QString()).contains(path),
                 qPrintable(window->messages().texts().join(QString())));
        QFile saved(path);
        QVERIFY(saved.open(QIODevice::ReadOnly));
        const QJsonObject json = QJsonDocument::fromJson(saved.readAll()).object();
        QVERIFY(json.contains(QStringLiteral("machine")));
        QVERIFY(!json[QStringLiteral("results")].toArray().isEmpty());

        QCOMPARE(marksOfSavedRun(window), 0);
        choose(window, "Lay Over", path);
        QTRY_VERIFY_WITH_TIMEOUT(timesFigure(window)->note.find("first run") != std::string::npos, patience);
        QVERIFY(marksOfSavedRun(window) > 0);
        item(window, "Take Saved Run Away")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(timesFigure(window)->note.find("first run") == std::string::npos, patience);
        QCOMPARE(marksOfSavedRun(window), 0);
    }

    void whatIsNoRunIsRefused() {
        Window window;
        QVERIFY(measured(window));
        const QString path = m_folder.filePath(QStringLiteral("other.json"));
        for (const QByteArray content :
             {"speed of light", R"({"tensors": []})", R"({"machine": {"cpu": "x"}, "results": [{"operation": "matvec")",
              R"({"machine": {}, "results": [3, "x", null]})"}) {
            QFile file(path);
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write(content);
            file.close();
            choose(window, "Lay Over", path);
            QTRY_VERIFY2_WITH_TIMEOUT(window->messages().count() > 0, content.constData(), patience);
            QVERIFY2(!item(window, "Take Saved Run Away")->isEnabled(), content.constData());
            QCOMPARE(marksOfSavedRun(window), 0);
            window->messages().clear();
        }
    }

private:
    bool measured(Window &window) {
        if (!window.open(m_model))
            return false;
        window->actions()[ActionId::MeasureSpeed]->trigger();
        return QTest::qWaitFor([&] { return window->pages().isUpToDate() && timesFigure(window) != nullptr; },
                               longPatience);
    }
    static std::shared_ptr<const Figure> timesFigure(Window &window) {
        for (const PlotView *plot : window->pages().page(PageId::Speed).plots())
            if (plot->figure() && plot->figure()->id == "speed.times")
                return plot->figure();
        return nullptr;
    }
    // Bars of the shown run that have the saved one's time drawn at them.
    static int marksOfSavedRun(Window &window) {
        const auto figure = timesFigure(window);
        return static_cast<int>(std::count_if(figure->stackedBars.begin(), figure->stackedBars.end(),
                                              [](const auto &bar) { return bar.reference.has_value(); }));
    }
    static QAction *item(Window &window, const char *text) {
        for (const QToolButton *button : window->pages().page(PageId::Speed).findChildren<QToolButton *>())
            if (button->menu() != nullptr)
                for (QAction *action : button->menu()->actions())
                    if (action->text().remove(QLatin1Char('&')).contains(QLatin1String(text)))
                        return action;
        return nullptr;
    }
    // Triggers an item of the menu and gives `path` to the dialog that it opens.
    static void choose(Window &window, const char *text, const QString &path) {
        QTimer answer;
        connect(&answer, &QTimer::timeout, &answer, [&] {
            auto *dialog = qobject_cast<QFileDialog *>(QApplication::activeModalWidget());
            if (dialog == nullptr)
                return;
            answer.stop();
            dialog->findChild<QLineEdit *>()->setText(path);
            QMetaObject::invokeMethod(dialog, "accept", Qt::QueuedConnection);
        });
        answer.start(20);
        item(window, text)->trigger();
    }

    QTemporaryDir m_folder;
    QString m_model;
};

QTEST_MAIN(SpeedPageTest)
#include "speed_page_test.moc"
