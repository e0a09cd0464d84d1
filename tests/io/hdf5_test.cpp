// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <chrono>
#include <cstring>

#include "core/base/error.h"
#include "core/io/hdf5/helper_process.h"
#include "core/io/open.h"
#include "tests/support/hdf5_maker.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/test_paths.h"

using namespace nibblescope;
using namespace nibblescope::testing;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> namesOf(const Model &model) {
    std::vector<std::string> names;
    for (const TensorInfo &info : model.tensors)
        names.push_back(info.name);
    return names;
}

std::string read(const Model &model, const std::string &name, std::uint64_t first = 0,
                 std::uint64_t count = UINT64_MAX) {
    const std::size_t index = *model.find(name);
    const TensorInfo &info = model.tensors[index];
    count = std::min(count, info.params - first);
    std::string bytes(count * traits(info.dtype).bits / 8, '\0');
    model.reader->readElements(index, first, count, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

bool warned(const Model &model, const std::string &words) {
    return std::any_of(model.warnings.begin(), model.warnings.end(), [&words](const std::string &warning) {
        return warning.find(words) != std::string::npos && warning.find('\n') == std::string::npos;
    });
}

template <typename Body>
std::pair<std::string, int> errorOf(Body body) {
    try {
        body();
    } catch (const Error &error) {
        return {error.what(), static_cast<int>(error.fault())};
    }
    return {};
}

} // namespace

class Hdf5Test : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder->path().toStdString()) / name; }
    // A program that stands in for the helper.
    void useHelper(const std::string &script) const {
        writeFile(at("helper"), "#!/bin/sh\n" + script + "\n");
        fs::permissions(at("helper"), fs::perms::owner_all);
        qputenv("NIBBLESCOPE_HELPER", QByteArray::fromStdString(at("helper").string()));
    }

    std::unique_ptr<QTemporaryDir> m_folder;

