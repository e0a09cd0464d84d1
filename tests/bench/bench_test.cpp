// SPDX-License-Identifier: GPL-3.0-or-later
#include <QElapsedTimer>
#include <QtTest>

#include <thread>

#include "core/base/error.h"
#include "core/bench/bench.h"
#include "core/bench/machine.h"

using namespace nibblescope;

class BenchTest : public QObject {
    Q_OBJECT

private slots:
    void productsComeInOrderWithTheirErrors() {
        ProductRequest request;
        request.rows = 64;
        request.cols = 172;
        request.formats = {{"fp32", {}, false}, {"fp16", {}, false}, {"int8", {}, false},
                           {"int4", 64, false}, {"nf4", 64, false},  {"nf4", 64, true}};
        request.seconds = 0.2;
        const BenchReport report = measureProducts(request);
        QCOMPARE(report.results.size(), request.formats.size());
        for (std::size_t i = 0; i < report.results.size(); ++i) {
            const KernelTiming &timing = report.results[i];
            QCOMPARE(timing.format, request.formats[i].id);
            QVERIFY(timing.medianSeconds > 0);
            QVERIFY(timing.q25Seconds <= timing.medianSeconds && timing.medianSeconds <= timing.q75Seconds);
            QVERIFY(timing.maxRelativeError.has_value());
            QVERIFY2(*timing.maxRelativeError < (timing.activations == Activations::F32 ? 1e-5 : 0.03),
                     displayFormat(timing).c_str());
        }
        QCOMPARE(report.results[3].bytes, std::uint64_t{64 * (172 / 2 + 3 * 2)});
        QVERIFY(report.machine.readGbPerSecond.at(1) > 0);
        QVERIFY(report.machine.readGbPerSecond4.at(1) > 0);
    }

    void quickCoversWhatItPromises() {
        BenchOptions options;
        options.rows = 64;
        options.cols = 256;
        options.quick = true;
        options.threads = {1};
        options.formats = {"fp32", "int8", "int4", "nf4"};
        const BenchReport report = runBench(options);
        const auto json = toJson(report);
        for (const char *const format : {"int8", "int4", "nf4"}) {
            bool quantize = false;
            bool product = false;
            for (const auto &result : json.at("results")) {
                quantize = quantize || (result.at("operation") == "quantize" && result.at("format") == format);
                product = product || (result.at("operation") == "matvec" && result.at("format") == format);
            }
            QVERIFY(quantize && product);
        }
        const auto again = benchReportFromJson(json);
        QCOMPARE(toJson(again).dump(), json.dump());
        for (const std::string &line : {benchTable(report)})
            QVERIFY(line.find("matvec") != std::string::npos);
    }

    void aStopEndsItAtOnce() {
        std::stop_source source;
        ProductRequest request;
        request.formats = {{"fp32", {}, false}, {"int8", {}, false}, {"int4", 64, false}, {"nf4", 64, false}};
        request.seconds = 60;
        std::thread stopper([&source] {
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
            source.request_stop();
        });
        Fault fault = Fault::Input;
        QElapsedTimer timer;
        timer.start();
        try {
            measureProducts(request, source.get_token());
        } catch (const Error &error) {
            fault = error.fault();
        }
        stopper.join();
        QCOMPARE(fault, Fault::Interrupted);
        QVERIFY(timer.elapsed() < 30000);
    }

    void whatCannotBeMeasuredIsRefused_data() {
        QTest::addColumn<QString>("format");
        QTest::addColumn<unsigned>("threads");
        QTest::newRow("format") << QStringLiteral("int3") << 1U;
        QTest::newRow("threads") << QStringLiteral("int4") << 4096U;
        QTest::newRow("no threads") << QStringLiteral("int4") << 0U;
    }
    void whatCannotBeMeasuredIsRefused() {
        QFETCH(const QString, format);
        QFETCH(const unsigned, threads);
        BenchOptions options;
        options.formats = {format.toStdString()};
        options.threads = {threads};
        try {
            runBench(options);
            QFAIL("it ran");
        } catch (const Error &error) {
            QCOMPARE(error.fault(), Fault::Call);
        }
    }

    void theMachineIsDescribed() {
        const MachineInfo machine = describeMachine();
        QVERIFY(!machine.cpu.empty());
        QVERIFY(machine.cores >= 1);
        QCOMPARE(machine.isa, supportedIsas().back());
        LoadMeter meter;
        QVERIFY(meter.shareOfOthers() >= 0);
    }
};

QTEST_GUILESS_MAIN(BenchTest)
#include "bench_test.moc"
