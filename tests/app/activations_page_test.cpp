// SPDX-License-Identifier: GPL-3.0-or-later
// Drives the Activations page in the real main window.
#include <QtTest>

#include <QClipboard>
#include <QComboBox>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>

#include <fstream>

#include "app/gui/activations_presenter.h"
#include "core/io/open.h"
#include "tests/app/window_driver.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/stop_slider.h"

using namespace nibblescope;
using namespace nibblescope::test;

namespace {

// The page as a person meets it: by the names of its controls.
class Driver {
public:
    explicit Driver(Window &window) : m_window(window) {}
    ActivationsPage &page() { return static_cast<ActivationsPage &>(m_window->pages().page(PageId::Activations)); }
    bool open() {
        m_window->pages().show(PageId::Activations);
        return m_window.settle();
    }
    template <typename Control>
    Control *control(const char *name) {
        for (Control *found : page().findChildren<Control *>())
            if (found->accessibleName() == QLatin1String(name))
                return found;
        return nullptr;
    }
    QPushButton *button(const char *start) {
        for (QPushButton *found : page().findChildren<QPushButton *>())
            if (found->text().startsWith(QLatin1String(start)))
                return found;
        return nullptr;
    }
    bool choose(const char *name, int choice) {
        control<SegmentedControl>(name)->button(choice)->click();
        return m_window.settle();
    }
    bool chooseSource(int index) {
        auto *combo = control<QComboBox>("Inputs");
        combo->setCurrentIndex(index);
        Q_EMIT combo->activated(index);
        return m_window.settle();
    }
    const Figure *figure(const char *id) {
        for (PlotView *plot : page().plots())
            if (plot->figure() && plot->figure()->id == id)
                return plot->figure().get();
        return nullptr;
    }

private:
    Window &m_window;
};

} // namespace

class ActivationsPageTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() {
        useOwnSettings(QStringLiteral("activations_page_test"), m_folder.path());
        m_model = m_folder.filePath(QStringLiteral("small"));
        writeSmallModel(m_model.toStdString());
    }
    void init() { QSettings().clear(); }

    void runsTheSampleModelOnItsText() {
        Window window;
        QVERIFY(window.open(MainWindow::samplePath()));
        QVERIFY(window.select("model.layers.1.mlp.down_proj.weight"));
        Driver driver(window);
        driver.page().setOptions({{"windows", 16}}); // KL takes several groups of windows
        QVERIFY(driver.open());
        QCOMPARE(driver.page().placeholder(), QString());
        QVERIFY2(window.reading().contains(QLatin1String("INT4 token activations cost")), qPrintable(window.reading()));
        QVERIFY2(window.reading().contains(QLatin1String("layers.1.mlp.down_proj")), qPrintable(window.reading()));
        const Figure *inputs = driver.figure("activations.inputs");
        QVERIFY(inputs != nullptr);
        // A first figure with a logarithmic axis is seen whole.
        QCOMPARE(driver.page().plots()[0]->visibleRanges().xUpper, 768.0);
        QCOMPARE(inputs->table.rows.size(), std::size_t{16});
        QVERIFY(driver.figure("activations.channels") != nullptr);
        QCOMPARE(driver.figure("activations.costs")->stackedBars.size(), std::size_t{6});
        QCOMPARE(driver.figure("activations.smoothing")->series.size(), std::size_t{3});

        // A bar of another input selects its tensor everywhere.
        Q_EMIT driver.page().linkActivated(QString::fromStdString(inputs->series[0].links[0]));
        QVERIFY(window.settle());
        const auto tensor = static_cast<std::size_t>(window->session().selection().tensor());
        QCOMPARE(window->session().model()->tensors[tensor].name,
                 std::string("model.layers.0.self_attn.q_proj.weight"));
        QVERIFY(window.reading().contains(QLatin1String("layers.0.self_attn.q_proj")));

        // KL, with the button; cancelled it keeps what is there.
        QVERIFY(driver.button("Measure KL")->isEnabled());
        driver.button("Measure KL")->click();
        QVERIFY(driver.figure("activations.costs") == nullptr);
        QTRY_VERIFY_WITH_TIMEOUT(driver.figure("activations.costs") != nullptr, patience);
        driver.button("Cancel")->click();
        QVERIFY(window.settle());
        QVERIFY(driver.figure("activations.costs") != nullptr);

        // The selected rounding as commands: as it is, and smoothed with the maxima of these windows.
        const QString sample = MainWindow::samplePath();
        const QString text = QStringLiteral(" --text %1/heldout.txt --windows 16").arg(sample);
        driver.page().choose(QStringLiteral("activations:int8 tensor"));
        window->actions()[ActionId::CopyCommand]->trigger();
        const QStringList lines = QApplication::clipboard()->text().split(QLatin1Char('\n'));
        QCOMPARE(lines.size(), 3);
        const QString evaluate =
            QStringLiteral("nibblescope-cli evaluate %1 --activations int8 --activation-scales tensor%2")
                .arg(sample, text);
        QCOMPARE(lines[0], evaluate);
        QCOMPARE(lines[1],
                 QStringLiteral("nibblescope-cli calibrate %1%2 --out sample_model.calibration.h5").arg(sample, text));
        QCOMPARE(lines[2], evaluate + QStringLiteral(" --smooth 0.5 --calibration sample_model.calibration.h5"));

        // What was collected is evidence for the claims; made-up inputs are none.
        QVERIFY(window->session().activationEvidence());
        QCOMPARE(window->session().activationEvidence()->channels, std::uint64_t{4 * (3 * 256 + 768)});

        // Tensors that read nothing say so, and the others stay in sight.
        QVERIFY(window.select("model.embed_tokens.weight"));
        QVERIFY2(window.reading().contains(QLatin1String("embed_tokens is not one of the linears")),
                 qPrintable(window.reading()));
        QVERIFY(driver.figure("activations.inputs") != nullptr);
        QVERIFY(driver.figure("activations.channels") == nullptr);
    }

    void syntheticOutliersAndTheSlider() {
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.select("model.layers.0.mlp.up_proj.weight"));
        Driver driver(window);
        QVERIFY(driver.open());
        QVERIFY(driver.chooseSource(2));
        QVERIFY2(window.reading().contains(QLatin1String("4 of 64 channels are outliers")),
                 qPrintable(window.reading()));
        driver.control<QSpinBox>("Outlier channels")->setValue(0);
        QVERIFY(window.settle());
        QTRY_VERIFY_WITH_TIMEOUT(window.reading().contains(QLatin1String("No channel is an outlier")), patience);
        driver.control<QSpinBox>("Outlier channels")->setValue(2);
        driver.control<QSpinBox>("Magnitude")->setValue(100);
        QVERIFY(window.settle());
        QTRY_VERIFY_WITH_TIMEOUT(window.reading().contains(QLatin1String("2 of 64 channels are outliers")), patience);

        auto *slider = driver.control<StopSlider>("Smoothing alpha");
        const auto smoothed = [&] { return *driver.figure("activations.costs")->stackedBars[1].reference; };
        slider->setFocus();
        const double half = smoothed();
        QTest::keyClick(slider, Qt::Key_Home);
        QCOMPARE(driver.page().alpha(), 0.0);
        QVERIFY(window.settle());
        QTRY_VERIFY_WITH_TIMEOUT(smoothed() != half, patience);
        const double none = smoothed();
        QTest::keyClick(slider, Qt::Key_Right);
        QCOMPARE(driver.page().alpha(), 0.05);
        QVERIFY(window.settle());
        driver.button("Best")->click();
        QVERIFY(window.settle());
        QVERIFY(driver.page().alpha() > 0.2);
        QTRY_VERIFY_WITH_TIMEOUT(smoothed() < none, patience);
        // Undone like everything else.
        QTest::qWait(1100); // edits of the same page within a second are one step
        QVERIFY(driver.page().choose(QStringLiteral("alpha:0.95")));
        window->session().undo();
        QVERIFY(window.settle());
        QVERIFY(driver.page().alpha() != 0.95);
        // A bar chooses its rounding, a point of the curve its alpha.
        Q_EMIT driver.page().linkActivated(QStringLiteral("activations:int4 tensor"));
        QVERIFY(window.settle());
        QVERIFY((driver.page().quant() == ActivationQuant{ActivationBits::Int4, ActivationScales::Tensor}));
        QCOMPARE(driver.figure("activations.smoothing")->title, std::string("Smoothing, INT4\u00a0tensor"));
        Q_EMIT driver.page().linkActivated(QStringLiteral("alpha:0.75"));
        QVERIFY(window.settle());
        QCOMPARE(driver.page().alpha(), 0.75);
        QVERIFY(!driver.button("Measure KL")->isEnabled());
        QVERIFY(driver.choose("Order of the channels", 1));
        const auto &steps = driver.figure("activations.channels")->series[0].y;
        QVERIFY(std::is_sorted(steps.rbegin(), steps.rend()));
        QVERIFY(!window->session().activationEvidence());
        QVERIFY(driver.choose("Quantity of the inputs", 1));
        QCOMPARE(driver.figure("activations.inputs")->title, std::string("Range of each input"));
        window->pages().setTableShown(true);
        window->pages().setTableShown(false);
        // No command makes such inputs: the tensor's own is copied.
        window->actions()[ActionId::CopyCommand]->trigger();
        QVERIFY(QApplication::clipboard()->text().startsWith(QLatin1String("nibblescope-cli analyze ")));
    }

    void importsAFolder() {
        const std::filesystem::path folder = m_folder.filePath(QStringLiteral("inputs")).toStdString();
        std::filesystem::create_directory(folder);
        std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (20, 64), }";
        header.resize(117, ' ');
        header += '\n';
        std::ofstream file(folder / "model.layers.1.mlp.gate_proj.npy", std::ios::binary);
        file << "\x93NUMPY\x01" << '\0' << static_cast<char>(header.size()) << '\0' << header;
        SyntheticActivations options;
        options.tokens = 20;
        const ActivationMatrix x = syntheticActivations(options);
        file.write(reinterpret_cast<const char *>(x.values.data()), static_cast<std::streamsize>(20 * 64 * 4));
        file.close();
        Window window;
        QVERIFY(window.open(m_model));
        QVERIFY(window.select("model.layers.1.mlp.up_proj.weight"));
        Driver driver(window);
        QVERIFY(driver.open());
        // The small model has no tokenizer: it cannot be run on a text.
        QVERIFY2(driver.page().placeholder().contains(QLatin1String("has no tokenizer")),
                 qPrintable(driver.page().placeholder()));
        QVERIFY(driver.chooseSource(1));
        QVERIFY2(driver.page().placeholder().startsWith(QLatin1String("Choose a folder")),
                 qPrintable(driver.page().placeholder()));
        driver.page().setFolderPath(QString::fromStdString(folder.string()));
        QVERIFY(window.settle());
        QTRY_VERIFY_WITH_TIMEOUT(driver.page().placeholder().isEmpty(), patience);
        QVERIFY2(window.reading().contains(QLatin1String("layers.1.mlp.up_proj")), qPrintable(window.reading()));
        QVERIFY(window.select("model.layers.0.mlp.up_proj.weight"));
        QVERIFY2(window.reading().contains(QLatin1String("There is no file for layers.0.mlp.up_proj")),
                 qPrintable(window.reading()));
        window->actions()[ActionId::CopyCommand]->trigger();
        QCOMPARE(QApplication::clipboard()->text(),
                 QStringLiteral("nibblescope-cli calibrate %1 --activations %2 --out small.calibration.h5")
                     .arg(m_model, QString::fromStdString(folder.string())));
        driver.page().setFolderPath(m_folder.filePath(QStringLiteral("nowhere")));
        QVERIFY(window.settle());
        QTRY_VERIFY_WITH_TIMEOUT(driver.page().placeholder().contains(QLatin1String("is no folder")), patience);
    }

    // A model beyond 64 million weights is run when it is asked for. The file is a header and a hole.
    void aLargeModelIsRunOnRequest() {
        const std::filesystem::path folder = m_folder.filePath(QStringLiteral("large")).toStdString();
        SmallModel options;
        options.layers = 1;
        options.mlp = 400'000;
        writeHollowModel(folder, options);
        Window window;
        QVERIFY(window.open(QString::fromStdString(folder.string())));
        Driver driver(window);
        QVERIFY(driver.open());
        driver.page().setTextPath(writeIds());
        driver.control<QSpinBox>("Windows")->setValue(1);
        QVERIFY(window.settle());
        QVERIFY2(driver.page().placeholder().contains(QLatin1String("With 76 million weights that takes a while.")),
                 qPrintable(driver.page().placeholder()));
        QVERIFY(!window->session().activationEvidence());
        QPushButton *collect = driver.button("Collect");
        QVERIFY(collect != nullptr && collect->isVisible() && collect->isEnabled());
        collect->click();
        QTRY_VERIFY_WITH_TIMEOUT(window->session().activationEvidence().has_value(), 60000);
        QVERIFY(window.settle());
        QCOMPARE(driver.page().placeholder(), QString());
    }

    void collectingIsCancelled() {
        Window window;
        QVERIFY(window.open(MainWindow::samplePath()));
        Driver driver(window);
        driver.page().setOptions({{"windows", 200}});
        window->pages().show(PageId::Activations);
        QTRY_VERIFY_WITH_TIMEOUT(window->actions()[ActionId::CancelJob]->isEnabled(), patience);
        QVERIFY(driver.button("Cancel") != nullptr);
        window->actions()[ActionId::CancelJob]->trigger();
        QVERIFY(window.settle());
        QVERIFY2(driver.page().placeholder().startsWith(QLatin1String("Stopped")),
                 qPrintable(driver.page().placeholder()));
        driver.control<QSpinBox>("Windows")->setValue(1);
        QVERIFY(window.settle());
        QTRY_VERIFY_WITH_TIMEOUT(driver.page().placeholder().isEmpty(), patience);
    }

