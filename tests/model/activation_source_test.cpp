// SPDX-License-Identifier: GPL-3.0-or-later
// Activations from a model that runs and from files, and models that run on rounded ones.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/io/npy.h"
#include "core/io/open.h"
#include "core/kernels/kernels.h"
#include "core/model/activation_source.h"
#include "core/model/evaluate.h"
#include "core/model/recipe_edit.h"
#include "core/model/smooth.h"
#include "core/model/token_ids.h"
#include "tests/support/model_inputs.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

std::string floatsOf(const std::vector<float> &values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

std::string matrixFile(const std::vector<float> &values, std::size_t cols) {
    return testing::npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                                std::to_string(values.size() / cols) + ", " + std::to_string(cols) + "), }",
                            floatsOf(values));
}

} // namespace

class ActivationSourceTest : public QObject {
    Q_OBJECT

private:
    WorkerPool m_pool{2};
    Work m_work{m_pool, selectKernels(), Priority::Interactive, {}, {}};
    QTemporaryDir m_folder;

    fs::path inFolder(const std::string &name) const { return fs::path(m_folder.path().toStdString()) / name; }

    class Store : public StatisticsSource {
    public:
        std::map<std::string, std::shared_ptr<const InputStatistics>> known;
        std::shared_ptr<const InputStatistics> statisticsFor(std::string_view tensor) const override {
            return known.at(inputOfTensor(tensor));
        }
    };
    Store calibrated(const Llama &llama, const TokenWindows &windows) {
        Store store;
        calibrate(
            llama, windows,
            [&](const std::string &name, const InputStatistics &statistics) {
                store.known[name] = std::make_shared<const InputStatistics>(statistics);
            },
            m_work);
        return store;
    }
    std::string problem(const Model &model, const fs::path &folder) {
        try {
            importActivations(model, folder, {}, m_work);
        } catch (const Error &error) {
            return error.what();
        }
        return {};
    }
    double klOf(const Llama &llama, const TokenWindows &windows, const WeightEdit *edit,
                std::optional<ActivationQuant> activations) {
        return evaluate(llama, windows, {edit, activations}, m_work).comparison->kl.mean;
    }

private Q_SLOTS:
    void initTestCase() { test::writeSmallModel(inFolder("model")); }

    void collectsWhatTheModelReads() {
        const Model model = openModel(inFolder("model"));
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(128, 3, 40);
        const ActivationSet set = collectActivations(llama, windows, {}, m_work);
        QCOMPARE(set.inputs.size(), std::size_t{8});
        const Store store = calibrated(llama, windows);
        for (const ActivationInput &input : set.inputs) {
            const InputStatistics &known = *store.known.at(input.name);
            QCOMPARE(input.statistics.tokens, std::uint64_t{120});
            QCOMPARE(input.sample.tokens, std::uint64_t{120});
            for (std::size_t i = 0; i < known.cols; ++i)
                QCOMPARE(static_cast<double>(input.statistics.channelMax[i]), known.maxAbs[i]);
            // All positions were kept: the sample's mean |x| is the calibration's.
            double sum = 0;
            for (std::size_t row = 0; row < input.sample.tokens; ++row)
                sum += std::fabs(static_cast<double>(input.sample.values[row * known.cols]));
            QVERIFY(std::fabs(sum / 120 - known.meanAbs[0]) < 1e-6 * known.meanAbs[0] + 1e-12);
        }
        const ActivationInput *attention = set.find("model.layers.1.self_attn.v_proj.weight");
        QVERIFY(attention != nullptr);
        QCOMPARE(attention->name, std::string("model.layers.1.self_attn.q_proj"));
        QCOMPARE(attention->tensors.size(), std::size_t{3});
        QVERIFY(set.find("model.norm.weight") == nullptr);
        QVERIFY(*std::min_element(attention->weightMax.begin(), attention->weightMax.end()) > 0);
    }

