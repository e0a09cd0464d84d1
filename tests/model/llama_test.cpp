// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/evaluate.h"
#include "core/model/head.h"
#include "core/model/token_ids.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

#ifdef NIBBLESCOPE_SHARED_DATA
const fs::path stories = fs::path(NIBBLESCOPE_SHARED_DATA) / "data/stories260K";

std::vector<float> goldenLogits() {
    const std::string bytes = testing::readFile(stories / "golden/logits_all_f32.npy");
    std::vector<float> values(16 * 512);
    std::memcpy(values.data(), bytes.data() + (bytes.size() - values.size() * sizeof(float)),
                values.size() * sizeof(float));
    return values;
}

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
            largestDifference(fs::path(NIBBLESCOPE_SHARED_DATA) / "data" / folder.toStdString(), m_work);
        QVERIFY2(difference < tolerance, qPrintable(QString::number(double(difference))));
    }

    void measuresPerplexity() {
        const Model model = openModel(stories);
        const Llama llama(model);
        WindowOptions options;
        options.bos = llama.config().bos;
        options.vocabulary = llama.config().vocabulary;
        options.windows = 529;
        const auto windows = cutIntoWindows(readTokenIds(stories / "tinystories-valid.tok512.npy"), options);
        QCOMPARE(windows.count, std::size_t{529});
        QElapsedTimer timer;
        timer.start();
        const Evaluation result = evaluate(llama, windows, nullptr, m_work);
        qInfo() << timer.elapsed() << "ms" << result.perplexity;
        QCOMPARE(result.tokens, std::size_t{134895});
        QVERIFY(std::fabs(result.perplexity - 6.0837616) < 6.08e-5);
        QVERIFY(std::fabs(*result.nll.standardError - 0.022626) < 1e-6);
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::LlamaTest)
#include "llama_test.moc"
