// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <cstring>

#include "core/base/error.h"
#include "core/io/open.h"
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

std::vector<float> readAll(const Model &model, std::size_t index) {
    const TensorInfo &info = model.tensors[index];
    std::vector<float> values(info.params);
    model.reader->readElements(index, 0, info.params, std::as_writable_bytes(std::span(values)));
    return values;
}

bool warned(const Model &model, const std::string &words) {
    for (const std::string &warning : model.warnings)
        if (warning.find(words) != std::string::npos)
            return true;
    return false;
}

MadeTensor f32(const std::string &name, std::vector<std::uint64_t> shape, unsigned seed = 1) {
    std::uint64_t count = 1;
    for (const std::uint64_t side : shape)
        count *= side;
    return {name, "F32", std::move(shape), f32Bytes(normalValues(count, seed))};
}

} // namespace

class SafetensorsTest : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder->path().toStdString()) / name; }
    Model openMade(const std::string &bytes) const {
        writeFile(at("x.safetensors"), bytes);
        return openModel(at("x.safetensors"));
    }
    std::string errorOf(const fs::path &path) const {
        try {
            openModel(path);
        } catch (const Error &error) {
            return error.what();
        }
        return {};
    }
    void writeIndex(const std::vector<std::pair<std::string, std::string>> &map) const {
        nlohmann::json json;
        for (const auto &[name, shard] : map)
            json["weight_map"][name] = shard;
        writeFile(at("model.safetensors.index.json"), json.dump());
    }

    std::unique_ptr<QTemporaryDir> m_folder;