private slots:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        qputenv("NIBBLESCOPE_HELPER", test_paths::commandLineProgram);
    }

    void everyNumericDatasetIsATensor() {
        const std::string f32 = f32Bytes(normalValues(600, 5));
        {
            Hdf5Maker maker(at("x.h5"));
            maker.dataset("b/2", Element::F32, {10, 60}, f32);
            maker.dataset("b/10", Element::F32, {10, 60}, f32, {{3, 7}, true, true});
            maker.dataset("b/big", Element::F32, {600}, f32, {{}, false, false, true});
            maker.dataset("f16", Element::F16, {2}, "\x01\x3c\xff\x7b");
            maker.dataset("f64", Element::F64, {1}, "12345678");
            maker.dataset("bf16", Element::Opaque2, {2, 2}, "abcdefgh");
            maker.dataset("i64", Element::I64, {}, "\1\2\3\4\5\6\7\x70", {{}, false, false, true});
            maker.dataset("none", Element::F32, {0, 5});
            maker.nullDataset("null");
            maker.dataset("u8", Element::U8, {3}, "xyz");
        }
        const Model model = openModel(at("x.h5"));
        QCOMPARE(namesOf(model),
                 (std::vector<std::string>{"b/2", "b/10", "b/big", "bf16", "f16", "f64", "i64", "none", "null", "u8"}));
        QVERIFY(model.warnings.empty());
        QCOMPARE(model.format, std::string("hdf5"));
        QCOMPARE(model.name, std::string("x"));
        for (const char *name : {"b/2", "b/10", "b/big"})
            QCOMPARE(read(model, name), f32);
        QCOMPARE(read(model, "bf16"), std::string("abcdefgh"));
        QCOMPARE(read(model, "f16"), std::string("\x01\x3c\xff\x7b"));
        QCOMPARE(read(model, "i64"), std::string("\1\2\3\4\5\6\7\x70"));
        QCOMPARE(read(model, "null"), std::string());
        QVERIFY(model.tensors[*model.find("bf16")].dtype == DType::BF16);
        QCOMPARE(model.tensors[*model.find("i64")].params, 1U);
        QCOMPARE(model.reader->preferredElements(*model.find("b/10")), 180U);
        // Any range: within a row, over the ends of rows, over chunks.
        for (const std::uint64_t first : {0U, 1U, 59U, 60U, 61U, 119U, 333U})
            for (const std::uint64_t count : {1U, 2U, 59U, 60U, 61U, 180U, 267U}) {
                const std::string part = f32.substr(first * 4, count * 4);
                QCOMPARE(read(model, "b/10", first, count), part);
                QCOMPARE(read(model, "b/2", first, count), part);
            }
    }

    void orderOfCreationWhereItIsKept() {
        {
            Hdf5Maker maker(at("x.h5"), true);
            maker.f32("z", {2});
            maker.f32("a", {2});
        }
        QCOMPARE(namesOf(openModel(at("x.h5"))), (std::vector<std::string>{"z", "a"}));
    }

    void whatIsNoWeightIsNamed() {
        {
            Hdf5Maker maker(at("w.h5"));
            maker.f32("weight", {16, 16});
            maker.dataset("flag", Element::Enum, {2});
            maker.dataset("bits", Element::Bits, {2});
            maker.dataset("text", Element::Text, {2});
            maker.dataset("vlen text", Element::VlenText, {2});
            maker.dataset("complex", Element::Compound, {2});
            maker.dataset("lists", Element::Vlen, {2});
            maker.dataset("arrays", Element::Array, {2});
            maker.dataset("opaque", Element::Opaque4, {2});
            maker.committedType("kind");
            maker.dataset("lzf", Element::F32, {4, 4}, {}, {{2, 2}, false, false, false, true});
            maker.dataset("elsewhere", Element::F32, {1}, {}, {{}, false, false, false, false, true});
            maker.virtualDataset("virtual");
            maker.externalLink("/etc/hostname", "/x", "a/b");
            maker.dataset("absurd", Element::F32, {1U << 20, 1U << 20}, {}, {{64, 64}});
            maker.dataset("chunks", Element::F32, {1U << 14, 1U << 15}, {}, {{1U << 14, 1U << 15}});
            maker.softLink("/weight", "same");
            maker.softLink("weight", "same2");
            maker.softLink("/nowhere", "dangling");
            maker.softLink("/loop b", "loop a");
            maker.softLink("/loop a", "loop b");
            maker.softLink("/a/b/c", "through");
            maker.hardLink("/weight", "again");
            maker.group("g/h");
            maker.hardLink("/g", "g/h/up");
            maker.hardLink("/g/h", "beside");
        }
        const Model model = openModel(at("w.h5"));
        QCOMPARE(model.tensors.size(), 1U); // weight, under the first of its names
        QCOMPARE(namesOf(model), std::vector<std::string>{"again"});
        const std::vector<std::pair<std::string, std::string>> expected{{"flag", "an enumeration"},
                                                                        {"bits", "bit fields"},
                                                                        {"text", "text"},
                                                                        {"vlen text", "text"},
                                                                        {"complex", "a compound type"},
                                                                        {"lists", "lists of any length"},
                                                                        {"arrays", "arrays"},
                                                                        {"opaque", "opaque bytes"},
                                                                        {"lzf", "LZF (filter 32000)"},
                                                                        {"elsewhere", "another file"},
                                                                        {"virtual", "a virtual dataset"},
                                                                        {"a/b", "an external link"},
                                                                        {"absurd", "declares 4.00 TiB"},
                                                                        {"chunks", "chunks of 2.00 GiB"},
                                                                        {"dangling", "not in the file"},
                                                                        {"loop a", "a cyclic link"},
                                                                        {"loop b", "a cyclic link"},
                                                                        {"through", "not in the file"},
                                                                        {"beside/up/h", "a cyclic link"}};
        for (const auto &[path, what] : expected) {
            const std::string begin = "w.h5: " + path + " ";
            const auto found = std::find_if(model.warnings.begin(), model.warnings.end(),
                                            [&](const std::string &text) { return text.find(begin) == 0; });
            QVERIFY2(found != model.warnings.end(), path.c_str());
            QVERIFY2(found->find(what) != std::string::npos, found->c_str());
            QVERIFY2(found->ends_with("The other tensor is open."), found->c_str());
        }
        QCOMPARE(model.warnings.size(), expected.size());
    }

    void kerasModel() {
        writeKerasModel(at("model.h5"));
        const Model model = openModel(at("model.h5"));
        QCOMPARE(namesOf(model),
                 (std::vector<std::string>{"embedding/embedding/embeddings:0", "zeta/zeta/kernel:0", "zeta/zeta/bias:0",
                                           "dense/dense/kernel:0", "dense/dense/bias:0", "dense_2/dense_2/kernel:0",
                                           "dense_2/dense_2/bias:0", "dense_10/dense_10/kernel:0",
                                           "dense_10/dense_10/bias:0"}));
        QVERIFY(model.warnings.empty());
        QVERIFY(!model.tensors[0].keepReason.empty());
        QVERIFY(model.tensors[0].layout == Layout::OutIn);
        QVERIFY(model.tensors[1].layout == Layout::InOut);
        QVERIFY(model.tensors[2].layout == Layout::OutIn);
        QCOMPARE(read(model, "dense/dense/kernel:0"), f32Bytes(normalValues(960, 2)));
        // A folder that holds it, beside another one.
        writeKeras3Weights(at("b.weights.h5"));
        const Model folder = openModel(at(""));
        QCOMPARE(folder.tensors.size(), 9U);
        QVERIFY(warned(folder, "Opened model.h5;"));
    }

    void keras3Weights() {
        writeKeras3Weights(at("k.weights.h5"));
        const Model model = openModel(at("k.weights.h5"));
        QCOMPARE(model.name, std::string("k"));
        QCOMPARE(namesOf(model),
                 (std::vector<std::string>{"layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_2/vars/0",
                                           "layers/dense_10/vars/0", "layers/dropout/seed_generator/vars/0",
                                           "layers/embedding/vars/0", "layers/half/vars/0"}));
        QVERIFY(model.tensors[0].layout == Layout::InOut);
        QVERIFY(!model.tensors[5].keepReason.empty());
        QVERIFY(model.tensors[6].dtype == DType::BF16);
    }

    void crashIsAnErrorMessage() {
        writeKeras3Weights(at("w.h5"));
        useHelper("kill -SEGV $$");
        const auto [what, fault] = errorOf([this] { openModel(at("w.h5")); });
        QCOMPARE(what, std::string("The HDF5 library crashed on w.h5. The file is damaged or hostile; nothing else was "
                                   "affected."));
        QCOMPARE(fault, 1);
        useHelper("kill -KILL $$");
        QCOMPARE(errorOf([this] { openModel(at("w.h5")); }).second, 3);
        useHelper("head -c 16 /dev/urandom >&0; sleep 1");
        QCOMPARE(errorOf([this] { openModel(at("w.h5")); }).second, 1);
        qputenv("NIBBLESCOPE_HELPER", "/absent/helper");
        QCOMPARE(errorOf([this] { openModel(at("w.h5")); }).second, 3);
    }

    void silenceIsAnErrorMessage() {
        writeKeras3Weights(at("w.h5"));
        useHelper("exec sleep 60");
        const auto begin = std::chrono::steady_clock::now();
        Hdf5HelperProcess helper(at("w.h5"), std::chrono::milliseconds(300));
        const auto [what, fault] = errorOf([&helper] { helper.list(); });
        QVERIFY2(what.find("w.h5 took too long: after 1 s without progress") == 0, what.c_str());
        QCOMPARE(fault, 1);
        QVERIFY(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
        // The next request starts a new helper.
        qputenv("NIBBLESCOPE_HELPER", test_paths::commandLineProgram);
        Hdf5HelperProcess patient(at("w.h5"), std::chrono::seconds(10));
        QVERIFY(patient.list().contains("tensors"));
    }

    void aDeadHelperIsReplaced() {
        writeKeras3Weights(at("w.h5"));
        Hdf5HelperProcess helper(at("w.h5"), std::chrono::seconds(10));
        std::string bytes(48 * 4, '\0');
        const auto readOne = [&] {
            helper.read("layers/dense/vars/1", DType::F32, {48}, 0, 48, std::as_writable_bytes(std::span(bytes)));
        };
        readOne();
        QVERIFY(!errorOf([&] {
                     helper.read("absent", DType::F32, {48}, 0, 48, std::as_writable_bytes(std::span(bytes)));
                 }).first.empty());
        QVERIFY(!errorOf([&] {
                     helper.read("layers/dense/vars/1", DType::F32, {47}, 0, 47,
                                 std::as_writable_bytes(std::span(bytes)).first(47 * 4));
                 }).first.empty());
        readOne();
        QCOMPARE(bytes, f32Bytes(normalValues(48, 2)));
    }

    void changedWhileOpen() {
        writeKeras3Weights(at("w.h5"));
        const Model model = openModel(at("w.h5"));
        fs::resize_file(at("w.h5"), 100);
        QVERIFY(errorOf([&model] { read(model, "layers/dense/vars/0"); }).first.find("w.h5 changed on disk") == 0);
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    void realFiles() {
        const fs::path data = fs::path(test_paths::sharedData) / "data";
        const Model text = openModel(data / "textgenrnn");
        QCOMPARE(text.tensors.size(), 10U);
        QCOMPARE(text.tensors[1].name, std::string("rnn_1/rnn_1/kernel:0"));
        const Model faces = openModel(data / "fer2013-xception");
        QCOMPARE(faces.tensors.size(), 46U);
        QVERIFY(faces.warnings.empty());
    }
#endif
};

QTEST_GUILESS_MAIN(Hdf5Test)
#include "hdf5_test.moc"