private:
    // The files of a small model with its MLP in F32 as a hole of zeros.
    static void writeHollowModel(const std::filesystem::path &folder, const SmallModel &options) {
        SmallModel small = options;
        small.mlp = 172;
        writeSmallModel(folder, small);
        replaceMlp(folder / "config.json", options.mlp);
        nlohmann::ordered_json header;
        std::uint64_t end = 0;
        for (const TensorInfo &info : openModel(folder).tensors) {
            std::vector<std::uint64_t> shape = info.shape;
            for (std::uint64_t &side : shape)
                side = side == small.mlp ? options.mlp : side;
            std::uint64_t bytes = 4;
            for (const std::uint64_t side : shape)
                bytes *= side;
            header[info.name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
            end += bytes;
        }
        std::string text = header.dump();
        text.resize((text.size() + 7) / 8 * 8, ' ');
        const std::uint64_t length = text.size();
        std::ofstream out(folder / "model.safetensors", std::ios::binary);
        out.write(reinterpret_cast<const char *>(&length), sizeof length);
        out << text;
        out.close();
        std::filesystem::resize_file(folder / "model.safetensors", sizeof length + length + end);
    }
    static void replaceMlp(const std::filesystem::path &path, std::uint64_t mlp) {
        std::ifstream in(path);
        auto config = nlohmann::ordered_json::parse(in);
        config["intermediate_size"] = mlp;
        std::ofstream(path) << config;
    }
    QString writeIds() {
        const QString path = m_folder.filePath(QStringLiteral("ids.npy"));
        std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (300,), }";
        header.resize(117, ' ');
        std::string ids;
        for (int i = 0; i < 300; ++i)
            ids += static_cast<char>(i * 37 % 128);
        std::ofstream(path.toStdString(), std::ios::binary)
            << "\x93NUMPY\x01" << '\0' << static_cast<char>(118) << '\0' << header << '\n'
            << ids;
        return path;
    }

    QTemporaryDir m_folder;
    QString m_model;
};

QTEST_MAIN(ActivationsPageTest)
#include "activations_page_test.moc"
