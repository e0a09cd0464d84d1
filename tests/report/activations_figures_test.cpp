// SPDX-License-Identifier: GPL-3.0-or-later
// The Activations page's figures and reading, on fixed inputs.
#include <QtTest>

#include "core/kernels/kernels.h"
#include "core/report/figures_activations.h"

using namespace nibblescope;

namespace {

QString readable(const Reading &reading) {
    return QString::fromStdString(reading.text()).replace(QChar(0xa0), QLatin1Char(' '));
}

ActivationInput inputOf(const std::string &name, std::vector<float> channelMax, double kurtosis) {
    ActivationInput input;
    input.name = name;
    input.tensors = {name + ".weight"};
    input.weightMax.assign(channelMax.size(), 0.25F);
    input.statistics.tokens = 100;
    input.statistics.channelMax = channelMax;
    input.statistics.values.kurtosis = kurtosis;
    input.statistics.medianChannelMax = 1;
    for (std::size_t i = 0; i < channelMax.size(); ++i)
        if (channelMax[i] > 6)
            input.statistics.outliers.push_back(i);
    return input;
}

ActivationsView someView() {
    auto set = std::make_shared<ActivationSet>();
    set->inputs.push_back(inputOf("model.layers.0.self_attn.q_proj", {1, 1, 2, 1}, 3.25));
    set->inputs.push_back(inputOf("model.layers.0.mlp.down_proj", {1, 16, 1, 1, 64}, 120));
    auto costs = std::make_shared<ActivationCosts>();
    double error = 0.01;
    for (const ActivationQuant quant : allActivationQuants()) {
        costs->plain.push_back({quant, 20, error, error + 0.01});
        costs->smoothed.push_back({quant, 22, error / 2, error});
        error *= 2;
    }
    costs->alpha = 0.5;
    costs->weightsAlone = 0.0917;
    costs->weightsRecipe = defaultRecipe(Format::Nf4);
    auto curve = std::make_shared<SmoothingCurve>();
    curve->quant = {ActivationBits::Int8, ActivationScales::Token};
    curve->recipe = defaultRecipe(Format::Nf4);
    curve->none.output = 0.2;
    for (int i = 0; i <= smoothingSteps; ++i) {
        SmoothingPoint point;
        point.alpha = i / static_cast<double>(smoothingSteps);
        point.output = 0.1 + (point.alpha - 0.6) * (point.alpha - 0.6);
        point.fromActivations = 0.1 * (1 - point.alpha);
        point.fromWeights = 0.1 * point.alpha;
        curve->points.push_back(point);
    }
    ActivationsView view;
    view.set = set;
    view.tensor = "model.layers.0.mlp.down_proj.weight";
    view.quant = curve->quant;
    view.recipe = curve->recipe;
    view.costs = costs;
    view.curve = curve;
    return view;
}

} // namespace

class ActivationsFiguresTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void readsWhatItShows() {
        QCOMPARE(readable(activationsReading(someView())),
                 QStringLiteral("INT4 token activations cost 16 % of the output of layers.0.mlp.down_proj, NF4 64 "
                                "weights 9.2 %, INT8 token 2.0 %. 2 of 5 channels are outliers, up to 64.0 times the "
                                "median (kurtosis 120). Smoothing brings INT8 token with NF4 64 weights from 20 % "
                                "to 10 % at α = 0.60."));
        ActivationsView view = someView();
        view.tensor = "model.layers.0.self_attn.q_proj.weight";
        view.costs = nullptr;
        view.curve = nullptr;
        QCOMPARE(readable(activationsReading(view)),
                 QStringLiteral("No channel is an outlier: the largest has 2.00 times the median's reach (kurtosis "
                                "3.25)."));
        view.tensor = "model.norm.weight";
        QVERIFY(activationsReading(view).clauses.empty());
    }

    void saysWhereSmoothingDoesNotHelp() {
        ActivationsView view = someView();
        auto curve = std::make_shared<SmoothingCurve>(*view.curve);
        curve->none.output = 0.101;
        view.curve = curve;
        QVERIFY(readable(activationsReading(view)).contains(QStringLiteral("Smoothing hardly helps INT8 token")));
        auto costs = std::make_shared<ActivationCosts>(*view.costs);
        costs->sample = true;
        view.costs = costs;
        QVERIFY(readable(activationsReading(view)).contains(QStringLiteral("cost ≈16 %")));
        QCOMPARE(costsFigure(view).badge, std::string("≈ from a sample"));
    }

    void readsKl() {
        ActivationsView view = someView();
        auto kl = std::make_shared<ActivationKl>();
        kl->plain = {{0.01, 0.001}, {0.002, 0.0001}};
        kl->weights = ActivationKl::Value{0.13, 0.002};
        kl->weightsRecipe = defaultRecipe(Format::Nf4);
        view.kl = kl;
        view.effect = ActivationEffect::Kl;
        QVERIFY(readable(activationsReading(view))
                    .startsWith(QStringLiteral("NF4 64 weights cost KL 0.13 on the whole model, INT8 token 0.002.")));
        auto more = std::make_shared<ActivationKl>(*kl);
        more->plain.resize(5, {0.3, 0.02});
        view.kl = more;
        QVERIFY(readable(activationsReading(view))
                    .startsWith(QStringLiteral("INT4 token activations cost KL 0.3 on the whole model, NF4 64 weights "
                                               "0.13, INT8 token 0.002.")));
        view.kl = kl;
        const Figure figure = costsFigure(view);
        QCOMPARE(figure.stackedBars.size(), std::size_t{6});
        QCOMPARE(figure.stackedBars[1].endLabel, std::string("0.002"));
        QCOMPARE(figure.stackedBars[2].endLabel, std::string("·")); // not yet
        QVERIFY(!figure.stackedBars[0].reference);
        QCOMPARE(figure.marks[0].x, 0.13);
        QCOMPARE(figure.table.rows.size(), std::size_t{3});
    }

    void drawsChannels() {
        ActivationsView view = someView();
        Figure figure = channelsFigure(view);
        QVERIFY(figure.y.logarithmic);
        QCOMPARE(figure.series.size(), std::size_t{5});
        QCOMPARE(figure.series[0].x.size(), std::size_t{6});
        QCOMPARE(figure.series[0].y, (std::vector<double>{1, 16, 1, 1, 64}));
        // Half and half: both ends meet at sqrt(x w).
        QVERIFY(std::fabs(figure.series[1].y[1] - 2) < 1e-6);
        QVERIFY(std::fabs(figure.series[3].y[4] - 4) < 1e-6);
        QCOMPARE(figure.series[4].x, (std::vector<double>{1.5, 4.5}));
        QVERIFY(QString::fromStdString(figure.series[0].readouts[4]).contains(QStringLiteral("64.0 times the median")));
        view.order = ChannelOrder::LargestFirst;
        figure = channelsFigure(view);
        QCOMPARE(figure.series[0].y, (std::vector<double>{64, 16, 1, 1, 1}));
        QCOMPARE(*figure.table.rows[0][0].number, 4.0);
        QCOMPARE(figure.table.rows[0].size(), figure.table.columns.size());
        view.tensor = "nothing";
        QVERIFY(channelsFigure(view).series.empty());
    }

    void manyChannelsShareSteps() {
        ActivationsView view = someView();
        auto set = std::make_shared<ActivationSet>();
        std::vector<float> maxima(4096, 1.0F);
        maxima[1234] = 500;
        set->inputs.push_back(inputOf("wide", maxima, 9));
        view.set = set;
        view.tensor = "wide.weight";
        const Figure figure = channelsFigure(view);
        QVERIFY(figure.series[0].y.size() <= 500);
        QCOMPARE(*std::max_element(figure.series[0].y.begin(), figure.series[0].y.end()), 500.0);
        QCOMPARE(figure.series[0].x.back(), 4096.0);
        QCOMPARE(figure.table.rows.size(), std::size_t{4096});
    }

    void drawsInputsCostsAndSmoothing() {
        const ActivationsView view = someView();
        const Figure inputs = inputsFigure(view);
        QCOMPARE(inputs.series[0].y, (std::vector<double>{3.25, 120}));
        QCOMPARE(inputs.series[0].links[1], std::string("tensor:model.layers.0.mlp.down_proj.weight"));
        QCOMPARE(inputs.marks[1].x, 1.5); // the selected is framed
        ActivationsView other = view;
        other.quantity = InputQuantity::Range;
        const Figure ranges = inputsFigure(other);
        QCOMPARE(ranges.series[0].y, (std::vector<double>{2, 64}));
        QCOMPARE(ranges.series[1].y, (std::vector<double>{1, 1}));
        other.quantity = InputQuantity::Outliers;
        QCOMPARE(inputsFigure(other).series[0].y, (std::vector<double>{0, 2}));
        const Figure costs = costsFigure(view);
        QCOMPARE(costs.stackedBars[4].name, std::string("INT4 token"));
        QCOMPARE(costs.stackedBars[4].link, std::string("activations:int4 token"));
        QVERIFY(std::fabs(costs.stackedBars[4].parts[0].value - 16) < 1e-9);
        QVERIFY(std::fabs(*costs.stackedBars[4].reference - 8) < 1e-9);
        QVERIFY(costs.stackedBars[1].selected);
        QVERIFY(std::fabs(costs.marks[0].x - 9.17) < 1e-9);
        QCOMPARE(costs.table.rows.size(), std::size_t{7});
        const Figure smoothing = smoothingFigure(view);
        QCOMPARE(smoothing.series.size(), std::size_t{3});
        QCOMPARE(smoothing.series[0].links[12], std::string("alpha:0.60"));
        QCOMPARE(smoothing.marks[1].x, 0.5); // the ring stands at the chosen alpha
        QCOMPARE(smoothing.table.rows.size(), std::size_t{22});
        for (const Figure &figure : {inputs, costs, smoothing})
            for (const auto &row : figure.table.rows)
                QCOMPARE(row.size(), figure.table.columns.size());
    }

    void gathersTheEvidence() {
        ActivationEvidence evidence = activationEvidence(*someView().set);
        QCOMPARE(evidence.channels, std::uint64_t{9});
        QCOMPARE(evidence.outlierChannels, std::uint64_t{2});
        QCOMPARE(*evidence.largestSpread, 64.0);
        QCOMPARE(evidence.largestSpreadName, std::string("layers.0.mlp.down_proj"));
        QVERIFY(!evidence.klInt4);
        ActivationKl kl;
        kl.plain = {{0.02, 0.001}, {0.01, 0.001}, {0.005, 0.001}, {3, 0.1}, {0.3, 0.02}};
        evidence = activationEvidence(*someView().set, &kl);
        QCOMPARE(evidence.klInt8->value, 0.01);
        QCOMPARE(evidence.klInt4->value, 0.3);
        QCOMPARE(*evidence.klInt4->error, 0.02);
        // And the claim that it is for is judged.
        ClaimEvidence all;
        all.activations = evidence;
        RecipeEvidence weights;
        weights.recipe = defaultRecipe(Format::Int4);
        weights.kl = MeasuredValue{0.1, 0.01};
        all.recipes.push_back(weights);
        const std::vector<Claim> judged = claims(all);
        const auto claim =
            std::find_if(judged.begin(), judged.end(), [](const Claim &one) { return one.id == "activations"; });
        QVERIFY(claim != judged.end());
        QVERIFY2(claim->mark == ClaimMark::Held, claim->reason.c_str());
    }
};

QTEST_GUILESS_MAIN(ActivationsFiguresTest)
#include "activations_figures_test.moc"
