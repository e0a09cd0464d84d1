// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <cmath>
#include <cstring>
#include <random>
#include <sstream>

#include "core/io/matrix_reader.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/quant/fitted_codebook.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/test_paths.h"

namespace nibblescope {

class FittedCodebookTest : public QObject {
    Q_OBJECT
private slots:
    void findsTheLevelsOfSixteenValues() {
        std::vector<float> weights;
        for (int i = 0; i < 160; ++i)
            weights.push_back(static_cast<float>(i % 16 - 8) / 8.0F);
        const CodebookFit fit(weights, {1, 160, 160});
        const Codebook levels = fit.optimum();
        for (std::size_t i = 0; i < levels.size(); ++i)
            QCOMPARE(levels[i], static_cast<float>(i) / 8.0F - 1.0F);
        QVERIFY(fit.error(levels) < 1e-12);
    }

    void doesWithFewValues() {
        const std::vector<float> weights{1.0F, -1.0F, 0.5F, 0.0F};
        const CodebookFit fit(weights, {1, 4, 4});
        QVERIFY(fit.error(fit.optimum()) < 1e-12);
        const std::vector<float> zeros(64);
        QCOMPARE(CodebookFit(zeros, {1, 64, 64}).signal(), 0.0);
        static_cast<void>(CodebookFit(zeros, {1, 64, 64}).optimum());
    }

    // Many points are binned: the bound is then met to a few parts in a million.
    void isNeverWorseThanLloyd() {
        std::mt19937 random(3);
        std::normal_distribution<float> normal;
        std::vector<float> weights(200000);
        for (float &weight : weights)
            weight = normal(random);
        const CodebookFit fit(weights, {1, weights.size(), 64});
        const double lloyd = fit.error(fit.lloydMax());
        const double optimum = fit.error(fit.optimum());
        QVERIFY(optimum < lloyd * (1 + 1e-5));
        QVERIFY(optimum > lloyd * 0.9);
        QVERIFY(-10 * std::log10(optimum / fit.signal()) > 20.5); // NF4 reaches 20.8 or so
    }

    // Beyond mostExact values are binned, which must not move the result.
    void manyValuesGiveTheSameLevels() {
        std::mt19937 random(5);
        std::normal_distribution<float> normal;
        std::vector<float> weights(CodebookFit::mostExact);
        for (float &weight : weights)
            weight = normal(random);
        std::vector<float> twice = weights;
        twice.insert(twice.end(), weights.begin(), weights.end());
        const CodebookFit once(weights, {1, weights.size(), 64});
        const CodebookFit binned(twice, {1, twice.size(), 64});
        const Codebook a = once.lloydMax();
        const Codebook b = binned.lloydMax();
        for (std::size_t i = 0; i < a.size(); ++i)
            QVERIFY(std::fabs(a[i] - b[i]) < 1e-3F);
        QVERIFY(std::fabs(2 * once.error(b) / once.error(a) - 2) < 1e-5);
        QVERIFY(std::fabs(binned.error(a) / (2 * once.error(a)) - 1) < 1e-5);
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    // SQNR of all tensors of the reference, dB.
    void meetsTheReferenceBounds() {
        const std::filesystem::path folder = std::filesystem::path(test_paths::sharedData) / "data/stories260K";
        const Model model = openModel(folder);
        WorkerPool pool(2);
        const Work work{pool, scalarKernels(), Priority::Interactive, {}, {}};
        std::istringstream lines(testing::readFile(folder / "golden/fitted_bound.csv"));
        std::string line;
        std::getline(lines, line);
        double signal = 0;
        double best = 0;
        while (std::getline(lines, line)) {
            std::istringstream cells(line);
            std::string name;
            std::string nf4;
            std::string lloyd;
            std::string exact;
            std::getline(cells, name, ',');
            std::getline(cells, nf4, ',');
            std::getline(cells, lloyd, ',');
            std::getline(cells, exact, ',');
            const auto tensor = model.find(name);
            if (!tensor)
                continue; // the line of totals
            const MatrixReader reader(model, *tensor, Layout::OutIn);
            std::vector<float> weights(reader.shape().size());
            reader.read(0, weights, work);
            const CodebookFit fit(weights, {1, weights.size(), 64});
            const auto sqnr = [&fit](const Codebook &levels) {
                return 10 * std::log10(fit.signal() / fit.error(levels));
            };
            QVERIFY(std::fabs(sqnr(fit.optimum()) - std::stod(exact)) < 1e-4);
            QVERIFY2(std::fabs(sqnr(fit.lloydMax()) - std::stod(lloyd)) < 0.02,
                     qPrintable(QString::number(sqnr(fit.lloydMax())) + " " + QString::fromStdString(line)));
            signal += fit.signal();
            best += fit.error(fit.optimum());
        }
        QVERIFY(std::fabs(10 * std::log10(signal / best) - 21.4245) < 1e-3);
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::FittedCodebookTest)
#include "fitted_codebook_test.moc"