    void keepsFewTokensWhereMemoryIsShort() {
        const Model model = openModel(inFolder("model"));
        const Llama llama(model);
        ActivationLimits limits;
        limits.bytes = 1;
        limits.fewestTokens = 7;
        const ActivationSet set = collectActivations(llama, testing::someWindows(128, 3, 40), limits, m_work);
        for (const ActivationInput &input : set.inputs) {
            QCOMPARE(input.sample.tokens, std::uint64_t{7});
            QCOMPARE(input.sample.values.size(), static_cast<std::size_t>(7 * input.sample.channels));
            QCOMPARE(input.statistics.tokens, std::uint64_t{120});
        }
    }

    void stopsWhenAsked() {
        const Model model = openModel(inFolder("model"));
        const Llama llama(model);
        std::stop_source source;
        source.request_stop();
        const Work work{m_pool, selectKernels(), Priority::Interactive, source.get_token(), {}};
        QVERIFY_EXCEPTION_THROWN(collectActivations(llama, testing::someWindows(128, 3, 40), {}, work), Error);
    }

    void importedFilesAreTheSameAsRunning() {
        const Model model = openModel(inFolder("model"));
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(128, 2, 50);
        const ActivationSet ran = collectActivations(llama, windows, {}, m_work);
        const fs::path folder = inFolder("imported");
        fs::create_directory(folder);
        // With and without the ending; one file for those that share an input.
        for (const ActivationInput &input : ran.inputs)
            testing::writeFile(
                folder / (input.name + (input.name.find(".1.") != std::string::npos ? ".weight" : "") + ".npy"),
                matrixFile(input.sample.values, input.sample.channels));
        testing::writeFile(folder / "stranger.npy", matrixFile({1, 2}, 2));
        const ActivationSet read = importActivations(model, folder, {}, m_work);
        QCOMPARE(read.inputs.size(), ran.inputs.size());
        QCOMPARE(read.warnings.size(), std::size_t{1});
        QVERIFY(read.warnings[0].find("stranger.npy") != std::string::npos);
        for (std::size_t i = 0; i < ran.inputs.size(); ++i) {
            QCOMPARE(read.inputs[i].name, ran.inputs[i].name);
            QCOMPARE(read.inputs[i].tensors, ran.inputs[i].tensors);
            QCOMPARE(read.inputs[i].sample.values, ran.inputs[i].sample.values);
            QCOMPARE(read.inputs[i].weightMax, ran.inputs[i].weightMax);
            QVERIFY(read.inputs[i].statistics.values == ran.inputs[i].statistics.values);
        }
        // And the same calibration.
        std::vector<std::string> warnings;
        const Store store = calibrated(llama, windows);
        std::size_t inputs = 0;
        QCOMPARE(calibrateFromFiles(
                     findActivationFiles(model, folder, warnings),
                     [&](const std::string &name, const InputStatistics &statistics) {
                         const InputStatistics &known = *store.known.at(name);
                         ++inputs;
                         QCOMPARE(statistics.positions, known.positions);
                         QCOMPARE(statistics.maxAbs, known.maxAbs);
                         const double largest = *std::max_element(known.gram.begin(), known.gram.end());
                         for (std::size_t k = 0; k < known.gram.size(); ++k)
                             QVERIFY(std::fabs(statistics.gram[k] - known.gram[k]) < 1e-6 * largest);
                     },
                     m_work),
                 std::uint64_t{100});
        QCOMPARE(inputs, std::size_t{8});
        // Its file serves as any other, but for the text that it does not hold.
        const fs::path path = inFolder("imported.h5");
        CalibrationWriter writer(path, {model.name, fingerprintOf(model), 0, 0, 100, 0}, {});
        for (const auto &[name, statistics] : store.known)
            writer.add(name, *statistics);
        writer.commit();
        const CalibrationFile file(path, model, warnings);
        QCOMPARE(file.statisticsFor("model.layers.1.mlp.up_proj.weight")->cols, std::uint64_t{64});
        QVERIFY_EXCEPTION_THROWN(file.windows(), Error);
    }

