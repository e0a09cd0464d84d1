// SPDX-License-Identifier: GPL-3.0-or-later
// Calibrating in the real window, on the sample model with few windows, and what becomes possible with it.
#include <QtTest>

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QStandardItemModel>

#include "app/gui/calibration_window.h"
#include "tests/app/window_driver.h"
#include "tests/support/test_paths.h"
#include "widgets/panels/calibrate_panel.h"

using namespace nibblescope;
using namespace nibblescope::test;

namespace {

constexpr int longPatience = 120000;

QComboBox *methodCombo(Window &window) {
    for (QComboBox *combo : window->recipePanel().findChildren<QComboBox *>())
        if (combo->findData(QStringLiteral("gptq")) >= 0)
            return combo;
    return nullptr;
}

const QStandardItem *methodItem(Window &window, const char *id) {
    QComboBox *combo = methodCombo(window);
    return static_cast<QStandardItemModel *>(combo->model())->item(combo->findData(QLatin1String(id)));
}

bool calibrate(Window &window, const QString &text, const QString &target) {
    window->calibrationWindow().show();
    CalibratePanel &panel = window->calibrationWindow().panel();
    panel.setText(text);
    panel.setTarget(target);
    panel.findChildren<QSpinBox *>().at(1)->setValue(4);
    Q_EMIT panel.calibrateRequested();
    return QTest::qWaitFor([&] { return window->session().calibration().file() != nullptr; }, longPatience);
}

bool setMethod(Window &window, const char *id) {
    QComboBox *combo = methodCombo(window);
    const int row = combo->findData(QLatin1String(id));
    Q_EMIT combo->activated(row);
    return window.settle();
}

} // namespace

class CalibrationWindowTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("calibration_window_test"), m_folder.path());
        m_sample = QString::fromLatin1(test_paths::sources) + QStringLiteral("/resources/sample_model");
        m_text = m_sample + QStringLiteral("/heldout.txt");
        m_target = m_folder.filePath(QStringLiteral("sample.calibration.h5"));
    }
    void init() { QSettings().clear(); }

    void gptqBecomesPossibleAndChangesTheNumbers() {
        Window window;
        QVERIFY(window.open(m_sample));
        QVERIFY(window.setFormat(Format::Int4Asym));
        QTRY_VERIFY(window->session().accuracy().ability() != nullptr);
        QVERIFY(!methodItem(window, "gptq")->isEnabled());
        QVERIFY(methodItem(window, "gptq")->toolTip().contains(QLatin1String("needs a calibration")));
        const QString rounded = window.number(NumbersModel::Sqnr);

        QVERIFY(calibrate(window, m_text, m_target));
        QVERIFY(QFileInfo::exists(m_target));
        for (const char *id : {"gptq", "awq", "iw"})
            QTRY_VERIFY2(methodItem(window, id)->isEnabled(), id);
        QVERIFY(setMethod(window, "gptq"));
        QVERIFY(window->session().recipe().method == "gptq");
        const QString gptq = window.number(NumbersModel::Sqnr);
        QVERIFY2(gptq != rounded && gptq.endsWith(QLatin1String("dB")), qPrintable(gptq));
        QVERIFY(window.run());
        QVERIFY(window->session().unmeasured().empty());

        window->actions()[ActionId::CopyCommand]->trigger();
        QVERIFY2(
            QApplication::clipboard()->text().contains(QStringLiteral("--method gptq --calibration %1").arg(m_target)),
            qPrintable(QApplication::clipboard()->text()));

        // Act-order is an indented row of the method.
        QCheckBox *actOrder = nullptr;
        for (QCheckBox *box : window->recipePanel().findChildren<QCheckBox *>())
            if (box->accessibleName() == QLatin1String("Act-order"))
                actOrder = box;
        QVERIFY(actOrder != nullptr && !actOrder->isHidden());
        actOrder->click();
        QVERIFY(window.settle());
        QVERIFY(window->session().recipe().actOrder);
        QVERIFY(window.number(NumbersModel::Sqnr) != gptq);
        // Another method takes its parameters along.
        QVERIFY(setMethod(window, "rtn"));
        QVERIFY(!window->session().recipe().actOrder);
        QVERIFY(actOrder->isHidden());
        QCOMPARE(window.number(NumbersModel::Sqnr), rounded);
    }

    void theFileIsRememberedWithTheModel() {
        Window window;
        QVERIFY(window.open(m_sample));
        QVERIFY(calibrate(window, m_text, m_target));
        Window again;
        QVERIFY(again.open(m_sample));
        QTRY_COMPARE(again->session().calibration().path(), m_target);
    }

    void sequentialStatisticsComeFromTheRun() {
        Window window;
        QVERIFY(window.open(m_sample));
        QVERIFY(calibrate(window, m_text, m_target));
        Recipe recipe = defaultRecipe(Format::Int4Asym);
        recipe.method = "gptq";
        recipe.sequential = true;
        window->session().setRecipe(recipe);
        QTRY_VERIFY(window->session().loader().failure().has_value());
        QVERIFY(window->session().loader().failure()->text.find("Run whole model") != std::string::npos);
        window->actions()[ActionId::RunModel]->trigger();
        QVERIFY(QTest::qWaitFor(
            [&] { return !window->session().run().isRunning() && window->session().unmeasured().empty(); },
            longPatience));
        QTRY_VERIFY(window->session().loader().current() != nullptr);
        QVERIFY(window->session().loader().current()->result.metrics.has_value());
    }

    void awqIsEvaluatedAndSaysWhereItCannotBeSeen() {
        Window window;
        QVERIFY(window.open(m_sample));
        QVERIFY(calibrate(window, m_text, m_target));
        QVERIFY(window.setFormat(Format::Int4Asym));
        Recipe recipe = window->session().recipe();
        recipe.method = "awq";
        window->session().setRecipe(recipe);
        QTRY_VERIFY(window->session().loader().failure().has_value());
        QVERIFY(window->session().loader().failure()->text.find("Accuracy") != std::string::npos);
        window->session().setPageOptions("accuracy", {{"windows", 2U}});
        window->pages().evaluate();
        QVERIFY(window->session().accuracy().isRunning());
        QVERIFY(QTest::qWaitFor([&] { return !window->session().accuracy().isRunning(); }, longPatience));
        QTRY_VERIFY2(window.reading().startsWith(QLatin1String("INT4 asym 64 AWQ moves the predictions by KL ")),
                     qPrintable(window.reading()));
    }

    void layersShowOutputErrorsOnceThereIsACalibration() {
        Window window;
        QVERIFY(window.open(m_sample));
        QVERIFY(window.setFormat(Format::Int4Asym));
        QVERIFY(window.run());
        window->session().setPageOptions("layers", {{"quantity", "output-error"}});
        window->pages().show(PageId::Layers);
        PageWidget &page = window->pages().page(PageId::Layers);
        const auto says = [&page](const char *text) {
            for (QLabel *label : page.findChildren<QLabel *>())
                if (label->isVisible() && label->text().contains(QLatin1String(text)))
                    return true;
            return false;
        };
        QTRY_VERIFY(says("Run > Calibrate..."));
        QVERIFY(calibrate(window, m_text, m_target));
        QTRY_VERIFY_WITH_TIMEOUT(
            window.reading().startsWith(QLatin1String("With INT4 asym 64 the outputs of 28 matrices err by ")),
            longPatience);
        QVERIFY(page.plots().front()->isVisible());
    }

    void sensitivityIsMeasuredOnRequest() {
        Window window;
        QVERIFY(window.open(m_sample));
        QTRY_VERIFY(window->session().accuracy().ability() != nullptr);
        window->session().accuracy().setText({m_text.toStdString(), false, 128, 2, false});
        window->session().setPageOptions("layers", {{"quantity", "sensitivity"}});
        window->pages().show(PageId::Layers);
        PageWidget &page = window->pages().page(PageId::Layers);
        QPushButton *measure = nullptr;
        for (QPushButton *button : page.findChildren<QPushButton *>())
            if (button->text() == QLatin1String("Measure sensitivity"))
                measure = button;
        QTRY_VERIFY(measure != nullptr && measure->isVisible() && measure->isEnabled());
        measure->click();
        QTRY_VERIFY_WITH_TIMEOUT(
            window.reading().contains(QLatin1String(" matters most: quantized alone it costs KL ")), longPatience);
        QVERIFY(page.plots().front()->isVisible());
        QCOMPARE(page.plots().front()->figure()->series.front().y.size(), 4U);
        QVERIFY(!measure->isVisible());
    }

    void anotherModelsCalibrationIsRefused() {
        Window window;
        QVERIFY(window.open(m_sample));
        QVERIFY(calibrate(window, m_text, m_target));
        window->session().calibration().forget();
        QTRY_VERIFY(!methodItem(window, "gptq")->isEnabled());
        QSignalSpy failed(&window->session().calibration(), &Calibration::failed);
        window->session().calibration().load(m_text);
        QVERIFY(failed.wait(patience));
        QVERIFY(!failed.first().first().toString().isEmpty());
        QVERIFY(!window->session().calibration().file());
    }

private:
    QTemporaryDir m_folder;
    QString m_sample;
    QString m_text;
    QString m_target;
};

QTEST_MAIN(CalibrationWindowTest)
#include "calibration_window_test.moc"
