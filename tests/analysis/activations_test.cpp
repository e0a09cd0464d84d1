// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <cmath>
#include <numeric>

#include "core/analysis/activations.h"
#include "core/base/error.h"
#include "core/kernels/kernels.h"

using namespace nibblescope;

namespace {

std::vector<float> someWeights(MatrixShape shape) {
    SyntheticActivations options;
    options.tokens = shape.rows;
    options.channels = shape.cols;
    options.outliers = 0;
    options.seed = 99;
    std::vector<float> weights = syntheticActivations(options).values;
    for (float &w : weights)
        w *= 0.05F;
    return weights;
}

const ActivationCost &costOf(const std::vector<ActivationCost> &costs, ActivationBits bits, ActivationScales scales) {
    return *std::find_if(costs.begin(), costs.end(), [&](const ActivationCost &cost) {
        return cost.quant == ActivationQuant{bits, scales};
    });
}

} // namespace

class ActivationsTest : public QObject {
    Q_OBJECT

private:
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};

    ActivationProblem problemOf(const ActivationMatrix &x, MatrixShape shape, const Recipe &recipe,
                                std::uint64_t products = usualProducts) {
        const std::vector<float> weights = someWeights(shape);
        return activationProblem(x, activationStatistics(x, m_work), weights, shape, columnMaxima(weights, shape),
                                 recipe, products);
    }

