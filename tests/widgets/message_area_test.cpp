// SPDX-License-Identifier: GPL-3.0-or-later
#include <QLabel>
#include <QPushButton>
#include <QToolButton>
#include <QtTest>

#include "widgets/panels/message_bar.h"
#include "widgets/panels/message_bar_row.h"

using namespace nibblescope;

class MessageAreaTest : public QObject {
    Q_OBJECT

    int shown() const {
        int count = 0;
        for (const MessageBar *bar : m_area->findChildren<MessageBar *>())
            count += bar->isVisible() ? 1 : 0;
        return count;
    }

private Q_SLOTS:
    void init() {
        m_area = std::make_unique<MessageArea>();
        m_area->resize(724, 200);
        m_area->show();
    }
    void cleanup() { m_area.reset(); }

    void newestOnTopAndThreeAtOnce() {
        for (int i = 0; i < 5; ++i)
            m_area->show({Severity::Warning, QStringLiteral("message %1").arg(i)});
        QCOMPARE(m_area->count(), 5);
        QCOMPARE(m_area->texts().first(), QStringLiteral("message 4"));
        QCOMPARE(shown(), 3);
        QToolButton *more = nullptr;
        for (QToolButton *button : m_area->findChildren<QToolButton *>()) {
            if (button->text().endsWith(QLatin1String("more")))
                more = button;
        }
        QVERIFY(more);
        QCOMPARE(more->text(), QStringLiteral("2 more"));
        more->click();
        QCOMPARE(shown(), 5);
        m_area->clear();
        QCOMPARE(m_area->count(), 0);
        QVERIFY(!more->isVisible());
    }

    void onlyInfosGoByThemselves() {
        m_area->setInfoMilliseconds(30);
        m_area->show({Severity::Info, QStringLiteral("done")});
        m_area->show({Severity::Warning, QStringLiteral("look")});
        m_area->show({Severity::Error, QStringLiteral("broken")});
        Message asking{Severity::Info, QStringLiteral("stop and open?")};
        asking.lasting = true;
        m_area->show(asking);
        QTRY_COMPARE(m_area->count(), 3);
        QTest::qWait(60);
        QCOMPARE(m_area->texts(),
                 (QStringList{QStringLiteral("stop and open?"), QStringLiteral("broken"), QStringLiteral("look")}));
    }

    void actionsRunAndCloseTheirMessage() {
        int ran = 0;
        m_area->show({Severity::Error,
                      QStringLiteral("changed on disk"),
                      {{QStringLiteral("Reload"),
                        [&] {
                            ++ran;
                            m_area->show({Severity::Error, QStringLiteral("and again")}); // a message from an action
                        }},
                       {QStringLiteral("Ignore"), {}},
                       {QStringLiteral("Third"), {}}}});
        auto buttons = m_area->findChildren<QPushButton *>();
        QCOMPARE(buttons.size(), 2); // at most two
        buttons.first()->click();
        QCOMPARE(ran, 1);
        QCOMPARE(m_area->texts(), QStringList{QStringLiteral("and again")});
    }

    void aTopicIsReplacedInPlace() {
        m_area->show({Severity::Warning, QStringLiteral("first"), {}, QStringLiteral("run")});
        m_area->show({Severity::Warning, QStringLiteral("other")});
        m_area->show({Severity::Warning, QStringLiteral("second"), {}, QStringLiteral("run")});
        QCOMPARE(m_area->texts(), (QStringList{QStringLiteral("other"), QStringLiteral("second")}));
        m_area->closeTopic(QStringLiteral("run"));
        QCOMPARE(m_area->texts(), QStringList{QStringLiteral("other")});
    }

    void textsArePlainNamesAreBoldAndLongOnesAreElided() {
        m_area->show({Severity::Error, QStringLiteral("`a<b>.safetensors` is cut short: ") +
                                           QStringLiteral("many words ").repeated(60)});
        QTest::qWait(20);
        const auto *bar = m_area->findChild<MessageBar *>();
        const QString html = bar->findChild<QLabel *>()->text();
        QVERIFY(html.startsWith(QStringLiteral("<b>a&lt;b&gt;.safetensors</b> is cut")));
        QVERIFY(html.endsWith(QChar(0x2026)));
        QVERIFY(bar->toolTip().contains(QStringLiteral("many words many words")));
        QCOMPARE(bar->height(), 36);
        QVERIFY(m_area->texts().first().startsWith(QStringLiteral("a<b>.safetensors is cut")));
    }

private:
    std::unique_ptr<MessageArea> m_area;
};

QTEST_MAIN(MessageAreaTest)
#include "message_area_test.moc"
