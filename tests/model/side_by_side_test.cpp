// SPDX-License-Identifier: GPL-3.0-or-later
// Several models beside one run of the unquantized one: the figures are those of single runs, to the digit.
#include "core/model/side_by_side.h"

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/recipe_edit.h"
#include "tests/support/model_inputs.h"
#include "tests/support/small_model.h"

namespace nibblescope {
namespace {

// An edit that fails at one tensor.
class FailingEdit : public WeightEdit {
public:
    explicit FailingEdit(std::size_t tensor) : m_tensor(tensor) {}
    bool edits(std::size_t tensor) const override { return tensor == m_tensor; }
    void edit(std::size_t, std::vector<float> &, const Work &) const override {
        throw Error(Fault::Input, "this one cannot be edited");
    }

private:
    std::size_t m_tensor;
};

void compareEvaluations(const Evaluation &a, const Evaluation &b) {
    nlohmann::ordered_json first;
    nlohmann::ordered_json second;
    addJson(a, first);
    addJson(b, second);
    QCOMPARE(first.dump(), second.dump());
    QCOMPARE(a.comparison->windowKl, b.comparison->windowKl);
    QCOMPARE(a.comparison->windowNllDifference, b.comparison->windowNllDifference);
}

} // namespace

class SideBySideTest : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};

    Model makeModel(const char *name, const test::SmallModel &options) {
        const auto folder = std::filesystem::path(m_folder.path().toStdString()) / name;
        test::writeSmallModel(folder, options);
        return openModel(folder);
    }
    // Recipes that differ from the first layer on, from the second on, from the embedding on; rounded activations.
    void checkAgainstSingleRuns(const Model &model, std::size_t windowCount) {
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(llama.config().vocabulary, windowCount, 16);
        SelectionRule late;
        late.exclude = {"*layers.0.*"};
        SelectionRule ends;
        ends.include = {"*embed_tokens*"};
        const RecipeEdit nf4(model, {defaultRecipe(Format::Nf4), {}, nullptr});
        const RecipeEdit int4(model, {defaultRecipe(Format::Int4), late, nullptr});
        const RecipeEdit asym(model, {defaultRecipe(Format::Int4Asym), ends, nullptr});
        const ActivationQuant rounded{ActivationBits::Int4, ActivationScales::Token};
        const std::vector<ModelVariant> variants{{&nf4, {}},         {&int4, {}},     {&asym, {}},
                                                 {nullptr, rounded}, {&nf4, rounded}, {&nf4, {}, Products::PackedInt8}};
        const std::vector<Evaluation> together = evaluateSideBySide(llama, windows, variants, m_work);
        QCOMPARE(together.size(), variants.size());
        for (std::size_t i = 0; i < variants.size(); ++i)
            compareEvaluations(together[i], evaluate(llama, windows, variants[i], m_work));
        QCOMPARE(together[1].comparison->depthErrors.front(), 0.0); // it begins behind that layer
        QCOMPARE(together.back().products->packed, std::size_t{14});
        QVERIFY(together.back().comparison->kl.mean != together.front().comparison->kl.mean);
        QVERIFY(together[0].comparison->kl.mean != together[2].comparison->kl.mean);
    }

private slots:
    void agreesWithSingleRuns() { checkAgainstSingleRuns(makeModel("small", {}), 7); }

    // Layers beyond what is kept decoded: each is read once a group of windows and edited in place.
    void agreesWithSingleRunsLayerByLayer() {
        test::SmallModel options;
        options.mlp = 90000;
        checkAgainstSingleRuns(makeModel("large", options), 3);
    }

    void meansAreToldAsWindowsAreDone() {
        const Model model = makeModel("told", {});
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(128, 20, 16);
        const RecipeEdit nf4(model, {defaultRecipe(Format::Nf4), {}, nullptr});
        const RecipeEdit int4(model, {defaultRecipe(Format::Int4), {}, nullptr});
        const std::vector<ModelVariant> variants{{&nf4, {}}, {&int4, {}}};
        std::vector<std::size_t> counts;
        std::vector<Evaluation> last;
        const auto all =
            evaluateSideBySide(llama, windows, variants, m_work, [&](const std::vector<Evaluation> &soFar) {
                counts.push_back(soFar[1].windows);
                last = soFar;
            });
        QVERIFY(counts.size() >= 3);
        QVERIFY(std::is_sorted(counts.begin(), counts.end()));
        QCOMPARE(counts.back(), windows.count);
        QCOMPARE(last[1].comparison->kl.mean, all[1].comparison->kl.mean);
    }

    void aStopKeepsWhatWasMeasuredOfAll() {
        const Model model = makeModel("stopped", {});
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(128, 40, 16);
        const RecipeEdit nf4(model, {defaultRecipe(Format::Nf4), {}, nullptr});
        const RecipeEdit int4(model, {defaultRecipe(Format::Int4), {}, nullptr});
        const std::vector<ModelVariant> variants{{&nf4, {}}, {&int4, {}}};
        std::stop_source source;
        Work work = m_work;
        work.stop = source.get_token();
        const auto kept = evaluateSideBySide(llama, windows, variants, work,
                                             [&](const std::vector<Evaluation> &) { source.request_stop(); });
        for (const Evaluation &one : kept) {
            QVERIFY(one.windows > 0 && !one.complete());
            QVERIFY(one.comparison->klP99 > one.comparison->klMedian);
            QCOMPARE(one.comparison->windowKl.size(), one.windows);
        }
        QVERIFY_EXCEPTION_THROWN(evaluateSideBySide(llama, windows, variants, work), Error); // nothing was measured
    }

    void whatCannotBeEditedLeavesTheOthers_data() {
        QTest::addColumn<std::uint64_t>("mlp");
        QTest::newRow("kept layers") << std::uint64_t{172};
        QTest::newRow("layer by layer") << std::uint64_t{90000};
    }
    void whatCannotBeEditedLeavesTheOthers() {
        QFETCH(std::uint64_t, mlp);
        test::SmallModel options;
        options.mlp = mlp;
        const Model model = makeModel(QTest::currentDataTag(), options);
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(128, 3, 16);
        const RecipeEdit nf4(model, {defaultRecipe(Format::Nf4), {}, nullptr});
        const FailingEdit failing(llama.tensors().layers[1].linears[0]);
        const std::vector<ModelVariant> variants{{&failing, {}}, {&nf4, {}}};
        const auto results = evaluateSideBySide(llama, windows, variants, m_work);
        QVERIFY(results[0].problem && results[0].windows == 0 && !results[0].comparison);
        QCOMPARE(QByteArray(results[0].problem->what()), QByteArray("this one cannot be edited"));
        compareEvaluations(results[1], evaluate(llama, windows, {&nf4}, m_work));
        QVERIFY_EXCEPTION_THROWN(evaluate(llama, windows, {&failing}, m_work), Error);
        // Nor does a stop take what was measured of them.
        std::stop_source source;
        Work work = m_work;
        work.stop = source.get_token();
        const auto stopped = evaluateSideBySide(llama, windows, variants, work,
                                                [&](const std::vector<Evaluation> &) { source.request_stop(); });
        QVERIFY(stopped[0].problem && stopped[1].windows > 0);
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::SideBySideTest)
#include "side_by_side_test.moc"
