// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/readings.h"

#include <QtTest>

using namespace nibblescope;

namespace {

ErrorMetrics metrics(double sqnrDb) {
    ErrorMetrics result;
    result.sums.signal = 1;
    result.sums.error = std::pow(10, -sqnrDb / 10);
    result.sqnrDb = sqnrDb;
    result.relativeError = std::pow(10, -sqnrDb / 20);
    result.codeCounts.assign(16, 10);
    return result;
}

TensorResult tensor(const std::string &name, const Recipe &recipe, double sqnrDb, double bpw = 4.279) {
    TensorResult result;
    result.info.name = "model." + name + ".weight";
    result.info.shape = {64, 172};
    result.info.params = 64 * 172;
    result.info.bytes = 64 * 172 * 4;
    result.shape = {64, 172};
    result.quantized = true;
    result.recipe = recipe;
    result.bpw = bpw;
    result.metrics = metrics(sqnrDb);
    result.statistics.finite = 64 * 172;
    result.statistics.std = 0.124;
    result.statistics.min = -0.6;
    result.statistics.max = 0.7;
    result.statistics.kurtosis = 4.04;
    return result;
}

TensorResult kept(const std::string &name, DType type, const std::string &reason) {
    TensorResult result;
    result.info.name = name;
    result.info.dtype = type;
    result.keptReason = reason;
    return result;
}

Recipe recipe(Format format, GroupSize size = GroupSize::of(64)) {
    Recipe result = defaultRecipe(format);
    result.groupSize = size;
    return result;
}

SweepCurve curve(Format format, const std::vector<std::pair<GroupSize, std::pair<double, double>>> &points) {
    SweepCurve result;
    result.format = format;
    for (const auto &[size, values] : points)
        result.points.push_back({recipe(format, size), values.first, values.second, false});
    return result;
}

Sweep sweep() {
    Sweep result;
    result.shape = {64, 172};
    result.curves = {
        curve(Format::Int4, {{GroupSize::row(), {4.093, 18.18}},
                             {GroupSize::of(64), {4.279, 19.34}},
                             {GroupSize::of(32), {4.558, 20.24}},
                             {GroupSize::of(16), {5.023, 21.38}}}),
        curve(Format::Int4Asym, {{GroupSize::of(64), {4.349, 20.7999}}, {GroupSize::of(16), {5.279, 23.12}}}),
        curve(Format::Nf4, {{GroupSize::row(), {4.093, 20.20}}, {GroupSize::of(64), {4.279, 20.7527}}}),
    };
    return result;
}

} // namespace

class ReadingsTest : public QObject {
    Q_OBJECT

    // Without no-break spaces, which the eye cannot tell in a failed comparison.
    static QString plain(const Reading &reading) {
        return QString::fromStdString(reading.text()).replace(QChar(0xa0), QLatin1Char(' '));
    }
    static QString wanted(const char *utf8) { return QString::fromUtf8(utf8); }

private Q_SLOTS:
    void noBreakSpaces() {
        const Reading reading = distributionReading(tensor("layers.0.mlp.down_proj", recipe(Format::Nf4), 20.7527));
        QVERIFY(QString::fromStdString(reading.text()).contains(wanted("NF4\u00a064 keeps 20.75\u00a0dB of")));
        QVERIFY(QString::fromStdString(reading.text()).contains(wanted("4.279\u00a0bpw")));
        QCOMPARE(QString::fromStdString(recipeText(recipe(Format::Int4Asym))), wanted("INT4\u00a0asym\u00a064"));
    }

