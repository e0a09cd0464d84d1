// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/number_text.h"

#include <QtTest>

#include <limits>

using namespace nibblescope;

class NumberTextTest : public QObject {
    Q_OBJECT

    static QString text(const std::string &s) { return QString::fromStdString(s); }
    static QString wanted(const char *utf8) { return QString::fromUtf8(utf8); }

private Q_SLOTS:
    void sqnr() {
        QCOMPARE(text(sqnrText(20.7527)), wanted("20.75"));
        QCOMPARE(text(sqnrText(-3.004)), wanted("−3.00"));
        QCOMPARE(text(sqnrText(-0.001)), wanted("0.00"));
        QCOMPARE(text(sqnrText(std::nullopt)), wanted("–"));
        QCOMPARE(text(sqnrText(std::nullopt, true)), wanted("exact"));
    }
    void bpw() { QCOMPARE(text(bpwText(4.27907)), wanted("4.279")); }
    void percent() {
        QCOMPARE(text(percentText(0.09173)), wanted("9.17\u00a0%"));
        QCOMPARE(text(percentText(0.5631)), wanted("56.3\u00a0%"));
        QCOMPARE(text(percentText(0.52, 2)), wanted("52\u00a0%"));
        QCOMPARE(text(percentText(1.0)), wanted("100\u00a0%"));
        QCOMPARE(text(percentText(0.99996)), wanted("100\u00a0%"));
        QCOMPARE(text(percentText(0.000271, 1)), wanted("0.03\u00a0%"));
        QCOMPARE(text(percentText(0)), wanted("0\u00a0%"));
        QCOMPARE(text(percentText(1e-9)), wanted("<\u00a00.001\u00a0%"));
        QCOMPARE(text(percentText(-0.0162)), wanted("−1.62\u00a0%"));
    }
    void value() {
        QCOMPARE(text(valueText(0.011391)), wanted("0.01139"));
        QCOMPARE(text(valueText(1.2978e-4)), wanted("1.298e−4"));
        QCOMPARE(text(valueText(-1.2978e-4)), wanted("−1.298e−4"));
        QCOMPARE(text(valueText(0.5)), wanted("0.5"));
        QCOMPARE(text(valueText(0)), wanted("0"));
        QCOMPARE(text(valueText(1234.4)), wanted("1,234"));
        QCOMPARE(text(valueText(123456)), wanted("1.235e5"));
        QCOMPARE(text(valueText(0.00099999)), wanted("0.001"));
        QCOMPARE(text(valueText(std::numeric_limits<double>::quiet_NaN())), wanted("NaN"));
        QCOMPARE(text(valueText(-std::numeric_limits<double>::infinity())), wanted("−∞"));
        QCOMPARE(text(valueText(1e300)), wanted("1e300"));
    }
    void cosine() {
        QCOMPARE(text(cosineText(0.99579)), wanted("0.9958"));
        QCOMPARE(text(cosineText(1 - 1.8e-5)), wanted("1 − 1.8e−5"));
        QCOMPARE(text(cosineText(1)), wanted("1"));
    }
    void counts() {
        QCOMPARE(text(countText(11008)), wanted("11,008"));
        QCOMPARE(text(countText(1000000)), wanted("1,000,000"));
        QCOMPARE(text(countText(999)), wanted("999"));
        QCOMPARE(text(shortCount(64)), wanted("64"));
        QCOMPARE(text(shortCount(4096)), wanted("4.1\u00a0k"));
        QCOMPARE(text(shortCount(11008)), wanted("11.0\u00a0k"));
        QCOMPARE(text(shortCount(226560)), wanted("227\u00a0k"));
        QCOMPARE(text(shortCount(16777216)), wanted("16.8\u00a0M"));
        QCOMPARE(text(shortCount(999999)), wanted("1.0\u00a0M"));
        QCOMPARE(text(shortCount(99960)), wanted("100\u00a0k"));
    }
    void bytes() {
        QCOMPARE(text(bytesText(5888)), wanted("5.75\u00a0KiB"));
        QCOMPARE(text(bytesText(0)), wanted("0\u00a0B"));
        QCOMPARE(text(bytesText(1000)), wanted("1,000\u00a0B"));
        QCOMPARE(text(bytesText(1040128)), wanted("1,016\u00a0KiB"));
        QCOMPARE(text(bytesText(1024.0 * 1023.9)), wanted("1.00\u00a0MiB"));
        QCOMPARE(text(bytesText(254464)), wanted("248\u00a0KiB"));
        QCOMPARE(text(bytesText(40e9)), wanted("37.3\u00a0GiB"));
    }
    void rates() {
        QCOMPARE(text(bandwidthText(13.24e9)), wanted("13.2\u00a0GB/s"));
        QCOMPARE(text(bandwidthText(132.4e9)), wanted("132\u00a0GB/s"));
    }
    void durations() {
        QCOMPARE(text(durationText(4.2)), wanted("4\u00a0s"));
        QCOMPARE(text(durationText(59.6)), wanted("1\u00a0min"));
        QCOMPARE(text(durationText(78)), wanted("1\u00a0min\u00a020\u00a0s"));
        QCOMPARE(text(durationText(640)), wanted("11\u00a0min"));
        QCOMPARE(text(durationText(3900)), wanted("1\u00a0h\u00a05\u00a0min"));
    }
    void differences() {
        QCOMPARE(text(differenceText(1.4168, 2)), wanted("+1.42"));
        QCOMPARE(text(differenceText(-0.0643, 3)), wanted("−0.064"));
        QCOMPARE(text(differenceText(0.0004, 3)), wanted("±0.000"));
        QCOMPARE(text(differenceText(12.345, 2)), wanted("+12.3"));
        QCOMPARE(text(differenceText(-0.002023, 12)), wanted("−0.00202"));
        QCOMPARE(text(differenceText(-5.009e-5, 12)), wanted("−5.01e−5"));
        QCOMPARE(text(differenceText(0, 12)), wanted("±0"));
        QCOMPARE(text(differenceText(1, 0)), wanted("+1"));
        QCOMPARE(text(differenceText(0.00161, 4)), wanted("+0.0016"));
    }
    void names() {
        QCOMPARE(text(shortTensorName("model.layers.0.mlp.down_proj.weight")), wanted("layers.0.mlp.down_proj"));
        QCOMPARE(text(shortTensorName("weight")), wanted("weight"));
        QCOMPARE(text(elidedName("layers.0.mlp.down_proj", 18)), wanted("layers.0…down_proj"));
        QCOMPARE(text(elidedName("layers.0.mlp.down_proj", 22)), wanted("layers.0.mlp.down_proj"));
        QCOMPARE(text(elidedName("layers.0.mlp.down_proj", 10)), wanted("…down_proj"));
        QCOMPARE(text(elidedName("input_layernorm", 8)), wanted("inpu…orm"));
        QCOMPARE(text(elidedName("größe.größe.größe", 12)), wanted("größe…größe"));
    }
};

QTEST_GUILESS_MAIN(NumberTextTest)
#include "number_text_test.moc"
