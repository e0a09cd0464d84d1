// SPDX-License-Identifier: GPL-3.0-or-later
// Drives the real main window: a person's first minutes.
#include <QtTest>

#include <QClipboard>
#include <QPushButton>
#include <QSettings>

#include <fstream>

#include "tests/app/window_driver.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"
#include "widgets/panels/status_widgets.h"

using namespace nibblescope;
using namespace nibblescope::test;

Q_DECLARE_METATYPE(nibblescope::Recipe)

class MainWindowTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("main_window_test"), m_folder.path());
        m_model = m_folder.filePath(QStringLiteral("small"));
        writeSmallModel(m_model.toStdString());
        SmallModel other;
        other.layers = 1;
        other.seed = 7;
        m_other = m_folder.filePath(QStringLiteral("other"));
        writeSmallModel(m_other.toStdString(), other);
    }
    void init() { QSettings().clear(); }

    void startsEmpty() {
        Window window;
        QVERIFY(!window->session().model());
        QCOMPARE(window->windowTitle(), QStringLiteral("Nibblescope"));
        const QAction *run = window->actions()[ActionId::RunModel];
        QVERIFY(!run->isEnabled());
        QCOMPARE(run->toolTip(), QStringLiteral("Open a model first"));
    }

    void opensAFolderAndShowsNumbers() {
        Window window;
        QVERIFY(window.open(m_model));
        QCOMPARE(window->windowTitle(), QStringLiteral("small - Nibblescope"));
        QCOMPARE(window->session().model()->tensors.size(), 20U);
        QCOMPARE(window->session().quantizedCount(), 14U);
        QVERIFY(window->session().selection().tensor() >= 0);
        QVERIFY(window.number(NumbersModel::Sqnr).endsWith(QLatin1String("dB")));
        QVERIFY2(window.reading().startsWith(QLatin1String("NF4 64 keeps ")), qPrintable(window.reading()));
    }

    void aRecipeChangeChangesTheNumbers() {
        Window window;
        QVERIFY(window.open(m_model));
        const QString nf4 = window.number(NumbersModel::Sqnr);
        QVERIFY(window.setFormat(Format::Int4));
        const QString int4 = window.number(NumbersModel::Sqnr);
        QVERIFY(nf4 != int4);
        QCOMPARE(window.number(NumbersModel::UsedCodes), QStringLiteral("15 of 16"));
        QVERIFY(window.reading().startsWith(QLatin1String("INT4 64 keeps ")));
        window->actions()[ActionId::Undo]->trigger();
        QVERIFY(window.settle());
        QCOMPARE(window.number(NumbersModel::Sqnr), nf4);
        window->actions()[ActionId::Redo]->trigger();
        QVERIFY(window.settle());
        QCOMPARE(window.number(NumbersModel::Sqnr), int4);
    }

    void theBaselineIsComparedAndUndone() {
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.setFormat(Format::Int4));
        QTRY_VERIFY(window->actions()[ActionId::PinBaseline]->isEnabled());
        window->actions()[ActionId::PinBaseline]->trigger();
        QVERIFY(window.setFormat(Format::Nf4));
        QTRY_COMPARE(window->numbersPanel().model().columnCount(), 3);
        QVERIFY2(window.reading().contains(QLatin1String("INT4 64 keeps")), qPrintable(window.reading()));
        window->session().undo();
        window->session().undo();
        QVERIFY(!window->session().baseline());
        QVERIFY(window->session().recipe().format == Format::Int4);
        window->session().redo();
        window->session().redo();
        QVERIFY(window.settle());
        QVERIFY(window->session().baseline());
        QVERIFY(window->session().recipe().format == Format::Nf4);
    }

    void everyPageShowsSomething() {
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.run());
        for (const PageId page : {PageId::Distribution, PageId::Bins, PageId::Layers, PageId::Memory}) {
            window->pages().show(page);
            QVERIFY(window.settle());
            QVERIFY2(window->pages().page(page).placeholder().isEmpty(), idOf(page));
            QVERIFY2(!window.reading().isEmpty(), idOf(page));
            window->pages().setTableShown(true);
            window->pages().setTableShown(false);
        }
    }

    void aRunFillsEveryTensorAndTheWorstIsFound() {
        Window window;
        QVERIFY(window.open(m_model));
        window->pages().show(PageId::Layers);
        QVERIFY(window.run());
        QVERIFY2(window.reading().startsWith(QLatin1String("14 tensors keep ")), qPrintable(window.reading()));
        const int before = window->session().selection().tensor();
        double lowest = 1000;
        for (int i = 0; i < 20; ++i)
            if (const SharedResult result = window->session().result(i); result && result->metrics)
                lowest = std::min(lowest, result->metrics->sqnrDb.value_or(1000));
        window->actions()[ActionId::WorstTensor]->trigger();
        const SharedResult worst = window->session().result(window->session().selection().tensor());
        QCOMPARE(worst->metrics->sqnrDb.value(), lowest);
        if (window->session().selection().tensor() != before) {
            QTRY_VERIFY(window->actions()[ActionId::Back]->isEnabled());
            window->actions()[ActionId::Back]->trigger();
            QCOMPARE(window->session().selection().tensor(), before);
        }
    }

    void aRunIsRestartedByAnotherRecipe() {
        Window window;
        QVERIFY(window.open(m_model));
        window->session().startRun();
        QVERIFY(window->session().run().isRunning());
        Recipe recipe = window->session().recipe();
        recipe.format = Format::Int4Asym;
        window->session().setRecipe(recipe);
        QVERIFY(window->session().run().isRunning());
        QVERIFY(window->messages().texts().first().startsWith(
            QLatin1String("Run restarted: the recipe changed from NF4 64 to INT4 asym 64.")));
        QTRY_VERIFY_WITH_TIMEOUT(window->session().unmeasured().empty(), patience);
        for (int i = 0; i < 20; ++i)
            if (const SharedResult result = window->session().result(i); result && result->quantized)
                QVERIFY(result->recipe == recipe);
    }

    void aCancelledRunKeepsWhatIsDone() {
        // The definition is slow enough for a run to be cancelled half-way.
        qputenv("NIBBLESCOPE_ISA", "scalar");
        const auto restore = qScopeGuard([] { qunsetenv("NIBBLESCOPE_ISA"); });
        Window window;
        QVERIFY(startLongRun(window));
        QTRY_VERIFY_WITH_TIMEOUT(window->session().run().status().done >= 2, patience);
        QTRY_VERIFY(window->actions()[ActionId::CancelJob]->isEnabled());
        window->actions()[ActionId::CancelJob]->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(!window->session().run().isRunning(), patience);
        const std::size_t missing = window->session().unmeasured().size();
        QVERIFY(missing > 0 && missing < 56);
        QTRY_VERIFY(window->messages().texts().join(QString()).contains(QLatin1String("Finished ones are kept")));
    }

    // Whoever hears a signal while one model takes another's place finds a selection and descriptions that fit it.
    void aSmallerModelTakesTheLargerOnesPlace() {
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.select("model.layers.1.mlp.up_proj.weight"));
        Session &session = window->session();
        QVERIFY(session.selection().tensor() >= 11); // beyond what the other model has
        int heard = 0;
        const auto fits = [&] {
            ++heard;
            const auto tensors = session.model() ? session.model()->tensors.size() : 0;
            QCOMPARE(session.described().size(), tensors);
            QVERIFY(session.selection().tensor() < static_cast<int>(tensors));
        };
        connect(&session.calibration(), &Calibration::changed, this, fits);
        connect(&session.selection(), &Selection::tensorChanged, this, fits);
        QVERIFY(window.open(m_other));
        QCOMPARE(session.model()->tensors.size(), 11U);
        session.close();
        QVERIFY(heard >= 4);
        disconnect(&session.calibration(), nullptr, this, nullptr);
        disconnect(&session.selection(), nullptr, this, nullptr);
    }

    void escapeOnTheRunningJobCancelsIt() {
        qputenv("NIBBLESCOPE_ISA", "scalar");
        const auto restore = qScopeGuard([] { qunsetenv("NIBBLESCOPE_ISA"); });
        Window window;
        QVERIFY(startLongRun(window));
        auto *job = window->findChild<JobStatus *>();
        QTRY_VERIFY_WITH_TIMEOUT(job->isVisible(), patience);
        window->activateWindow();
        auto *cancel = job->findChild<QPushButton *>();
        cancel->setFocus();
        QTRY_VERIFY(cancel->hasFocus());
        QTRY_VERIFY(window->actions()[ActionId::CancelJob]->isEnabled());
        QTest::keyClick(cancel, Qt::Key_Escape);
        QTRY_VERIFY_WITH_TIMEOUT(!window->session().run().isRunning(), patience);
        QVERIFY(!window->session().unmeasured().empty());
        QVERIFY(window->isVisible());
    }

    void severalSelectedTensorsAreToldAndExportedAlone() {
        Window window;
        QVERIFY(window.open(m_model));
        const Model &model = *window->session().model();
        const auto up = static_cast<int>(*model.find("model.layers.0.mlp.up_proj.weight"));
        const auto down = static_cast<int>(*model.find("model.layers.0.mlp.down_proj.weight"));
        window->session().selection().selectTensors({up, down}, up);
        QVERIFY(window.settle());
        QTRY_COMPARE(window->pages().page(PageId::Distribution).note(), QStringLiteral("1 of 2 selected"));
        QTRY_VERIFY(window->actions()[ActionId::ExportSelected]->isEnabled());
        const QString path = m_folder.filePath(QStringLiteral("two.h5"));
        QSignalSpy finished(&window->documents(), &DocumentJobs::finished);
        window->documents().exportQuantized(path, window->session().selection().tensors());
        QVERIFY(finished.wait(patience));
        QVERIFY(window.open(path));
        QCOMPARE(window->session().model()->tensors.size(), 2U);
        QVERIFY(window->pages().page(PageId::Distribution).note().isEmpty());
    }

    void exportsAndReopens() {
        Window window;
        QVERIFY(window.open(m_model));
        const QString path = m_folder.filePath(QStringLiteral("out.h5"));
        QSignalSpy finished(&window->documents(), &DocumentJobs::finished);
        window->documents().exportQuantized(path, {});
        QVERIFY(finished.wait(patience));
        QVERIFY2(finished[0][1].toBool(), qPrintable(window->messages().texts().join(QLatin1Char('\n'))));
        QVERIFY2(window->messages().texts().first().contains(QLatin1String("read back and equal")),
                 qPrintable(window->messages().texts().first()));
        drop(*window, {path});
        QTRY_COMPARE_WITH_TIMEOUT(window->windowTitle(), QStringLiteral("out - Nibblescope"), patience);
        QVERIFY(window.settle());
        QVERIFY(window->session().isStored());
        QVERIFY(!window->actions()[ActionId::RunModel]->isEnabled());
        const QString weights = m_folder.filePath(QStringLiteral("out.safetensors"));
        QVERIFY(window.open(m_model));
        window->documents().exportDequantized(weights, QStringLiteral("F16"));
        QVERIFY(finished.wait(patience));
        QVERIFY(window.open(weights));
        QCOMPARE(window->session().model()->tensors.size(), 20U);
    }

    void aDroppedFolderOpensAndABrokenFileLeavesItOpen() {
        Window window;
        drop(*window, {m_model});
        QTRY_VERIFY_WITH_TIMEOUT(window->session().model() != nullptr, patience);
        QVERIFY(window.settle());
        const QString text = m_folder.filePath(QStringLiteral("notes.txt"));
        std::ofstream(text.toStdString()) << "not a model\n";
        drop(*window, {text});
        QTRY_VERIFY_WITH_TIMEOUT(window->messages().count() > 0, patience);
        QVERIFY2(window->messages().texts().first().endsWith(QLatin1String("The open model is unchanged.")),
                 qPrintable(window->messages().texts().first()));
        QCOMPARE(window->windowTitle(), QStringLiteral("small - Nibblescope"));
        const QString cut = m_folder.filePath(QStringLiteral("cut.safetensors"));
        QVERIFY(QFile::copy(m_model + QStringLiteral("/model.safetensors"), cut));
        QFile(cut).resize(60000);
        drop(*window, {cut});
        QTRY_VERIFY_WITH_TIMEOUT(window->messages().texts().first().contains(QLatin1String("cut.safetensors")),
                                 patience);
        QCOMPARE(window->session().model()->tensors.size(), 20U);
        drop(*window, {m_other, m_model});
        QTRY_COMPARE_WITH_TIMEOUT(window->windowTitle(), QStringLiteral("other - Nibblescope"), patience);
    }

    void keptTensorsSayWhyAndCanBeQuantized() {
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.select("model.embed_tokens.weight"));
        QVERIFY2(window.reading().contains(QLatin1String("is kept as F32")), qPrintable(window.reading()));
        window->actions()[ActionId::ToggleQuantize]->trigger();
        QVERIFY(window.settle());
        QCOMPARE(window->session().quantizedCount(), 15U);
        QVERIFY(window.reading().startsWith(QLatin1String("NF4 64 keeps ")));
        window->session().undo();
        QCOMPARE(window->session().quantizedCount(), 14U);
    }

    void recentFilesAndLayoutAreRemembered() {
        {
            Window window;
            QVERIFY(window.open(m_model));
            QVERIFY(window.select("model.layers.1.mlp.up_proj.weight"));
            QVERIFY(window->close());
        }
        Window window;
        QCOMPARE(QSettings().value(QStringLiteral("recent")).toStringList().first(), m_model);
        QVERIFY(window.open(m_model));
        const auto tensor = static_cast<std::size_t>(window->session().selection().tensor());
        QCOMPARE(window->session().model()->tensors[tensor].name, std::string("model.layers.1.mlp.up_proj.weight"));
        window->resetLayout();
    }

    void theCommandLineIsCopied() {
        Window window;
        QVERIFY(window.open(m_model));
        window->actions()[ActionId::CopyCommand]->trigger();
        QVERIFY(QApplication::clipboard()->text().startsWith(QLatin1String("nibblescope-cli analyze ") + m_model +
                                                             QLatin1String(" --format nf4 --only ")));
    }

    void sessionsAreTakenUpAgain() {
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.select("model.layers.0.mlp.up_proj.weight"));
        QVERIFY(window.setGroupSize(GroupSize::of(32)));
        const WorkState state = window->session().state();
        const QString file = m_folder.filePath(QStringLiteral("a.session.json"));
        std::ofstream(file.toStdString()) << toJson(state).dump();
        Window again;
        again->openSession(file);
        QVERIFY(again.settle());
        QVERIFY(again->session().state() == state);
        QCOMPARE(again.number(NumbersModel::Sqnr), window.number(NumbersModel::Sqnr));
    }

    void themesChangeAtRunTime() {
        Window window;
        QVERIFY(window.open(m_model));
        window->actions()[ActionId::ThemeDark]->trigger();
        QVERIFY(currentTheme().dark());
        window->actions()[ActionId::Text150]->trigger();
        QCOMPARE(currentTheme().textSize(), 150);
        window->actions()[ActionId::Text100]->trigger();
        window->actions()[ActionId::ThemeLight]->trigger();
        QVERIFY(!currentTheme().dark());
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    // A first five minutes.
    void storiesNumbers() {
        Window window;
        drop(*window, {QString::fromUtf8(test_paths::sharedData) + QStringLiteral("/data/stories260K")});
        QTRY_VERIFY_WITH_TIMEOUT(window->session().model() != nullptr, patience);
        QCOMPARE(window->session().model()->tensors.size(), 47U);
        QCOMPARE(window->session().quantizedCount(), 35U);
        QVERIFY(window.select("model.layers.0.mlp.down_proj.weight"));
        QCOMPARE(window.number(NumbersModel::Sqnr), QStringLiteral("20.75 dB"));
        QCOMPARE(window.number(NumbersModel::Bpw), QStringLiteral("4.279"));
        QCOMPARE(window.number(NumbersModel::Kurtosis), QStringLiteral("4.04"));
        for (const char *part : {"20.75 dB", "4.279 bpw", "4.04", "layers.0.mlp.down_proj"})
            QVERIFY2(window.reading().contains(QLatin1String(part)), qPrintable(window.reading()));

        QVERIFY(window.setFormat(Format::Int4));
        QCOMPARE(window.number(NumbersModel::Sqnr), QStringLiteral("19.34 dB"));
        QCOMPARE(window.number(NumbersModel::UsedCodes), QStringLiteral("15 of 16"));
        window->session().pinBaseline();
        QVERIFY(window.setFormat(Format::Nf4));
        QVERIFY2(window.number(NumbersModel::Sqnr, 2).contains(QLatin1String("+1.42")),
                 qPrintable(window.number(NumbersModel::Sqnr, 2)));
        QVERIFY(window.number(NumbersModel::Bpw, 2).contains(QStringLiteral("±0.000")));
        window->session().undo();
        window->session().undo();
        QVERIFY(!window->session().baseline() && window->session().recipe().format == Format::Int4);
        window->session().redo();
        window->session().redo();
        QVERIFY(window->session().baseline() && window->session().recipe().format == Format::Nf4);

        QVERIFY(window.setGroupSize(GroupSize::row()));
        QCOMPARE(window.number(NumbersModel::Sqnr), QStringLiteral("20.20 dB"));
        QCOMPARE(window.number(NumbersModel::Bpw), QStringLiteral("4.093"));
        QVERIFY(window.setGroupSize(GroupSize::of(64)));

        window->pages().show(PageId::Layers);
        QVERIFY(window.run());
        for (const char *part : {"20.79 dB", "layers.0.self_attn.v_proj", "19.88 dB"})
            QVERIFY2(window.reading().contains(QLatin1String(part)), qPrintable(window.reading()));
        window->actions()[ActionId::WorstTensor]->trigger();
        const auto worst = static_cast<std::size_t>(window->session().selection().tensor());
        QCOMPARE(window->session().model()->tensors[worst].name, std::string("model.layers.0.self_attn.v_proj.weight"));
        window->session().selection().goBack();
        window->pages().show(PageId::Memory);
        QVERIFY2(window.reading().contains(QLatin1String("4.09 times smaller than FP32")),
                 qPrintable(window.reading()));
        QVERIFY2(window.reading().contains(QLatin1String("embed_tokens")), qPrintable(window.reading()));
    }

    // A teacher's ten minutes: what the lesson says is what the numbers say.
    void lessonNumbers_data() {
        QTest::addColumn<Recipe>("recipe");
        QTest::addColumn<QString>("sqnr");
        QTest::addColumn<QString>("bpw");
        const auto row = [](const char *name, Format format, GroupSize size, const char *sqnr, const char *bpw,
                            DoubleQuant doubleQuant = DoubleQuant::Off, ScaleType scaleType = ScaleType::F16) {
            Recipe recipe;
            recipe.format = format;
            recipe.groupSize = size;
            recipe.doubleQuant = doubleQuant;
            recipe.scaleType = scaleType;
            QTest::newRow(name) << recipe << QString::fromLatin1(sqnr) << QString::fromLatin1(bpw);
        };
        row("INT4 tensor", Format::Int4, GroupSize::tensor(), "12.53 dB", "");
        row("INT4 row", Format::Int4, GroupSize::row(), "18.18 dB", "4.093");
        row("INT4 64", Format::Int4, GroupSize::of(64), "19.34 dB", "4.279");
        row("INT4 16", Format::Int4, GroupSize::of(16), "21.38 dB", "5.023");
        row("INT4 max 64", Format::Int4Max, GroupSize::of(64), "20.33 dB", "4.279");
        row("INT4 asym 64", Format::Int4Asym, GroupSize::of(64), "20.80 dB", "4.349");
        row("INT4 asym 16", Format::Int4Asym, GroupSize::of(16), "23.12 dB", "");
        row("INT4 asym row", Format::Int4Asym, GroupSize::row(), "19.39 dB", "");
        row("NF4 16", Format::Nf4, GroupSize::of(16), "21.98 dB", "");
        row("NF4 row", Format::Nf4, GroupSize::row(), "20.20 dB", "4.093");
        row("NF4 64, F32 scales", Format::Nf4, GroupSize::of(64), "", "4.558", DoubleQuant::Off, ScaleType::F32);
        row("NF4 64 DQ", Format::Nf4, GroupSize::of(64), "", "4.145", DoubleQuant::Dynamic);
    }
    void lessonNumbers() {
        QFETCH(Recipe, recipe);
        QFETCH(QString, sqnr);
        QFETCH(QString, bpw);
        Window window;
        QVERIFY(window.open(QString::fromUtf8(test_paths::sharedData) + QStringLiteral("/data/stories260K")));
        QVERIFY(window.select("model.layers.0.mlp.down_proj.weight"));
        window->session().setRecipe(recipe);
        QVERIFY(window.settle());
        if (!sqnr.isEmpty())
            QCOMPARE(window.number(NumbersModel::Sqnr), sqnr);
        if (!bpw.isEmpty())
            QCOMPARE(window.number(NumbersModel::Bpw), bpw);
    }
#endif

private:
    // Large enough for a run by the scalar definition to be cancelled half-way.
    bool startLongRun(Window &window) {
        if (!window.open(largerModel()))
            return false;
        Recipe recipe = window->session().recipe();
        recipe.method = "mse";
        window->session().setRecipe(recipe);
        window->session().startRun();
        return true;
    }

    QString largerModel() {
        const QString path = m_folder.filePath(QStringLiteral("larger"));
        if (!QFileInfo::exists(path)) {
            SmallModel larger;
            larger.layers = 8;
            larger.hidden = 256;
            larger.mlp = 768;
            writeSmallModel(path.toStdString(), larger);
        }
        return path;
    }

    QTemporaryDir m_folder;
    QString m_model;
    QString m_other;
};

QTEST_MAIN(MainWindowTest)
#include "main_window_test.moc"
