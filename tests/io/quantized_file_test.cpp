// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "core/io/export.h"
#include "core/io/hdf5/quantized_file.h"
#include "core/io/open.h"
#include "core/quant/quantize.h"
#include "core/report/command_line.h"
#include "core/tensor/decode.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;
using namespace nibblescope::testing;
namespace fs = std::filesystem;

Q_DECLARE_METATYPE(nibblescope::Recipe)

namespace {

std::string readBytes(const Model &model, std::size_t index) {
    const TensorInfo &info = model.tensors[index];
    std::string bytes((info.params * traits(info.dtype).bits + 7) / 8, '\0');
    model.reader->readElements(index, 0, info.params, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

std::vector<float> floats(const std::string &bytes, DType dtype = DType::F32) {
    std::vector<float> values(bytes.size() * 8 / traits(dtype).bits);
    decodeToF32(dtype, std::as_bytes(std::span(bytes)), values.data(), scalarKernels());
    return values;
}

std::vector<std::size_t> all(const Model &model) {
    std::vector<std::size_t> indices(model.tensors.size());
    for (std::size_t i = 0; i < indices.size(); ++i)
        indices[i] = i;
    return indices;
}

// What quantizing in memory gives, in the stored orientation.
std::vector<float> expected(const Model &model, std::size_t index, const ModelPlan &plan, const Work &work) {
    const TensorInfo &info = model.tensors[index];
    const Layout layout = layoutOf(info, plan.rule);
    const MatrixShape shape = matrixShape(info, layout);
    const std::vector<float> stored = floats(readBytes(model, index), info.dtype);
    std::vector<float> matrix = stored;
    const auto flip = [&](const std::vector<float> &from, std::vector<float> &to, bool toMatrix) {
        for (std::size_t i = 0; i < stored.size(); ++i) {
            const std::size_t place = i % shape.rows * shape.cols + i / shape.rows;
            (toMatrix ? to[place] : to[i]) = toMatrix ? from[i] : from[place];
        }
    };
    if (layout == Layout::InOut)
        flip(stored, matrix, true);
    std::vector<float> decoded(matrix.size());
    quantize({matrix, shape, plan.recipe, decoded.data()}, work);
    if (layout == Layout::OutIn)
        return decoded;
    std::vector<float> back(decoded.size());
    flip(decoded, back, false);
    return back;
}

} // namespace

class QuantizedFileTest : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder->path().toStdString()) / name; }

    Model source() const {
        const auto values = [](std::size_t n, unsigned seed) { return f32Bytes(normalValues(n, seed)); };
        std::string bf16(2 * 20 * 64, '\0');
        std::vector<float> weights = normalValues(20 * 64, 9);
        encodeFromF32(DType::BF16, weights, std::as_writable_bytes(std::span(bf16)), scalarKernels());
        writeFile(at("model.safetensors"),
                  madeSafetensors({{"model.embed_tokens.weight", "F32", {30, 16}, values(480, 1)},
                                   {"a.weight", "F32", {24, 171}, values(24 * 171, 2)},
                                   {"b/c/deep.weight", "BF16", {20, 64}, bf16},
                                   {"h.0.c_fc.weight", "F32", {48, 33}, values(48 * 33, 3)},
                                   {"a", "F32", {3}, values(3, 4)},
                                   {"a/b", "F16", {2}, "abcd"},
                                   {"odd//name", "I64", {}, "12345678"},
                                   {"conv.weight", "F32", {16, 4, 3, 3}, values(576, 5)},
                                   {"norm.bias", "BF16", {2, 2}, "abcdefgh"},
                                   {"empty", "F32", {0, 4}, {}},
                                   {"mask", "BOOL", {4}, std::string("\0\1\1\0", 4)},
                                   {"four", "F4", {2, 5}, "12345"},
                                   {"z", "C64", {2}, std::string(16, 'z')}}));
        writeFile(at("config.json"), R"({"model_type":"gpt2"})");
        return openModel(at(""));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    WorkerPool m_pool{2};
    Work m_work{m_pool, scalarKernels(), Priority::Interactive, {}, {}};

    static std::vector<std::pair<const char *, Recipe>> namedRecipes() {
        std::vector<std::pair<const char *, Recipe>> recipes;
        const auto add = [&recipes](const char *name, Format format, auto change) {
            Recipe recipe = defaultRecipe(format);
            change(recipe);
            recipes.emplace_back(name, recipe);
        };
        add("int4", Format::Int4, [](Recipe &) {});
        add("int4 row, bf16", Format::Int4, [](Recipe &r) {
            r.groupSize = GroupSize::row();
            r.scaleType = ScaleType::BF16;
        });
        add("int4 tensor, f32", Format::Int4, [](Recipe &r) {
            r.groupSize = GroupSize::tensor();
            r.scaleType = ScaleType::F32;
        });
        add("int4-max 32", Format::Int4Max, [](Recipe &r) { r.groupSize = GroupSize::of(32); });
        add("int4-asym 33", Format::Int4Asym, [](Recipe &r) { r.groupSize = GroupSize::of(33); });
        add("int4-asym dq", Format::Int4Asym, [](Recipe &r) { r.doubleQuant = DoubleQuant::Int8; });
        add("int4-max dq", Format::Int4Max, [](Recipe &r) {
            r.doubleQuant = DoubleQuant::Dynamic;
            r.groupSize = GroupSize::of(16);
        });
        add("nf4", Format::Nf4, [](Recipe &) {});
        add("nf4 flat", Format::Nf4, [](Recipe &r) { r.blocks = Blocks::Flat; });
        add("nf4 flat 50 mse", Format::Nf4, [](Recipe &r) {
            r.blocks = Blocks::Flat;
            r.groupSize = GroupSize::of(50);
            r.method = "mse";
        });
        add("nf4 dq", Format::Nf4, [](Recipe &r) {
            r.doubleQuant = DoubleQuant::Dynamic;
            r.groupSize = GroupSize::of(16);
        });
        add("nf4 flat dq", Format::Nf4, [](Recipe &r) {
            r.doubleQuant = DoubleQuant::Dynamic;
            r.blocks = Blocks::Flat;
        });
        add("fp4", Format::Fp4, [](Recipe &) {});
        add("mxfp4", Format::Mxfp4, [](Recipe &) {});
        add("int8", Format::Int8, [](Recipe &) {});
        add("fitted", Format::Fitted, [](Recipe &) {});
        add("fitted flat 50 mse", Format::Fitted, [](Recipe &r) {
            r.blocks = Blocks::Flat;
            r.groupSize = GroupSize::of(50);
            r.method = "mse";
        });
        add("fitted dq", Format::Fitted, [](Recipe &r) {
            r.doubleQuant = DoubleQuant::Dynamic;
            r.groupSize = GroupSize::of(16);
        });
        return recipes;
    }
    static std::vector<Recipe> testRecipes() {
        std::vector<Recipe> recipes;
        for (const auto &[name, recipe] : namedRecipes())
            recipes.push_back(recipe);
        return recipes;
    }
    static void addRecipes() {
        QTest::addColumn<Recipe>("recipe");
        for (const auto &[name, recipe] : namedRecipes())
            QTest::newRow(name) << recipe;
    }

private slots:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void writesAndReadsBack_data() { addRecipes(); }
    void writesAndReadsBack() {
        QFETCH(Recipe, recipe);
        const Model model = source();
        ModelPlan plan{recipe, {}};
        plan.rule.include = {"conv.weight"};
        const ExportSummary summary = exportQuantized(model, all(model), plan, at("out.h5"), m_work);
        QCOMPARE(summary.tensors, model.tensors.size());
        QCOMPARE(summary.quantizedTensors, 4U);
        QCOMPARE(summary.fileBytes, fs::file_size(at("out.h5")));

        const Model own = openModel(at("out.h5"));
        QCOMPARE(own.format, std::string("nibblescope-hdf5"));
        QVERIFY(isQuantizedFile(own));
        QVERIFY(own.warnings.empty());
        QCOMPARE(own.tensors.size(), model.tensors.size());
        QCOMPARE(own.storedRecipes.size(), model.tensors.size());
        std::size_t quantized = 0;
        for (std::size_t i = 0; i < model.tensors.size(); ++i) {
            QCOMPARE(own.tensors[i].name, model.tensors[i].name);
            QCOMPARE(own.tensors[i].shape, model.tensors[i].shape);
            if (own.storedRecipes[i].is_null()) {
                QCOMPARE(own.tensors[i].dtype == model.tensors[i].dtype, true);
                QCOMPARE(readBytes(own, i), readBytes(model, i));
                continue;
            }
            ++quantized;
            QVERIFY(recipeFromJson(own.storedRecipes[i]) == recipe);
            const std::vector<float> values = expected(model, i, plan, m_work);
            QCOMPARE(floats(readBytes(own, i)), values);
            // Any range, from the middle of a byte and of a group.
            std::vector<float> part(values.size() - 40);
            own.reader->readElements(i, 37, part.size(), std::as_writable_bytes(std::span(part)));
            QCOMPARE(part, std::vector<float>(values.begin() + 37, values.end() - 3));
            const QuantizedTensor tensor = readQuantized(own, i);
            QCOMPARE(tensor.grid.size(), model.tensors[i].params);
            if (own.tensors[i].layout == Layout::OutIn)
                QCOMPARE(dequantize(tensor), values);
        }
        QCOMPARE(quantized, 4U);
    }

#ifdef NIBBLESCOPE_H5PY
    // One run of Python for all recipes: its start takes longest.
    void decodedByPythonAlone() {
        const Model model = source();
        const std::string text = readFile(fs::path(test_paths::sources) / "resources/docs/quantized-hdf5.md");
        const std::size_t begin = text.find("```python\n") + 10;
        writeFile(at("decode.py"), text.substr(begin, text.find("```", begin) - begin) + R"(
import os, sys
for folder in sys.argv[1:]:
    with h5py.File(folder + "/out.h5", "r") as f:
        names = []
        f["tensors"].visititems(lambda path, t: names.append(path) if t.attrs.get("dtype") in (b"F32", b"BF16") else None)
        for name in names:
            weights(f, name).astype("<f4").tofile(folder + "/" + name.replace("/", "_"))
)");
        std::string command = "/usr/bin/python3 " + shellQuoted(at("decode.py").string());
        const std::vector<Recipe> recipes = testRecipes();
        for (std::size_t i = 0; i < recipes.size(); ++i) {
            const fs::path folder = at("recipe" + std::to_string(i));
            fs::create_directory(folder);
            exportQuantized(model, all(model), {recipes[i], {}}, folder / "out.h5", m_work);
            command += " " + shellQuoted(folder.string());
        }
        // Not QProcess: once Qt has forked in it, the thread sanitizer follows this thread's locks no more.
        QCOMPARE(std::system(command.c_str()), 0);
        for (std::size_t r = 0; r < recipes.size(); ++r) {
            const fs::path folder = at("recipe" + std::to_string(r));
            const Model own = openModel(folder / "out.h5");
            std::size_t compared = 0;
            for (std::size_t i = 0; i < own.tensors.size(); ++i) {
                std::string file = own.tensors[i].name;
                std::replace(file.begin(), file.end(), '/', '_');
                if (own.storedRecipes[i].is_null() && own.tensors[i].name != "norm.bias")
                    continue;
                ++compared;
                QCOMPARE(floats(readFile(folder / file)), floats(readBytes(own, i), own.tensors[i].dtype));
            }
            QCOMPARE(compared, 4U);
        }
    }
#endif

    void dequantizedEqualsTheDefinition_data() { addRecipes(); }
    void dequantizedEqualsTheDefinition() {
        QFETCH(Recipe, recipe);
        const Model model = source();
        const ModelPlan plan{recipe, {}};
        const ExportSummary summary =
            exportDequantized(model, all(model), plan, at("out.safetensors"), std::nullopt, m_work);
        QCOMPARE(summary.quantizedTensors, 3U);
        const Model out = openModel(at("out.safetensors"));
        QCOMPARE(out.tensors.size(), model.tensors.size());
        for (std::size_t i = 0; i < model.tensors.size(); ++i) {
            const TensorInfo &info = model.tensors[i];
            const std::size_t place = *out.find(info.name);
            QCOMPARE(out.tensors[place].shape, info.shape);
            QVERIFY(out.tensors[place].dtype == info.dtype);
            if (keptReason(info, plan.rule)) {
                QCOMPARE(readBytes(out, place), readBytes(model, i));
                continue;
            }
            const std::vector<float> values = expected(model, i, plan, m_work);
            std::string bytes(values.size() * traits(info.dtype).bits / 8, '\0');
            encodeFromF32(info.dtype, values, std::as_writable_bytes(std::span(bytes)), scalarKernels());
            QCOMPARE(readBytes(out, place), bytes);
        }
    }

    void refusesWhatCannotBeWritten() {
        std::vector<float> values = normalValues(16 * 16, 1);
        const auto errorFor = [&](std::optional<DType> type) {
            writeFile(at("x.safetensors"), madeSafetensors({{"w", "F32", {16, 16}, f32Bytes(values)}}));
            const Model model = openModel(at("x.safetensors"));
            try {
                exportDequantized(model, {0}, {defaultRecipe(Format::Int8), {}}, at("out.safetensors"), type, m_work);
            } catch (const Error &error) {
                return std::string(error.what());
            }
            return std::string();
        };
        values[5] = 300000;
        QCOMPARE(errorFor(DType::F32), std::string());
        fs::remove(at("out.safetensors"));
        const std::string large = errorFor(DType::F16);
        QVERIFY2(large.find("w decodes to 299974") == 0 &&
                     large.find("F16 cannot hold. Use BF16 or F32") != std::string::npos,
                 large.c_str());
        values[17] = std::numeric_limits<float>::infinity();
        values[40] = std::numeric_limits<float>::quiet_NaN();
        QVERIFY(errorFor(DType::F32).find("w holds 1 NaN and 1 Inf (first at row 1, column 1)") == 0);
        QVERIFY(!fs::exists(at("out.safetensors")));
    }

    void damagedFilesOfOursAreErrors() {
        const Model model = source();
        exportQuantized(model, all(model), {defaultRecipe(Format::Nf4), {}}, at("out.h5"), m_work);
        const std::string whole = readFile(at("out.h5"));
        const auto errorOf = [this] {
            try {
                openModel(at("out.h5"));
            } catch (const Error &error) {
                return std::string(error.what());
            }
            return std::string();
        };
        const auto replaced = [&](const std::string &from, const std::string &to) {
            std::string file = whole;
            for (std::size_t place = file.find(from); place != std::string::npos; place = file.find(from, place + 1))
                file.replace(place, to.size(), to);
            writeFile(at("out.h5"), file);
        };
        replaced("\"group_size\":64", "\"group_size\":16");
        QVERIFY2(errorOf().find("without the part codes") != std::string::npos ||
                     errorOf().find("without the part scales") != std::string::npos,
                 errorOf().c_str());
        replaced("\"format\":\"nf4\"", "\"format\":\"xx4\"");
        QVERIFY(!errorOf().empty());
        writeFile(at("out.h5"), whole.substr(0, whole.size() / 2));
        QVERIFY2(errorOf().find("out.h5 is cut short") == 0, errorOf().c_str());
    }
};

QTEST_GUILESS_MAIN(QuantizedFileTest)
#include "quantized_file_test.moc"
