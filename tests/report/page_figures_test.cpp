// SPDX-License-Identifier: GPL-3.0-or-later
// The figures of the pages, on weights that the test makes; with the shared model their numbers are held against an
// independent computation.
#include <QtTest>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/analysis/analyze.h"
#include "core/io/open.h"
#include "core/report/figure_pieces.h"
#include "core/report/figures_bins.h"
#include "core/report/figures_distribution.h"
#include "core/report/figures_layers.h"
#include "core/report/figures_memory.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;

namespace {

std::vector<float> normalWeights(std::size_t count, float sigma = 0.1F) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal(0, sigma);
    std::vector<float> weights(count);
    for (float &w : weights)
        w = normal(random);
    return weights;
}

Recipe recipe(Format format, GroupSize size) {
    Recipe result = defaultRecipe(format);
    result.groupSize = size;
    return result;
}

double sum(const std::vector<double> &values) { return std::accumulate(values.begin(), values.end(), 0.0); }

} // namespace

class PageFiguresTest : public QObject {
    Q_OBJECT

    WorkerPool m_pool{2};
    Work work() { return {m_pool, selectKernels(), Priority::Interactive, {}, {}}; }

    TensorView view(const std::vector<float> &weights, MatrixShape shape, const Recipe &r) {
        auto matrix = std::make_shared<WeightMatrix>();
        matrix->weights.assign(weights.begin(), weights.end());
        matrix->shape = shape;
        matrix->sourceWeights = shape.size();
        TensorInfo info;
        info.name = "model.layers.0.mlp.down_proj.weight";
        info.shape = {shape.rows, shape.cols};
        info.params = shape.size();
        info.bytes = shape.size() * 4;
        return makeView(info, Layout::OutIn, matrix, r, work());
    }

    static QString q(const std::string &s) { return QString::fromStdString(s).replace(QChar(0xa0), QLatin1Char(' ')); }
    static QString wanted(const char *utf8) { return QString::fromUtf8(utf8); }
    static QString texts(const Figure &figure) {
        QStringList all;
        for (const Mark &mark : figure.marks)
            if (!mark.text.empty())
                all << q(mark.text);
        return all.join(QLatin1Char('|'));
    }
    static QString legend(const Figure &figure) {
        QStringList all;
        for (const Series &series : figure.series)
            if (!series.name.empty())
                all << q(series.name);
        return all.join(QLatin1Char('|'));
    }

private Q_SLOTS:
    void parts() {
        QCOMPARE(roundedOutwards(0.5032), 0.51);
        QCOMPARE(roundedOutwards(0.5), 0.5);
        QCOMPARE(roundedOutwards(123.0), 130.0);
        QCOMPARE(decimalsFor(0.0075), 3);
        QCOMPARE(decimalsFor(20), 0);
        Histogram h;
        h.lower = 0;
        h.upper = 4;
        h.counts = {1, 1, 1, 1};
        QCOMPARE(quantileOf(h, 0.5), 2.0);
        QCOMPARE(codeText(Format::Int4, 0), std::string("−8"));
        QCOMPARE(codeText(Format::Nf4, 15), std::string("15"));
    }

