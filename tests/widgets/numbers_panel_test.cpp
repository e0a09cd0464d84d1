// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "tests/widgets/small_results.h"
#include "widgets/panels/numbers_panel.h"

using namespace nibblescope;

class NumbersPanelTest : public QObject {
    Q_OBJECT

    static NumbersSource source(double mse, double maxError = 0.07) {
        NumbersSource result;
        result.title = QStringLiteral("layers.0.mlp.down_proj");
        result.recipe = QStringLiteral("NF4 64");
        ErrorSums sums;
        sums.signal = 100;
        sums.error = mse * 11008;
        sums.dot = 100;
        sums.decoded = 100;
        sums.finite = 11008;
        sums.maxAbsError = static_cast<float>(maxError);
        result.metrics = metricsFrom(sums, std::vector<std::uint64_t>(16, 688));
        result.bpw = 4.279;
        result.bytes = 5888;
        result.kurtosis = 4.04;
        result.weights = 11008;
        result.groups = 192;
        return result;
    }
    QString cell(int row, int column) const { return m_model->index(row, column).data().toString(); }

private Q_SLOTS:
    void init() { m_model = std::make_unique<NumbersModel>(); }

    void withoutAModel() {
        NumbersPanel panel;
        QCOMPARE(panel.model().rowCount(), 0);
        QCOMPARE(panel.title(), QString());
    }

    void values() {
        m_model->setNumbers(source(1e-4), std::nullopt);
        QCOMPARE(m_model->columnCount(), 2);
        QCOMPARE(m_model->rowCount(), static_cast<int>(NumbersModel::Rows));
        QCOMPARE(cell(NumbersModel::Sqnr, 1), QString::fromUtf8("19.58\u00a0dB"));
        QCOMPARE(cell(NumbersModel::RelativeError, 1), QString::fromUtf8("10.5\u00a0%"));
        QCOMPARE(cell(NumbersModel::Mse, 1), QStringLiteral("1e−4"));
        QCOMPARE(cell(NumbersModel::Rmse, 1), QStringLiteral("0.01"));
        QCOMPARE(cell(NumbersModel::UsedCodes, 1), QStringLiteral("16 of 16"));
        QCOMPARE(cell(NumbersModel::Entropy, 1), QString::fromUtf8("4.00\u00a0bit"));
        QCOMPARE(cell(NumbersModel::Bpw, 1), QStringLiteral("4.279"));
        QCOMPARE(cell(NumbersModel::Size, 1), QString::fromUtf8("5.75\u00a0KiB"));
        QCOMPARE(cell(NumbersModel::Kurtosis, 1), QStringLiteral("4.04"));
        for (int row = 0; row < NumbersModel::Rows; ++row)
            QVERIFY(!m_model->index(row, 1).data(Qt::ToolTipRole).toString().isEmpty());
        QVERIFY(m_model->index(NumbersModel::Sqnr, 1)
                    .data(Qt::ToolTipRole)
                    .toString()
                    .contains(QStringLiteral("higher is better")));
    }

    void differencesSayWhereTheyWentAndWhetherThatIsGood() {
        m_model->setNumbers(source(1e-4, 0.09), source(2e-4, 0.07));
        QCOMPARE(m_model->columnCount(), 3);
        QCOMPARE(cell(NumbersModel::Sqnr, 2), QString::fromUtf8("▲ +3.01\u00a0dB"));
        QCOMPARE(m_model->index(NumbersModel::Sqnr, 2).data(NumbersModel::BetterRole).toInt(), 1);
        QVERIFY(cell(NumbersModel::Mse, 2).startsWith(QStringLiteral("▼ −")));
        QCOMPARE(m_model->index(NumbersModel::Mse, 2).data(NumbersModel::BetterRole).toInt(), 1);
        QVERIFY(cell(NumbersModel::MaxError, 2).startsWith(QStringLiteral("△ +0.02")));
        QCOMPARE(m_model->index(NumbersModel::MaxError, 2).data(NumbersModel::BetterRole).toInt(), -1);
        QCOMPARE(cell(NumbersModel::Bpw, 2), QStringLiteral("±0.000"));
        QVERIFY(m_model->index(NumbersModel::Bpw, 2).data(NumbersModel::MutedRole).toBool());
        QCOMPARE(cell(NumbersModel::Size, 2), QStringLiteral("±0"));
        QCOMPARE(cell(NumbersModel::Kurtosis, 2), QStringLiteral("normal 3"));
        m_model->setNumbers(source(2e-4), source(1e-4));
        QVERIFY(cell(NumbersModel::Sqnr, 2).startsWith(QStringLiteral("▽ −3.01")));
    }