private slots:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void listsAndReads() {
        const std::vector<float> values = normalValues(6, 3);
        const Model model = openMade(madeSafetensors({{"a", "F32", {2, 3}, f32Bytes(values)},
                                                      {"b.bias", "BF16", {2}, std::string(4, '\0')},
                                                      {"empty", "F16", {0, 7}, {}},
                                                      {"scalar", "I64", {}, std::string(8, '\1')},
                                                      {"four", "F4", {2, 3}, std::string(3, '\x21')}}));
        QCOMPARE(model.name, std::string("x"));
        QCOMPARE(model.format, std::string("safetensors"));
        QCOMPARE(namesOf(model), (std::vector<std::string>{"a", "b.bias", "empty", "scalar", "four"}));
        QCOMPARE(model.tensors[0].params, 6U);
        QCOMPARE(model.tensors[2].params, 0U);
        QCOMPARE(model.tensors[3].params, 1U);
        QCOMPARE(model.tensors[4].bytes, 3U);
        QCOMPARE(readAll(model, 0), values);
        std::vector<float> part(2);
        model.reader->readElements(0, 3, 2, std::as_writable_bytes(std::span(part)));
        QCOMPARE(part, (std::vector<float>{values[3], values[4]}));
        QVERIFY(model.warnings.empty());
    }

    void ordersByPlaceInTheFile() {
        const std::string header = R"({"z":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                   R"("a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})";
        QCOMPARE(namesOf(openMade(rawSafetensors(header, "abc"))), (std::vector<std::string>{"z", "a"}));
    }

    void metadataForms_data() {
        QTest::addColumn<QByteArray>("metadata");
        QTest::addColumn<bool>("warns");
        QTest::newRow("empty") << QByteArray("{}") << false;
        QTest::newRow("texts") << QByteArray(R"({"format":"pt","x":"y"})") << false;
        QTest::newRow("null") << QByteArray("null") << true;
        QTest::newRow("number") << QByteArray(R"({"step":0})") << true;
        QTest::newRow("list") << QByteArray(R"(["a",1])") << true;
        QTest::newRow("nested") << QByteArray(R"({"a":{"b":[1,{"c":null}]}})") << true;
    }
    void metadataForms() {
        QFETCH(QByteArray, metadata);
        QFETCH(bool, warns);
        const Model model = openMade(rawSafetensors("{\"__metadata__\":" + metadata.toStdString() +
                                                        R"(,"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   )",
                                                    "ab"));
        QCOMPARE(model.tensors.size(), 1U);
        QCOMPARE(model.warnings.size(), warns ? 1U : 0U);
    }

    void unknownTypesAreLeftOut() {
        const std::string header = R"({"a":{"dtype":"F3","shape":[2],"data_offsets":[0,2],"new_key":[1,{"x":2}]},)"
                                   R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})";
        const Model model = openMade(rawSafetensors(header, "abc"));
        QCOMPARE(namesOf(model), std::vector<std::string>{"b"});
        QVERIFY(warned(model, "F3"));
    }

    void indexDecides() {
        writeFile(at("m-00001-of-00003.safetensors"), madeSafetensors({f32("a", {2, 2}), f32("left", {1})}));
        writeFile(at("m-00002-of-00003.safetensors"), madeSafetensors({f32("b", {2, 2}), f32("moved", {1})}));
        writeFile(at("model.safetensors"), madeSafetensors({f32("other", {2})}));
        const std::string one = "m-00001-of-00003.safetensors";
        const std::string two = "m-00002-of-00003.safetensors";
        writeIndex({{"a", one},
                    {"b", two},
                    {"moved", one},
                    {"gone", two},
                    {"c", "m-00003-of-00003.safetensors"},
                    {"d", "../outside.safetensors"}});
        for (const fs::path &path : {at(""), at("model.safetensors.index.json")}) {
            const Model model = openModel(path);
            QCOMPARE(namesOf(model), (std::vector<std::string>{"a", "b", "moved"}));
            QVERIFY(warned(model, "1 of 3 shards is missing: m-00003-of-00003.safetensors. 3 of 5 tensors are open"));
            QVERIFY(warned(model, "left lies in m-00001-of-00003.safetensors, but the index does not name it"));
            QVERIFY(warned(model, "moved lies in m-00002-of-00003.safetensors, not in"));
            QVERIFY(warned(model, "gone is in the index"));
            QVERIFY(warned(model, "outside.safetensors, which is no file of this folder"));
            QVERIFY(warned(model, "model.safetensors was passed over"));
            QCOMPARE(model.warnings.size(), 6U);
        }
        QCOMPARE(openModel(at(one)).tensors.size(), 2U);
    }

    void damagedShardIsAWarning() {
        writeFile(at("a.safetensors"), madeSafetensors({f32("a", {2, 2})}));
        const std::string whole = madeSafetensors({f32("b", {2, 2})});
        writeFile(at("b.safetensors"), whole.substr(0, whole.size() - 3));
        const Model model = openModel(at(""));
        QCOMPARE(namesOf(model), std::vector<std::string>{"a"});
        QVERIFY(warned(model, "b.safetensors is cut short"));
        fs::remove(at("a.safetensors"));
        QVERIFY(errorOf(at("")).find("b.safetensors is cut short: b should end at byte") == 0);
    }

    void missingShardWithoutIndex() {
        writeFile(at("m-00001-of-00002.safetensors"), madeSafetensors({f32("a", {2, 2})}));
        const Model model = openModel(at(""));
        QVERIFY(warned(model, "1 of 2 shards is missing: m-00002-of-00002.safetensors"));
    }

    void folderOfNothing() {
        writeFile(at("notes.txt"), "hello");
        QVERIFY(errorOf(at("")).find("No weights found in") == 0);
        QVERIFY(errorOf(at("notes.txt")).find("notes.txt is not a weights file") == 0);
        QVERIFY(errorOf(at("absent.safetensors")).find("there is no file") == 0);
    }

    void configAndGpt2Layout() {
        writeFile(at("model.safetensors"),
                  madeSafetensors({f32("h.0.attn.c_attn.weight", {2, 6}), f32("h.0.attn.c_attn.bias", {6}),
                                   f32("wte.weight", {4, 2}), f32("h.0.crossattention.q_attn.weight", {2, 2})}));
        writeFile(at("config.json"), R"({"model_type":"gpt2","x":NaN,"y":null,"z":{"a":-Infinity,"b":"NaN"}})");
        const Model model = openModel(at(""));
        QVERIFY(model.config.has_value());
        QCOMPARE(model.config->dump(), std::string(R"({"model_type":"gpt2","z":{"b":"NaN"}})"));
        QCOMPARE(static_cast<int>(model.tensors[0].layout), static_cast<int>(Layout::InOut));
        QCOMPARE(static_cast<int>(model.tensors[2].layout), static_cast<int>(Layout::OutIn));
        QCOMPARE(static_cast<int>(model.tensors[3].layout), static_cast<int>(Layout::InOut));
        writeFile(at("config.json"), "{\"model_type\":" + std::string(200000, '['));
        QVERIFY(warned(openModel(at("")), "config.json is not valid JSON"));
    }

    void scaledF8IsKept() {
        const Model model = openMade(madeSafetensors({{"a.weight", "F8_E4M3", {2, 2}, "abcd"},
                                                      {"b.weight", "F8_E5M2", {2, 2}, "abcd"},
                                                      {"a.weight_scale_inv", "F32", {}, "abcd"}}));
        QVERIFY(!model.tensors[0].keepReason.empty());
        QVERIFY(model.tensors[1].keepReason.empty());
        QVERIFY(warned(model, "1 F8 tensor has scales beside it: a.weight with a.weight_scale_inv"));
    }

    void changedWhileOpen() {
        const std::string whole = madeSafetensors({f32("a", {2, 2})});
        const Model model = openMade(whole);
        fs::resize_file(at("x.safetensors"), whole.size() - 1);
        QVERIFY_EXCEPTION_THROWN(readAll(model, 0), Error);
    }

#ifdef NIBBLESCOPE_SHARED_DATA
    void realFolders() {
        const fs::path data = fs::path(test_paths::sharedData) / "data";
        const Model whole = openModel(data / "stories260K");
        QCOMPARE(whole.tensors.size(), 47U);
        QVERIFY(whole.warnings.empty());
        QVERIFY(whole.config.has_value());
        const Model sharded = openModel(data / "stories260K-bf16-sharded");
        QCOMPARE(sharded.tensors.size(), 47U);
        QVERIFY(sharded.warnings.empty());
    }
#endif
};

QTEST_GUILESS_MAIN(SafetensorsTest)
#include "safetensors_test.moc"
