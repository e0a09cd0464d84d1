// SPDX-License-Identifier: GPL-3.0-or-later
// The whole table of recipes that an independent implementation computed on stories260K, with the command line of each
// row, held to the tolerance that it gives for each family of methods.
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include "tests/support/safetensors_maker.h"
#include "tests/support/test_paths.h"

namespace nibblescope {
namespace {

struct Tolerance {
    double perplexity;
    double kl;
    double median;
    double sqnrDb;
    double outputError;
    double top1;
};

Tolerance toleranceOf(const QString &row) {
    if (row.contains("-seq"))
        return {3e-3, 2e-2, 2e-2, 0.02, 1e-2, 0.004};
    if (row.startsWith("gptq"))
        return {1e-3, 1e-2, 1e-2, 0.01, 5e-3, 0.004};
    if (row.startsWith("awq"))
        return {5e-3, 3e-2, 3e-2, 0.02, 2e-2, 0.004};
    if (row.startsWith("fitted"))
        return {2e-2, 8e-2, 8e-2, 0.1, 5e-2, 0.004};
    if (row.contains("-dq") || row.startsWith("mse") || row.startsWith("iw") || row.startsWith("hqq"))
        return {1e-3, 1e-2, 1e-2, 0.005, 5e-3, 0.004};
    return {1e-4, 1e-3, 2e-3, 0.001, 1e-4, 0.001};
}

// A line of a CSV file by its header, under its first cell.
using Csv = std::map<QString, std::map<QString, QString>>;
Csv readCsv(const QString &path) {
    QFile file(path);
    Csv rows;
    if (!file.open(QIODevice::ReadOnly))
        return rows;
    const QStringList header = QString::fromUtf8(file.readLine()).trimmed().split(',');
    while (!file.atEnd()) {
        const QStringList cells = QString::fromUtf8(file.readLine()).trimmed().split(',');
        for (int i = 1; i < std::min(header.size(), cells.size()); ++i)
            rows[cells[0]][header[i]] = cells[i];
    }
    return rows;
}

} // namespace

class MethodsTableSlowTest : public QObject {
    Q_OBJECT
#ifdef NIBBLESCOPE_SHARED_DATA
    const QString m_model = QString::fromUtf8(test_paths::sharedData) + "/data/stories260K";
    QTemporaryDir m_folder;
    Csv m_table;
    Csv m_outputErrors;

    QString calibration() const { return m_folder.path() + "/C.h5"; }

    QByteArray run(const QStringList &arguments) {
        QProcess program;
        program.start(QString::fromUtf8(test_paths::commandLineProgram), arguments);
        if (!program.waitForFinished(300000) || program.exitCode() != 0)
            qWarning("%s", program.readAllStandardError().constData());
        return program.readAllStandardOutput();
    }

private slots:
    void initTestCase() {
        m_table = readCsv(m_model + "/golden/methods.csv");
        m_outputErrors = readCsv(m_model + "/golden/output_error.csv");
        QVERIFY(m_table.size() > 30 && m_outputErrors.size() >= 35);
        run({"calibrate", m_model, "--tokens", m_model + "/tinystories-calib.tok512.npy", "--windows", "128", "--out",
             calibration()});
        QVERIFY(QFile::exists(calibration()));
    }

    void agrees_data() {
        QTest::addColumn<QString>("options");
        QFile text(m_model + "/golden/methods.md");
        QVERIFY(text.open(QIODevice::ReadOnly));
        const QRegularExpression line("^\\| ([\\w-]+) \\| `(--format [^`]*)` \\|$");
        while (!text.atEnd())
            if (const auto match = line.match(QString::fromUtf8(text.readLine()).trimmed()); match.hasMatch())
                QTest::newRow(qPrintable(match.captured(1))) << match.captured(2);
    }
    void agrees() {
        QFETCH(QString, options);
        const QString row = QString::fromUtf8(QTest::currentDataTag());
        const Tolerance tolerance = toleranceOf(row);
        QStringList arguments{"evaluate", m_model,         "--tokens",   m_model + "/tinystories-valid.tok512.npy",
                              "--json",   "--calibration", calibration()};
        QStringList words = options.split(' ');
        if (const auto at = words.indexOf("--calibration"); at >= 0)
            words.remove(at, 2);
        const auto json = nlohmann::json::parse(run(arguments + words).toStdString());
        auto &golden = m_table[row];
        const auto expected = [&golden](const char *key) { return golden.at(key).toDouble(); };
        const auto off = [&](const char *key) { return json.at(key).get<double>() / expected(key) - 1; };
        double worst = 0;
        for (const auto &linear : json.at("linears")) {
            const QString name = QString::fromStdString(linear.at("name").get<std::string>());
            const double reference = m_outputErrors.at(name).at(row).toDouble();
            worst = std::max(worst, std::fabs(linear.at("output_error").get<double>() / reference - 1));
        }
        const double sqnr = json.at("sqnr_db").get<double>() - expected("sqnr_db");
        const double top1 = json.at("top1_agreement").get<double>() - expected("top1_agreement");
        qInfo("bpw %.4f perplexity %.5f (%+.1e) KL %.6f (%+.1e, stderr %+.1e, median %+.1e, 99%% %+.1e) top-1 %+.4f "
              "SQNR %.4f (%+.4f) output error %.1e",
              json.at("bpw").get<double>(), json.at("perplexity").get<double>(), off("perplexity"),
              json.at("kl_mean").get<double>(), off("kl_mean"), off("kl_stderr"), off("kl_median"), off("kl_p99"), top1,
              json.at("sqnr_db").get<double>(), sqnr, worst);
        QVERIFY(std::fabs(json.at("bpw").get<double>() - expected("bpw")) < 5e-4);
        QVERIFY(std::fabs(off("perplexity")) < tolerance.perplexity);
        QVERIFY(std::fabs(off("kl_mean")) < tolerance.kl);
        QVERIFY(std::fabs(off("kl_p99")) < tolerance.kl);
        QVERIFY(std::fabs(off("kl_median")) < tolerance.median);
        QVERIFY(std::fabs(off("kl_stderr")) < 0.02 + tolerance.kl);
        QVERIFY(std::fabs(top1) < tolerance.top1);
        QVERIFY(std::fabs(sqnr) < tolerance.sqnrDb);
        QVERIFY(worst < tolerance.outputError);
    }

    // GPTQ against plain rounding at the same bits: on the output error of every linear.
    void gptqBeatsRoundingOnEveryLinear_data() {
        QTest::addColumn<QString>("size");
        QTest::newRow("64") << "64";
        QTest::newRow("32") << "32";
    }
    void gptqBeatsRoundingOnEveryLinear() {
        QFETCH(QString, size);
        const auto measured = [&](const QString &method) {
            return nlohmann::json::parse(
                run({"evaluate", m_model, "--tokens", m_model + "/tinystories-valid.tok512.npy", "--windows", "64",
                     "--json", "--calibration", calibration(), "--format", "int4-asym", "--group-size", size,
                     "--method", method})
                    .toStdString());
        };
        const auto gptq = measured("gptq");
        const auto rtn = measured("rtn");
        QCOMPARE(gptq.at("linears").size(), std::size_t{35});
        for (std::size_t i = 0; i < 35; ++i)
            QVERIFY(gptq.at("linears")[i].at("output_error") < rtn.at("linears")[i].at("output_error"));
        QVERIFY(gptq.at("kl_mean") < rtn.at("kl_mean"));
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::MethodsTableSlowTest)
#include "methods_table_slow_test.moc"