    void distribution() {
        const TensorView nf4 = view(normalWeights(64 * 256), {64, 256}, recipe(Format::Nf4, GroupSize::of(64)));
        const TensorView int4 = view(normalWeights(64 * 256), {64, 256}, recipe(Format::Int4, GroupSize::of(64)));
        const DistributionData data = computeDistribution(nf4, &int4, {}, work());
        QCOMPARE(data.weights.total(), std::uint64_t(64 * 256));
        QCOMPARE(data.weights.counts.size() % 2, std::size_t(1));
        QCOMPARE(data.weights.lower, -data.weights.upper);
        const Figure figure = weightsFigure(data);
        QCOMPARE(legend(figure), wanted("weights|NF4 64|INT4 64, baseline|fitted normal"));
        for (const Series &series : figure.series) {
            QCOMPARE(series.readouts.size(), series.y.size());
            if (series.kind == Series::Kind::Step)
                QCOMPARE(series.x.size(), series.y.size() + 1);
        }
        // The fitted normal holds as many weights as the histogram.
        const Series &normal = figure.series.back();
        const double area = sum(normal.y) * (normal.x[1] - normal.x[0]) / data.weights.binWidth();
        QVERIFY(std::abs(area / (64 * 256) - 1) < 0.02);
        QVERIFY(texts(figure).contains(wanted("(NF4) and ")));
        QVERIFY(texts(figure).contains(wanted("(INT4) are exactly 0")));
        QVERIFY(figure.levels && figure.levels->rows[0].levels.size() == 16);
        QCOMPARE(figure.table.columns.size(), std::size_t(5));
        QCOMPARE(figure.table.rows.size(), data.weights.counts.size());
        const Figure errors = errorFigure(data);
        QVERIFY(texts(errors).contains(wanted("+RMSE ")));
        QCOMPARE(data.current->error.total(), std::uint64_t(64 * 256));
        const DistributionData again = computeDistribution(nf4, &int4, {}, work(), &data);
        QCOMPARE(again.weights.counts, data.weights.counts);
        QCOMPARE(computeDistribution(int4, nullptr, {}, work(), &data).weights.counts, data.weights.counts);
        const DistributionOptions full{DistributionRange::Full, 301};
        QVERIFY(computeDistribution(nf4, nullptr, full, work(), &data).weights.upper > data.weights.upper);
        const Figure bare = weightsFigure(data, {false, false, false, false, false, {}});
        QCOMPARE(legend(bare), wanted("weights"));
        QVERIFY(!bare.levels);
        const Figure logarithmic = weightsFigure(data, {true, true, true, true, true, {}});
        for (const Series &series : logarithmic.series)
            QVERIFY(*std::min_element(series.y.begin(), series.y.end()) >= logarithmic.y.lower);
    }

    void outlierDoesNotRuinThePicture() {
        std::vector<float> weights = normalWeights(64 * 256);
        weights[1000] = 50;
        weights[1001] = std::numeric_limits<float>::quiet_NaN();
        const TensorView nf4 = view(weights, {64, 256}, recipe(Format::Nf4, GroupSize::of(64)));
        const DistributionData data = computeDistribution(nf4, nullptr, {}, work());
        QVERIFY(data.weights.upper < 0.5);
        QVERIFY(data.outliers);
        QCOMPARE(data.outliers->weights, std::uint64_t(1));
        QCOMPARE(data.outliers->groups, std::uint64_t(1));
        QCOMPARE(data.outliers->allGroups, std::uint64_t(256));
        const Figure figure = weightsFigure(data);
        QVERIFY(texts(figure).contains(wanted(" above ▸")));
        QVERIFY(texts(figure).contains(wanted("1 NaN left out")));
        const DistributionData full = computeDistribution(nf4, nullptr, {DistributionRange::Full, 301}, work());
        QVERIFY(full.weights.upper >= 50);
        QCOMPARE(full.weights.above, std::uint64_t(0));
    }

    void oddTensors() {
        const TensorView constant =
            view(std::vector<float>(4096, 0.5F), {64, 64}, recipe(Format::Int4, GroupSize::of(64)));
        const DistributionData data = computeDistribution(constant, nullptr, {}, work());
        QVERIFY(texts(weightsFigure(data)).contains(wanted("all 4,096 weights are 0.5")));
        QCOMPARE(data.weights.total(), std::uint64_t(4096));
        QVERIFY(errorFigure(data).series.size() == 1);
        const TensorView zeros = view(std::vector<float>(4096, 0.0F), {64, 64}, recipe(Format::Nf4, GroupSize::of(64)));
        const DistributionData none = computeDistribution(zeros, nullptr, {}, work());
        QCOMPARE(none.weights.counts[none.weights.counts.size() / 2], std::uint64_t(4096));
        QVERIFY(!computeBins(zeros, nullptr, {}, work()).shares.empty());
        QCOMPARE(worstGroup(zeros, work()), std::uint64_t(0));
        std::vector<float> positive = normalWeights(4096);
        for (float &w : positive)
            w = 1 + std::abs(w);
        const TensorView norm = view(positive, {1, 4096}, Recipe());
        const DistributionData oneSided = computeDistribution(norm, nullptr, {}, work());
        QVERIFY(oneSided.weights.lower > 0.9);
        QVERIFY(!oneSided.current);
        QCOMPARE(q(weightsFigure(oneSided).title), wanted("Weights"));
        const TensorView nothing = view(std::vector<float>(64, std::numeric_limits<float>::quiet_NaN()), {1, 64},
                                        recipe(Format::Int4, GroupSize::of(16)));
        QCOMPARE(computeDistribution(nothing, nullptr, {}, work()).weights.total(), std::uint64_t(0));
        QCOMPARE(densityFigure(computeBins(nothing, nullptr, {}, work())).series.size(), std::size_t(1));
    }

