// SPDX-License-Identifier: GPL-3.0-or-later
// A tensor beyond 256 MiB as F32: what needs it whole is refused by name, what works by groups is not. The file has a
// header and a hole.
#include <QtTest>

#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

#include <fstream>

#include "tests/support/test_paths.h"

namespace {

struct Outcome {
    int status = -1;
    QByteArray out;
    QByteArray err;
};

Outcome run(const QStringList &arguments) {
    QProcess process;
    process.start(QString::fromUtf8(test_paths::commandLineProgram), arguments);
    process.closeWriteChannel();
    if (!process.waitForFinished(60'000))
        qFatal("the command line did not end");
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1, process.readAllStandardOutput(),
            process.readAllStandardError()};
}

// BF16, [rows, cols], all zeros.
void writeHole(const std::filesystem::path &path, std::uint64_t rows, std::uint64_t cols) {
    std::string header = R"({"big.weight": {"dtype": "BF16", "shape": [)" + std::to_string(rows) + ", " +
                         std::to_string(cols) + R"(], "data_offsets": [0, )" + std::to_string(2 * rows * cols) + "]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = header.size();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char *>(&length), sizeof length);
    out << header;
    out.close();
    std::filesystem::resize_file(path, sizeof length + length + 2 * rows * cols);
}

} // namespace

class LargeTensorCliTest : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    QString m_large = m_folder.filePath("large.safetensors"); // 256 MiB and a row
    QString m_fitting = m_folder.filePath("fitting.safetensors");

private slots:
    void initTestCase() {
        writeHole(m_large.toStdString(), 65537, 1024);
        writeHole(m_fitting.toStdString(), 1024, 1024);
    }

    void whatNeedsItWholeIsRefused_data() {
        QTest::addColumn<QStringList>("recipe");
        QTest::addColumn<QByteArray>("what");
        QTest::newRow("fitted") << QStringList{"--format", "fitted"} << QByteArray("Fitted codebook");
        QTest::newRow("hqq") << QStringList{"--format", "int4-asym", "--method", "hqq"} << QByteArray("HQQ");
    }
    void whatNeedsItWholeIsRefused() {
        QFETCH(QStringList, recipe);
        QFETCH(QByteArray, what);
        const QString out = m_folder.filePath("out.h5");
        for (const QStringList &command :
             {QStringList{"quantize", m_large, "--out", out}, QStringList{"analyze", m_large, "--json"}}) {
            const Outcome outcome = run(command + recipe);
            QCOMPARE(outcome.status, 1);
            QVERIFY2(outcome.err.contains("big.weight is larger than 256 MiB as F32, and " + what +
                                          " needs it whole. " + "Use another recipe, or exclude it."),
                     outcome.err);
            QVERIFY(outcome.out.isEmpty());
        }
        QVERIFY(!QFile::exists(out));
        // The limit is what is refused, not the recipe.
        QCOMPARE(run(QStringList{"quantize", m_fitting, "--out", out} + recipe).status, 0);
        QVERIFY(QFile::remove(out));
    }

    void whatWorksByGroupsIsNot() {
        const QString out = m_folder.filePath("nf4.h5");
        const Outcome outcome = run({"quantize", m_large, "--format", "nf4", "--out", out});
        QVERIFY2(outcome.status == 0, outcome.err);
        QVERIFY(QFile::exists(out));
    }
};

QTEST_GUILESS_MAIN(LargeTensorCliTest)
#include "large_tensor_cli_test.moc"
