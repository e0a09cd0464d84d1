// SPDX-License-Identifier: GPL-3.0-or-later
// Statistics, their file, and the methods that use them, against the reference's arrays.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/awq.h"
#include "core/model/calibration.h"
#include "core/model/linear_errors.h"
#include "core/model/recipe_edit.h"
#include "core/model/sequential.h"
#include "core/model/token_ids.h"
#include "core/quant/quantize.h"
#include "tests/support/model_inputs.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

#ifdef NIBBLESCOPE_SHARED_DATA
const fs::path stories = fs::path(test_paths::sharedData) / "data/stories260K";

// The last `count` values of a .npy file.
template <typename Value>
std::vector<Value> golden(const std::string &name, std::size_t count) {
    const std::string bytes = testing::readFile(stories / "golden" / (name + ".npy"));
    std::vector<Value> values(count);
    std::memcpy(values.data(), bytes.data() + (bytes.size() - count * sizeof(Value)), count * sizeof(Value));
    return values;
}

// Column `column` of a table, by row names.
std::map<std::string, double> goldenColumn(const std::string &file, const std::string &column) {
    std::istringstream lines(testing::readFile(stories / "golden" / file));
    std::map<std::string, double> values;
    std::vector<std::string> header;
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> cells;
        std::istringstream parts(line);
        for (std::string cell; std::getline(parts, cell, ',');)
            cells.push_back(cell);
        if (header.empty())
            header = cells;
        else
            values[cells[0]] = std::stod(
                cells[static_cast<std::size_t>(std::find(header.begin(), header.end(), column) - header.begin())]);
    }
    return values;
}
#endif

} // namespace

class CalibrationTest : public QObject {
    Q_OBJECT
private:
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};
    QTemporaryDir m_folder;

    fs::path inFolder(const char *name) const { return fs::path(m_folder.path().toStdString()) / name; }

    void writeCalibration(const Llama &llama, const TokenWindows &windows, const fs::path &path) {
        const CalibrationHeader header{llama.model().name, fingerprintOf(llama.model()),    windows.context,
                                       windows.count,      windows.count * windows.context, llama.config().vocabulary};
        CalibrationWriter writer(path, header, windows);
        calibrate(
            llama, windows, [&](const std::string &name, const InputStatistics &s) { writer.add(name, s); }, m_work);
        writer.commit();
    }

