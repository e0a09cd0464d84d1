// SPDX-License-Identifier: GPL-3.0-or-later
// The event loop during a whole-model run on a large file: no gap over 50 ms in the best of three runs.
#include <QtTest>

#include <algorithm>
#include <cmath>

#include "app/gui/main_window.h"
#include "app/gui/pages.h"
#include "tests/support/small_model.h"

using namespace nibblescope;

class ResponsivenessSlowTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        QCoreApplication::setOrganizationName(QStringLiteral("NibblescopeTests"));
        QCoreApplication::setApplicationName(QStringLiteral("responsiveness"));
        QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, m_folder.path());
        // 24 layers of 13 MB: 300 MB, cheap values of a fixed pattern.
        std::vector<test::RawTensor> tensors;
        for (int layer = 0; layer < 24; ++layer)
            for (const char *module : {"self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"})
                tensors.push_back({"model.layers." + std::to_string(layer) + "." + module + ".weight",
                                   {1024, 1024},
                                   [](std::uint64_t i) {
                                       const auto x = static_cast<float>((i * 2654435761U) % 65536U);
                                       return (x - 32768.0F) * (x - 32768.0F) * (x > 32768.0F ? 1e-10F : -1e-10F);
                                   }});
        test::writeSafetensors((m_folder.path() + QStringLiteral("/model.safetensors")).toStdString(), tensors);
    }

    void noGapOverFiftyMilliseconds() {
        qint64 best = 1000000;
        for (int run = 0; run < 3; ++run)
            best = std::min(best, largestGap(run));
        qInfo("largest gap of the best run: %lld ms", static_cast<long long>(best));
#ifndef NIBBLESCOPE_SANITIZED
        QVERIFY2(best <= 50, qPrintable(QStringLiteral("%1 ms").arg(best)));
#endif
    }

private:
    // A timer that fires as often as the loop lets it; the run starts anew with another recipe each time.
    qint64 largestGap(int run) {
        JobRunner runner(0, selectKernels());
        MainWindow window(runner);
        window.show();
        window.openPath(m_folder.path());
        if (!QTest::qWaitFor([&] { return window.session().model() && window.pages().isUpToDate(); }, 60000))
            return 1000000;
        window.pages().show(PageId::Layers);
        QTest::qWait(200);
        Recipe recipe = defaultRecipe(run % 2 == 0 ? Format::Nf4 : Format::Int4);
        recipe.groupSize = GroupSize::of(32U << run);
        window.session().setRecipe(recipe);
        qint64 largest = 0;
        QElapsedTimer since;
        QTimer timer;
        connect(&timer, &QTimer::timeout, this, [&] {
            largest = std::max(largest, since.elapsed());
            since.start();
        });
        since.start();
        timer.start(0);
        window.session().startRun();
        const bool done = QTest::qWaitFor([&] { return !window.session().run().isRunning(); }, 120000);
        qInfo("run %d: largest gap %lld ms", run, static_cast<long long>(largest));
        return done && window.session().unmeasured().empty() ? largest : 1000000;
    }

    QTemporaryDir m_folder;
};

QTEST_MAIN(ResponsivenessSlowTest)
#include "responsiveness_slow_test.moc"
