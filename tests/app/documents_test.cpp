// SPDX-License-Identifier: GPL-3.0-or-later
// The window with large and odd tensors, and what it writes.
#include <QtTest>

#include <cmath>
#include <fstream>
#include <limits>

#include "tests/app/window_driver.h"
#include "tests/support/small_model.h"

using namespace nibblescope;
using namespace nibblescope::test;

class DocumentsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("documents_test"), m_folder.path());
        m_model = m_folder.filePath(QStringLiteral("small"));
        writeSmallModel(m_model.toStdString());
    }

    void reportsAndTables_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("begins");
        QTest::addColumn<QByteArray>("holds");
        QTest::newRow("html") << QStringLiteral("report.html") << QByteArray("<!") << QByteArray("down_proj");
        QTest::newRow("pdf") << QStringLiteral("report.pdf") << QByteArray("%PDF-") << QByteArray("/Page");
        QTest::newRow("csv") << QStringLiteral("table.csv") << QByteArray("name,shape,dtype,params")
                             << QByteArray("model.layers.1.mlp.down_proj.weight");
        QTest::newRow("json") << QStringLiteral("table.json") << QByteArray("{") << QByteArray("\"sqnr_db\"");
    }
    void reportsAndTables() {
        QFETCH(const QString, name);
        QFETCH(const QByteArray, begins);
        QFETCH(const QByteArray, holds);
        Window window;
        QVERIFY(window.open(m_model));
        QSignalSpy finished(&window->documents(), &DocumentJobs::finished);
        const QString path = m_folder.filePath(name);
        if (name.startsWith(QLatin1String("report")))
            window->documents().writeReport(path);
        else
            window->documents().writeTable(path);
        QVERIFY(finished.count() > 0 || finished.wait(patience));
        QVERIFY2(finished[0][1].toBool(), qPrintable(window->messages().texts().join(QLatin1Char('\n'))));
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QByteArray bytes = file.readAll();
        QVERIFY2(bytes.startsWith(begins), bytes.left(40).constData());
        QVERIFY(bytes.contains(holds));
    }

    void aFailedWriteSaysWhy() {
        Window window;
        QVERIFY(window.open(m_model));
        QSignalSpy finished(&window->documents(), &DocumentJobs::finished);
        window->documents().writeReport(m_folder.filePath(QStringLiteral("no/such/folder/report.html")));
        QVERIFY(finished.wait(patience));
        QVERIFY(!finished[0][1].toBool());
        QVERIFY(window->messages().texts().first().contains(QLatin1String("report.html")) ||
                window->messages().texts().first().contains(QLatin1String("folder")));
    }

    void aLargeTensorEndsExact() {
        const QString path = m_folder.filePath(QStringLiteral("large.safetensors"));
        writeSafetensors(path.toStdString(), {{"layers.0.mlp.up_proj.weight", {2048, 1024}, [](std::uint64_t i) {
                                                   return std::sin(0.001F * static_cast<float>(i % 100003)) * 0.1F;
                                               }}});
        Window window;
        Recipe slow = window->session().recipe();
        slow.method = "mse";
        window->session().setRecipe(slow);
        bool sampleSeen = false;
        connect(&window->session(), &Session::viewChanged, this, [&] {
            const SharedView &view = window->session().loader().current();
            sampleSeen = sampleSeen || (view && view->result.sample);
        });
        QVERIFY(window.open(path));
        const TensorResult &result = window->session().loader().current()->result;
        QVERIFY(!result.sample);
        QCOMPARE(result.statistics.finite, std::uint64_t{2048} * 1024);
        QVERIFY(window->session().result(0));
        if (sampleSeen) // how fast this machine is decides
            qInfo("a sample was shown first");
    }

    void oddTensorsAreTold() {
        const QString path = m_folder.filePath(QStringLiteral("odd.safetensors"));
        const auto odd = [](std::uint64_t i) {
            return i == 77 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(i % 13) - 6.0F;
        };
        writeSafetensors(path.toStdString(),
                         {{"layers.0.mlp.up_proj.weight", {64, 64}, odd},
                          {"layers.0.mlp.constant.weight", {64, 64}, [](std::uint64_t) { return 0.5F; }},
                          {"layers.0.mlp.zero.weight", {64, 64}, [](std::uint64_t) { return 0.0F; }},
                          {"scalar", {}, [](std::uint64_t) { return 1.0F; }},
                          {"empty", {0, 64}, [](std::uint64_t) { return 1.0F; }}});
        Window window;
        QVERIFY(window.open(path));
        QVERIFY2(window->messages().texts().join(QLatin1Char(' ')).contains(QLatin1String("NaN")),
                 qPrintable(window->messages().texts().join(QLatin1Char('\n'))));
        for (const PageId page : {PageId::Distribution, PageId::Bins, PageId::Layers, PageId::Memory}) {
            window->pages().show(page);
            for (const char *name : {"layers.0.mlp.constant.weight", "layers.0.mlp.zero.weight", "scalar"}) {
                window.select(name);
                QTRY_VERIFY(window->pages().isUpToDate());
            }
        }
        window->pages().show(PageId::Distribution);
        window->session().selection().selectTensor(4);
        QTRY_VERIFY(window->pages().page(PageId::Distribution).placeholder().contains(QLatin1String("empty")));
    }

    void openingDuringARunAsksFirst() {
        SmallModel larger;
        larger.layers = 8;
        larger.hidden = 256;
        larger.mlp = 768;
        const QString path = m_folder.filePath(QStringLiteral("larger"));
        writeSmallModel(path.toStdString(), larger);
        Window window;
        QVERIFY(window.open(path));
        Recipe slow = window->session().recipe();
        slow.method = "mse";
        window->session().setRecipe(slow);
        window->session().startRun();
        drop(*window, {m_model});
        QCOMPARE(window->windowTitle(), QStringLiteral("larger - Nibblescope"));
        QVERIFY(window->messages().texts().first().contains(QLatin1String("would replace the model")));
        window->session().stopRun();
    }

private:
    QTemporaryDir m_folder;
    QString m_model;
};

QTEST_MAIN(DocumentsTest)
#include "documents_test.moc"
