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
#include "core/analysis/activations.h"
#include "core/io/open.h"
#include "tests/app/window_driver.h"
#include "tests/support/model_inputs.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"
#include "widgets/panels/calibrate_panel.h"

using namespace nibblescope;
using namespace nibblescope::test;

namespace {

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

    // Inputs that another program wrote: the model need not run.
    void importedInputsMakeGptqPossible() {
        const QString path = m_folder.filePath(QStringLiteral("cannot run"));
        writeSmallModel(path.toStdString());
        refuseToRun(path);
        const QString inputs = writeInputs(path, 50);
        Window window;
        QVERIFY(window.open(path));
        QVERIFY(window.setFormat(Format::Int4Asym));
        QTRY_VERIFY(window->session().accuracy().ability() != nullptr);
        QVERIFY(!window->session().accuracy().ability()->notRun.empty());
        const QString rounded = window.number(NumbersModel::Sqnr);
        window->calibrationWindow().show();
        CalibratePanel &panel = window->calibrationWindow().panel();
        QVERIFY(panel.imports()); // there is nothing else to choose
        auto *start = buttonOf(panel, QStringLiteral("Calibrate"));
        QVERIFY(!start->isEnabled());
        panel.setImports(false);
        panel.setText(m_text);
        QVERIFY(!start->isEnabled());
        panel.setImports(true);
        panel.setFolder(inputs);
        panel.setTarget(m_folder.filePath(QStringLiteral("imported.h5")));
        QVERIFY(start->isEnabled());
        start->click();
        QTRY_VERIFY_WITH_TIMEOUT(window->session().calibration().file() != nullptr, longPatience);
        QCOMPARE(window->session().calibration().file()->header().positions, std::uint64_t{50});
        QTRY_VERIFY(methodItem(window, "gptq")->isEnabled());
        QVERIFY(methodItem(window, "iw")->isEnabled());
        QVERIFY(!methodItem(window, "awq")->isEnabled()); // works on a model that runs
        QVERIFY(setMethod(window, "gptq"));
        QVERIFY(window.number(NumbersModel::Sqnr) != rounded);
    }

    // A model that runs takes them as well: AWQ works from them, and evaluating does not ask for their text.
    void importedInputsServeAModelThatRuns() {
        const QString inputs = writeInputs(m_sample, 300);
        Window window;
        QVERIFY(window.open(m_sample));
        QTRY_VERIFY(window->session().accuracy().ability() != nullptr);
        QVERIFY(window.setFormat(Format::Int4Asym));
        window->calibrationWindow().showImport();
        CalibratePanel &panel = window->calibrationWindow().panel();
        QVERIFY(panel.imports());
        panel.setFolder(inputs);
        panel.setTarget(m_folder.filePath(QStringLiteral("sample imported.h5")));
        Q_EMIT panel.calibrateRequested();
        QTRY_VERIFY_WITH_TIMEOUT(window->session().calibration().file() != nullptr, longPatience);
        QTRY_VERIFY(methodItem(window, "awq")->isEnabled());
        Recipe recipe = window->session().recipe();
        recipe.method = "awq";
        window->session().setRecipe(recipe);
        QTRY_VERIFY(window->session().loader().failure().has_value());
        window->session().setPageOptions("accuracy", {{"windows", 2U}});
        window->pages().evaluate();
        QVERIFY(QTest::qWaitFor([&] { return !window->session().accuracy().isRunning(); }, longPatience));
        QTRY_VERIFY2(window.reading().startsWith(QLatin1String("INT4 asym 64 AWQ moves the predictions by KL ")),
                     qPrintable(window.reading()));
    }

    void importsThatDoNotFitAreRefused() {
        const QString path = m_folder.filePath(QStringLiteral("refused"));
        writeSmallModel(path.toStdString());
        Window window;
        QVERIFY(window.open(path));
        const QString target = m_folder.filePath(QStringLiteral("refused.h5"));
        QSignalSpy failed(&window->session().calibration(), &Calibration::failed);
        const auto refusal = [&](const QString &folder) {
            failed.clear();
            window->session().calibration().importInputs(folder, target);
            return failed.wait(patience) ? failed.first().first().toString() : QString();
        };
        QVERIFY(refusal(m_folder.filePath(QStringLiteral("nowhere"))).contains(QLatin1String("is no folder")));
        const QString inputs = writeInputs(m_sample, 10); // of another model: other widths
        const QString text = refusal(inputs);
        QVERIFY2(text.contains(QLatin1String("has 256 channels, but model.layers.0.self_attn.q_proj.weight reads 64")),
                 qPrintable(text));
        QVERIFY(!QFileInfo::exists(target));
        QVERIFY(!window->session().calibration().file());
        QVERIFY(!window->session().calibration().isMaking());
    }

    void importingIsCancelled() {
        const QString path = m_folder.filePath(QStringLiteral("cancelled"));
        writeSmallModel(path.toStdString());
        const QString inputs = writeInputs(path, 40000);
        Window window;
        QVERIFY(window.open(path));
        const QString target = m_folder.filePath(QStringLiteral("cancelled.h5"));
        Calibration &calibration = window->session().calibration();
        QSignalSpy failed(&calibration, &Calibration::failed);
        calibration.importInputs(inputs, target);
        QVERIFY(calibration.isMaking());
        window->actions()[ActionId::CancelJob]->setEnabled(true);
        window->actions()[ActionId::CancelJob]->trigger();
        QVERIFY(failed.count() == 1 || failed.wait(patience));
        QVERIFY(failed.first().first().toString().isEmpty()); // stopped
        QVERIFY(!QFileInfo::exists(target) && !calibration.isMaking());
    }

private:
    static QPushButton *buttonOf(QWidget &panel, const QString &text) {
        for (QPushButton *button : panel.findChildren<QPushButton *>())
            if (button->text() == text)
                return button;
        return nullptr;
    }
    static void refuseToRun(const QString &model) {
        const std::filesystem::path path = (model + QStringLiteral("/config.json")).toStdString();
        auto config = nlohmann::ordered_json::parse(testing::readFile(path));
        config["architectures"] = {"GemmaForCausalLM"};
        testing::writeFile(path, config.dump());
    }
    // One file for each input of the model's linears, named after the first one that reads it.
    QString writeInputs(const QString &path, std::size_t tokens) {
        const std::filesystem::path folder =
            m_folder.filePath(QStringLiteral("inputs%1").arg(m_inputFolders++)).toStdString();
        std::filesystem::create_directory(folder);
        for (const TensorInfo &info : openModel(path.toStdString()).tensors) {
            const bool first =
                info.name.find("q_proj") != std::string::npos || info.name.find("o_proj") != std::string::npos ||
                info.name.find("gate_proj") != std::string::npos || info.name.find("down_proj") != std::string::npos;
            if (!first)
                continue;
            SyntheticActivations options;
            options.tokens = tokens;
            options.channels = info.shape[1];
            const ActivationMatrix x = syntheticActivations(options);
            const std::string data(reinterpret_cast<const char *>(x.values.data()), x.values.size() * sizeof(float));
            testing::writeFile(folder / (info.name + ".npy"),
                               testing::npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                                                    std::to_string(x.tokens) + ", " + std::to_string(x.channels) +
                                                    "), }",
                                                data));
        }
        return QString::fromStdString(folder.string());
    }

    int m_inputFolders = 0;
    QTemporaryDir m_folder;
    QString m_sample;
    QString m_text;
    QString m_target;
};

QTEST_MAIN(CalibrationWindowTest)
#include "calibration_window_test.moc"