private slots:
    void initTestCase() {
        qputenv("NIBBLESCOPE_HELPER", test_paths::commandLineProgram); // the program that reads HDF5
    }

    void keepsStatisticsInAFile() {
        test::writeSmallModel(inFolder("small"));
        const Model model = openModel(inFolder("small"));
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(llama.config().vocabulary, 3, 16);
        writeCalibration(llama, windows, inFolder("c.h5"));
        std::vector<std::string> warnings;
        const CalibrationFile file(inFolder("c.h5"), model, warnings);
        QVERIFY(warnings.empty());
        QVERIFY(file.windows().ids == windows.ids);
        const auto q = file.statisticsFor("model.layers.1.self_attn.q_proj.weight");
        const auto v = file.statisticsFor("model.layers.1.self_attn.v_proj.weight");
        QCOMPARE(q->positions, std::uint64_t{48});
        QCOMPARE(q->gram.size(), std::size_t{64 * 64});
        QVERIFY(q->gram == v->gram);
        // The same sums from the inputs themselves.
        HiddenStates states = embedWindows(llama, windows, m_work);
        double first = 0;
        for (std::size_t layer = 0; layer < 2; ++layer)
            for (auto &state : states)
                llama.run(llama.layer(layer, m_work), state,
                          [&](InputKind kind, std::span<const float> x, std::size_t cols) {
                              for (std::size_t at = 0; layer == 1 && kind == InputKind::Attention && at < x.size();
                                   at += cols)
                                  first += double(x[at]) * double(x[at + 1]);
                          });
        QVERIFY(std::fabs(q->gram[1] - first) < 1e-4 * q->gram[0]);
        QCOMPARE(q->gram[1], q->gram[64]);
    }

    void refusesAnotherModelsCalibration() {
        test::SmallModel options;
        test::writeSmallModel(inFolder("first"), options);
        const Model model = openModel(inFolder("first"));
        writeCalibration(Llama(model), testing::someWindows(128, 2, 8), inFolder("first.h5"));
        const auto problem = [&](const char *folder, std::vector<std::string> &warnings) -> std::string {
            try {
                const CalibrationFile file(inFolder("first.h5"), openModel(inFolder(folder)), warnings);
            } catch (const Error &error) {
                return error.what();
            }
            return {};
        };
        std::vector<std::string> warnings;
        options.seed = 5;
        test::writeSmallModel(inFolder("other weights"), options);
        QVERIFY(problem("other weights", warnings).empty());
        QCOMPARE(warnings.size(), std::size_t{1});
        options.mlp = 128;
        test::writeSmallModel(inFolder("other sizes"), options);
        QVERIFY(problem("other sizes", warnings).find("another model") != std::string::npos);
        options.mlp = 172;
        options.layers = 1;
        test::writeSmallModel(inFolder("fewer layers"), options);
        QVERIFY(problem("fewer layers", warnings).find("another model") != std::string::npos);
        testing::writeFile(inFolder("first.h5"), "no HDF5 at all");
        QVERIFY(!problem("first", warnings).empty());
    }

    // More channels than positions: the damping carries it, and where it must be larger than asked for that is said.
    void worksWithFewPositions() {
        test::writeSmallModel(inFolder("few"));
        const Model model = openModel(inFolder("few"));
        const Llama llama(model);
        writeCalibration(llama, testing::someWindows(128, 1, 8), inFolder("few.h5"));
        std::vector<std::string> warnings;
        Recipe recipe = defaultRecipe(Format::Int4Asym);
        recipe.method = "gptq";
        const RecipeEdit edit(
            model, {recipe, {}, std::make_shared<const CalibrationFile>(inFolder("few.h5"), model, warnings)});
        std::vector<float> weights = llama.tensor(llama.tensors().layers[0].linears[6], m_work, &edit);
        QVERIFY(std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w); }));
        QVERIFY(edit.warnings().empty());
        recipe.damp = 1e-17;
        const RecipeEdit barely(
            model, {recipe, {}, std::make_shared<const CalibrationFile>(inFolder("few.h5"), model, warnings)});
        llama.tensor(llama.tensors().layers[0].linears[6], m_work, &barely);
        QCOMPARE(barely.warnings().size(), std::size_t(1));
        QVERIFY(barely.warnings()[0].find("down_proj.weight: its statistics are not positive definite") !=
                std::string::npos);
    }

#ifdef NIBBLESCOPE_SHARED_DATA
private:
    std::shared_ptr<const StatisticsSource> storiesCalibration(const Llama &llama) {
        if (!m_stories) {
            WindowOptions options;
            options.bos = 1;
            options.vocabulary = 512;
            options.windows = 128;
            m_windows = cutIntoWindows(readTokenIds(stories / "tinystories-calib.tok512.npy"), options);
            const auto store = std::make_shared<StatisticsStore>();
            calibrate(
                llama, m_windows,
                [&](const std::string &name, const InputStatistics &statistics) {
                    store->add(name, std::make_shared<const InputStatistics>(statistics));
                },
                m_work);
            m_stories = store;
        }
        return m_stories;
    }
    std::shared_ptr<const StatisticsSource> m_stories;
    TokenWindows m_windows;

    static InputStatistics goldenStatistics(std::size_t layer, InputKind input) {
        const std::string name = "layers." + std::to_string(layer) + "." +
                                 (input == InputKind::Attention ? "q_proj"
                                  : input == InputKind::Output  ? "o_proj"
                                  : input == InputKind::Mlp     ? "gate_proj"
                                                                : "down_proj");
        InputStatistics statistics;
        statistics.cols = input == InputKind::Down ? 172 : 64;
        statistics.gram = golden<double>("gram." + name, statistics.cols * statistics.cols);
        statistics.meanAbs = golden<double>("mean_abs." + name, statistics.cols);
        return statistics;
    }

    static Recipe methodRecipe(const char *json) { return recipeFromJson(nlohmann::ordered_json::parse(json)); }