    void bins_data() {
        QTest::addColumn<int>("format");
        QTest::addColumn<int>("levels");
        QTest::newRow("int4") << int(Format::Int4) << 16;
        QTest::newRow("int4-max") << int(Format::Int4Max) << 16;
        QTest::newRow("int4-asym") << int(Format::Int4Asym) << 16;
        QTest::newRow("nf4") << int(Format::Nf4) << 16;
        QTest::newRow("fp4") << int(Format::Fp4) << 15; // zero twice: one tick
        QTest::newRow("mxfp4") << int(Format::Mxfp4) << 15;
        QTest::newRow("int8") << int(Format::Int8) << 255;
    }
    void bins() {
        QFETCH(int, format);
        QFETCH(int, levels);
        const Recipe r = defaultRecipe(static_cast<Format>(format));
        const TensorView current = view(normalWeights(64 * 256), {64, 256}, r);
        const Recipe other = defaultComparison(r, {});
        const TensorView compared = view(normalWeights(64 * 256), {64, 256}, other);
        const BinsData data = computeBins(current, &compared, {}, work());
        QCOMPARE(data.current.density.total(), std::uint64_t(64 * 256));
        QCOMPARE(data.current.density.below + data.current.density.above, std::uint64_t(0));
        // Weights counted between the boundaries are those of the codes.
        double weights = 0;
        double errors = 0;
        for (const CodeShare &share : data.shares) {
            weights += share.weightShare;
            errors += share.errorShare;
        }
        QVERIFY(std::abs(weights - 1) < 1e-12 && std::abs(errors - 1) < 1e-12);
        const Figure figure = densityFigure(data, 7);
        QCOMPARE(figure.series.size(), std::size_t(2));
        QVERIFY(figure.levels);
        QCOMPARE(figure.levels->rows[0].levels.size(), std::size_t(levels));
        QCOMPARE(figure.levels->place, LevelStrip::Place::Middle);
        const Figure shares = sharesFigure(data, 7);
        QCOMPARE(shares.x.ticks.size(), data.shares.size());
        QVERIFY(texts(shares).contains(wanted("1/16")));
    }

    // A weight counts once for two recipes whose scales differ by rounding alone, and for each under its own otherwise.
    void bothDensitiesAreThoseOfTheirScales() {
        const auto weights = normalWeights(64 * 256);
        const auto of = [&](Format format, std::uint32_t group) {
            return view(weights, {64, 256}, recipe(format, GroupSize::of(group)));
        };
        const TensorView nf4 = of(Format::Nf4, 64);
        const auto difference = [&](const TensorView &compared) {
            const BinsData both = computeBins(nf4, &compared, {}, work());
            const BinsData alone = computeBins(compared, nullptr, {}, work());
            std::uint64_t sum = 0;
            for (std::size_t i = 0; i < both.compared->density.counts.size(); ++i) {
                const std::uint64_t a = both.compared->density.counts[i];
                const std::uint64_t b = alone.current.density.counts[i];
                sum += std::max(a, b) - std::min(a, b);
            }
            return sum;
        };
        QCOMPARE(difference(of(Format::Nf4, 32)), std::uint64_t(0));
        QCOMPARE(difference(of(Format::Fp4, 32)), std::uint64_t(0));
        QVERIFY(difference(of(Format::Int4, 64)) < 64 * 256 / 20); // a weight to the next bin, here and there
    }

    void boundariesAgreeWithCodes() {
        const TensorView nf4 = view(normalWeights(64 * 256), {64, 256}, recipe(Format::Nf4, GroupSize::of(64)));
        const BinsData data = computeBins(nf4, nullptr, {BinsScale::EachGroup, 4001}, work());
        std::vector<double> counted(16);
        for (std::size_t i = 0; i < data.current.density.counts.size(); ++i) {
            const double x =
                data.current.density.lower + (static_cast<double>(i) + 0.5) * data.current.density.binWidth();
            std::size_t code = 0;
            while (code < 15 && x > data.current.boundaries[code])
                ++code;
            counted[code] += static_cast<double>(data.current.density.counts[i]);
        }
        for (std::size_t code = 0; code < 16; ++code)
            QVERIFY(std::abs(counted[code] - static_cast<double>(data.shares[code].weights)) < 40);
    }