    void differencesAreTakenBeforeRounding() {
        NumbersSource now = source(1e-4);
        NumbersSource then = now;
        now.metrics->sqnrDb = 20.754;
        then.metrics->sqnrDb = 19.338; // shown 20.75 and 19.34: 1.41; unrounded 1.416
        m_model->setNumbers(now, then);
        QCOMPARE(cell(NumbersModel::Sqnr, 2), QString::fromUtf8("▲ +1.42\u00a0dB"));
    }

    void samplesWearTheirMark() {
        NumbersSource sample = source(1e-4);
        sample.sample = true;
        sample.sampled = 172;
        NumbersPanel panel;
        panel.setNumbers(sample);
        QCOMPARE(panel.title(), QStringLiteral("layers.0.mlp.down_proj · sample, 1 in 64"));
        QVERIFY(panel.model().index(0, 1).data().toString().startsWith(QStringLiteral("≈ ")));
        QVERIFY(panel.model().index(0, 1).data(NumbersModel::MutedRole).toBool());
        panel.setNumbers(source(1e-4));
        QCOMPARE(panel.title(), QStringLiteral("layers.0.mlp.down_proj"));
    }

    void exactAndAbsent() {
        NumbersSource exact = source(0);
        m_model->setNumbers(exact, std::nullopt);
        QCOMPARE(cell(NumbersModel::Sqnr, 1), QStringLiteral("exact"));
        const TensorResult kept =
            measuredAt(describeTensor(tensorInfo("model.gain.weight", {64}), planOf(Format::Nf4)), 0, 3.5);
        m_model->setNumbers(numbersOf(kept), std::nullopt);
        QCOMPARE(cell(NumbersModel::Sqnr, 1), QStringLiteral("–"));
        QCOMPARE(cell(NumbersModel::Bpw, 1), QStringLiteral("32.000"));
        QCOMPARE(cell(NumbersModel::Kurtosis, 1), QStringLiteral("3.50"));
        QVERIFY(m_model->index(0, 1).data(Qt::ToolTipRole).toString().contains(QStringLiteral("rank 1")));
    }

    void severalTensorsTogether() {
        std::vector<TensorResult> results;
        for (const TensorResult &described : describe(smallModel(), planOf(Format::Nf4))) {
            if (described.info.name.find("mlp.gate") != std::string::npos)
                results.push_back(measuredAt(described, results.empty() ? 20 : 10));
        }
        const NumbersSource source = numbersOf(results);
        QCOMPARE(source.title, QStringLiteral("2 tensors"));
        QVERIFY(source.metrics && source.metrics->sqnrDb);
        QVERIFY(std::abs(*source.metrics->sqnrDb - 12.596) < 0.001); // one sum of signal and one of error
        results[0].metrics.reset();
        QCOMPARE(numbersOf(results).noMetrics, QStringLiteral("1 of 2 quantized ones computed"));
    }

    void csv() {
        m_model->setNumbers(source(1e-4), source(2e-4));
        const QStringList lines = m_model->csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), 1 + NumbersModel::Rows);
        QCOMPARE(lines.first(), QStringLiteral("quantity,value,baseline,difference"));
        QVERIFY(lines.at(1 + NumbersModel::Mse).startsWith(QStringLiteral("mse,")));
        QVERIFY(std::abs(lines.at(1 + NumbersModel::Mse).section(QLatin1Char(','), 1, 1).toDouble() - 1e-4) < 1e-12);
        QVERIFY(!m_model->csv().contains(QChar(0x2212))); // "-" in CSV
    }

private:
    std::unique_ptr<NumbersModel> m_model;
};

QTEST_MAIN(NumbersPanelTest)
#include "numbers_panel_test.moc"
