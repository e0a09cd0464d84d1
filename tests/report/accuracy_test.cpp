// SPDX-License-Identifier: GPL-3.0-or-later
// What the Accuracy page says, on results with known answers.
#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/report/figures_accuracy.h"
#include "core/report/figures_sensitivity.h"
#include "core/report/report_parts.h"

using namespace nibblescope;

namespace {

Recipe recipe(Format format, GroupSize size, const char *method = "rtn") {
    Recipe result = defaultRecipe(format);
    result.groupSize = size;
    result.method = method;
    return result;
}

// Four windows; `kl` and `nll` of each, the reference at nll 2.
SharedAccuracy made(const Recipe &of, double bpw, double sqnr, std::vector<double> kl, std::vector<double> difference) {
    AccuracyResult result;
    result.recipe = of;
    result.bpw = bpw;
    result.sqnrDb = sqnr;
    Evaluation &evaluation = result.evaluation;
    evaluation.context = 256;
    evaluation.windows = kl.size();
    evaluation.plannedWindows = kl.size();
    evaluation.tokens = kl.size() * 255;
    Comparison comparison;
    comparison.referenceNll = {2, 0.1};
    comparison.kl = estimateOf(kl);
    comparison.nllDifference = estimateOf(difference);
    comparison.klMedian = comparison.kl.mean / 2;
    comparison.klP99 = comparison.kl.mean * 8;
    comparison.top1Agreement = 0.9;
    comparison.windowKl = std::move(kl);
    comparison.windowNllDifference = std::move(difference);
    evaluation.nll = {2 + comparison.nllDifference.mean, 0.1};
    evaluation.perplexity = std::exp(evaluation.nll.mean);
    evaluation.comparison = comparison;
    for (std::size_t i = 1; i <= evaluation.windows; ++i)
        result.curve.push_back({i, evaluation.nll, comparison.nllDifference, comparison.kl});
    return std::make_shared<const AccuracyResult>(result);
}

std::string plain(std::string text) {
    for (std::size_t at = text.find("\u00a0"); at != std::string::npos; at = text.find("\u00a0", at))
        text.replace(at, std::string("\u00a0").size(), " ");
    return text;
}

QString reading(const AccuracyInput &input) { return QString::fromStdString(plain(accuracyReading(input).text())); }

const Recipe int4 = recipe(Format::Int4Asym, GroupSize::of(64));
const Recipe int4Max = recipe(Format::Int4Max, GroupSize::of(32));
const Recipe gptq = recipe(Format::Int4Asym, GroupSize::of(64), "gptq");
const Recipe hqq = recipe(Format::Int4Asym, GroupSize::of(64), "hqq");
const Recipe int8 = recipe(Format::Int8, GroupSize::row());
const Recipe naive = recipe(Format::Int4, GroupSize::tensor());

AccuracyInput example() {
    AccuracyInput input;
    input.results = {made(int4, 4.313, 20.7, {0.100, 0.110, 0.090, 0.104}, {0.080, 0.090, 0.070, 0.084}),
                     made(int4Max, 4.5, 20.0, {0.120, 0.131, 0.111, 0.123}, {0.060, 0.065, 0.055, 0.062}),
                     made(gptq, 4.313, 19.9, {0.070, 0.081, 0.062, 0.073}, {0.050, 0.055, 0.048, 0.051}),
                     made(hqq, 4.5, 20.9, {0.101, 0.108, 0.091, 0.104}, {0.078, 0.091, 0.071, 0.083}),
                     made(int8, 8.05, 42.6, {0.0005, 0.0006, 0.0004, 0.0005}, {-0.0010, -0.0012, -0.0009, -0.0011}),
                     made(naive, 4.0, 10.4, {1.9, 2.0, 2.1, 2.05}, {1.5, 1.6, 1.7, 1.62})};
    input.current = int4;
    input.text = "heldout.txt";
    input.referenceName = "F16";
    return input;
}

// The same on the packed kernels; two of 35 linears could not be.
SharedAccuracy onPacked(const SharedAccuracy &result) {
    AccuracyResult packed = *result;
    packed.evaluation.products = ProductsUsed{Products::PackedInt8, Isa::Avx2, 33, {{"with zero-points", 2}}};
    return std::make_shared<const AccuracyResult>(packed);
}

// The current recipe on the packed kernels, and beside it on F32 products.
AccuracyInput packedExample() {
    AccuracyInput input;
    input.current = int8;
    input.products = Products::PackedInt8;
    input.results = {onPacked(made(int8, 8.05, 42.6, {0.0015, 0.0017, 0.0013, 0.0015}, {0.001, 0.001, 0.001, 0.001}))};
    input.others = {example().results[4]};
    input.text = "heldout.txt";
    return input;
}

} // namespace

class AccuracyTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void differencesArePairedByWindows() {
        const AccuracyInput input = example();
        const Estimate difference = klDifference(*input.results[0], *input.results[2]);
        QVERIFY(std::abs(difference.mean - 0.0295) < 1e-12);
        QVERIFY(distinguishable(difference));
        QVERIFY(!distinguishable(klDifference(*input.results[0], *input.results[3])));
        QVERIFY(!distinguishable({0.1, std::nullopt}));
    }

    void changesOfPerplexityAreRatios() {
        const Estimate change = perplexityChange(*example().results[0]);
        QVERIFY(std::abs(change.mean - std::expm1(0.081)) < 1e-12);
        QCOMPARE(plain(changeText({0.0523, 0.0006})), std::string("+5.230 ± 0.060 %"));
        QCOMPARE(plain(changeText({-0.0001, 0.001})), std::string("−0.01 ± 0.10 %"));
        QCOMPARE(plain(estimateText({0.08234, 0.00114})), std::string("0.0823 ± 0.0011"));
    }

    void theReadingComparesWithTheBestOrTheBaseline() {
        AccuracyInput input = example();
        QVERIFY2(reading(input).startsWith("INT4 asym 64 moves the predictions by KL 0.1010 ± 0.0042 at 4.313 bpw; "
                                           "perplexity rises by 8.4"),
                 qPrintable(reading(input)));
        QVERIFY2(reading(input).contains("With no more bits INT4 asym 64 GPTQ has the least, KL 0.0715"),
                 qPrintable(reading(input)));
        input.baseline = int4Max;
        QVERIFY2(reading(input).contains("INT4 asym 64 has 17 % less for 0.187 bpw less."), qPrintable(reading(input)));
        input.baseline = hqq;
        QVERIFY2(reading(input).contains("By KL it is not distinguishable from INT4 asym 64 HQQ"),
                 qPrintable(reading(input)));
        input.current = recipe(Format::Nf4, GroupSize::of(64));
        QVERIFY2(reading(input).contains("NF4 64 is not measured yet"), qPrintable(reading(input)));
    }

    void itTeachesWhatRanksRecipes() {
        const std::vector<std::string> lessons = accuracyLessons(example());
        const auto said = [&lessons](const char *part) {
            return std::any_of(lessons.begin(), lessons.end(),
                               [part](const std::string &text) { return plain(text).find(part) != std::string::npos; });
        };
        QVERIFY(said("Rank by KL: INT4 max 32 has a lower perplexity than INT4 asym 64"));
        QVERIFY(said("SQNR ranks INT4 asym 64 GPTQ below plain rounding (19.90 against 20.70 dB), although its KL is "
                     "29 % less"));
        QVERIFY(said("\"under 2 %\" holds for none of the 5 recipes of 4 bits here"));
        QVERIFY(said("INT8 row has a lower perplexity than the unquantized model"));
        QVERIFY(said("INT4 asym 64 HQQ is not distinguishable from plain rounding"));
    }

    void theRunIsRead() {
        AccuracyInput input = example();
        input.results.clear();
        input.running = {{int4, 64, {{24, {2.1, 0.1}, {0.08, 0.002}, {0.1, 0.004}}}}};
        QCOMPARE(reading(input), QStringLiteral("INT4 asym 64, 24 of 64 windows: KL 0.1000 ± 0.0040 so far, perplexity "
                                                "+8.33 ± 0.22 %."));
        const auto curve = accuracyCurve(input);
        QVERIFY(curve);
        QCOMPARE(curve->x.upper, 64.0);
    }

    // The current recipe is told where it is among them, else the best one; each has its curve.
    void runsSideBySideAreRead() {
        AccuracyInput input = example();
        input.results.clear();
        Recipe other = int4;
        other.groupSize = GroupSize::of(32);
        Recipe coarse = defaultRecipe(Format::Int8);
        input.running = {{coarse, 64, {}}, {int4, 64, {}}, {other, 64, {}}};
        QCOMPARE(reading(input),
                 QStringLiteral("3 recipes are being quantized and run side by side with the unquantized model."));
        QVERIFY(!accuracyCurve(input));
        input.running[0].curve = {{24, {2.1, 0.1}, {0.001, 0.002}, {0.001, 0.0001}}};
        input.running[1].curve = {{24, {2.1, 0.1}, {0.08, 0.002}, {0.1, 0.004}}};
        input.running[2].curve = {{24, {2.1, 0.1}, {0.04, 0.002}, {0.05, 0.004}}};
        QVERIFY(reading(input).startsWith(QStringLiteral("3 recipes side by side: INT4 asym 64, 24 of 64 windows: KL "
                                                         "0.1000")));
        input.current = defaultRecipe(Format::Fp4);
        QVERIFY(reading(input).startsWith(
            QStringLiteral("3 recipes side by side, of 4 bits with the least so far: INT4 asym 32, 24 of 64 windows")));
        std::size_t named = 0;
        const std::optional<Figure> curve = accuracyCurve(input);
        QVERIFY(curve);
        for (const Series &series : curve->series)
            named += series.name.empty() ? 0 : 1;
        QCOMPARE(named, 3U);
        // Many are named at their ends, on decades, the current one among them.
        for (const std::uint32_t size : {16U, 128U, 256U}) {
            input.running.push_back(input.running[2]);
            input.running.back().recipe.groupSize = GroupSize::of(size);
            input.running.back().curve[0].kl.mean *= size;
        }
        input.current = input.running.back().recipe;
        const std::optional<Figure> crowd = accuracyCurve(input);
        QVERIFY(crowd && crowd->y.logarithmic);
        QCOMPARE(crowd->series.size(), 6U);
        QVERIFY(std::any_of(crowd->marks.begin(), crowd->marks.end(),
                            [](const Mark &mark) { return mark.text == "INT4 asym 256" && mark.bold; }));
    }

    void theFrontHoldsWhatIsNotBeaten() {
        const auto front = paretoFront(example().results, AccuracyRank::Kl);
        QCOMPARE(front.size(), 3U); // naive, GPTQ, INT8
        QVERIFY(front[1]->recipe == gptq);
        const Figure figure = paretoFigure(example());
        // INT8 and one scale a tensor would squeeze the rest: they are named at the edges, and can be clicked there.
        QVERIFY(figure.x.upper < 5);
        QVERIFY(figure.y.upper < 0.2);
        int edges = 0;
        bool link = false;
        for (const Mark &mark : figure.marks) {
            edges += mark.fractional ? 1 : 0;
            link = link || (mark.fractional && mark.link.find("int8") != std::string::npos);
        }
        QCOMPARE(edges, 2);
        QVERIFY(link);
        QCOMPARE(figure.table.rows.size(), 6U);
        for (const Series &series : figure.series)
            if (series.mark != MarkStyle::None)
                QCOMPARE(series.links.size(), series.x.size());
    }

    void rowsStandInTheOrderOfTheRank() {
        AccuracyInput input = example();
        auto rows = accuracyRows(input);
        QCOMPARE(rows.size(), 7U);
        QCOMPARE(rows[0].name, std::string("F16, not quantized"));
        QCOMPARE(rows[1].name, std::string("INT8 row"));
        QCOMPARE(rows[2].name, std::string("INT4 asym 64 GPTQ"));
        input.rank = AccuracyRank::Sqnr;
        rows = accuracyRows(input);
        QCOMPARE(rows[2].name, std::string("INT4 asym 64 HQQ"));
    }

    void resultsSurviveTheSessionFile() {
        const SharedAccuracy result = example().results[0];
        const AccuracyResult back = accuracyFromJson(nlohmann::ordered_json::parse(toJson(*result).dump()));
        QVERIFY(back.recipe == result->recipe);
        QCOMPARE(toJson(back).dump(), toJson(*result).dump());
        QVERIFY_EXCEPTION_THROWN(accuracyFromJson({{"recipe", 3}}), Error);
        QVERIFY(!back.evaluation.products);
        nlohmann::ordered_json packed = toJson(*onPacked(result));
        QVERIFY(accuracyFromJson(packed).evaluation.products == onPacked(result)->evaluation.products);
        packed["products"] = "by-hand";
        QVERIFY_EXCEPTION_THROWN(accuracyFromJson(packed), Error);
    }

    void productsAreNamedWhereverResultsAre() {
        const AccuracyInput input = packedExample();
        const auto rows = accuracyRows(input);
        QCOMPARE(rows[1].name, std::string("INT8 row, packed INT8"));
        QCOMPARE(rows[1].remark, std::string("2 of 35 quantized linears on decoded weights: 2 with zero-points."));
        QCOMPARE(productsSuffix(input), std::string(", packed kernels (AVX2), INT8 activations"));
        QVERIFY(paretoFigure(input).title.find("packed kernels (AVX2)") != std::string::npos);
        QVERIFY(accuracyCurve(input)->title.find("packed kernels (AVX2)") != std::string::npos);
        const FigureTable table = accuracyTable(input);
        QCOMPARE(table.columns.back(), std::string("products"));
        QCOMPARE(table.rows[0].size(), table.columns.size());
        const QString said = reading(input);
        QVERIFY2(said.startsWith("On the packed kernels with INT8 activations: INT8 row moves the predictions by KL "),
                 qPrintable(said));
        QVERIFY2(said.contains("On F32 products of decoded weights INT8 row has KL 0.000500 ± 0.000041, 67 % less "),
                 qPrintable(said));
        // Those of the BLAS are as they were.
        AccuracyInput plain = example();
        QCOMPARE(productsSuffix(plain), std::string());
        QCOMPARE(accuracyTable(plain).columns.back(), std::string("on the Pareto front"));
        plain.current = int8;
        plain.others = packedExample().results;
        QVERIFY2(reading(plain).contains("On the packed kernels with INT8 activations INT8 row has KL 0.001500 ± "
                                         "0.000082, 200 % more than on F32 products of decoded weights."),
                 qPrintable(reading(plain)));
    }

    void theReportListsThemApart() {
        AccuracyInput input = example();
        input.others = packedExample().results;
        const auto rows = productsRows(input);
        QCOMPARE(rows.size(), 1U);
        QCOMPARE(rows[0].products, std::string("packed kernels (AVX2), INT8 activations"));
        QCOMPARE(plain(rows[0].cost), std::string("+1.000 ± 0.041"));
        Report report;
        report.accuracy = input;
        QVERIFY(html::accuracySection(report).find("<h3>On the packed kernels</h3>") != std::string::npos);
        QVERIFY(html::accuracySection(report).find("packed kernels (AVX2), INT8 activations") != std::string::npos);
        // Where nothing was measured on F32 products, that is all.
        input.results.clear();
        report.accuracy = input;
        QVERIFY(html::accuracySection(report).find("<h2>Accuracy</h2>") == std::string::npos);
        QVERIFY(html::accuracySection(report).find(">INT8 row</td>") != std::string::npos);
        QCOMPARE(productsRows(input)[0].cost, std::string("–"));
    }

    void theReportHoldsItAll() {
        Report report;
        QVERIFY(html::accuracySection(report).empty());
        report.accuracy = example();
        report.claims.push_back({"rtn", "A <rule>.", "+1 %", ClaimMark::NotHeld, "Because.", "accuracy"});
        const std::string text = html::accuracySection(report);
        for (const char *part : {"<h2>Accuracy</h2>", "<svg", "INT4 asym 64 GPTQ", "A &lt;rule&gt;.", "✗ not held"})
            QVERIFY2(text.find(part) != std::string::npos, part);
    }

    void sensitivityNamesWhatMattersMost() {
        SensitivityInput input;
        input.recipe = int4;
        input.layers.parts = {{"layers.0", 1000, {0.01, 0.001}, {0.01, 0.001}, 0.98, 0.02, 0.01},
                              {"layers.1", 1000, {0.03, 0.002}, {0.02, 0.001}, 0.95, 0.03, 0.02}};
        input.kinds.by = SensitivityBy::Kinds;
        input.kinds.parts = {{"down_proj", 500, {0.02, 0.001}, {0.01, 0.001}, 0.97, {}, {}}};
        const std::string text = plain(sensitivityReading(input).text());
        QVERIFY2(text.find("With INT4 asym 64 layers.1 matters most: quantized alone it costs KL 0.0300 ± 0.0020, 75 % "
                           "of the sum over layers.") != std::string::npos,
                 text.c_str());
        const Figure figure = sensitivityFigure(input.layers, input.recipe);
        QCOMPARE(figure.series.front().y.size(), 2U);
        QCOMPARE(figure.x.ticks[1].label, std::string("1"));
        QCOMPARE(figure.marks.size(), 6U); // a whisker and its caps each
        QCOMPARE(figure.table.rows.size(), 2U);
    }

    void theUsualRecipesCanAllBeCarriedOut() {
        for (const bool calibrated : {false, true}) {
            const auto recipes = usualRecipes(calibrated);
            QVERIFY(recipes.size() >= 16);
            for (const Recipe &one : recipes)
                QVERIFY(!problemOf(one));
        }
    }
};

QTEST_GUILESS_MAIN(AccuracyTest)
#include "accuracy_test.moc"