    void groups() {
        const TensorView odd = view(normalWeights(5 * 99), {5, 99}, recipe(Format::Int4Asym, GroupSize::of(32)));
        const GroupTable table = groupTable(odd, 7); // row 1, the last group of which has 3 weights
        QCOMPARE(table.groups, std::uint64_t(20));
        QCOMPARE(table.row, std::uint64_t(1));
        QCOMPARE(table.rows.size(), std::size_t(3));
        QCOMPARE(table.firstColumn, std::uint64_t(96));
        for (const GroupTable::Row &row : table.rows) {
            QVERIFY(std::abs(row.level * table.scale - static_cast<double>(row.dequantized)) < 1e-6);
            QCOMPARE(row.highNibble ? row.byte >> 4 : row.byte & 15U, row.nibble);
        }
        QCOMPARE(groupTable(odd, 1000).group, std::uint64_t(19));
        QVERIFY(q(groupText(table)).startsWith(wanted("row 1, columns 96–98 · scale ")));
        const std::uint64_t worst = worstGroup(odd, work());
        for (std::uint64_t g = 0; g < table.groups; ++g)
            QVERIFY(*groupTable(odd, worst).sqnrDb <= *groupTable(odd, g).sqnrDb + 1e-9);
        Recipe hqq = recipe(Format::Int4Asym, GroupSize::of(32)); // its zeros are real numbers
        hqq.method = "hqq";
        const TensorView half = view(normalWeights(5 * 99), {5, 99}, hqq);
        const GroupTable real = groupTable(half, 7);
        for (const GroupTable::Row &row : real.rows)
            QVERIFY(std::abs(row.level * real.scale - static_cast<double>(row.dequantized)) < 1e-5);
        const TensorView flat = view(normalWeights(5 * 99), {5, 99}, recipe(Format::Int8, GroupSize::row()));
        QCOMPARE(groupTable(flat, 0).rows.size(), std::size_t(99));
    }

    void layers() {
        LayersInput input;
        input.recipe = "NF4 64";
        input.format = Format::Nf4;
        for (int layer = 0; layer < 3; ++layer) {
            for (const char *module : {"mlp.up_proj", "mlp.gate_proj", "self_attn.v_proj", "self_attn.q_proj"}) {
                TensorResult result;
                result.info.name = "model.layers." + std::to_string(layer) + "." + module + ".weight";
                result.quantized = true;
                ErrorSums sums;
                sums.signal = 1;
                sums.error = 0.01 / (1 + static_cast<double>(input.results.size()));
                result.metrics = metricsFrom(sums, {});
                input.results.push_back(result);
            }
        }
        input.results[5].metrics.reset(); // not done yet
        input.baseline = {input.results[0]};
        input.baselineRecipe = "INT4 64";
        input.selected = {input.results[2].info.name};
        const Figure figure = layersFigure(input);
        QCOMPARE(figure.series[0].y.size(), std::size_t(12));
        QVERIFY(std::is_sorted(figure.series[0].y.begin(), figure.series[0].y.begin() + 10));
        QCOMPARE(figure.series[0].links[11], "tensor:" + input.results[5].info.name);
        QCOMPARE(figure.series[1].y.size(), std::size_t(1));
        QVERIFY(texts(figure).contains(wanted("layers.0.self_attn.v_proj 24.77")));
        QVERIFY(texts(figure).contains(wanted("layers.0.mlp.up_proj 20.00")));
        const auto map = layersHeatMap(input);
        QVERIFY(map);
        const std::vector<std::string> columns = {"self_attn.q_proj", "self_attn.v_proj", "mlp.gate_proj",
                                                  "mlp.up_proj"};
        QCOMPARE(map->heatMap->columns, columns);
        QCOMPARE(map->heatMap->rows.size(), std::size_t(3));
        QVERIFY(!map->heatMap->cells[1 * 4 + 2]); // layer 1, gate_proj
        QCOMPARE(*map->heatMap->selected, std::size_t(1));
        QCOMPARE(*map->heatMap->worst, std::size_t(3));
        QCOMPARE(q(map->heatMap->lowerText), wanted("worse 20.00"));
        for (const auto quantity :
             {LayersQuantity::RelativeError, LayersQuantity::MaxAbsError, LayersQuantity::Kurtosis}) {
            input.quantity = quantity;
            QCOMPARE(layersFigure(input).y.lower, 0.0);
            QVERIFY(layersHeatMap(input));
        }
        for (TensorResult &result : input.results)
            result.info.name = "dense" + std::to_string(&result - input.results.data());
        QVERIFY(!layersHeatMap(input));
    }

