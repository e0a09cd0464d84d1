// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/evaluate.h"
#include "core/model/head.h"
#include "core/model/recipe_edit.h"
#include "core/model/token_ids.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

#ifdef NIBBLESCOPE_SHARED_DATA
const fs::path stories = fs::path(test_paths::sharedData) / "data/stories260K";

std::vector<float> goldenLogits() {
    const std::string bytes = testing::readFile(stories / "golden/logits_all_f32.npy");
    std::vector<float> values(16 * 512);
    std::memcpy(values.data(), bytes.data() + (bytes.size() - values.size() * sizeof(float)),
                values.size() * sizeof(float));
    return values;
}

TokenWindows firstWindows(const Llama &llama, std::size_t count) {
    WindowOptions options;
    options.bos = llama.config().bos;
    options.vocabulary = llama.config().vocabulary;
    options.windows = count;
    return cutIntoWindows(readTokenIds(stories / "tinystories-valid.tok512.npy"), options);
}

struct Distribution {
    std::vector<double> logs;
    std::ptrdiff_t best = 0;
    explicit Distribution(std::span<const float> scores) : logs(scores.begin(), scores.end()) {
        double sum = 0;
        for (const double score : logs)
            sum += std::exp(score);
        for (double &score : logs)
            score -= std::log(sum);
        best = std::max_element(logs.begin(), logs.end()) - logs.begin();
    }
};

float largestDifference(const fs::path &path, const Work &work) {
    const Model model = openModel(path);
    const Llama llama(model);
    const auto wide = readTokenIds(stories / "golden/prompt_ids.npy");
    const std::vector<std::int32_t> ids(wide.begin(), wide.end());
    const std::vector<float> logits = logitsOf(llama, ids, nullptr, work);
    const std::vector<float> golden = goldenLogits();
    float largest = 0;
    for (std::size_t i = 0; i < golden.size(); ++i)
        largest = std::max(largest, std::fabs(logits[i] - golden[i]));
    return largest;
}
#endif

} // namespace

class LlamaTest : public QObject {
    Q_OBJECT
private:
    WorkerPool m_pool{2};
    Work m_work{m_pool, scalarKernels(), Priority::Interactive, {}, {}};

private slots:
#ifdef NIBBLESCOPE_SHARED_DATA
    void agreesWithGoldenLogits_data() {
        QTest::addColumn<QString>("folder");
        QTest::addColumn<float>("tolerance");
        QTest::newRow("F32") << "stories260K" << 2e-5F;
        QTest::newRow("F16") << "stories260K-f16" << 0.03F;
        QTest::newRow("BF16 in shards") << "stories260K-bf16-sharded" << 0.15F;
    }
    void agreesWithGoldenLogits() {
        QFETCH(QString, folder);
        QFETCH(float, tolerance);
        const float difference =
            largestDifference(fs::path(test_paths::sharedData) / "data" / folder.toStdString(), m_work);
        QVERIFY2(difference < tolerance, qPrintable(QString::number(double(difference))));
    }

    // The sums over blocks of the vocabulary against the definitions, from whole rows of scores.
    void sumsDistributionsAsDefined() {
        const Model model = openModel(stories);
        const Llama llama(model);
        Recipe recipe = defaultRecipe(Format::Nf4);
        const RecipeEdit edit(model, {recipe, {}});
        QVERIFY(std::fabs(bitsAWeight(model, {recipe, {}}) - 4.2571) < 5e-5);
        const TokenWindows windows = firstWindows(llama, 3);
        const Evaluation result = evaluate(llama, windows, {&edit}, m_work);
        QVERIFY(result.comparison.has_value() && result.complete());
        double nll = 0;
        double kl = 0;
        std::size_t same = 0;
        for (std::size_t w = 0; w < windows.count; ++w) {
            const std::vector<float> p = logitsOf(llama, windows.window(w), nullptr, m_work);
            const std::vector<float> q = logitsOf(llama, windows.window(w), &edit, m_work);
            for (std::size_t i = 0; i + 1 < windows.context; ++i) {
                const Distribution dp{std::span<const float>(p).subspan(i * 512, 512)};
                const Distribution dq{std::span<const float>(q).subspan(i * 512, 512)};
                nll -= dq.logs[static_cast<std::size_t>(windows.window(w)[i + 1])];
                for (std::size_t k = 0; k < 512; ++k)
                    kl += std::exp(dp.logs[k]) * (dp.logs[k] - dq.logs[k]);
                same += dp.best == dq.best ? 1 : 0;
            }
        }
        const auto n = static_cast<double>(windows.predictions());
        QCOMPARE(result.tokens, windows.predictions());
        QVERIFY(std::fabs(result.nll.mean - nll / n) < 1e-6);
        QVERIFY(std::fabs(result.comparison->kl.mean - kl / n) < 1e-6);
        QCOMPARE(result.comparison->top1Agreement, static_cast<double>(same) / n);
        QCOMPARE(result.comparison->depthErrors.size(), std::size_t{5});
        QVERIFY(result.comparison->depthErrors.front() > 0.01);
    }