    void distributionWithBaseline() {
        const TensorResult current = tensor("layers.0.mlp.down_proj", recipe(Format::Nf4), 20.7527);
        const TensorResult int4 = tensor("layers.0.mlp.down_proj", recipe(Format::Int4), 19.3359);
        QCOMPARE(plain(distributionReading(current, &int4)),
                 wanted("NF4 64 keeps 20.75 dB of layers.0.mlp.down_proj at 4.279 bpw. INT4 64 keeps 19.34 dB: "
                        "NF4 64 is 1.42 dB better for the same bits."));
        const TensorResult asym = tensor("layers.0.mlp.down_proj", recipe(Format::Int4Asym), 20.7999, 4.349);
        QCOMPARE(plain(distributionReading(current, &asym)),
                 wanted("NF4 64 keeps 20.75 dB of layers.0.mlp.down_proj at 4.279 bpw. INT4 asym 64 keeps 20.80 dB "
                        "at 4.349 bpw: NF4 64 keeps the same for 0.070 bpw less."));
        QCOMPARE(plain(distributionReading(int4, &current)).section(QLatin1Char(':'), 1),
                 wanted(" INT4 64 is 1.42 dB worse for the same bits."));
    }

    void distributionAlone() {
        TensorResult result = tensor("layers.0.mlp.down_proj", recipe(Format::Nf4), 20.7527);
        QCOMPARE(plain(distributionReading(result)),
                 wanted("NF4 64 keeps 20.75 dB of layers.0.mlp.down_proj at 4.279 bpw. The error is 9.2 % of the "
                        "weights; kurtosis is 4.04, heavier-tailed than normal."));
        result.statistics.kurtosis = 3.5;
        QVERIFY(plain(distributionReading(result)).endsWith(wanted("kurtosis is 3.50.")));
        const Outliers outliers{12, 6, 5, 192};
        QVERIFY(plain(distributionReading(result, nullptr, outliers))
                    .endsWith(wanted(" 6 weights beyond 12 σ set the scale of 5 of 192 groups.")));
        result.sample = true;
        const TensorResult int4 = tensor("layers.0.mlp.down_proj", recipe(Format::Int4), 19.3359);
        QCOMPARE(plain(distributionReading(result, &int4, outliers)),
                 wanted("NF4 64 keeps ≈20.75 dB of layers.0.mlp.down_proj at 4.279 bpw. The error is ≈9.2 % of the "
                        "weights; kurtosis is 3.50."));
    }

    void keptTensors() {
        QCOMPARE(plain(distributionReading(kept("model.norm.weight", DType::F32, "rank 1"))),
                 wanted("model.norm.weight is kept as F32: rank 1."));
        QCOMPARE(plain(distributionReading(kept("ids", DType::I64, "I64 tensor"))),
                 wanted("ids is an I64 tensor: shown, not quantized."));
        TensorResult constant = kept("a", DType::F32, "");
        constant.statistics.finite = 4096;
        constant.statistics.std = 0;
        constant.statistics.min = constant.statistics.max = 0.5;
        QCOMPARE(plain(distributionReading(constant)), wanted("All 4,096 weights of a are 0.5."));
        TensorResult stored = tensor("a", recipe(Format::Nf4), 20);
        stored.metrics.reset();
        QVERIFY(plain(distributionReading(stored)).contains(wanted("the original is not open")));
        TensorResult exact = tensor("a", recipe(Format::Int4), 20);
        exact.metrics->sqnrDb.reset();
        exact.metrics->sums.error = 0;
        exact.metrics->relativeError = 0;
        QVERIFY(plain(distributionReading(exact)).startsWith(wanted("INT4 64 keeps a exactly at 4.279 bpw.")));
    }

