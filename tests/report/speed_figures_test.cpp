// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/figures_speed.h"
#include "core/report/readings.h"

#include <QtTest>

using namespace nibblescope;

namespace {

KernelTiming timing(const char *format, double seconds, std::uint64_t bytes, double share) {
    KernelTiming result;
    result.format = format;
    if (result.format == "nf4" || result.format == "int4")
        result.groupSize = 64;
    result.medianSeconds = seconds;
    result.q25Seconds = seconds * 0.98;
    result.q75Seconds = seconds * 1.02;
    result.bytes = bytes;
    result.share = share;
    result.batch = 1;
    return result;
}

} // namespace

class SpeedFiguresTest : public QObject {
    Q_OBJECT

    static QString plain(const Reading &reading) {
        return QString::fromStdString(reading.text()).replace(QChar(0xa0), QLatin1Char(' '));
    }
    static QString wanted(const char *utf8) { return QString::fromUtf8(utf8); }

private Q_SLOTS:
    void speed() {
        QCOMPARE(plain(speedReading({})), wanted("Not measured yet: press Measure (about 20 s)."));
        BenchReport report;
        report.results = {timing("int8", 772e-6, 16810000, 0.88), timing("int4", 421e-6, 8912896, 0.85),
                          timing("nf4", 447e-6, 8912896, 0.80)};
        const std::string nf4 = displayFormat(report.results[2]);
        const std::string int4 = displayFormat(report.results[1]);
        QCOMPARE(plain(speedReading({&report, nf4, int4})),
                 wanted("NF4 64 is 1.73 times as fast as INT8 and INT4 64 1.83 times; bytes alone would give 1.89."));
        report.results[2].share = 0.3;
        QCOMPARE(plain(speedReading({&report, nf4, int4})),
                 wanted("NF4 64 is 1.73 times as fast as INT8: limited by arithmetic, not by memory (30 % of the "
                        "bandwidth)."));
        report.results[2].q75Seconds = 800e-6;
        QCOMPARE(plain(speedReading({&report, nf4, {}})), wanted("NF4 64 and INT8: no measurable difference."));
    }

    void figures() {
        BenchReport report;
        report.machine.cpu = "Some CPU";
        report.machine.readGbPerSecond = {{1, 24.8}};
        report.results = {timing("fp32", 2950e-6, 67108864, 0.92), timing("int8", 772e-6, 16810000, 0.88),
                          timing("nf4", 447e-6, 8912896, 0.80)};
        SpeedInput input;
        input.report = report;
        input.current = displayFormat(report.results[2]);
        const Figure times = speedFigure(input);
        QCOMPARE(times.stackedBars.size(), std::size_t(3));
        QVERIFY(times.stackedBars[2].selected && !times.stackedBars[1].selected);
        QCOMPARE(QString::fromStdString(times.stackedBars[0].endLabel).replace(QChar(0xa0), QLatin1Char(' ')),
                 wanted("2,950 µs\n22.7 GB/s, 92 % of read bandwidth"));
        QVERIFY(*times.stackedBars[0].low < 2950 && *times.stackedBars[0].high > 2950);
        const Figure ratio = speedUpFigure(input);
        QVERIFY(std::abs(ratio.stackedBars[2].parts[0].value - 772.0 / 447.0) < 1e-12);
        QVERIFY(std::abs(*ratio.stackedBars[2].reference - 16810000.0 / 8912896.0) < 1e-12);
        QCOMPARE(QString::fromStdString(machineText(report)).replace(QChar(0xa0), QLatin1Char(' ')),
                 wanted("Some CPU · Scalar · 1 thread · read bandwidth 24.8 GB/s with 1 thread"));
        QCOMPARE(ratio.table.rows.size(), std::size_t(3));
        QVERIFY(speedUpFigure({}).stackedBars.empty() && speedFigure({}).stackedBars.empty());
        report.results.erase(report.results.begin() + 1);
        input.report = report;
        QVERIFY(speedUpFigure(input).stackedBars.empty());
        QCOMPARE(plain(speedReading({&report, displayFormat(report.results[1]), {}})),
                 wanted("NF4 64 takes 447 µs a product, 80 % of the read bandwidth."));
    }
};

QTEST_GUILESS_MAIN(SpeedFiguresTest)
#include "speed_figures_test.moc"