    void refusesWhatItCannotUse_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QByteArray>("says");
        const auto row = [](const char *name, const std::string &bytes, const char *says) {
            QTest::newRow(name) << QByteArray::fromStdString(bytes) << QByteArray(says);
        };
        const std::string data = floatsOf(std::vector<float>(128, 1.0F));
        const auto with = [&data](const std::string &shape, const std::string &type = "<f4",
                                  const std::string &order = "False") {
            return testing::npyFile(
                "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }", data);
        };
        row("no npy", "PK\x03\x04", "is no .npy file");
        row("empty", "", "is no .npy file");
        row("cut header", std::string("\x93NUMPY\x01\x00\xff\xff{", 11), "its header claims 65535 bytes");
        row("cut", with("(1000, 64)"), "ends before its 64,000 numbers");
        row("overflow", with("(4294967296, 4294967296, 64)"), "is damaged");
        row("negative", with("(-1, 64)"), "has no readable shape");
        row("nested", with("((2), 64)"), "has no readable shape");
        row("huge side", with("(99999999999999999999, 64)"), "has no readable shape");
        row("vector", with("(128,)"), "has the shape [128]");
        row("scalar", with("()"), "has the shape []");
        row("other width", with("(4, 32)"), "has 32 channels, but model.layers.0.self_attn.q_proj.weight reads 64");
        row("no tokens", with("(0, 64)"), "holds no tokens");
        row("doubles", with("(1, 64)", "<f8"), "elements of type <f8");
        row("integers", with("(2, 64)", "<i4"), "elements of type <i4");
        row("objects", with("(2, 64)", "|O"), "elements of type |O");
        row("records", testing::npyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 64), }", data),
            "holds no plain numbers");
        row("columns", with("(2, 64)", "<f4", "True"), "column by column");
        std::vector<float> odd(128, 1.0F);
        odd[64 + 5] = std::nanf("");
        row("NaN", testing::npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 64), }", floatsOf(odd)),
            "holds NaN at token 1, channel 5");
    }
    void refusesWhatItCannotUse() {
        QFETCH(QByteArray, bytes);
        QFETCH(QByteArray, says);
        const Model model = openModel(inFolder("model"));
        const fs::path folder = inFolder("odd");
        fs::create_directory(folder);
        testing::writeFile(folder / "model.layers.0.self_attn.q_proj.npy", bytes.toStdString());
        const std::string text = problem(model, folder);
        QVERIFY2(text.find(says.toStdString()) != std::string::npos, text.c_str());
        QVERIFY(text.find("float32") != std::string::npos);
    }

    void readsOtherForms() {
        const Model model = openModel(inFolder("model"));
        const fs::path folder = inFolder("forms");
        fs::create_directory(folder);
        std::vector<float> values(192);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>(i) - 80;
        // Batches of tokens, big-endian.
        std::string swapped = floatsOf(values);
        for (std::size_t at = 0; at < swapped.size(); at += 4)
            std::reverse(swapped.begin() + static_cast<std::ptrdiff_t>(at),
                         swapped.begin() + static_cast<std::ptrdiff_t>(at + 4));
        testing::writeFile(
            folder / "model.layers.0.mlp.gate_proj.weight.npy",
            testing::npyFile("{\"shape\": (3, 1, 64L), \"descr\": \">f4\", \"fortran_order\": False}", swapped));
        const ActivationSet set = importActivations(model, folder, {}, m_work);
        QCOMPARE(set.inputs.size(), std::size_t{1});
        QCOMPARE(set.inputs[0].sample.tokens, std::uint64_t{3});
        QCOMPARE(set.inputs[0].sample.values, values);
        QVERIFY(problem(model, inFolder("nowhere")).find("is no folder") != std::string::npos);
        fs::create_directory(inFolder("bare"));
        QVERIFY(problem(model, inFolder("bare")).find("named after a matrix") != std::string::npos);
    }

    void roundedActivationsCostWhatTheyShould() {
        const Model model = openModel(inFolder("model"));
        const Llama llama(model);
        const TokenWindows windows = testing::someWindows(128, 4, 40);
        const auto kl = [&](ActivationBits bits, ActivationScales scales) {
            return klOf(llama, windows, nullptr, ActivationQuant{bits, scales});
        };
        const double fine = kl(ActivationBits::Int8, ActivationScales::Token);
        const double coarse = kl(ActivationBits::Int4, ActivationScales::Token);
        QVERIFY(fine > 0);
        QVERIFY(coarse > 50 * fine);
        QVERIFY(kl(ActivationBits::Int4, ActivationScales::Tensor) > fine);
        // Together with weights it is worse than either.
        const RecipeEdit edit(model, {defaultRecipe(Format::Int8), {}});
        const double both = klOf(llama, windows, &edit, ActivationQuant{ActivationBits::Int8, ActivationScales::Token});
        QVERIFY(both > klOf(llama, windows, &edit, {}));
        QVERIFY(both > fine);
        QVERIFY(!evaluate(llama, windows, {}, m_work).comparison);
    }

    // Folded into the norms and the rows before, smoothing alone changes nothing.
    void smoothingIsTheSameModel() {
        test::SmallModel options;
        options.kvHeads = options.heads;
        test::writeSmallModel(inFolder("full heads"), options);
        for (const char *name : {"model", "full heads"}) {
            const Model model = openModel(inFolder(name));
            const Llama llama(model);
            const TokenWindows windows = testing::someWindows(128, 2, 40);
            const Store store = calibrated(llama, windows);
            for (const double alpha : {0.0, 0.5, 1.0}) {
                const SmoothEdit edit(llama, {{}, {}}, store, alpha, m_work);
                const Evaluation result = evaluate(llama, windows, {&edit}, m_work);
                QVERIFY(std::fabs(result.comparison->kl.mean) < 1e-9);
                QCOMPARE(result.comparison->top1Agreement, 1.0);
                QVERIFY(result.comparison->depthErrors.back() < 1e-5);
                QCOMPARE(edit.remarks().size(), std::size_t{name == std::string("model") ? 1U : 0U});
                // The folds taken out again are the weights.
                for (const std::size_t tensor : llama.tensors().layers[0].linears) {
                    const std::vector<float> weights = llama.tensor(tensor, m_work);
                    std::vector<float> back = weights;
                    edit.comparable(tensor, back, m_work);
                    for (std::size_t i = 0; i < back.size(); ++i)
                        QVERIFY(std::fabs(back[i] - weights[i]) <= 1e-6F * std::fabs(weights[i]));
                }
            }
            QVERIFY_EXCEPTION_THROWN(SmoothEdit(llama, {{}, {}}, store, 1.5, m_work), Error);
            Recipe gptq = defaultRecipe(Format::Int4Asym);
            gptq.method = "gptq";
            QVERIFY_EXCEPTION_THROWN(SmoothEdit(llama, {gptq, {}}, store, 0.5, m_work), Error);
        }
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    // A trained model: INT8 by token costs next to nothing, INT4 by tensor nearly everything.
    void storiesShowWhyFourBitsAreHard() {
        const fs::path stories = fs::path(test_paths::sharedData) / "data/stories260K";
        const Model model = openModel(stories);
        const Llama llama(model);
        WindowOptions options;
        options.bos = 1;
        options.vocabulary = 512;
        options.windows = 8;
        const TokenWindows windows = cutIntoWindows(readTokenIds(stories / "tinystories-valid.tok512.npy"), options);
        const auto kl = [&](ActivationBits bits, ActivationScales scales) {
            return klOf(llama, windows, nullptr, ActivationQuant{bits, scales});
        };
        QVERIFY(kl(ActivationBits::Int8, ActivationScales::Token) < 0.005);
        const double token = kl(ActivationBits::Int4, ActivationScales::Token);
        const double tensor = kl(ActivationBits::Int4, ActivationScales::Tensor);
        QVERIFY(tensor > token);
        // NF4 weights cost 0.13.
        QVERIFY(token > 0.13);
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::ActivationSourceTest)
#include "activation_source_test.moc"
