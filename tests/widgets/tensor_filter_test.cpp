// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include "tests/widgets/small_results.h"
#include "widgets/models/tensor_filter.h"
#include "widgets/models/tensor_names.h"

using namespace nibblescope;

class TensorFilterTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void words_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<bool>("matches");
        QTest::newRow("empty") << "" << true;
        QTest::newRow("part of the name") << "down" << true;
        QTest::newRow("any case") << "DOWN_Proj" << true;
        QTest::newRow("full name") << "model.layers.0" << true;
        QTest::newRow("other") << "up_proj" << false;
        QTest::newRow("two words") << "layers mlp" << true;
        QTest::newRow("two words, one missing") << "layers attn" << false;
        QTest::newRow("glob inside the name") << "layers.*.down" << true;
        QTest::newRow("glob with a set") << "layers.[01].*" << true;
        QTest::newRow("glob with another set") << "layers.[23].*" << false;
        QTest::newRow("sqnr below") << "sqnr<20" << true;
        QTest::newRow("sqnr above") << "sqnr>20" << false;
        QTest::newRow("sqnr equal as shown") << "sqnr=19.50" << true;
        QTest::newRow("sqnr equal to fewer digits") << "sqnr=20" << true;
        QTest::newRow("sqnr not equal") << "sqnr=19.6" << false;
        QTest::newRow("kurtosis") << "kurt>=4.04" << true;
        QTest::newRow("bpw") << "bpw<4.3" << true;
        QTest::newRow("params with k") << "params>11k" << true;
        QTest::newRow("params with M") << "params>1M" << false;
        QTest::newRow("rows") << "rows=64" << true;
        QTest::newRow("cols") << "cols=64" << false;
        QTest::newRow("type") << "type:f32" << true;
        QTest::newRow("other type") << "type:BF16" << false;
        QTest::newRow("all together") << "mlp kurt>4 sqnr<20 type:f32" << true;
        QTest::newRow("half typed comparison") << "kurt>" << true;
        QTest::newRow("a name that looks like a term") << "kurtosis" << false;
    }

    void words() {
        QFETCH(QString, text);
        const TensorFilter filter(text);
        QTEST(filter.matches(m_result), "matches");
        QVERIFY(filter.problem().isEmpty());
    }

    void missingNumbersMatchNothing() {
        const TensorResult kept = describeTensor(tensorInfo("model.norm.weight", {64}), planOf(Format::Nf4));
        QVERIFY(!TensorFilter(QStringLiteral("sqnr<100")).matches(kept));
        QVERIFY(!TensorFilter(QStringLiteral("sqnr>0")).matches(kept));
        QVERIFY(TensorFilter(QStringLiteral("norm")).matches(kept));
    }

    void problems() {
        const TensorFilter filter(QStringLiteral("down kurt>abc"));
        QVERIFY(filter.problem().contains(QStringLiteral("abc")));
        QVERIFY(filter.matches(m_result)); // the rest of it holds
        QVERIFY(TensorFilter(QStringLiteral("sqnr>1")).dependsOnResults());
        QVERIFY(!TensorFilter(QStringLiteral("bpw>1")).dependsOnResults());
        QVERIFY(TensorFilter(QStringLiteral("  ")).empty());
    }

    void names() {
        using Parts = std::vector<std::vector<std::string>>;
        QCOMPARE(treeParts({"model.layers.0.mlp.up_proj.weight", "model.norm.weight", "lm_head.weight"}),
                 (Parts{{"layers", "0", "mlp", "up_proj"}, {"norm"}, {"lm_head"}}));
        // A bias stands beside its weight, not under it.
        QCOMPARE(treeParts({"h.0.c_attn.weight", "h.0.c_attn.bias", "wte.weight"}),
                 (Parts{{"h", "0", "c_attn"}, {"h", "0", "c_attn.bias"}, {"wte"}}));
        // What all share is left out; paths are cut at slashes.
        QCOMPARE(treeParts({"net/dense.1/kernel:0", "net/dense.1/bias:0", "net/out/kernel:0"}),
                 (Parts{{"dense.1", "kernel:0"}, {"dense.1", "bias:0"}, {"out", "kernel:0"}}));
        QCOMPARE(treeParts({"weight"}), Parts{{"weight"}});
        QCOMPARE(treeParts({"..", ""}), (Parts{{".."}, {""}}));
        QCOMPARE(treeParts({"x.weight", "x.weight.deep"}), (Parts{{"weight"}, {"weight", "deep"}}));
    }

    void namesInOrder() {
        QVERIFY(compareNames("layers.2.x", "layers.10.x") < 0);
        QVERIFY(compareNames("layers.10", "layers.2") > 0);
        QVERIFY(compareNames("a", "ab") < 0);
        QVERIFY(compareNames("a01", "a1") == 0);
        QVERIFY(compareNames("a1b", "a1c") < 0);
        QVERIFY(compareNames("", "") == 0);
        QVERIFY(compareNames("99999999999999999999999", "100000000000000000000000") < 0);
    }

private:
    TensorResult m_result = measuredAt(
        describeTensor(tensorInfo("model.layers.0.mlp.down_proj.weight", {64, 172}), planOf(Format::Nf4)), 19.5, 4.04);
};

QTEST_GUILESS_MAIN(TensorFilterTest)
#include "tensor_filter_test.moc"