    void doesNotDependOnThreads() {
        const Model model = openModel(stories);
        const Llama llama(model);
        const RecipeEdit edit(model, {defaultRecipe(Format::Int4), {}});
        const TokenWindows windows = firstWindows(llama, 5);
        WorkerPool one(1);
        const Work alone{one, scalarKernels(), Priority::Interactive, {}, {}};
        QCOMPARE(evaluate(llama, windows, {&edit}, m_work).comparison->kl.mean,
                 evaluate(llama, windows, {&edit}, alone).comparison->kl.mean);
    }

    void keepsWhatWasMeasuredWhenStopped() {
        const Model model = openModel(stories);
        const Llama llama(model);
        const TokenWindows windows = firstWindows(llama, 40);
        std::stop_source source;
        Work work = m_work;
        work.stop = source.get_token();
        const Evaluation result =
            evaluate(llama, windows, {}, work, [&](const Evaluation &) { source.request_stop(); });
        QVERIFY(!result.complete());
        QCOMPARE(result.windows, std::size_t{8}); // one group of four windows a thread
        QVERIFY(result.perplexity > 1);
    }
#endif

    void readsConfigurations_data() {
        QTest::addColumn<QByteArray>("change");
        QTest::addColumn<QByteArray>("refusal"); // empty: it is read
        const auto row = [](const char *change, const char *refusal) {
            QTest::newRow(change) << QByteArray(change) << QByteArray(refusal);
        };
        row(R"({})", "");
        row(R"({"sliding_window": null, "rope_scaling": null})", "");
        row(R"({"rope_scaling": {"type": "linear", "factor": 2.0}})", "");
        row(R"({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}})", "yarn");
        row(R"({"architectures": ["GemmaForCausalLM"]})", "GemmaForCausalLM");
        row(R"({"hidden_act": "gelu"})", "gelu");
        row(R"({"num_key_value_heads": 3})", "num_key_value_heads");
        row(R"({"hidden_size": -4})", "-4");
        row(R"({"hidden_size": 1e300})", "hidden_size");
        row(R"({"partial_rotary_factor": 0.5})", "partial");
        row(R"({"attention_bias": true})", "bias");
        row(R"({"tie_word_embeddings": false})", "lm_head");
        row(R"({"intermediate_size": 100})", "gate_proj");
    }
    void readsConfigurations() {
        QFETCH(QByteArray, change);
        QFETCH(QByteArray, refusal);
        QTemporaryDir folder;
        test::writeSmallModel(folder.path().toStdString());
        Model model = openModel(folder.path().toStdString());
        model.config->merge_patch(nlohmann::ordered_json::parse(change.toStdString()));
        std::string fault;
        try {
            const Llama llama(model);
        } catch (const Error &error) {
            fault = error.what();
        }
        QVERIFY2(refusal.isEmpty() ? fault.empty() : fault.find(refusal.toStdString()) != std::string::npos,
                 fault.c_str());
    }

    void scalesRotaryFrequencies() {
        LlamaConfig config;
        config.headDim = 8;
        config.rotary.theta = 10000;
        QCOMPARE(rotaryFrequencies(config)[1], 0.1);
        config.rotary.scaling = RotaryConfig::Scaling::Linear;
        config.rotary.factor = 4;
        QCOMPARE(rotaryFrequencies(config)[1], 0.025);
        // Of wavelengths 6.28, 62.8, 628 and 6283 with 64 / 4 = 16 and 64 / 1: as it is, blended, stretched.
        config.rotary.scaling = RotaryConfig::Scaling::Llama3;
        config.rotary.originalContext = 64;
        const auto scaled = rotaryFrequencies(config);
        QCOMPARE(scaled[0], 1.0);
        const double share = (64 * 0.1 / 6.283185307179586 - 1) / 3;
        QCOMPARE(scaled[1], (1 - share) * 0.025 + share * 0.1);
        QCOMPARE(scaled[3], 0.00025);
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::LlamaTest)
#include "llama_test.moc"
