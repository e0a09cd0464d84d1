// SPDX-License-Identifier: GPL-3.0-or-later
// Rounded activations and imported ones on the command line.
#include <QtTest>

#include <QDir>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

#include <cmath>
#include <fstream>
#include <limits>

#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

namespace {

struct Outcome {
    int status = -1;
    QByteArray out;
    QByteArray err;
    QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
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

void writeNpy(const std::filesystem::path &path, const std::string &type, const std::string &shape,
              const std::string &data) {
    std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize(117, ' ');
    header += '\n';
    std::ofstream(path, std::ios::binary)
        << "\x93NUMPY\x01" << '\0' << static_cast<char>(header.size()) << '\0' << header << data;
}

} // namespace

class ActivationsCliTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        m_model = m_folder.filePath("small");
        nibblescope::test::writeSmallModel(m_model.toStdString());
        m_tokens = m_folder.filePath("ids.npy");
        std::string ids;
        for (int i = 0; i < 400; ++i)
            ids += static_cast<char>(i * 37 % 128);
        writeNpy(m_tokens.toStdString(), "|u1", "(400,)", ids);
    }

    void evaluatesOnThePackedKernels() {
        const QStringList base{"evaluate", m_model, "--tokens", m_tokens, "--context", "64", "--format", "int4"};
        const auto jsonWith = [&](const QStringList &more) { return run(base + more + QStringList{"--json"}); };
        const Outcome plain = jsonWith({});
        QCOMPARE(jsonWith({"--products", "blas"}).out, plain.out);
        QVERIFY(!plain.json().contains("products"));
        const double kl = plain.json()["kl_mean"].toDouble();
        for (const QString kind : {"packed-f32", "packed-int8"}) {
            const Outcome packed = jsonWith({"--products", kind});
            QCOMPARE(packed.status, 0);
            QCOMPARE(packed.json()["products"].toString(), kind);
            QVERIFY(!packed.json()["products_isa"].toString().isEmpty());
            QCOMPARE(packed.json()["linears_packed"].toInt(), 14);
            QVERIFY(!packed.json().contains("linears_decoded"));
            const double own = packed.json()["kl_mean"].toDouble();
            QVERIFY(std::abs(own / kl - 1) < (kind == "packed-f32" ? 1e-3 : 0.05));
            QVERIFY(own != kl);
        }
        const Outcome told = run(base + QStringList{"--products", "packed-int8"});
        QVERIFY2(told.out.contains("products                 packed kernels (") &&
                     told.out.contains("), INT8 activations\n"),
                 told.out.constData());
        // Flat groups of 64 over rows of 172: what is not packed is named.
        const Outcome some = jsonWith({"--blocks", "flat", "--products", "packed-int8"});
        const QString remark =
            "2 of 14 quantized linears on decoded weights: 2 with groups that run over the ends of rows.";
        QCOMPARE(some.json()["linears_packed"].toInt(), 12);
        QCOMPARE(some.json()["warnings"].toArray().last().toString(), remark);
        QVERIFY(some.err.contains(remark.toUtf8()));
    }

    void refusesProductsThatAreNone_data() {
        QTest::addColumn<QStringList>("options");
        QTest::addColumn<QByteArray>("said");
        QTest::newRow("unknown") << QStringList{"--format", "int4", "--products", "fast"}
                                 << QByteArray("--products is 'fast'; it takes blas, packed-f32 or packed-int8.");
        QTest::newRow("asymmetric") << QStringList{"--format", "int4-asym", "--products", "packed-f32"}
                                    << QByteArray("--products: INT4 asymmetric has zero-points");
        QTest::newRow("no recipe") << QStringList{"--products", "packed-int8"} << QByteArray("there is no format");
        QTest::newRow("F32 scales") << QStringList{"--format", "nf4", "--scale-type", "f32", "--products", "packed-f32"}
                                    << QByteArray("take scales in F16");
        QTest::newRow("rounded twice") << QStringList{"--format",    "nf4",           "--products",
                                                      "packed-int8", "--activations", "int8"}
                                       << QByteArray("--activations does not go with it");
    }
    void refusesProductsThatAreNone() {
        QFETCH(QStringList, options);
        QFETCH(QByteArray, said);
        const Outcome refused = run(QStringList{"evaluate", m_model, "--tokens", m_tokens} + options);
        QCOMPARE(refused.status, 2);
        QVERIFY2(refused.err.contains(said), refused.err.constData());
        QVERIFY(refused.out.isEmpty());
    }

    void evaluatesRoundedActivations() {
        const QStringList base{"evaluate", m_model, "--tokens", m_tokens, "--context", "64", "--json"};
        const Outcome fine = run(base + QStringList{"--activations", "int8"});
        QCOMPARE(fine.status, 0);
        QCOMPARE(fine.json()["activations"].toString(), QString("int8"));
        QCOMPARE(fine.json()["activation_scales"].toString(), QString("token"));
        QVERIFY(!fine.json().contains("bpw") && !fine.json().contains("recipe"));
        const Outcome coarse = run(base + QStringList{"--activations=int4", "--activation-scales=tensor"});
        QCOMPARE(coarse.status, 0);
        QVERIFY(coarse.json()["kl_mean"].toDouble() > 10 * fine.json()["kl_mean"].toDouble());
        const Outcome both = run(base + QStringList{"--activations", "int4", "--format", "int4"});
        QCOMPARE(both.status, 0);
        QVERIFY(both.json().contains("bpw") && both.json().contains("recipe"));
        QVERIFY(!run(base).json().contains("kl_mean"));

        const QString statistics = m_folder.filePath("c.h5");
        QCOMPARE(run({"calibrate", m_model, "--tokens", m_tokens, "--context", "64", "--out", statistics}).status, 0);
        const Outcome smooth = run(base + QStringList{"--smooth", "0.5", "--calibration", statistics});
        QCOMPARE(smooth.status, 0);
        QCOMPARE(smooth.json()["smooth"].toDouble(), 0.5);
        QVERIFY(std::abs(smooth.json()["kl_mean"].toDouble()) < 1e-9); // the same model
        QVERIFY(smooth.json()["warnings"].toArray().size() >= 1);      // o_proj cannot be folded here
    }

    void saysWhatIsWrong_data() {
        QTest::addColumn<QStringList>("options");
        QTest::addColumn<QByteArray>("says");
        QTest::newRow("bits") << QStringList{"--activations", "int3"} << QByteArray("it takes int8 or int4");
        QTest::newRow("scales") << QStringList{"--activations", "int8", "--activation-scales", "row"}
                                << QByteArray("it takes tensor, token or channel");
        QTest::newRow("scales alone") << QStringList{"--activation-scales", "token"} << QByteArray("give both");
        QTest::newRow("smooth alone") << QStringList{"--smooth", "0.5"} << QByteArray("--calibration");
    }
    void saysWhatIsWrong() {
        QFETCH(QStringList, options);
        QFETCH(QByteArray, says);
        const Outcome outcome =
            run(QStringList{"evaluate", m_model, "--tokens", m_tokens, "--context", "64"} + options);
        QCOMPARE(outcome.status, 2);
        QVERIFY2(outcome.err.contains(says), outcome.err);
        QVERIFY(outcome.out.isEmpty());
    }

    void calibratesOnImportedInputs() {
        const QString folder = m_folder.filePath("inputs");
        QVERIFY(QDir().mkpath(folder));
        std::string data;
        for (int i = 0; i < 10 * 64; ++i) {
            const float value = 0.01F * static_cast<float>(i % 97) - 0.4F;
            data.append(reinterpret_cast<const char *>(&value), sizeof value);
        }
        for (const char *name : {"model.layers.0.mlp.gate_proj", "model.layers.1.self_attn.k_proj.weight"})
            writeNpy((folder + "/" + name + ".npy").toStdString(), "<f4", "(10, 64)", data);
        const QString out = m_folder.filePath("imported.h5");
        const Outcome made = run({"calibrate", m_model, "--activations", folder, "--out", out, "--json"});
        QCOMPARE(made.status, 0);
        QCOMPARE(made.json()["inputs"].toInt(), 2);
        QCOMPARE(made.json()["positions"].toInt(), 10);
        // Methods take it as any other.
        const Outcome quantized =
            run({"quantize", m_model, "--format", "int4-asym", "--method", "gptq", "--calibration", out, "--exclude",
                 "*down*", "--exclude", "*o_proj*", "--exclude", "*layers.0.self_attn*", "--exclude", "*layers.1.mlp*",
                 "--out", m_folder.filePath("out.h5")});
        QVERIFY2(quantized.status == 0, quantized.err);
        const Outcome clash = run({"calibrate", m_model, "--activations", folder, "--tokens", m_tokens, "--out", out});
        QCOMPARE(clash.status, 2);
        const Outcome missing = run({"calibrate", m_model, "--activations", "/nowhere", "--out", out});
        QCOMPARE(missing.status, 1);
        QVERIFY2(missing.err.contains("is no folder"), missing.err);
    }

    void refusesImportedInputsThatDoNotFit_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("type");
        QTest::addColumn<QByteArray>("shape");
        QTest::addColumn<int>("values");
        QTest::addColumn<QByteArray>("says");
        const QString gate = "model.layers.0.mlp.gate_proj";
        const auto row = [](const char *what, const QString &name, const char *type, const char *shape, int values,
                            const char *says) {
            QTest::newRow(what) << name << QByteArray(type) << QByteArray(shape) << values << QByteArray(says);
        };
        row("another width", gate, "<f4", "(10, 63)", 630, "has 63 channels, but model.layers.0.mlp.gate_proj.weight");
        row("one dimension", gate, "<f4", "(640,)", 640, "has the shape");
        row("not float32", gate, "<f8", "(5, 64)", 640, "holds elements of type");
        row("truncated", gate, "<f4", "(10, 64)", 639, "gate_proj.npy");
        row("no tokens", gate, "<f4", "(0, 64)", 0, "holds no tokens");
        row("unknown layer", "model.layers.7.mlp.gate_proj", "<f4", "(10, 64)", 640, "is named after a matrix");
        row("a NaN", gate, "<f4", "(10, 64)", -640, "holds NaN at token 9, channel 63");
    }
    void refusesImportedInputsThatDoNotFit() {
        QFETCH(QString, name);
        QFETCH(QByteArray, type);
        QFETCH(QByteArray, shape);
        QFETCH(int, values);
        QFETCH(QByteArray, says);
        QTemporaryDir folder;
        std::string data;
        for (int i = 0; i < std::abs(values); ++i) {
            const float value = i + 1 == -values ? std::numeric_limits<float>::quiet_NaN() : 0.5F;
            data.append(reinterpret_cast<const char *>(&value), sizeof value);
        }
        writeNpy(folder.filePath(name + ".npy").toStdString(), type.toStdString(), shape.toStdString(), data);
        const QString out = folder.filePath("c.h5");
        const Outcome outcome = run({"calibrate", m_model, "--activations", folder.path(), "--out", out, "--json"});
        QCOMPARE(outcome.status, 1);
        QVERIFY2(outcome.err.contains(says), outcome.err);
        QVERIFY(outcome.out.isEmpty());
        QVERIFY(!QFile::exists(out));
        QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden).size(), 1); // no temporary file either
    }

private:
    QTemporaryDir m_folder;
    QString m_model;
    QString m_tokens;
};

QTEST_GUILESS_MAIN(ActivationsCliTest)
#include "activations_cli_test.moc"
