// SPDX-License-Identifier: GPL-3.0-or-later
// The Accuracy page against the table of an independent implementation: stories260K, token ids, all 529 windows.
#include <QtTest>

#include "tests/app/window_driver.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;
using namespace nibblescope::test;

class AccuracyPageSlowTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { useOwnSettings(QStringLiteral("accuracy_page_slow_test"), m_folder.path()); }

#ifdef NIBBLESCOPE_SHARED_DATA
    void agreesWithTheReference() {
        const QString folder = QString::fromLatin1(test_paths::sharedData) + QStringLiteral("/data/stories260K");
        const QString text = folder + QStringLiteral("/tinystories-valid.tok512.npy");
        Window window;
        QVERIFY(window.open(folder));
        QTRY_VERIFY(window->session().accuracy().ability() != nullptr);
        window->session().setPageOptions("accuracy", {{"text", text.toStdString()}, {"windows", "all"}});
        Recipe recipe = defaultRecipe(Format::Int4Asym);
        recipe.groupSize = GroupSize::of(32);
        window->session().setRecipe(recipe);
        window->pages().evaluate();
        QVERIFY(window->session().accuracy().isRunning());
        QVERIFY(QTest::qWaitFor([&] { return !window->session().accuracy().isRunning(); }, 600000));
        TextSource source;
        source.path = text.toStdString();
        source.tokenIds = true;
        const auto results = window->session().accuracy().results(source, window->session().setup().rule);
        QCOMPARE(results.size(), 1U);
        const Evaluation &evaluation = results.front()->evaluation;
        QCOMPARE(evaluation.windows, 529U);
        // golden/methods.md, row asym-32, with its tolerances.
        QVERIFY(std::abs(evaluation.perplexity / 6.59938 - 1) < 1e-4);
        QVERIFY(std::abs(evaluation.comparison->kl.mean / 0.1000037 - 1) < 1e-3);
        QVERIFY(std::abs(*results.front()->sqnrDb - 22.01) < 0.01);
        QTRY_VERIFY2(window.reading().contains(QLatin1String("perplexity rises by 8.4")), qPrintable(window.reading()));
    }
#endif

private:
    QTemporaryDir m_folder;
};

QTEST_MAIN(AccuracyPageSlowTest)
#include "accuracy_page_slow_test.moc"
