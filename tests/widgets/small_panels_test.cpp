// SPDX-License-Identifier: GPL-3.0-or-later
// The widgets that need little: the reading, the empty window, the status bar's, the preferences.
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QtTest>

#include "widgets/panels/empty_state.h"
#include "widgets/panels/preferences_panel.h"
#include "widgets/panels/reading_label.h"
#include "widgets/panels/status_widgets.h"

using namespace nibblescope;

class SmallPanelsTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readingShowsTheClausesThatFit() {
        ReadingLabel reading;
        reading.resize(724, 60);
        reading.show();
        const QStringList clauses{
            QStringLiteral("NF4 64 keeps 20.75 dB of layers.0.mlp.down_proj at 4.279 bpw."),
            QStringLiteral("INT4 64 keeps 19.34 dB: NF4 64 is 1.42 dB better for the same bits."),
            QStringLiteral("12 weights beyond 12 σ set the scale of 7 of 192 groups, and that is much to say.")};
        reading.setReading(clauses);
        QCOMPARE(reading.shownText(), clauses[0] + QLatin1Char(' ') + clauses[1]);
        QCOMPARE(reading.text(), clauses.join(QLatin1Char(' ')));
        reading.resize(400, 60);
        QCOMPARE(reading.shownText(), clauses[0]);
        QVERIFY(reading.findChild<QLabel *>()->toolTip().contains(QStringLiteral("12 weights")));
        reading.setPending(true);
        QVERIFY(reading.pending());
        QCOMPARE(reading.shownText(), clauses[0]); // the last one stays
        reading.setReading({QStringLiteral("x")});
        QVERIFY(!reading.pending());
    }

    void readingHasLinks() {
        ReadingLabel reading;
        reading.resize(724, 60);
        reading.show();
        reading.setReading({QStringLiteral("a<b is kept.")},
                           {{QStringLiteral("Quantize it anyway"), QStringLiteral("q")}});
        QSignalSpy links(&reading, &ReadingLabel::linkActivated);
        auto *label = reading.findChild<QLabel *>();
        QVERIFY(label->text().startsWith(QStringLiteral("a&lt;b is kept.")));
        Q_EMIT label->linkActivated(QStringLiteral("q"));
        QCOMPARE(links.count(), 1);
        reading.setReading({QStringLiteral("word ").repeated(200)}); // too long by itself
        QVERIFY(label->text().endsWith(QChar(0x2026)));
        reading.setReading({});
        QCOMPARE(reading.shownText(), QString());
    }

    void emptyWindow() {
        EmptyState empty;
        empty.resize(724, 812);
        empty.show();
        QSignalSpy sample(&empty, &EmptyState::openSampleRequested);
        QSignalSpy recent(&empty, &EmptyState::openRecentRequested);
        auto *list = empty.findChild<QListView *>();
        QVERIFY(!list->isVisible());
        empty.setRecentFiles(
            {{QStringLiteral("/m/a"), QStringLiteral("a"), QStringLiteral("/m"), QStringLiteral("1 MiB")},
             {QStringLiteral("/m/b"), QStringLiteral("b"), QStringLiteral("/m"), {}, false, false}});
        QVERIFY(list->isVisible());
        list->setCurrentIndex(list->model()->index(0, 0));
        QTest::keyClick(list, Qt::Key_Return);
        QCOMPARE(recent.count(), 1);
        QCOMPARE(recent.last().at(0).toString(), QStringLiteral("/m/a"));
        list->setCurrentIndex(list->model()->index(1, 0));
        QTest::keyClick(list, Qt::Key_Return); // not found: nothing to open
        QCOMPARE(recent.count(), 1);
        empty.focusDefault();
        QTest::keyClick(empty.focusWidget(), Qt::Key_Space);
        QCOMPARE(sample.count(), 1);
        empty.setSampleAvailable(false);
        QCOMPARE(qobject_cast<QPushButton *>(empty.focusProxy())->text().trimmed(), QStringLiteral("Open &File..."));
    }

    void dropOverlayFollowsItsWindow() {
        QWidget window;
        window.resize(300, 200);
        DropOverlay overlay(&window);
        window.show();
        QVERIFY(!overlay.isVisible());
        overlay.showFor(QStringLiteral("stories260K"));
        QCOMPARE(overlay.text(), QStringLiteral("Drop to open stories260K"));
        QCOMPARE(overlay.geometry(), window.rect());
        window.resize(500, 400);
        QTRY_COMPARE(overlay.geometry(), window.rect());
    }

    void jobStatus() {
        JobStatus job;
        QVERIFY(job.isHidden());
        job.start(QStringLiteral("Quantizing with NF4 64"));
        job.setProgress(21, 35, QStringLiteral("21 of 35"), std::nullopt);
        QCOMPARE(job.text(), QStringLiteral("21 of 35"));
        job.setProgress(21, 35, QStringLiteral("21 of 35"), 4.2);
        QCOMPARE(job.text(), QString::fromUtf8("21 of 35 · 4\u00a0s left"));
        job.setProgress(1ULL << 40, 1ULL << 41, QStringLiteral("x"), std::nullopt); // beyond int
        QSignalSpy cancelled(&job, &JobStatus::cancelRequested);
        job.findChild<QPushButton *>()->click();
        QCOMPARE(cancelled.count(), 1);
        job.finish();
        QVERIFY(job.isHidden());
    }

    void timeLeftWaitsForThreeTensorsAndASecond() {
        const TimeLeft left;
        QVERIFY(!left.seconds(10, 2, 50, 100));
        QVERIFY(!left.seconds(0.9, 5, 50, 100));
        QCOMPARE(left.seconds(10, 3, 25, 100), std::optional<double>(30));
        QCOMPARE(left.seconds(10, 3, 100, 100), std::optional<double>(0));
    }

    void machineStatus() {
        MachineStatus machine;
        machine.setMachine(QStringLiteral("AVX2"), 2, QStringLiteral("all sets"));
        machine.setMemory(84ULL << 20);
        QStringList texts;
        for (const QLabel *label : machine.findChildren<QLabel *>())
            texts << label->text();
        QCOMPARE(texts, (QStringList{QStringLiteral("AVX2 · 2 threads"), QString::fromUtf8("84\u00a0MiB")}));
    }

    void preferences() {
        PreferencesPanel panel;
        panel.setMachine(8, {{QStringLiteral("avx2"), QStringLiteral("AVX2")}});
        QSignalSpy edits(&panel, &PreferencesPanel::preferencesEdited);
        Preferences wanted;
        wanted.theme = QStringLiteral("dark");
        wanted.textSize = 150;
        wanted.threads = 4;
        wanted.instructionSet = QStringLiteral("avx2");
        panel.setPreferences(wanted);
        QCOMPARE(edits.count(), 0);
        panel.findChild<QCheckBox *>()->click();
        QCOMPARE(edits.count(), 1);
        wanted.lightExports = false;
        QVERIFY(panel.preferences() == wanted);
        QCOMPARE(panel.findChild<QComboBox *>()->currentData().toString(), QStringLiteral("dark"));
        // What another machine had and this one has not is shown as the default.
        wanted.instructionSet = QStringLiteral("neon");
        panel.setPreferences(wanted);
        QCOMPARE(panel.findChildren<QComboBox *>().last()->currentText(), QStringLiteral("Auto"));
    }
};

QTEST_MAIN(SmallPanelsTest)
#include "small_panels_test.moc"