    void manyLayers() {
        LayersInput input;
        for (int i = 0; i < 2500; ++i) {
            TensorResult result;
            result.info.name = "t" + std::to_string(i);
            result.quantized = true;
            ErrorSums sums;
            sums.signal = 1;
            sums.error = i == 1234 ? 1 : 0.01;
            result.metrics = metricsFrom(sums, {});
            input.results.push_back(result);
        }
        input.order = LayersOrder::ModelOrder;
        const Figure figure = layersFigure(input);
        QVERIFY(figure.series[0].y.size() <= 800);
        QVERIFY(std::find(figure.series[0].links.begin(), figure.series[0].links.end(), "tensor:t1234") !=
                figure.series[0].links.end());
        QCOMPARE(figure.table.rows.size(), std::size_t(2500));
    }

    void places() {
        QCOMPARE(*layerPlace("model.layers.12.mlp.up_proj.weight"), (LayerPlace{12, "mlp.up_proj"}));
        QCOMPARE(*layerPlace("h.3.attn.c_attn.weight"), (LayerPlace{3, "attn.c_attn"}));
        QVERIFY(!layerPlace("model.embed_tokens.weight"));
        QVERIFY(!layerPlace("classifier.0"));
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    // Numbers of the pictures of the window, which an independent program computed.
    void storiesDistribution() {
        const Model model = openModel(std::string(test_paths::sharedData) + "/data/stories260K");
        const std::size_t index = *model.find("model.layers.0.mlp.down_proj.weight");
        const auto matrix = std::make_shared<WeightMatrix>(readWeights(model, index, Layout::OutIn, work()));
        const auto made = [&](const Recipe &r) {
            return makeView(model.tensors[index], Layout::OutIn, matrix, r, work());
        };
        const TensorView nf4 = made(recipe(Format::Nf4, GroupSize::of(64)));
        const TensorView int4 = made(recipe(Format::Int4, GroupSize::of(64)));
        const DistributionData data = computeDistribution(nf4, &int4, {}, work());
        QCOMPARE(data.current->decodedZeros, std::uint64_t(1028));
        QCOMPARE(data.baseline->decodedZeros, std::uint64_t(1703));
        QVERIFY(texts(weightsFigure(data)).contains(wanted("cut: 1,028 (NF4) and 1,703 (INT4) are exactly 0")));
        QCOMPARE(data.groups, std::uint64_t(192));
        QVERIFY(texts(errorFigure(data)).contains(wanted("+RMSE 0.01139")));

        const BinsData bins = computeBins(nf4, &int4, {}, work());
        QVERIFY(q(sharesFigure(bins).series[0].readouts[7])
                    .startsWith(wanted("code 7, level 0\n1,028 weights (9.34 %)\n5.5 % of the squared error")));
        QVERIFY(texts(densityFigure(bins)).contains(wanted("−8 is\nnever\nused")));

        const GroupTable table = groupTable(nf4, 37);
        QCOMPARE(q(groupText(table)), wanted("row 12, columns 64–127 · scale 0.2815 · 21.43 dB"));
        QCOMPARE(table.rows[0].byte, 0x94U);
        QCOMPARE(table.rows[0].code, 9);
        QCOMPARE(table.rows[3].code, 0);
        QVERIFY(std::abs(table.rows[4].error - 0.0061) < 5e-5);
    }

    void storiesLayersAndMemory() {
        const Model model = openModel(std::string(test_paths::sharedData) + "/data/stories260K");
        std::vector<std::size_t> all(model.tensors.size());
        std::iota(all.begin(), all.end(), std::size_t(0));
        const Recipe nf4 = recipe(Format::Nf4, GroupSize::of(64));
        const auto results = analyzeModel(model, all, {nf4, {}}, work());
        const Reading reading = layersReading({&results, 35, false});
        QCOMPARE(q(reading.text()),
                 wanted("35 tensors keep 20.79 dB together; the worst is layers.0.self_attn.v_proj at "
                        "19.88 dB, and all lie within 1.41 dB of each other."));
        const ModelGeometry geometry = modelGeometry(model.config);
        const auto bars = memoryBars(results, nf4, recipe(Format::Int4, GroupSize::of(64)), geometry, {});
        QCOMPARE(bars.size(), std::size_t(5));
        const Figure figure = memoryFigure(bars, 2);
        QCOMPARE(q(figure.stackedBars[0].endLabel), wanted("1,016 KiB\n32.000 bpw, + 320 KiB cache"));
        QCOMPARE(q(figure.stackedBars[2].endLabel), wanted("358 KiB\n11.274 bpw, + 320 KiB cache"));
        QCOMPARE(q(figure.stackedBars[4].endLabel), wanted("248 KiB\n7.828 bpw, + 320 KiB cache"));
        const auto parts = memoryParts(bars[4].memory, results, nf4, 2);
        QCOMPARE(q(parts[0].from), wanted("113,280 bytes: two codes a byte"));
        QCOMPARE(q(parts[1].from), wanted("3,640 groups, 16 bits each: 6.4 % of the codes"));
        QCOMPARE(q(parts[4].from), wanted("embed_tokens 128 KiB, 11 others 2.75 KiB, as stored"));
        QCOMPARE(q(parts[5].from), wanted("5 layers × 4 KV heads × 8 × 2 × 512 tokens, F16"));
        QCOMPARE(q(parts[6].from), wanted("fits in 2 GiB: yes, uses 0.03 %"));
        const auto rules = memoryRules(results, nf4);
        QCOMPARE(rules.size(), std::size_t(4));
        QCOMPARE(q(rules[0].trueHere), wanted("4.09 times"));
        QVERIFY(q(rules[0].why).endsWith(wanted("without them 7.52")));
        QCOMPARE(q(rules[1].trueHere), wanted("6.4 %"));
        QCOMPARE(q(rules[2].trueHere), wanted("0.119 bit"));
        QVERIFY(q(rules[2].why).startsWith(wanted("from F16 scales; from F32 ones 0.376")));
        QCOMPARE(q(rules[3].trueHere), wanted("3.50 GB"));
        QVERIFY(q(rules[3].why).contains(wanted("3.26 GiB")));
        QCOMPARE(q(memoryReading(bars[4].memory, bars[0].memory, nf4, results).text()),
                 wanted("NF4 64 makes the model 4.09 times smaller than FP32, not 8: embed_tokens is 52 % of what is "
                        "left. At 512 tokens the KV cache adds 320 KiB."));
    }
#endif

    void outputErrorsAreReadAndPiledUp() {
        LayersInput input;
        input.recipe = "INT4 asym 64 GPTQ";
        input.baselineRecipe = "INT4 asym 64";
        input.format = Format::Int4Asym;
        input.quantity = LayersQuantity::OutputError;
        const std::vector<std::pair<std::string, double>> errors{{"model.layers.0.mlp.up_proj.weight", 0.03},
                                                                 {"model.layers.0.mlp.down_proj.weight", 0.04},
                                                                 {"model.layers.1.mlp.up_proj.weight", 0.10}};
        for (const auto &[name, error] : errors) {
            TensorResult result;
            result.info.name = name;
            result.quantized = true;
            result.metrics = ErrorMetrics();
            input.results.push_back(result);
            input.outputErrors[name] = error;
            input.baselineOutputErrors[name] = name.find("down") != std::string::npos ? 0.035 : 0.2;
        }
        input.depthErrors = {0.05, 0.12};
        const std::string reading = outputErrorReading(input).text();
        QVERIFY2(reading.find("err by 4.0") != std::string::npos, reading.c_str());
        QVERIFY2(reading.find("layers.1.mlp.up_proj at 10") != std::string::npos, reading.c_str());
        QVERIFY2(reading.find("pile up to 12") != std::string::npos, reading.c_str());
        QVERIFY2(reading.find("in 2 of 3 against") != std::string::npos, reading.c_str());
        const Figure bars = layersFigure(input);
        QCOMPARE(bars.series.front().y.front(), 10.0); // worst first, in percent
        QCOMPARE(layersHeatMap(input)->heatMap->cells.size(), 4U);
        const auto depth = depthFigure(input);
        QVERIFY(depth);
        QCOMPARE(depth->series.size(), 2U);
        QVERIFY(std::abs(depth->series[0].y[0] - 100 * std::sqrt((0.0009 + 0.0016) / 2)) < 1e-9);
        QCOMPARE(depth->series[1].y[1], 12.0);
    }
};

QTEST_GUILESS_MAIN(PageFiguresTest)
#include "page_figures_test.moc"
