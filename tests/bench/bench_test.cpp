// SPDX-License-Identifier: GPL-3.0-or-later
#include <QElapsedTimer>
#include <QtTest>

#include <algorithm>
#include <thread>

#include "core/base/error.h"
#include "core/bench/bench.h"
#include "core/bench/machine.h"

using namespace nibblescope;

class BenchTest : public QObject {
    Q_OBJECT

private slots:
    void productsComeInOrderWithTheirErrors() {
        KernelRequest request;
        request.rows = 64;
        request.cols = 172;
        request.formats = {{"fp32", {}, false}, {"fp16", {}, false}, {"int8", {}, false},
                           {"int4", 64, false}, {"nf4", 64, false},  {"nf4", 64, true}};
        request.seconds = 0.2;
        const BenchReport report = measureKernels(request);
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
        options.seconds = 0.2;
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
        QVERIFY(benchTable(report).find("matrix x vector") != std::string::npos);
    }

    void everyOperationIsThereColdAndWarm() {
        BenchOptions options;
        options.rows = 64;
        options.cols = 255; // 4-bit rows whose last nibble is not used
        options.threads = {1};
        options.isas = supportedIsas();
        options.seconds = 0.2;
        const BenchReport report = runBench(options);
        for (const Isa isa : supportedIsas())
            for (const CacheState cache : {CacheState::Cold, CacheState::Warm})
                for (const Operation operation : {Operation::Quantize, Operation::Dequantize, Operation::Histogram,
                                                  Operation::Matvec, Operation::Matmul})
                    QVERIFY2(std::any_of(report.results.begin(), report.results.end(),
                                         [&](const KernelTiming &t) {
                                             return t.isa == isa && t.cache == cache && t.operation == operation;
                                         }),
                             std::string(idOf(operation)).c_str());
        for (const KernelTiming &timing : report.results) {
            QVERIFY(timing.medianSeconds > 0 && timing.samples >= 5);
            QCOMPARE(timing.maxRelativeError.has_value(), timing.batch.has_value());
            QVERIFY2(timing.maxRelativeError.value_or(0) < (timing.activations == Activations::F32 ? 1e-5 : 0.03),
                     displayFormat(timing).c_str());
        }
        QCOMPARE(report.notes.size() >= 1, true); // scalar batches are left out, and that is said
        const QStringList lines = QString::fromStdString(benchTable(report)).split(QLatin1Char('\n'));
        for (const QString &line : lines)
            QVERIFY2(line.size() <= 100 ||
                         report.notes.end() != std::find(report.notes.begin(), report.notes.end(), line.toStdString()),
                     qPrintable(line));
    }

    void kernelsOfThePage() {
        KernelRequest request;
        request.rows = 32;
        request.cols = 256;
        request.formats = {{"fp32", {}, false}, {"int8", {}, false}, {"int4-asym", 64, false}, {"nf4", 64, true}};
        request.caches = {CacheState::Cold, CacheState::Warm};
        request.batches = {1, 4};
        request.seconds = 0.05;
        QCOMPARE(measureKernels(request).results.size(), std::size_t{3 * 2 * 2});
        QVERIFY(measureKernels(request).notes.front().find("INT4 asym") != std::string::npos);
        request.operation = Operation::Quantize;
        QCOMPARE(measureKernels(request).results.size(), std::size_t{2 * 2}); // int8, int4-asym
        request.operation = Operation::Dequantize;
        QCOMPARE(measureKernels(request).results.size(), std::size_t{2}); // int8
        request.formats = {{"fp32", {}, false}};
        QVERIFY_EXCEPTION_THROWN(measureKernels(request), Error);
    }

    void aStopEndsItAtOnce_data() {
        QTest::addColumn<int>("after");
        for (const int after : {1, 50, 150, 300, 1500, 4000})
            QTest::addRow("after %d ms", after) << after;
    }
    void aStopEndsItAtOnce() {
        QFETCH(const int, after);
        std::stop_source source;
        KernelRequest request;
        request.formats = {{"fp32", {}, false}, {"int8", {}, false}, {"int4", 64, false}, {"nf4", 64, false}};
        request.batches = {1, 512};
        request.seconds = 60;
        QElapsedTimer sinceStop;
        std::thread stopper([&source, &sinceStop, after] {
            std::this_thread::sleep_for(std::chrono::milliseconds(after));
            sinceStop.start();
            source.request_stop();
        });
        Fault fault = Fault::Input;
        try {
            measureKernels(request, source.get_token());
        } catch (const Error &error) {
            fault = error.fault();
        }
        const auto waited = sinceStop.elapsed();
        stopper.join();
        QCOMPARE(fault, Fault::Interrupted);
        qInfo("ended after %lld ms", static_cast<long long>(waited));
        QVERIFY(waited < 1000); // 20 ms on a machine that does nothing else
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