    void bins() {
        const Sweep swept = sweep();
        const TensorResult nf4 = tensor("layers.0.mlp.down_proj", recipe(Format::Nf4), 20.7527);
        QCOMPARE(plain(binsReading(nf4, &swept)),
                 wanted("NF4 64 keeps 20.75 dB at 4.279 bpw; INT4 reaches that at group 16, 5.023 bpw. INT4 asym 64 "
                        "keeps the same (20.80 dB) for 0.070 bpw more."));
        TensorResult int4 = tensor("layers.0.mlp.down_proj", recipe(Format::Int4), 19.3359);
        int4.metrics->codeCounts[0] = 0;
        QCOMPARE(plain(binsReading(int4, &swept)),
                 wanted("INT4 64 keeps 19.34 dB at 4.279 bpw; NF4 reaches that at row, 4.093 bpw. INT4 asym 64 is "
                        "1.46 dB better, for 0.070 bpw more. Code −8 is never used: one level of sixteen idles."));
        int4.metrics->codeCounts[15] = 0;
        QVERIFY(plain(binsReading(int4)).endsWith(wanted("Codes −8, 7 are never used: 2 levels idle.")));
        const TensorResult best = tensor("layers.0.mlp.down_proj", recipe(Format::Int4Asym, GroupSize::of(16)), 23.12);
        QCOMPARE(plain(binsReading(best, &swept)),
                 wanted("INT4 asym 16 keeps 23.12 dB at 4.279 bpw; NF4 does not reach "
                        "that at any size swept (16 and up)."));
        TensorResult sample = nf4;
        sample.sample = true;
        QCOMPARE(plain(binsReading(sample, &swept)), wanted("NF4 64 keeps ≈20.75 dB at 4.279 bpw."));
    }

    void layers() {
        std::vector<TensorResult> results = {tensor("layers.0.self_attn.q_proj", recipe(Format::Nf4), 20.83),
                                             tensor("layers.0.self_attn.v_proj", recipe(Format::Nf4), 19.8797),
                                             tensor("layers.3.self_attn.k_proj", recipe(Format::Nf4), 21.2867)};
        QCOMPARE(plain(layersReading({&results, 3, false})),
                 wanted("3 tensors keep 20.63 dB together; the worst is layers.0.self_attn.v_proj at 19.88 dB, and all "
                        "lie within 1.41 dB of each other."));
        QCOMPARE(plain(layersReading({&results, 35, true})),
                 wanted("3 of 35 tensors done: 20.63 dB so far; the worst is layers.0.self_attn.v_proj at 19.88 dB."));
        results.push_back(tensor("layers.1.mlp.up_proj", recipe(Format::Nf4), 10));
        QCOMPARE(
            plain(layersReading({&results, 4, false})),
            wanted("4 tensors keep 15.02 dB together; the worst is layers.1.mlp.up_proj at 10.00 dB, 5.02 dB below "
                   "the whole; the worst three carry 94 % of the error."));
        results.resize(1);
        results.push_back(tensor("zeros", recipe(Format::Nf4), 0));
        results.back().metrics->sqnrDb.reset();
        results.back().metrics->sums = {};
        QCOMPARE(plain(layersReading({&results, 2, false})),
                 wanted("2 tensors keep 20.83 dB together; the worst is layers.0.self_attn.q_proj at 20.83 dB; 1 loses "
                        "nothing."));
        results.clear();
        QCOMPARE(plain(layersReading({&results, 35, false})), wanted("None of 35 tensors is measured yet."));
    }

    void memory() {
        std::vector<TensorResult> results = {kept("model.embed_tokens.weight", DType::F32, "")};
        results[0].info.bytes = 131072;
        MemoryBreakdown memory;
        memory.context = 512;
        memory.parts = {113280, 7280, 0, 0, 133888};
        memory.quantizedParams = 226560;
        memory.kvCacheBytes = 327680;
        MemoryBreakdown fp32;
        fp32.parts.codes = 260032 * 4;
        QCOMPARE(plain(memoryReading(memory, fp32, recipe(Format::Nf4), results)),
                 wanted("NF4 64 makes the model 4.09 times smaller than FP32, not 8: embed_tokens is 52 % of what is "
                        "left. At 512 tokens the KV cache adds 320 KiB."));
        memory.kvCacheBytes.reset();
        fp32.parts.codes = 254448 * 76 / 10;
        QCOMPARE(plain(memoryReading(memory, fp32, recipe(Format::Nf4), results)),
                 wanted("NF4 64 makes the model 7.60 times smaller than FP32."));
        memory.quantizedParams = 0;
        QCOMPARE(plain(memoryReading(memory, fp32, Recipe(), results)),
                 wanted("Nothing is quantized: the model takes 248 KiB as stored."));
    }
};

QTEST_GUILESS_MAIN(ReadingsTest)
#include "readings_test.moc"