private slots:
    void collectsTheGoldenGrams() {
        const Model model = openModel(stories);
        const Llama llama(model);
        const auto source = storiesCalibration(llama);
        for (std::size_t layer = 0; layer < 5; ++layer)
            for (std::size_t k = 0; k < inputCount; ++k) {
                const auto own = source->statisticsFor(inputName(layer, static_cast<InputKind>(k)));
                const InputStatistics reference = goldenStatistics(layer, static_cast<InputKind>(k));
                QCOMPARE(own->positions, std::uint64_t{32768});
                const double largest = *std::max_element(reference.gram.begin(), reference.gram.end());
                for (std::size_t i = 0; i < reference.gram.size(); ++i)
                    QVERIFY(std::fabs(own->gram[i] - reference.gram[i]) < 1e-5 * largest);
                for (std::size_t i = 0; i < reference.meanAbs.size(); ++i)
                    QVERIFY(std::fabs(own->meanAbs[i] / reference.meanAbs[i] - 1) < 1e-5);
            }
    }

    void choosesTheGoldenCodes_data() {
        QTest::addColumn<int>("linear");
        QTest::addColumn<QByteArray>("name");
        for (const auto &[linear, name] : {std::pair{4, "gate_proj"}, std::pair{6, "down_proj"}})
            for (const char *kind : {"asym64", "asym64.act", "asym32", "asym32.act"})
                QTest::addRow("%s %s", name, kind) << linear << QByteArray(name) + "." + kind;
    }
    void choosesTheGoldenCodes() {
        QFETCH(int, linear);
        QFETCH(QByteArray, name);
        const Model model = openModel(stories);
        const Llama llama(model);
        const auto kind = static_cast<LinearKind>(linear);
        const MatrixShape shape = linearShape(llama.config(), kind);
        const std::vector<float> weights =
            llama.tensor(llama.tensors().layers[0].linears[static_cast<std::size_t>(linear)], m_work);
        Recipe recipe = methodRecipe(R"({"format": "int4-asym", "method": "gptq"})");
        recipe.groupSize = GroupSize::of(name.contains("32") ? 32 : 64);
        recipe.actOrder = name.endsWith("act");
        const InputStatistics statistics = goldenStatistics(0, inputOf(kind));
        const QuantizeOutcome outcome = quantize({weights, shape, recipe, nullptr, &statistics}, m_work);
        const std::string prefix = "gptq.layers.0." + name.toStdString();
        const auto codes = golden<std::uint8_t>(prefix + ".codes", shape.size());
        std::size_t same = 0;
        for (std::size_t i = 0; i < codes.size(); ++i)
            same += codeAt(outcome.tensor, i) == codes[i] ? 1 : 0;
        const double share = static_cast<double>(same) / static_cast<double>(codes.size());
        QVERIFY2(share >= 0.998, qPrintable(QString::number(share)));
        const auto scales = golden<float>(prefix + ".scales", outcome.tensor.decodeScales.size());
        std::size_t equalScales = 0;
        for (std::size_t i = 0; i < scales.size(); ++i)
            equalScales += scales[i] == outcome.tensor.decodeScales[i] ? 1 : 0;
        QVERIFY(static_cast<double>(equalScales) >= 0.99 * static_cast<double>(scales.size()));
        QVERIFY(outcome.warnings.empty());
    }

    // The output error of all 35 linears under the methods of the table.
    void hasTheGoldenOutputErrors_data() {
        QTest::addColumn<QByteArray>("column");
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<double>("tolerance");
        const auto row = [](const char *column, const char *json, double tolerance) {
            QTest::newRow(column) << QByteArray(column) << QByteArray(json) << tolerance;
        };
        row("asym-32", R"({"format": "int4-asym", "group_size": 32})", 1e-4);
        row("mse-asym-32", R"({"format": "int4-asym", "group_size": 32, "method": "mse"})", 5e-3);
        row("iw-int4-32", R"({"format": "int4", "group_size": 32, "method": "iw"})", 5e-3);
        row("iw-asym-32", R"({"format": "int4-asym", "group_size": 32, "method": "iw"})", 5e-3);
        row("hqq-64", R"({"format": "int4-asym", "group_size": 64, "method": "hqq"})", 5e-3);
        row("hqq-32", R"({"format": "int4-asym", "group_size": 32, "method": "hqq"})", 5e-3);
        row("gptq-asym-64", R"({"format": "int4-asym", "group_size": 64, "method": "gptq"})", 5e-3);
        row("gptq-asym-64-act", R"({"format": "int4-asym", "group_size": 64, "method": "gptq", "act_order": true})",
            5e-3);
        row("gptq-asym-32", R"({"format": "int4-asym", "group_size": 32, "method": "gptq"})", 5e-3);
        row("gptq-asym-32-act", R"({"format": "int4-asym", "group_size": 32, "method": "gptq", "act_order": true})",
            5e-3);
        row("gptq-nf4-64", R"({"format": "nf4", "group_size": 64, "method": "gptq"})", 5e-3);
        row("gptq-int4-32", R"({"format": "int4", "group_size": 32, "method": "gptq"})", 5e-3);
        row("gptq-asym-64-seq", R"({"format": "int4-asym", "group_size": 64, "method": "gptq", "sequential": true})",
            1e-2);
        row("gptq-asym-32-seq-act",
            R"({"format": "int4-asym", "group_size": 32, "method": "gptq", "sequential": true, "act_order": true})",
            1e-2);
        row("awq-64", R"({"format": "int4-asym", "group_size": 64, "method": "awq"})", 2e-2);
        row("awq-32", R"({"format": "int4-asym", "group_size": 32, "method": "awq"})", 2e-2);
        row("awq-32-noclip", R"({"format": "int4-asym", "group_size": 32, "method": "awq", "awq_no_clip": true})",
            2e-2);
    }
    void hasTheGoldenOutputErrors() {
        QFETCH(QByteArray, column);
        QFETCH(QByteArray, json);
        QFETCH(double, tolerance);
        const Model model = openModel(stories);
        const Llama llama(model);
        ModelPlan plan{methodRecipe(json.constData()), {}, storiesCalibration(llama)};
        if (plan.recipe.sequential)
            plan.calibration = sequentialStatistics(llama, m_windows, plan, m_work);
        std::unique_ptr<AwqEdit> awq;
        std::unique_ptr<RecipeEdit> plain;
        if (plan.recipe.method == "awq")
            awq = std::make_unique<AwqEdit>(llama, plan, m_work);
        else
            plain = std::make_unique<RecipeEdit>(model, plan);
        const auto reference = goldenColumn("output_error.csv", column.toStdString());
        const auto errors =
            linearErrors(llama, awq ? static_cast<const WeightEdit &>(*awq) : *plain, *m_stories, m_work);
        QCOMPARE(errors.size(), std::size_t{35});
        double worst = 0;
        for (const LinearError &error : errors)
            worst = std::max(worst, std::fabs(*error.outputError / reference.at(error.name) - 1));
        qInfo() << "largest deviation" << worst;
        QVERIFY(worst < tolerance);
        if (awq && column != "awq-32-noclip") {
            const auto exponents = goldenColumn("awq_exponents.csv", column.toStdString());
            for (const AwqEdit::Choice &choice : awq->choices())
                QCOMPARE(choice.exponent, static_cast<int>(exponents.at(choice.set)));
            QCOMPARE(awq->remarks().size(), std::size_t{1});
        }
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::CalibrationTest)
#include "calibration_test.moc"
