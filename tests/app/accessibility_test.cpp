// SPDX-License-Identifier: GPL-3.0-or-later
// What a screen reader is told of the real window, page by page.
#include <QAccessible>
#include <QTemporaryDir>

#include "tests/app/window_driver.h"
#include "tests/support/small_model.h"
#include "widgets/plots/chart.h"
#include "widgets/plots/plot_view.h"

using namespace nibblescope;
using namespace nibblescope::test;

class AccessibilityTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("accessibility_test"), m_folder.path());
        m_model = m_folder.filePath(QStringLiteral("small"));
        writeSmallModel(m_model.toStdString());
    }

    void everyControlHasAName_data() {
        QTest::addColumn<int>("page");
        const std::pair<const char *, PageId> pages[] = {{"distribution", PageId::Distribution},
                                                         {"bins", PageId::Bins},
                                                         {"layers", PageId::Layers},
                                                         {"memory", PageId::Memory},
                                                         {"speed", PageId::Speed},
                                                         {"accuracy", PageId::Accuracy},
                                                         {"activations", PageId::Activations}};
        for (const auto &[name, page] : pages)
            QTest::newRow(name) << static_cast<int>(page);
    }
    void everyControlHasAName() {
        QFETCH(const int, page);
        Window window;
        QVERIFY(window.open(m_model));
        window->pages().show(static_cast<PageId>(page));
        QVERIFY(window.settle());
        int controls = 0;
        for (const QWidget *widget : window->findChildren<QWidget *>()) {
            if (!widget->isVisible() || widget->focusPolicy() == Qt::NoFocus || widget->focusProxy() != nullptr)
                continue;
            ++controls;
            QVERIFY2(!nameOf(widget).trimmed().isEmpty(), qPrintable(pathOf(widget)));
        }
        QVERIFY2(controls > 20, qPrintable(QString::number(controls)));
    }

    void plotsSayWhatTheyShow() {
        Window window;
        QVERIFY(window.open(m_model));
        for (const PageId page : {PageId::Distribution, PageId::Bins}) {
            window->pages().show(page);
            QVERIFY(window.settle());
            for (const PlotView *plot : window->pages().page(page).plots()) {
                if (!plot->isVisible() || !plot->figure())
                    continue;
                const auto *chart = plot->findChild<Chart *>();
                QVERIFY(!nameOf(chart).isEmpty());
                QAccessibleInterface *const told = QAccessible::queryAccessibleInterface(const_cast<Chart *>(chart));
                QCOMPARE(told->text(QAccessible::Description).replace(QChar(0xa0), QLatin1Char(' ')), window.reading());
            }
        }
    }

private:
    static QString nameOf(const QWidget *widget) {
        QAccessibleInterface *const told = QAccessible::queryAccessibleInterface(const_cast<QWidget *>(widget));
        return told ? told->text(QAccessible::Name) : QString();
    }
    static QString pathOf(const QWidget *widget) {
        QString path;
        for (const QObject *at = widget; at; at = at->parent())
            path.prepend(QStringLiteral("/%1[%2]").arg(QLatin1String(at->metaObject()->className()), at->objectName()));
        return path;
    }

    QTemporaryDir m_folder;
    QString m_model;
};

QTEST_MAIN(AccessibilityTest)
#include "accessibility_test.moc"
