// SPDX-License-Identifier: GPL-3.0-or-later
// The Accuracy page in the real window, on the sample model with few windows.
#include <QtTest>

#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>

#include <fstream>

#include "tests/app/window_driver.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"
#include "widgets/pages/accuracy_page.h"
#include "widgets/pages/claims_list.h"
#include "widgets/pages/fitted_table.h"

using namespace nibblescope;
using namespace nibblescope::test;

namespace {

AccuracyPage &accuracyPage(Window &window) {
    return static_cast<AccuracyPage &>(window->pages().page(PageId::Accuracy));
}

QPushButton *buttonOf(Window &window, const QString &text) {
    for (QPushButton *button : accuracyPage(window).findChildren<QPushButton *>())
        if (button->text().startsWith(text))
            return button;
    return nullptr;
}

} // namespace

class AccuracyPageTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("accuracy_page_test"), m_folder.path());
        m_sample = QString::fromLatin1(test_paths::sources) + QStringLiteral("/resources/sample_model");
        m_small = m_folder.filePath(QStringLiteral("small"));
        writeSmallModel(m_small.toStdString());
    }
    void init() { QSettings().clear(); }

    void measuresTheRecipeAndShowsItLive() {
        Window window;
        QVERIFY(open(window, 4));
        QVERIFY2(accuracyPage(window).hint().startsWith(QLatin1String("Nothing measured on heldout.txt yet.")),
                 qPrintable(accuracyPage(window).hint()));
        QSignalSpy progress(&window->session().accuracy(), &Accuracy::progressed);
        QVERIFY(buttonOf(window, QStringLiteral("Evaluate")));
        QTest::mouseClick(buttonOf(window, QStringLiteral("Evaluate")), Qt::LeftButton);
        QVERIFY(window->session().accuracy().isRunning());
        QVERIFY(buttonOf(window, QStringLiteral("Cancel")));
        QVERIFY(waitForEnd(window));
        QVERIFY(!progress.isEmpty());
        const auto results = resultsOf(window, 4);
        QCOMPARE(results.size(), 1U);
        QVERIFY(results[0]->evaluation.complete());
        QVERIFY(results[0]->evaluation.comparison->kl.mean > 0);
        QVERIFY(results[0]->sqnrDb.value() > 20);
        QVERIFY(!results[0]->curve.empty());
        QTRY_VERIFY2(window.reading().startsWith(QLatin1String("NF4 64 moves the predictions by KL ")),
                     qPrintable(window.reading()));
        auto *table = accuracyPage(window).findChild<FittedTable *>();
        QTRY_COMPARE(table->rowCount(), 2);
        QCOMPARE(table->item(1, 0)->text(), QStringLiteral("NF4 64"));
        // Measured already: nothing starts.
        window->pages().evaluate();
        QVERIFY(!window->session().accuracy().isRunning());
    }

    void packedKernelsAreAChoiceThatIsLabelled() {
        Window window;
        QVERIFY(open(window, 2));
        window->pages().evaluate();
        QVERIFY(waitForEnd(window));
        auto *products = accuracyPage(window).findChild<QComboBox *>(QStringLiteral("products"));
        QVERIFY(products != nullptr);
        QCOMPARE(products->count(), 3);
        window->resize(1440, 900);
        QTRY_VERIFY(products->isVisible()); // the bar has room for it
        products->setCurrentIndex(2);
        Q_EMIT products->activated(2);
        QTRY_VERIFY2(window.reading().contains(QLatin1String("is not measured yet")) ||
                         window.reading().startsWith(QLatin1String("Not measured yet")),
                     qPrintable(window.reading())); // those of the BLAS are not shown as its
        QCOMPARE(window->session().pageOptions("accuracy")["products"].get<std::string>(), std::string("packed-int8"));
        window->pages().evaluate();
        QVERIFY(waitForEnd(window));
        const auto packed = resultsOf(window, 2, Products::PackedInt8);
        const auto blas = resultsOf(window, 2);
        QCOMPARE(packed.size(), 1U);
        QCOMPARE(blas.size(), 1U);
        QCOMPARE(packed[0]->evaluation.products->products, Products::PackedInt8);
        QVERIFY(packed[0]->evaluation.comparison->kl.mean != blas[0]->evaluation.comparison->kl.mean);
        auto *table = accuracyPage(window).findChild<FittedTable *>();
        QTRY_COMPARE(table->rowCount(), 2);
        QTRY_COMPARE(table->item(1, 0)->text(), QStringLiteral("NF4 64, packed INT8"));
        QTRY_VERIFY2(window.reading().startsWith(QLatin1String("On the packed kernels with INT8 activations:")),
                     qPrintable(window.reading()));
        QVERIFY2(window.reading().contains(QLatin1String("On F32 products of decoded weights NF4 64 has KL ")),
                 qPrintable(window.reading()));
        // What the kernels cannot take is refused with its reason, and left out of the usual ones.
        window->session().setRecipe(defaultRecipe(Format::Int4Asym));
        QTRY_VERIFY(!buttonOf(window, QStringLiteral("Evaluate"))->isEnabled());
        QVERIFY(buttonOf(window, QStringLiteral("Evaluate"))->toolTip().contains(QLatin1String("zero-points")));
        window->pages().evaluate();
        QVERIFY(!window->session().accuracy().isRunning());
        // The session keeps both apart.
        const WorkState state = workStateFromJson(toJson(window->session().state()));
        Window second;
        second->session().restore(state);
        QVERIFY(QTest::qWaitFor([&] { return second->session().model() != nullptr; }, patience));
        QCOMPARE(resultsOf(second, 2, Products::PackedInt8).size(), 1U);
        QCOMPARE(resultsOf(second, 2).size(), 1U);
        QVERIFY(*resultsOf(second, 2, Products::PackedInt8)[0]->evaluation.products == *packed[0]->evaluation.products);
    }

    void cancelKeepsWhatWasMeasured() {
        Window window;
        QVERIFY(open(window, 64));
        window->pages().evaluate();
        QVERIFY(QTest::qWaitFor([&] { return !window->session().accuracy().status().running.front().curve.empty(); },
                                longPatience));
        window->actions()[ActionId::CancelJob]->setEnabled(true);
        window->actions()[ActionId::CancelJob]->trigger();
        QVERIFY(waitForEnd(window));
        const auto results = resultsOf(window, 64);
        QCOMPARE(results.size(), 1U);
        QVERIFY(results[0]->evaluation.windows >= 1);
        QVERIFY(results[0]->evaluation.windows < 64);
        QTRY_VERIFY(window.reading().startsWith(QLatin1String("NF4 64 moves the predictions")));
    }

    void aClickTakesTheRecipeBackAndCanBeUndone() {
        Window window;
        QVERIFY(open(window, 2));
        window->pages().evaluate();
        QVERIFY(waitForEnd(window));
        const Recipe other = defaultRecipe(Format::Int4);
        window->session().setRecipe(other);
        window->pages().evaluate();
        QVERIFY(waitForEnd(window));
        QTRY_COMPARE(accuracyPage(window).findChild<FittedTable *>()->rowCount(), 3);
        PlotView *plot = accuracyPage(window).plots().front();
        QTRY_VERIFY(plot->figure());
        std::string link;
        for (const Series &series : plot->figure()->series)
            for (const std::string &one : series.links)
                if (one.find("nf4") != std::string::npos)
                    link = one;
        QVERIFY(!link.empty());
        QTest::qWait(1100); // changes of one field within a second are one step of undo
        Q_EMIT plot->linkActivated(QString::fromStdString(link));
        QVERIFY(window->session().recipe() == defaultRecipe(Format::Nf4));
        window->session().undo();
        QVERIFY(window->session().recipe() == other);
        // The table does the same by keyboard.
        auto *table = accuracyPage(window).findChild<FittedTable *>();
        for (int row = 1; row < table->rowCount(); ++row)
            if (table->item(row, 0)->text() == QLatin1String("NF4 64"))
                Q_EMIT table->cellActivated(row, 0);
        QVERIFY(window->session().recipe() == defaultRecipe(Format::Nf4));
    }

    void severalRecipesAreOneJobAndSurviveTheSessionFile() {
        Window window;
        QVERIFY(open(window, 1));
        QTest::mouseClick(buttonOf(window, QStringLiteral("Evaluate the usual")), Qt::LeftButton);
        QVERIFY(window->session().accuracy().isRunning());
        QVERIFY(waitForEnd(window));
        const std::size_t count = resultsOf(window, 1).size();
        QCOMPARE(count, usualRecipes(false).size());
        QTRY_COMPARE(accuracyPage(window).findChild<FittedTable *>()->rowCount(), static_cast<int>(count) + 1);
        const WorkState state = workStateFromJson(toJson(window->session().state()));
        Window second;
        second->session().restore(state);
        QVERIFY(QTest::qWaitFor([&] { return second->session().model() != nullptr; }, patience));
        QCOMPARE(resultsOf(second, 1).size(), count);
    }

    void claimsStandBesideWhatIsMeasured() {
        Window window;
        QVERIFY(open(window, 1));
        auto *claims = accuracyPage(window).findChild<ClaimsList *>();
        const auto link = [claims](const QString &page) -> QLabel * {
            for (QLabel *label : claims->findChildren<QLabel *>())
                if (label->text().contains(QStringLiteral("page:") + page))
                    return label;
            return nullptr;
        };
        QTRY_VERIFY(link(QStringLiteral("memory")) != nullptr);
        Q_EMIT link(QStringLiteral("memory"))->linkActivated(QStringLiteral("page:memory"));
        QCOMPARE(window->pages().current(), PageId::Memory);
    }

    void saysWhyAModelCannotBeRun() {
        Window window;
        QVERIFY(window.open(m_small));
        window->pages().show(PageId::Accuracy);
        QTRY_VERIFY(window->session().accuracy().ability() != nullptr);
        const ModelAbility *ability = window->session().accuracy().ability();
        if (!ability->notRun.empty())
            QTRY_VERIFY(window.reading().startsWith(QLatin1String("This model cannot be run here")));
        else if (!ability->noTokenizer.empty())
            QTRY_VERIFY(accuracyPage(window).hint().contains(QLatin1String("tokenizer")));
        window->pages().evaluate();
        QVERIFY(!window->session().accuracy().isRunning());
    }

private:
    bool open(Window &window, unsigned windows) {
        if (!window.open(m_sample))
            return false;
        window->session().setPageOptions("accuracy", {{"windows", windows}});
        window->pages().show(PageId::Accuracy);
        return QTest::qWaitFor([&] { return window->session().accuracy().ability() != nullptr; }, patience) &&
               QTest::qWaitFor([&] { return !accuracyPage(window).hint().isEmpty(); }, patience);
    }
    bool waitForEnd(Window &window) {
        return QTest::qWaitFor([&] { return !window->session().accuracy().isRunning(); }, longPatience);
    }
    std::vector<SharedAccuracy> resultsOf(Window &window, std::size_t windows, Products products = Products::Blas) {
        TextSource text;
        text.path = (m_sample + QStringLiteral("/heldout.txt")).toStdString();
        text.windows = windows;
        return window->session().accuracy().results(text, window->session().setup().rule, products);
    }

    QTemporaryDir m_folder;
    QString m_sample;
    QString m_small;
};

QTEST_MAIN(AccuracyPageTest)
#include "accuracy_page_test.moc"