private Q_SLOTS:
    void roundsAsDefined() {
        const std::vector<float> x{7, 0.5F, 1.5F, -7, 14, -1, 3, -2.5F};
        const auto decoded = [&](ActivationScales scales) {
            std::vector<float> values = x;
            quantizeActivations(values, 4, {ActivationBits::Int4, scales});
            return values;
        };
        // Ties to even, each token against its own largest.
        QCOMPARE(decoded(ActivationScales::Token), (std::vector<float>{7, 0, 2, -7, 14, 0, 4, -2}));
        QCOMPARE(decoded(ActivationScales::Tensor), (std::vector<float>{8, 0, 2, -8, 14, 0, 4, -2}));
        const std::vector<float> byChannel = decoded(ActivationScales::Channel);
        QCOMPARE(byChannel[4], 14.0F);
        QCOMPARE(byChannel[5], -1.0F);
        QCOMPARE(byChannel[6], 3.0F);
        QCOMPARE(byChannel[3], -7.0F);
        std::vector<float> zeros(8, 0.0F);
        for (const ActivationQuant quant : allActivationQuants()) {
            quantizeActivations(zeros, 4, quant);
            QVERIFY(std::all_of(zeros.begin(), zeros.end(), [](float v) { return v == 0; }));
        }
    }

    void idsGoBothWays() {
        for (const ActivationQuant quant : allActivationQuants()) {
            QVERIFY(activationBitsFromId(idOf(quant.bits)) == quant.bits);
            QVERIFY(activationScalesFromId(idOf(quant.scales)) == quant.scales);
        }
        QVERIFY(!activationBitsFromId("int3"));
        QVERIFY(!activationScalesFromId("row"));
        QCOMPARE(shortForm({ActivationBits::Int8, ActivationScales::Token}), std::string("INT8 token"));
    }

    void countsOutliers() {
        SyntheticActivations options;
        options.channels = 100;
        options.outliers = 5;
        options.magnitude = 40;
        const ActivationStatistics statistics = activationStatistics(syntheticActivations(options), m_work);
        QCOMPARE(statistics.tokens, options.tokens);
        QCOMPARE(statistics.outliers.size(), std::size_t{5});
        QCOMPARE(statistics.beyondSix, std::uint64_t{5});
        std::vector<std::size_t> channels = statistics.outliers;
        std::sort(channels.begin(), channels.end());
        QCOMPARE(channels, (std::vector<std::size_t>{10, 30, 50, 70, 90}));
        for (std::size_t i = 1; i < statistics.outliers.size(); ++i)
            QVERIFY(statistics.channelMax[statistics.outliers[i - 1]] >= statistics.channelMax[statistics.outliers[i]]);
        QVERIFY(*statistics.spread() > 30);
        // A mixture of N(0, 1) and a share p of N(0, m): kurtosis 3 (1 - p + p m^4) / (1 - p + p m^2)^2.
        const double p = 0.05;
        const double expected = 3 * (1 - p + p * std::pow(40, 4)) / std::pow(1 - p + p * std::pow(40, 2), 2);
        QVERIFY(std::fabs(*statistics.values.kurtosis / expected - 1) < 0.1);
        options.outliers = 0;
        const ActivationStatistics plain = activationStatistics(syntheticActivations(options), m_work);
        QVERIFY(plain.outliers.empty());
        QVERIFY(std::fabs(*plain.values.kurtosis - 3) < 0.1);
    }

    void statisticsDoNotDependOnBlocks() {
        const ActivationMatrix x = syntheticActivations({});
        const ActivationStatistics whole = activationStatistics(x, m_work);
        ActivationStatisticsBuilder builder(x.channels);
        for (std::size_t row = 0; row < x.tokens; row += 37)
            builder.add(
                std::span(x.values).subspan(row * x.channels, std::min<std::size_t>(37, x.tokens - row) * x.channels),
                m_work);
        const ActivationStatistics parts = builder.finish(m_work);
        QVERIFY(parts.values == whole.values);
        QCOMPARE(parts.channelMax, whole.channelMax);
        QCOMPARE(parts.outliers, whole.outliers);
    }

    // Theory: with one scale for N(0, 1) values whose largest is m, the error is uniform of width s = m / 127.
    void int8ErrorIsThatOfItsStep() {
        SyntheticActivations options;
        options.outliers = 0;
        options.channels = 256;
        const ActivationMatrix x = syntheticActivations(options);
        const ActivationStatistics statistics = activationStatistics(x, m_work);
        const ActivationCosts costs = activationCosts(problemOf(x, {64, 256}, {}), 0.5, m_work);
        const double step = statistics.largest() / 127;
        const double expected = 10 * std::log10(12 / (step * step));
        const auto &cost = costOf(costs.plain, ActivationBits::Int8, ActivationScales::Tensor);
        QVERIFY(std::fabs(*cost.sqnrDb - expected) < 0.3);
        // The output's relative error is that of the input where both are white.
        QVERIFY(std::fabs(cost.outputError / std::pow(10, -*cost.sqnrDb / 20) - 1) < 0.1);
        QCOMPARE(cost.withWeights, cost.outputError); // no recipe
        QVERIFY(costs.weightsRecipe == defaultRecipe(Format::Int4));
        QVERIFY(costs.weightsAlone > 0.05 && costs.weightsAlone < 0.2);
    }

    void outliersHurtAndSmoothingHelps() {
        SyntheticActivations options;
        options.channels = 256;
        options.outliers = 4;
        options.magnitude = 60;
        const ActivationMatrix x = syntheticActivations(options);
        const ActivationProblem problem = problemOf(x, {128, 256}, defaultRecipe(Format::Int8));
        const ActivationCosts costs = activationCosts(problem, 0.5, m_work);
        for (const ActivationBits bits : {ActivationBits::Int8, ActivationBits::Int4}) {
            const auto &token = costOf(costs.plain, bits, ActivationScales::Token);
            const auto &channel = costOf(costs.plain, bits, ActivationScales::Channel);
            const auto &smooth = costOf(costs.smoothed, bits, ActivationScales::Token);
            QVERIFY(channel.outputError < token.outputError);
            QVERIFY(smooth.outputError < 0.6 * token.outputError);
            QVERIFY(costOf(costs.plain, bits, ActivationScales::Tensor).outputError >= token.outputError);
        }
        for (const ActivationScales scales : {ActivationScales::Token, ActivationScales::Channel})
            QVERIFY(costOf(costs.plain, ActivationBits::Int4, scales).outputError >
                    5 * costOf(costs.plain, ActivationBits::Int8, scales).outputError);
        // With INT4 and the outliers' scale nothing is left of the other channels.
        QVERIFY(costOf(costs.plain, ActivationBits::Int4, ActivationScales::Token).outputError > 0.1);

        const SmoothingCurve curve = smoothingCurve(problem, {ActivationBits::Int8, ActivationScales::Token}, m_work);
        QCOMPARE(curve.points.size(), std::size_t{21});
        QCOMPARE(curve.points.back().alpha, 1.0);
        // Larger alphas make activations easier and weights harder.
        QVERIFY(curve.points.back().activationError < curve.points.front().activationError);
        QVERIFY(curve.points.back().weightError > curve.points[5].weightError);
        QVERIFY(curve.best().output < 0.6 * curve.none.output);
        QVERIFY(curve.best().alpha > 0 && curve.best().alpha < 1);
        for (const SmoothingPoint &point : curve.points)
            QVERIFY(std::fabs(std::hypot(point.fromActivations, point.fromWeights) / point.output - 1) < 0.1);
        QVERIFY(std::fabs(curve.none.fromActivations -
                          costOf(costs.plain, ActivationBits::Int8, ActivationScales::Token).outputError) < 1e-9);
    }

    void smoothingScalesAreThePaper() {
        const std::vector<float> x{16, 1, 0};
        const std::vector<float> w{0.25F, 4, 1};
        const std::vector<float> half = smoothingScales(x, w, 0.5);
        QVERIFY(std::fabs(half[0] - 8.0F) < 1e-5F);
        QVERIFY(std::fabs(half[1] - 0.5F) < 1e-6F);
        QCOMPARE(half[2], 1.0F);
        QVERIFY(std::fabs(smoothingScales(x, w, 1)[0] - 16.0F) < 1e-5F);
        QVERIFY(std::fabs(smoothingScales(x, w, 0)[0] - 4.0F) < 1e-5F);
    }

    // Without rounding, x / s times w s is the same output but for F32.
    void foldingChangesNothingByItself() {
        SyntheticActivations options;
        options.magnitude = 100;
        const ActivationMatrix x = syntheticActivations(options);
        ActivationProblem problem = problemOf(x, {32, 64}, {});
        const SmoothingCurve curve = smoothingCurve(problem, {ActivationBits::Int8, ActivationScales::Token}, m_work);
        for (const SmoothingPoint &point : curve.points) {
            QVERIFY(point.fromWeights < 1e-6);
            QCOMPARE(point.weightError, 0.0);
        }
    }

    void largeProblemsAreSampled() {
        SyntheticActivations options;
        options.tokens = 256;
        options.channels = 128;
        const ActivationMatrix x = syntheticActivations(options);
        const ActivationProblem all = problemOf(x, {512, 128}, {});
        QVERIFY(!all.sample);
        QCOMPARE(all.shape.rows, std::uint64_t{512});
        const ActivationProblem part = problemOf(x, {512, 128}, {}, 1ULL << 20);
        QVERIFY(part.sample);
        QCOMPARE(part.shape.rows, std::uint64_t{64});
        QCOMPARE(part.x.tokens, std::uint64_t{128});
        const auto error = [this](const ActivationProblem &problem) {
            return activationCosts(problem, 0.5, m_work).plain[3].outputError;
        };
        QVERIFY(std::fabs(error(part) / error(all) - 1) < 0.15);
    }

    void calibratedMethodsAreRoundedToNearest() {
        Recipe recipe = defaultRecipe(Format::Int4Asym);
        recipe.method = "gptq";
        recipe.actOrder = true;
        const ActivationProblem problem = problemOf(syntheticActivations({}), {32, 64}, recipe);
        QVERIFY(problem.recipe == defaultRecipe(Format::Int4Asym));
    }

    void stopsWhenAsked() {
        std::stop_source source;
        Work work{m_pool, selectKernels(), Priority::Interactive, source.get_token(), {}};
        const ActivationProblem problem = problemOf(syntheticActivations({}), {32, 64}, {});
        source.request_stop();
        QVERIFY_EXCEPTION_THROWN(smoothingCurve(problem, {}, work), Error);
    }

    void doesNotDependOnThreads() {
        WorkerPool one(1);
        const Work alone{one, selectKernels(), Priority::Interactive, {}, {}};
        const ActivationProblem problem = problemOf(syntheticActivations({}), {200, 64}, defaultRecipe(Format::Nf4));
        const SmoothingCurve a = smoothingCurve(problem, {ActivationBits::Int4, ActivationScales::Tensor}, alone);
        const SmoothingCurve b = smoothingCurve(problem, {ActivationBits::Int4, ActivationScales::Tensor}, m_work);
        for (std::size_t i = 0; i < a.points.size(); ++i)
            QCOMPARE(a.points[i].output, b.points[i].output);
    }
};

QTEST_GUILESS_MAIN(ActivationsTest)
#include "activations_test.moc"
