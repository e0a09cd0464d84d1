// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <cmath>
#include <random>

#include "core/analysis/histogram.h"
#include "core/analysis/results.h"
#include "core/analysis/selection_rule.h"
#include "core/analysis/statistics.h"

using namespace nibblescope;

namespace {

std::vector<float> normal(std::size_t count, float mean, float deviation) {
    std::mt19937 generator(5);
    std::normal_distribution<float> distribution(mean, deviation);
    std::vector<float> values(count);
    for (float &v : values)
        v = distribution(generator);
    return values;
}

Work workOn(WorkerPool &pool) { return {pool, scalarKernels(), Priority::Batch, {}, {}}; }

Statistics statisticsOf(const std::vector<float> &values, std::size_t block, unsigned threads) {
    WorkerPool pool(threads);
    StatisticsBuilder builder;
    for (std::size_t at = 0; at < values.size(); at += block)
        builder.add(std::span(values).subspan(at, std::min(block, values.size() - at)), workOn(pool));
    return builder.finish(workOn(pool));
}

TensorInfo tensor(const std::string &name, std::vector<std::uint64_t> shape, DType dtype = DType::F32) {
    TensorInfo info;
    info.name = name;
    info.dtype = dtype;
    info.params = 1;
    for (const std::uint64_t side : shape)
        info.params *= side;
    info.shape = std::move(shape);
    return info;
}

} // namespace

class AnalysisTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // A mean far from zero is where sums of powers lose their digits.
    void statisticsAgreeWithTwoPasses() {
        const auto values = normal(100'000, 1000.0F, 0.5F);
        long double sum = 0;
        for (const float v : values)
            sum += static_cast<long double>(v);
        const long double mean = sum / static_cast<long double>(values.size());
        long double m2 = 0;
        long double m4 = 0;
        for (const float v : values) {
            const long double d = static_cast<long double>(v) - mean;
            m2 += d * d;
            m4 += d * d * d * d;
        }
        const auto n = static_cast<long double>(values.size());
        const Statistics statistics = statisticsOf(values, values.size(), 2);
        QVERIFY(std::fabs(*statistics.mean - static_cast<double>(mean)) < 1e-9);
        QVERIFY(std::fabs(*statistics.std / static_cast<double>(std::sqrt(m2 / n)) - 1) < 1e-9);
        QVERIFY(std::fabs(*statistics.kurtosis / static_cast<double>(m4 / n / (m2 / n * m2 / n)) - 1) < 1e-8);
    }

    void statisticsDoNotDependOnBlocksOrThreads() {
        auto values = normal(50'001, 0.1F, 1.0F);
        values[30'000] = std::nanf("");
        const Statistics whole = statisticsOf(values, values.size(), 1);
        QCOMPARE(whole.nan, std::uint64_t{1});
        QCOMPARE(*whole.firstNotFinite, std::uint64_t{30'000});
        for (const std::size_t block : {1UL, 100UL, 4095UL, 4096UL, 10'000UL})
            QVERIFY(statisticsOf(values, block, 3) == whole);
    }

    void constantAndEmptyHaveNoKurtosis() {
        const Statistics constant = statisticsOf(std::vector<float>(9000, 0.5F), 9000, 2);
        QVERIFY(!constant.kurtosis);
        QVERIFY(*constant.std == 0.0 && *constant.mean == 0.5);
        QVERIFY(!statisticsOf({}, 1, 1).mean);
    }

    void globs_data() {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<QString>("name");
        QTest::addColumn<bool>("matches");
        const auto row = [](const char *pattern, const char *name, bool matches) {
            QTest::addRow("%s on %s", pattern, name) << pattern << name << matches;
        };
        row("*", "", true);
        row("*down*", "layers.0.mlp.down_proj.weight", true);
        row("layers.?.mlp*", "layers.10.mlp.x", false);
        row("layers.[0-3].*", "layers.2.q", true);
        row("layers.[!0-3].*", "layers.2.q", false);
        row("a[b", "a[b", true);
        row("[]]", "]", true);
        row("A*", "abc", false);
        row("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false);
        row("weight", "a.weight", false);
    }
    void globs() {
        QFETCH(QString, pattern);
        QFETCH(QString, name);
        QFETCH(bool, matches);
        QCOMPARE(globMatches(pattern.toStdString(), name.toStdString()), matches);
    }

    void theDefaultRuleAndItsExceptions() {
        SelectionRule rule;
        QVERIFY(!keptReason(tensor("layers.0.mlp.up_proj.weight", {172, 64}), rule));
        QVERIFY(keptReason(tensor("model.Embed_Tokens.weight", {512, 64}), rule));
        QVERIFY(keptReason(tensor("input_layernorm.weight", {64}), rule));
        QVERIFY(keptReason(tensor("a", {15, 64}), rule));
        QVERIFY(keptReason(tensor("conv", {64, 64, 3, 3}), rule));
        QVERIFY(keptReason(tensor("ids", {64, 64}, DType::I64), rule));
        QVERIFY(!canBeQuantized(tensor("ids", {64, 64}, DType::I64)));
        rule.include = {"conv", "*embed*"};
        QVERIFY(!keptReason(tensor("conv", {64, 64, 3, 3}), rule));
        rule.exclude = {"c*"};
        QVERIFY(keptReason(tensor("conv", {64, 64, 3, 3}), rule));
        rule.overrides["conv"] = true;
        QVERIFY(!keptReason(tensor("conv", {64, 64, 3, 3}), rule));
        rule.layouts = {{"*", Layout::InOut}, {"b*", Layout::OutIn}};
        QVERIFY(layoutOf(tensor("a", {2, 2}), rule) == Layout::InOut);
        QVERIFY(layoutOf(tensor("b", {2, 2}), rule) == Layout::OutIn);
    }

    void histogramsCountEveryFiniteValueOnce() {
        auto values = normal(300'000, 0.0F, 1.0F);
        values[5] = std::nanf("");
        values[6] = INFINITY;
        WorkerPool pool(2);
        const Histogram h = histogram(values, -2.0, 2.0, 101, workOn(pool));
        QCOMPARE(h.total(), std::uint64_t{299'998});
        std::uint64_t below = 0;
        for (const float v : values)
            below += v < -2.0F ? 1U : 0U;
        QCOMPARE(h.below, below);
        QVERIFY(h.above > 0);
    }

    void quantilesAreOrderStatistics() {
        const auto values = normal(20'001, 0.0F, 3.0F);
        std::vector<float> sorted(values.size());
        std::transform(values.begin(), values.end(), sorted.begin(), [](float v) { return std::fabs(v); });
        std::sort(sorted.begin(), sorted.end());
        WorkerPool pool(2);
        for (const double q : {0.0, 0.5, 0.999, 1.0}) {
            const auto expected = static_cast<double>(sorted[static_cast<std::size_t>(q * 20'000)]);
            QVERIFY(std::fabs(absQuantile(values, q, workOn(pool)) - expected) <= expected * 1e-6);
        }
    }

    void binCountsAreOddAndBounded() {
        QCOMPARE(binCount(0, 1, 1, 500), std::size_t{65});
        QCOMPARE(binCount(1'000'000, 0.001, 10, 400), std::size_t{399});
        QVERIFY(binCount(11'008, 0.15, 1.0, 600) % 2 == 1);
    }

    void totalsAreOneSum() {
        TensorResult loud;
        loud.info = tensor("a", {16, 16});
        loud.quantized = true;
        loud.bits.codes = 1024;
        loud.metrics = metricsFrom({100, 1, 0, 0, 0, 0, 256}, std::vector<std::uint64_t>(16, 16));
        TensorResult quiet = loud;
        quiet.metrics = metricsFrom({1, 0.1, 0, 0, 0, 0, 256}, std::vector<std::uint64_t>(16, 16));
        const ModelTotals totals = totalsOf({loud, quiet});
        QVERIFY(std::fabs(*totals.metrics->sqnrDb - 10 * std::log10(101 / 1.1)) < 1e-12);
        QVERIFY(std::fabs(totals.metrics->codeEntropy - 4) < 1e-12);
        QVERIFY(std::fabs(*totals.bpw - 4) < 1e-12);
    }
};

QTEST_GUILESS_MAIN(AnalysisTest)
#include "analysis_test.moc"
