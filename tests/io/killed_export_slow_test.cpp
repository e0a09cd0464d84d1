// SPDX-License-Identifier: GPL-3.0-or-later
// An export that is killed or interrupted leaves the old file or the new one, never a half.
#include <QtTest>

#include <csignal>
#include <filesystem>
#include <random>

#include "tests/support/safetensors_maker.h"
#include "tests/support/test_paths.h"

using namespace nibblescope::testing;
namespace fs = std::filesystem;

class KilledExportSlowTest : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder.path().toStdString()) / name; }

    QStringList arguments(const std::string &out) const {
        return {QStringLiteral("quantize"), QString::fromStdString(at("model.safetensors").string()),
                QStringLiteral("--format"), QStringLiteral("nf4"),
                QStringLiteral("--out"),    QString::fromStdString(at(out).string())};
    }
    // Milliseconds of a whole export, which is left as `out`.
    qint64 exportOnce(const std::string &out) const {
        QElapsedTimer timer;
        timer.start();
        return QProcess::execute(QString::fromUtf8(test_paths::commandLineProgram), arguments(out)) == 0
                   ? timer.elapsed()
                   : -1;
    }
    std::size_t temporaries() const {
        std::size_t count = 0;
        for (const auto &entry : fs::directory_iterator(at("")))
            count += entry.path().filename().string().front() == '.' ? 1U : 0U;
        return count;
    }

    QTemporaryDir m_folder;

private slots:
    void initTestCase() {
        std::vector<MadeTensor> tensors;
        for (unsigned i = 0; i < 12; ++i)
            tensors.push_back({"layers." + std::to_string(i) + ".up_proj.weight",
                               "F32",
                               {1024, 1024},
                               f32Bytes(normalValues(1U << 20, i))});
        writeFile(at("model.safetensors"), madeSafetensors(tensors));
    }

    void killed_data() {
        QTest::addColumn<std::string>("out");
        QTest::addColumn<int>("signal");
        QTest::newRow("HDF5") << std::string("out.h5") << SIGKILL;
        QTest::newRow("safetensors") << std::string("out.safetensors") << SIGKILL;
        QTest::newRow("HDF5, interrupted") << std::string("out.h5") << SIGINT;
        QTest::newRow("safetensors, interrupted") << std::string("out.safetensors") << SIGINT;
    }
    void killed() {
        QFETCH(std::string, out);
        QFETCH(int, signal);
        const qint64 whole = exportOnce(out);
        QVERIFY(whole > 0);
        const std::string right = readFile(at(out));
        QVERIFY(!right.empty());
        std::mt19937 random(7);
        for (int i = 0; i < 15; ++i) {
            writeFile(at(out), "old");
            QProcess program;
            program.start(QString::fromUtf8(test_paths::commandLineProgram), arguments(out));
            QVERIFY(program.waitForStarted());
            QTest::qSleep(static_cast<int>(random() % static_cast<unsigned>(whole)));
            ::kill(static_cast<pid_t>(program.processId()), signal);
            QVERIFY(program.waitForFinished());
            const std::string left = readFile(at(out));
            QVERIFY(left == "old" || left == right);
            if (signal == SIGINT) {
                // Sent before the program looks for it, the signal ends it as any other would.
                QVERIFY(program.exitStatus() == QProcess::CrashExit || program.exitCode() == 130 ||
                        program.exitCode() == 0);
                QCOMPARE(temporaries(), 0U);
            }
            QVERIFY(temporaries() <= 1); // the next export removes what a kill left
        }
        QVERIFY(exportOnce(out) > 0);
        QVERIFY(readFile(at(out)) == right);
        QCOMPARE(temporaries(), 0U);
    }
};

QTEST_GUILESS_MAIN(KilledExportSlowTest)
#include "killed_export_slow_test.moc"
