// SPDX-License-Identifier: GPL-3.0-or-later
// The command line as a script meets it: exit status, one line on standard error, JSON alone on standard output.
#include <QtTest>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>

#include <csignal>

#include "tests/support/malformed_files.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

namespace {

struct Outcome {
    int status = -1;
    QByteArray out;
    QByteArray err;
    QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
    int errorLines() const { return static_cast<int>(err.count('\n')); }
};

Outcome run(const QStringList &arguments,
            const QProcessEnvironment &environment = QProcessEnvironment::systemEnvironment()) {
    QProcess process;
    process.setProcessEnvironment(environment);
    process.start(QString::fromUtf8(test_paths::commandLineProgram), arguments);
    process.closeWriteChannel();
    if (!process.waitForFinished(60'000))
        qFatal("the command line did not end");
    return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1, process.readAllStandardOutput(),
            process.readAllStandardError()};
}

QStringList keysInOrder(const QByteArray &json) { // of the outermost object, by their two blanks
    QStringList keys;
    for (const QByteArray &line : json.split('\n'))
        if (line.startsWith("  \""))
            keys << QString::fromUtf8(line.mid(3, line.indexOf('"', 3) - 3));
    return keys;
}

} // namespace

class CliTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        QVERIFY(m_folder.isValid());
        m_model = m_folder.filePath("small model");
        nibblescope::test::writeSmallModel(m_model.toStdString());
    }

    void analyzePrintsOneDocument() {
        const Outcome outcome = run({"analyze", m_model, "--format=nf4", "--json", "--threads", "2"});
        QCOMPARE(outcome.status, 0);
        QVERIFY(outcome.err.isEmpty());
        const QJsonObject json = outcome.json();
        QCOMPARE(keysInOrder(outcome.out).first(), QString("nibblescope"));
        QCOMPARE(json["recipe"].toObject()["format"].toString(), QString("nf4"));
        QCOMPARE(json["recipe"].toObject()["scale_type"].toString(), QString("f16"));
        // Normal weights in groups of 64.
        QVERIFY(std::abs(json["totals"].toObject()["sqnr_db"].toDouble() - 20.7) < 0.2);
        QVERIFY(json["memory"].toObject()["kv_cache_bytes"].toDouble() > 0);
        for (const auto &tensor : json["tensors"].toArray())
            QCOMPARE(tensor.toObject().contains("sqnr_db"), tensor.toObject()["name"].toString().contains("proj"));
    }

    void resultsDoNotDependOnThreads() {
        const auto with = [&](const QString &threads) {
            return run({"analyze", m_model, "--format", "int4-asym", "--json", "--threads", threads}).out;
        };
        QCOMPARE(with("1"), with("3"));
    }

    void callsAtFault_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("says");
        const auto row = [](const char *name, const QStringList &arguments, const char *says) {
            QTest::newRow(name) << arguments << says;
        };
        row("no command", {}, "Which command");
        row("misspelt command", {"analyse", "M"}, "analyze");
        row("misspelt option", {"analyze", "M", "--formt", "nf4"}, "--format");
        row("misspelt option, no path", {"info", "--jsno"}, "--json");
        row("no path", {"info"}, "PATH");
        row("two paths", {"info", "M", "M"}, "too many");
        row("unknown format", {"analyze", "M", "--format", "nf5"}, "nf4");
        row("group of one", {"analyze", "M", "--format", "nf4", "--group-size", "1"}, "group_size");
        row("mxfp4 fixes groups", {"analyze", "M", "--format", "mxfp4", "--group-size", "64"}, "MXFP4 fixes 32");
        row("mxfp4 fixes scales", {"analyze", "M", "--format", "mxfp4", "--scale-type", "f16"}, "MXFP4 fixes 32");
        row("scale type beside double quantization",
            {"analyze", "M", "--format", "nf4", "--double-quant", "int8", "--scale-type", "f32"}, "--scale-type");
        row("double quantization of one scale",
            {"analyze", "M", "--format", "nf4", "--double-quant", "int8", "--group-size", "tensor"}, "nothing to save");
        row("flat rows", {"analyze", "M", "--format", "nf4", "--blocks", "flat", "--group-size", "row"}, "--blocks");
        row("mse of mxfp4", {"analyze", "M", "--format", "mxfp4", "--method", "mse"}, "power of two");
        row("only nothing", {"info", "M", "--only", "nope*"}, "nope*");
        row("include nothing", {"analyze", "M", "--format", "nf4", "--include", "nope"}, "nope");
        row("layout", {"info", "M", "--layout", "*=sideways"}, "in_out");
        row("quantize to nothing", {"quantize", "M", "--out", "x.safetensors"}, "--format");
        row("quantize nowhere", {"quantize", "M", "--format", "nf4"}, "--out");
        row("unknown ending", {"quantize", "M", "--format", "nf4", "--out", "x.gguf"}, ".safetensors");
        row("negative threads", {"info", "M", "--threads", "-3"}, "threads");
    }
    void callsAtFault() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, says);
        arguments.replaceInStrings(QRegularExpression("^M$"), m_model);
        const Outcome outcome = run(arguments);
        QCOMPARE(outcome.status, 2);
        QCOMPARE(outcome.errorLines(), 1);
        QVERIFY(outcome.out.isEmpty());
        QVERIFY2(outcome.err.contains(says.toUtf8()), outcome.err);
        QVERIFY(outcome.err.startsWith("nibblescope-cli: "));
    }

    void inputsAtFault() {
        QCOMPARE(run({"info", m_folder.filePath("missing.safetensors")}).status, 1);
        const QString text = m_folder.filePath("text.safetensors");
        QFile file(text);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("this is no weights file, whatever its name says");
        file.close();
        const Outcome outcome = run({"analyze", text, "--json"});
        QCOMPARE(outcome.status, 1);
        QCOMPARE(outcome.errorLines(), 1);
        QVERIFY(outcome.err.contains("text.safetensors"));
    }

    void machineAtFault() {
        const Outcome outcome =
            run({"quantize", m_model, "--format", "nf4", "--out", "/nonexistent/folder/x.safetensors"});
        QCOMPARE(outcome.status, 3);
        QCOMPARE(outcome.errorLines(), 1);
    }

    void unknownInstructionSetComesFirst() {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("NIBBLESCOPE_ISA", "sse9");
        const Outcome outcome = run({"info", "/missing"}, environment);
        QCOMPARE(outcome.status, 2);
        QVERIFY(outcome.err.contains("sse9"));
        environment.insert("NIBBLESCOPE_ISA", "scalar");
        QCOMPARE(run({"info", m_model}, environment).status, 0);
    }

    void helpAndVersion() {
        for (const QString command : {"info", "analyze", "quantize", "report", "bench"}) {
            QCOMPARE(run({command, "--help"}).status, 0);
            QCOMPARE(run({command, "--version"}).status, 0);
        }
        const Outcome help = run({"analyze", "--help"});
        for (const QByteArray word : {"int4-max", "mxfp4", "mse", "--layout", "lm_head"})
            QVERIFY2(help.out.contains(word), word);
    }

    void recipeFileAndOptionsOverIt() {
        const QString recipe = m_folder.filePath("recipe.json");
        QFile file(recipe);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(R"({"format": "int4", "group_size": 32, "method": "mse"})");
        file.close();
        const Outcome outcome = run({"analyze", m_model, "--recipe", recipe, "--group-size", "128", "--json"});
        QCOMPARE(outcome.status, 0);
        QCOMPARE(outcome.json()["recipe"].toObject()["group_size"].toInt(), 128);
        QCOMPARE(outcome.json()["recipe"].toObject()["method"].toString(), QString("mse"));
    }

    void reportInEveryForm() {
        const Outcome terminal = run({"report", m_model});
        QCOMPARE(terminal.status, 0);
        QVERIFY(terminal.out.contains("NF4 64"));
        QVERIFY(terminal.out.contains("Worst tensors"));
        for (const QByteArray &line : terminal.out.split('\n'))
            QVERIFY2(QString::fromUtf8(line).size() <= 100, line);
        for (const QString ending : {"html", "json", "csv"}) {
            const QString out = m_folder.filePath("report." + ending);
            QCOMPARE(run({"report", m_model, "--format", "int4", "--out", out}).status, 0);
            QFile file(out);
            QVERIFY(file.open(QIODevice::ReadOnly));
            const QByteArray text = file.readAll();
            QVERIFY(text.contains("model.layers.1.mlp.down_proj.weight"));
            if (ending == "csv")
                QVERIFY(text.startsWith("name,shape,dtype,params,bpw,sqnr_db,"));
            if (ending == "json")
                QVERIFY(QJsonDocument::fromJson(text).object().contains("totals"));
        }
        QCOMPARE(run({"report", m_model, "--out", "x.pdf"}).status, 2);
    }

    void infoListsTensors() {
        const Outcome outcome = run({"info", m_model});
        QCOMPARE(outcome.status, 0);
        QVERIFY(outcome.out.contains("model.layers.0.self_attn.q_proj.weight"));
        QVERIFY(outcome.out.contains("lm_head") || outcome.out.contains("embed"));
    }

    void dequantizedExportIsReadAgain() {
        const QString out = m_folder.filePath("out.safetensors");
        QCOMPARE(run({"quantize", m_model, "--format", "nf4", "--out", out}).status, 0);
        // Every group's largest weight lies on an outer level, so that quantizing again changes nothing.
        const Outcome again = run({"analyze", out, "--format", "nf4", "--json"});
        QCOMPARE(again.status, 0);
        const QJsonObject totals = again.json()["totals"].toObject();
        QVERIFY(totals.contains("bpw"));
        QVERIFY(!totals.contains("sqnr_db"));
    }

    void malformedFilesAreRefusedInOneLine() {
        const std::filesystem::path folder(m_folder.path().toStdString());
        for (const auto &file : nibblescope::testing::malformedFiles(folder)) {
            const QString path = m_folder.filePath(QString::fromStdString(file.fileName));
            nibblescope::testing::writeFile(path.toStdString(), file.bytes);
            const Outcome outcome = run({"analyze", path});
            const QByteArray shown = QByteArray::fromStdString(file.name) + ": " + outcome.err;
            QVERIFY2(outcome.status == 1, shown);
            // Warnings may come before it; the last line is the error.
            const QByteArray line = outcome.err.trimmed().split('\n').last();
            QVERIFY2(line.contains(file.fileName.c_str()) && line.contains(file.words.c_str()), shown);
            QFile::remove(path);
        }
    }

    void interruptEndsWith130() {
        const QString model = m_folder.filePath("large");
        nibblescope::test::SmallModel options;
        options.layers = 8;
        options.hidden = 512;
        options.mlp = 2048;
        nibblescope::test::writeSmallModel(model.toStdString(), options);
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("NIBBLESCOPE_ISA", "scalar");
        QProcess process;
        process.setProcessEnvironment(environment);
        const QString out = m_folder.filePath("never.safetensors");
        process.start(QString::fromUtf8(test_paths::commandLineProgram),
                      {"quantize", model, "--format", "int4-asym", "--method", "mse", "--out", out, "--threads", "1"});
        QVERIFY(process.waitForStarted());
        // Once the temporary file is there, the export is under way.
        const auto temporaries = [this] {
            return QDir(m_folder.path()).entryList({".never*"}, QDir::Files | QDir::Hidden);
        };
        QTRY_VERIFY_WITH_TIMEOUT(!temporaries().isEmpty(), 20'000);
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(10'000));
        QCOMPARE(process.exitCode(), 130);
        QVERIFY(!QFile::exists(out));
        QVERIFY(temporaries().isEmpty());
    }

private:
    QTemporaryDir m_folder;
    QString m_model;
};

QTEST_GUILESS_MAIN(CliTest)
#include "cli_test.moc"
