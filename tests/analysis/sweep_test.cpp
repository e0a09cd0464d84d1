// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/sweep.h"

#include <QtTest>

#include <random>

#include "core/analysis/tensor_view.h"
#include "core/base/error.h"
#include "core/io/open.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;

namespace {

Recipe recipe(Format format, GroupSize size) {
    Recipe result = defaultRecipe(format);
    result.groupSize = size;
    return result;
}

std::vector<float> normalWeights(std::size_t count) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, 0.1F);
    std::vector<float> weights(count);
    for (float &w : weights)
        w = normal(random);
    return weights;
}

} // namespace

class SweepTest : public QObject {
    Q_OBJECT

    WorkerPool m_pool{2};
    Work work() { return {m_pool, selectKernels(), Priority::Interactive, {}, {}}; }

private Q_SLOTS:
    void sizesStayWithinTheRow() {
        const auto recipes = sweepRecipes({8, 100}, defaultRecipe(Format::Nf4));
        std::size_t nf4 = 0;
        for (const Recipe &r : recipes) {
            nf4 += r.format == Format::Nf4 ? 1 : 0;
            QVERIFY(!problemOf(r));
            QVERIFY(r.groupSize.kind != GroupSize::Kind::Count || r.groupSize.count < 100);
        }
        QCOMPARE(nf4, std::size_t(7)); // row, 96, 64, 48, 32, 24, 16
        QCOMPARE(
            std::count_if(recipes.begin(), recipes.end(), [](const Recipe &r) { return r.format == Format::Mxfp4; }),
            std::ptrdiff_t(1));
    }

    void theBaseIsAmongThem() {
        Recipe base = recipe(Format::Int4Asym, GroupSize::of(40));
        base.doubleQuant = DoubleQuant::Dynamic;
        base.method = "mse";
        const auto recipes = sweepRecipes({64, 256}, base);
        QVERIFY(std::find(recipes.begin(), recipes.end(), base) != recipes.end());
        for (const Recipe &r : recipes)
            QVERIFY(!problemOf(r));
        base = recipe(Format::Nf4, GroupSize::tensor());
        const auto naive = sweepRecipes({64, 256}, base);
        QVERIFY(std::find(naive.begin(), naive.end(), base) != naive.end());
        base = recipe(Format::Nf4, GroupSize::of(64));
        base.blocks = Blocks::Flat;
        const auto flat = sweepRecipes({64, 256}, base);
        QVERIFY(std::find(flat.begin(), flat.end(), base) != flat.end());
        for (const Recipe &r : flat)
            QVERIFY(!problemOf(r));
        Recipe gptq = recipe(Format::Int4Asym, GroupSize::of(64));
        gptq.method = "gptq"; // needs statistics that a sweep does not have
        gptq.actOrder = true;
        const auto rounded = sweepRecipes({64, 256}, gptq);
        QVERIFY(std::find(rounded.begin(), rounded.end(), recipe(Format::Int4Asym, GroupSize::of(64))) !=
                rounded.end());
    }

    void curvesAndProgress() {
        const auto weights = normalWeights(64 * 256);
        std::size_t partial = 0;
        const Sweep sweep = sweepGroupSizes(weights, {64, 256}, false, recipe(Format::Nf4, GroupSize::of(512)), work(),
                                            [&partial](const Sweep &) { ++partial; });
        QCOMPARE(sweep.curves.size(), std::size_t(7));
        QCOMPARE(partial, std::size_t(6));
        for (const SweepCurve &curve : sweep.curves)
            for (std::size_t i = 1; i < curve.points.size(); ++i)
                QVERIFY(curve.points[i].bpw >= curve.points[i - 1].bpw);
        // 512 is more than a row has: the same groups as row.
        const SweepPoint *row = findPoint(sweep, recipe(Format::Nf4, GroupSize::of(512)));
        QVERIFY(row != nullptr);
        QCOMPARE(row, findPoint(sweep, recipe(Format::Nf4, GroupSize::row())));
        const SweepPoint *reach = cheapestReaching(sweep, Format::Int4, *row->sqnrDb);
        QVERIFY(reach != nullptr && *reach->sqnrDb >= *row->sqnrDb - 0.005);
        QVERIFY(cheapestReaching(sweep, Format::Int4, 60) == nullptr);
    }

    void stops() {
        const auto weights = normalWeights(64 * 256);
        std::stop_source stop;
        stop.request_stop();
        const Work stopped{m_pool, selectKernels(), Priority::Interactive, stop.get_token(), {}};
        QVERIFY_EXCEPTION_THROWN(sweepGroupSizes(weights, {64, 256}, false, defaultRecipe(Format::Nf4), stopped),
                                 Error);
    }

    void emptyTensor() {
        QVERIFY(sweepGroupSizes({}, {0, 16}, false, defaultRecipe(Format::Nf4), work()).curves.empty());
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    void storiesDownProjection() {
        const Model model = openModel(std::string(test_paths::sharedData) + "/data/stories260K");
        const auto index = model.find("model.layers.0.mlp.down_proj.weight");
        QVERIFY(index);
        const WeightMatrix matrix = readWeights(model, *index, Layout::OutIn, work());
        const Sweep sweep =
            sweepGroupSizes(matrix.weights, matrix.shape, matrix.sample(), defaultRecipe(Format::Nf4), work());
        struct Expected {
            Format format;
            GroupSize size;
            double sqnrDb;
            double bpw;
        };
        const Expected expected[] = {
            {Format::Int4, GroupSize::row(), 18.18, 4.093},      {Format::Int4, GroupSize::of(64), 19.34, 4.279},
            {Format::Int4, GroupSize::of(16), 21.38, 5.023},     {Format::Int4Max, GroupSize::of(64), 20.33, 4.279},
            {Format::Int4Asym, GroupSize::of(64), 20.80, 4.349}, {Format::Int4Asym, GroupSize::of(16), 23.12, 5.279},
            {Format::Int4Asym, GroupSize::row(), 19.39, 4.116},  {Format::Nf4, GroupSize::row(), 20.20, 4.093},
            {Format::Nf4, GroupSize::of(64), 20.75, 4.279},      {Format::Nf4, GroupSize::of(16), 21.98, 5.023}};
        for (const Expected &e : expected) {
            const SweepPoint *point = findPoint(sweep, recipe(e.format, e.size));
            QVERIFY(point != nullptr);
            QVERIFY2(std::abs(*point->sqnrDb - e.sqnrDb) < 0.0051, shortForm(point->recipe).c_str());
            QVERIFY2(std::abs(point->bpw - e.bpw) < 0.00051, shortForm(point->recipe).c_str());
        }
    }
#endif
};

QTEST_GUILESS_MAIN(SweepTest)
#include "sweep_test.moc"
