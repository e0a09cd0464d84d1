// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/error.h"
#include "core/model/pattern.h"
#include "core/model/token_ids.h"
#include "core/model/token_windows.h"
#include "core/model/tokenizer.h"
#include "tests/support/model_inputs.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/test_paths.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int64_t>;

// "a" ... "e", a space as Ġ, and merges of them.
const char *smallTokenizer = R"({
  "added_tokens": [{"id": 0, "content": "<s>", "special": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
  "model": {"type": "BPE", "vocab": {"<s>": 0, "a": 1, "b": 2, "c": 3, "Ġ": 4, "ab": 5, "Ġa": 6, "abc": 7, "Ġab": 8,
    "1": 9, "Ċ": 10, "bc": 11},
    "merges": ["a b", "Ġ a", ["ab", "c"], "Ġ ab", "b c"]}})";

} // namespace

class TokenizerTest : public QObject {
    Q_OBJECT
private:
    QTemporaryDir m_folder;
    fs::path made(const char *name, const std::string &bytes) {
        const fs::path path = fs::path(m_folder.path().toStdString()) / name;
        testing::writeFile(path, bytes);
        return path;
    }
    Ids encode(const Tokenizer &tokenizer, const std::string &text) {
        std::vector<std::string> warnings;
        return tokenizer.encode(text, warnings);
    }

private slots:
#ifdef NIBBLESCOPE_SHARED_DATA
    void encodesAsTheReferenceDoes() {
        const fs::path data = fs::path(test_paths::sharedData) / "data";
        const auto tokenizer = llama2cTokenizer(data / "stories260K/tok512.bin");
        QCOMPARE(tokenizer->size(), std::uint64_t{512});
        std::vector<std::string> warnings;
        const std::string text = readText(data / "text/tinystories-valid.txt", warnings);
        QVERIFY(warnings.empty());
        QVERIFY(encode(*tokenizer, text) == readTokenIds(data / "stories260K/tinystories-valid.tok512.npy"));
        QVERIFY(encode(*tokenizer, text.substr(0, 20000)) ==
                readTokenIds(data / "stories260K/golden/valid_first20KB_ids.npy"));
    }
#endif

    void mergesByRankInsidePieces() {
        if (!Pattern::available()) {
            QVERIFY(!testing::faultOf([this] { jsonTokenizer(made("tokenizer.json", smallTokenizer)); }).empty());
            return;
        }
        const auto tokenizer = jsonTokenizer(made("tokenizer.json", smallTokenizer));
        QCOMPARE(tokenizer->size(), std::uint64_t{12});
        QVERIFY(tokenizer->bos() == std::optional<std::int64_t>(0));
        QVERIFY(encode(*tokenizer, "abc") == (Ids{7}));
        QVERIFY(encode(*tokenizer, "abc abc") == (Ids{7, 4, 7})); // "a b" comes before "Ġ a"
        QVERIFY(encode(*tokenizer, "a ab") == (Ids{1, 8}));
        QVERIFY(encode(*tokenizer, "bc1") == (Ids{11, 9}));
        QVERIFY(encode(*tokenizer, "a  a") == (Ids{1, 4, 6})); // of two spaces the last goes with the word
        QVERIFY(encode(*tokenizer, "a<s>b\n") == (Ids{1, 0, 2, 10}));
        QVERIFY(encode(*tokenizer, "") == Ids{});
    }

    void refusesWhatItCannotDo_data() {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("names");
        QTest::newRow("no JSON") << QByteArray("{") << QByteArray("JSON");
        QTest::newRow("kind") << QByteArray(R"({"model": {"type": "Unigram", "vocab": []}})") << QByteArray("Unigram");
        QTest::newRow("no vocabulary") << QByteArray(R"({"model": {"type": "BPE"}})") << QByteArray("vocabulary");
        QTest::newRow("id") << QByteArray(R"({"model": {"type": "BPE", "vocab": {"a": -3}}})") << QByteArray("-3");
        QTest::newRow("merge") << QByteArray(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}})")
                               << QByteArray("a b");
        QTest::newRow("step") << QByteArray(
                                     R"({"pre_tokenizer": {"type": "BertPreTokenizer"},
                                         "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})")
                              << QByteArray("BertPreTokenizer");
    }
    void refusesWhatItCannotDo() {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, names);
        const std::string fault = testing::faultOf([&] { jsonTokenizer(made("tokenizer.json", json.toStdString())); });
        QVERIFY2(fault.find(names.toStdString()) != std::string::npos, fault.c_str());
    }

    void refusesDamagedLlama2cFiles() {
        for (const std::string &bytes :
             {std::string(), std::string("abc"), std::string(100, '\xff'), std::string(4 + 8 * 10, '\0')})
            QVERIFY(!testing::faultOf([&] { llama2cTokenizer(made("tok9.bin", bytes)); }).empty());
    }

    void readsIdsOfAnyIntegerType() {
        const auto ids = [this](const std::string &descr, const std::string &data) {
            return readTokenIds(
                made("ids.npy",
                     testing::npyFile("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2,), }", data)));
        };
        using namespace std::string_literals;
        QVERIFY(ids("|u1", "\x01\xff"s) == (Ids{1, 255}));
        QVERIFY(ids("|i1", "\x01\xff"s) == (Ids{1, -1}));
        QVERIFY(ids("<u2", "\x01\x00\x00\x01"s) == (Ids{1, 256}));
        QVERIFY(ids(">i4", "\x00\x00\x00\x01\xff\xff\xff\xfe"s) == (Ids{1, -2}));
        QVERIFY(ids("<i8", "\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0"s) == (Ids{5, 6}));
        for (const char *descr : {"<f4", "|O", "<U3"})
            QVERIFY(!testing::faultOf([&] { ids(descr, std::string(64, '\0')); }).empty());
        QVERIFY(!testing::faultOf([&] { ids("<i8", "\x05\0\0\0\0\0\0\0\x06"s); }).empty());
        QVERIFY(!testing::faultOf([this] {
                     readTokenIds(
                         made("ids.npy", testing::npyFile("{'descr': '|u1', 'shape': (2, 1), 'fortran_order': False}",
                                                          std::string(2, '\1'))));
                 }).empty());
        QVERIFY(!testing::faultOf([this] { readTokenIds(made("ids.npy", "\x93NUMPY\x01")); }).empty());
    }

    void cutsTextsIntoWindows() {
        const Ids ids{5, 6, 7, 8, 9, 10, 11};
        WindowOptions options;
        options.context = 4;
        options.vocabulary = 12;
        options.bos = 1;
        const TokenWindows withBos = cutIntoWindows(ids, options);
        QVERIFY(withBos.ids == (std::vector<std::int32_t>{1, 5, 6, 7, 1, 8, 9, 10}));
        QCOMPARE(withBos.predictions(), std::size_t{6});
        options.bos.reset();
        QVERIFY(cutIntoWindows(ids, options).ids == (std::vector<std::int32_t>{5, 6, 7, 8}));
        options.vocabulary = 11;
        QVERIFY(testing::faultOf([&] { cutIntoWindows(ids, options); }).find(" 11 ") != std::string::npos);
        options.vocabulary = 12;
        options.context = 8;
        QVERIFY(!testing::faultOf([&] { cutIntoWindows(ids, options); }).empty());
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::TokenizerTest)
#include "tokenizer_test.moc"
