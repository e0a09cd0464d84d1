// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/sensitivity.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/recipe_edit.h"
#include "tests/support/small_model.h"

namespace nibblescope {

class SensitivityTest : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};
    Model m_model;

    static TokenWindows windows() {
        std::vector<std::int64_t> ids;
        for (int i = 0; i < 200; ++i)
            ids.push_back(i * 37 % 128);
        WindowOptions options;
        options.context = 32;
        options.bos = 1;
        options.vocabulary = 128;
        return cutIntoWindows(ids, options);
    }
    ModelPlan plan(const SelectionRule &rule = {}) const { return {defaultRecipe(Format::Int4), rule, nullptr}; }

private slots:
    void initTestCase() {
        const auto folder = std::filesystem::path(m_folder.path().toStdString()) / "model";
        test::writeSmallModel(folder);
        m_model = openModel(folder);
    }

    void layersAreMeasuredOneByOne() {
        const Llama llama(m_model);
        const RecipeEdit edit(m_model, plan());
        std::size_t told = 0;
        const Sensitivity all = measureSensitivity(llama, windows(), edit, SensitivityBy::Layers, false, m_work,
                                                   [&told](const Sensitivity &) { ++told; });
        QCOMPARE(all.parts.size(), std::size_t{2});
        QVERIFY(told > 0);
        QCOMPARE(all.parts[1].name, std::string("layers.1"));
        // The same as a rule that leaves the other layer alone.
        SelectionRule rule;
        rule.exclude = {"*layers.0.*"};
        const RecipeEdit second(m_model, plan(rule));
        const Evaluation alone = evaluate(llama, windows(), {&second}, m_work);
        QCOMPARE(all.parts[1].kl.mean, alone.comparison->kl.mean);
        QCOMPARE(*all.parts[1].localError, alone.comparison->depthErrors[1]);
        QCOMPARE(*all.parts[0].localError, evaluate(llama, windows(), {&edit}, m_work).comparison->depthErrors[0]);
        QCOMPARE(all.sumOfKl(), all.parts[0].kl.mean + all.parts[1].kl.mean);
    }

    void kindsAreMeasuredThroughAllLayers() {
        const Llama llama(m_model);
        const RecipeEdit edit(m_model, plan());
        const Sensitivity all = measureSensitivity(llama, windows(), edit, SensitivityBy::Kinds, false, m_work);
        QCOMPARE(all.parts.size(), std::size_t{7});
        QCOMPARE(all.parts.back().name, std::string("down_proj"));
        QCOMPARE(all.parts.back().weights, std::uint64_t{2 * 64 * 172});
        QVERIFY(!all.parts.back().localError);
        SelectionRule rule;
        rule.exclude = {"*q_proj*", "*k_proj*", "*v_proj*", "*o_proj*", "*gate_proj*", "*up_proj*"};
        const RecipeEdit down(m_model, plan(rule));
        QCOMPARE(all.parts.back().kl.mean, evaluate(llama, windows(), {&down}, m_work).comparison->kl.mean);
        // What is left alone is no part.
        const Sensitivity one = measureSensitivity(llama, windows(), down, SensitivityBy::Kinds, false, m_work);
        QCOMPARE(one.parts.size(), std::size_t{1});
    }

    void matricesThatShareScalesCannotBeTakenApart() {
        const Llama llama(m_model);
        const RecipeEdit edit(m_model, plan());
        QVERIFY_EXCEPTION_THROWN(measureSensitivity(llama, windows(), edit, SensitivityBy::Kinds, true, m_work), Error);
    }

    void jsonHasTheDocumentedKeys() {
        const Llama llama(m_model);
        const RecipeEdit edit(m_model, plan());
        nlohmann::ordered_json json;
        addJson(measureSensitivity(llama, windows(), edit, SensitivityBy::Layers, false, m_work), json);
        const auto &part = json.at("sensitivity").at("parts").at(0);
        for (const char *key : {"name", "weights", "kl_mean", "kl_stderr", "nll_difference", "nll_difference_stderr",
                                "top1_agreement", "local_error", "final_error"})
            QVERIFY2(part.contains(key), key);
        QVERIFY(json.at("sensitivity").contains("kl_sum"));
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::SensitivityTest)
#include "sensitivity_test.moc"
