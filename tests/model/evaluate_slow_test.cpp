// SPDX-License-Identifier: GPL-3.0-or-later
// The models and recipes of the reference table, on the whole held-out text.
#include <QtTest>

#include <cmath>

#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/evaluate.h"
#include "core/model/recipe_edit.h"
#include "core/model/token_ids.h"
#include "tests/support/test_paths.h"

namespace nibblescope {

class EvaluateSlowTest : public QObject {
    Q_OBJECT
#ifdef NIBBLESCOPE_SHARED_DATA
private:
    WorkerPool m_pool;
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};

    const std::filesystem::path m_data = std::filesystem::path(test_paths::sharedData) / "data";
    TokenWindows windowsFor(const Llama &llama) const {
        WindowOptions options;
        options.bos = llama.config().bos;
        options.vocabulary = llama.config().vocabulary;
        return cutIntoWindows(readTokenIds(m_data / "stories260K/tinystories-valid.tok512.npy"), options);
    }

private slots:
    void measuresPerplexity_data() {
        QTest::addColumn<QString>("folder");
        QTest::addColumn<double>("perplexity");
        QTest::addColumn<double>("error");
        QTest::newRow("F32") << "stories260K" << 6.0837616 << 0.022626;
        QTest::newRow("F16") << "stories260K-f16" << 6.08333 << 0.022626;
        QTest::newRow("BF16") << "stories260K-bf16-sharded" << 6.08402 << 0.022635;
    }
    void measuresPerplexity() {
        QFETCH(QString, folder);
        QFETCH(double, perplexity);
        QFETCH(double, error);
        const Model model = openModel(m_data / folder.toStdString());
        const Llama llama(model);
        const Evaluation result = evaluate(llama, windowsFor(llama), {}, m_work);
        QCOMPARE(result.tokens, std::size_t{134895});
        QVERIFY(std::fabs(result.perplexity / perplexity - 1) < 1e-5);
        QVERIFY(std::fabs(*result.nll.standardError - error) < 1e-6);
    }

    void agreesWithTheTable_data() {
        QTest::addColumn<QByteArray>("recipe");
        QTest::addColumn<double>("perplexity");
        QTest::addColumn<double>("kl");
        QTest::addColumn<double>("klError");
        QTest::addColumn<double>("median");
        QTest::addColumn<double>("p99");
        QTest::addColumn<double>("top1");
        const auto row = [](const char *name, const char *recipe, double perplexity, double kl, double klError,
                            double median, double p99, double top1) {
            QTest::newRow(name) << QByteArray(recipe) << perplexity << kl << klError << median << p99 << top1;
        };
        row("int8-row", R"({"format": "int8", "group_size": "row"})", 6.08138, 0.000511, 0.000007, 0.000280, 0.00393,
            0.9880);
        row("int4-32", R"({"format": "int4", "group_size": 32})", 7.02456, 0.151618, 0.001787, 0.081182, 1.18104,
            0.8025);
        row("asym-32", R"({"format": "int4-asym", "group_size": 32})", 6.59938, 0.100004, 0.001378, 0.052785, 0.81447,
            0.8411);
        row("nf4-flat-64-dq", R"({"format": "nf4", "group_size": 64, "blocks": "flat", "double_quant": "dynamic"})",
            6.82331, 0.130104, 0.001431, 0.069164, 1.03040, 0.8146);
        row("mse-asym-32", R"({"format": "int4-asym", "group_size": 32, "method": "mse"})", 6.53886, 0.091825, 0.001072,
            0.051138, 0.66288, 0.8443);
    }
    void agreesWithTheTable() {
        QFETCH(QByteArray, recipe);
        QFETCH(double, perplexity);
        QFETCH(double, kl);
        QFETCH(double, klError);
        QFETCH(double, median);
        QFETCH(double, p99);
        QFETCH(double, top1);
        const Model model = openModel(m_data / "stories260K");
        const Llama llama(model);
        const RecipeEdit edit(model, {recipeFromJson(nlohmann::ordered_json::parse(recipe.toStdString())), {}});
        const Evaluation result = evaluate(llama, windowsFor(llama), {&edit}, m_work);
        const auto near = [](double value, double golden, double tolerance) {
            return std::fabs(value / golden - 1) < tolerance;
        };
        QVERIFY(near(result.perplexity, perplexity, 1e-4));
        QVERIFY(near(result.comparison->kl.mean, kl, 1e-3));
        QVERIFY(near(*result.comparison->kl.standardError, klError, 0.08)); // the table has few digits
        QVERIFY(near(result.comparison->klMedian, median, 2e-3));
        QVERIFY(near(result.comparison->klP99, p99, 1.5e-3));
        QVERIFY(std::fabs(result.comparison->top1Agreement - top1) < 0.001);
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::EvaluateSlowTest)
#include "evaluate_slow_test.moc"
