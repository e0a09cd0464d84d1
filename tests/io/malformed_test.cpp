// SPDX-License-Identifier: GPL-3.0-or-later
// Files that are wrong in one way each: every one is a clear error, in a line that names the file.
#include <QtTest>

#include <chrono>
#include <cstring>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/io/open.h"
#include "tests/support/hdf5_maker.h"
#include "tests/support/safetensors_maker.h"

using namespace nibblescope;
using namespace nibblescope::testing;
namespace fs = std::filesystem;

namespace {

std::string headerOnly(const std::string &header) { return rawSafetensors(header, ""); }

std::string oneTensor(const std::string &description, std::size_t bytes = 16) {
    return rawSafetensors("{\"a\":" + description + "}", std::string(bytes, 'x'));
}

std::string withLength(std::uint64_t length, const std::string &rest) {
    std::string file(sizeof length, '\0');
    std::memcpy(file.data(), &length, sizeof length);
    return file + rest;
}

std::string replaced(std::string bytes, const std::string &from, const std::string &to) {
    bool found = false;
    for (std::size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + to.size())) {
        bytes.replace(at, from.size(), to);
        found = true;
    }
    if (!found)
        throw std::logic_error("nothing to replace");
    return bytes;
}

std::string bytesOf(std::uint64_t value, std::size_t width = 8) {
    return std::string(reinterpret_cast<const char *>(&value), width);
}

long residentKiB() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

} // namespace

class MalformedTest : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder.path().toStdString()) / name; }

    // Expects the error of opening a file to hold `words`, and to be one line that names the file.
    void expectError(const fs::path &path, const std::string &words) const {
        std::string what;
        int fault = 0;
        const auto begin = std::chrono::steady_clock::now();
        try {
            const Model model = openModel(path);
            for (std::size_t i = 0; i < model.tensors.size(); ++i) {
                const TensorInfo &info = model.tensors[i];
                std::string bytes(info.params * traits(info.dtype).bits / 8, '\0');
                model.reader->readElements(i, 0, info.params, std::as_writable_bytes(std::span(bytes)));
            }
        } catch (const Error &error) {
            what = error.what();
            fault = static_cast<int>(error.fault());
        }
        QVERIFY2(!what.empty(), "opened without an error");
        QVERIFY2(what.find(words) != std::string::npos, what.c_str());
        QVERIFY2(what.find(path.filename().string()) != std::string::npos, what.c_str());
        QVERIFY2(what.find('\n') == std::string::npos && what.size() < 600, what.c_str());
        QCOMPARE(fault, 1);
        QVERIFY(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
    }

    // A small chunked and packed dataset beside a plain one.
    std::string sampleHdf5() const {
        {
            Hdf5Maker maker(at("sample.h5"));
            maker.f32("dense/kernel", {37, 41}, 1);
        }
        return readFile(at("sample.h5"));
    }
    std::string packedHdf5() const {
        {
            Hdf5Maker maker(at("packed.h5"));
            maker.f32("dense/kernel", {37, 41}, 1, {{19, 23}, true, true});
        }
        return readFile(at("packed.h5"));
    }

    QTemporaryDir m_folder;

private slots:
    void safetensors_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<std::string>("words");
        const auto row = [](const char *name, const std::string &bytes, const char *words) {
            QTest::newRow(name) << bytes << std::string(words);
        };
        const std::string good = R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})";
        row("empty file", "", "is empty");
        row("three bytes", "abc", "is not a safetensors file: it has only 3 bytes");
        row("length alone", withLength(2, ""), "it has only 8 bytes");
        row("a huge length", withLength(UINT64_MAX, "{\"a\":1}"), "its header says 16.0 EiB, the file has 15 bytes");
        row("a length over the limit", withLength(200'000'000, std::string(200, ' ')), "its header says 191 MiB");
        row("a header that is cut", withLength(500, "{\"a\":{\"dtype\":"),
            "is cut short: its header should end at byte 508");
        row("text", "This is a text file, and no weights are in it.\n", "is not a safetensors file");
        row("a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
        row("a web page", "<!DOCTYPE html><html><body>404</body></html>", "is a web page");
        row("a list", headerOnly("[1,2]"), "does not begin with");
        row("no JSON", headerOnly("{\"a\":"), "is not valid JSON (byte 13)");
        row("JSON that ends early", headerOnly("{\"a\":{\"dtype\":\"F32\"}"), "is not valid JSON (byte");
        row("a comma too many", headerOnly("{\"a\":{},}"), "is not valid JSON (byte");
        row("broken UTF-8", headerOnly("{\"\xff\":1}"), "is not valid JSON (byte");
        row("an empty header", headerOnly("{}"), "holds no weights");
        row("metadata alone", headerOnly(R"({"__metadata__":{"a":"b"}})"), "holds no weights");
        row("200,000 brackets", headerOnly("{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}"),
            "list");
        row("200,000 brackets below an unknown key",
            oneTensor("{\"x\":" + std::string(200000, '[') + std::string(200000, ']') + "}"),
            "nested more than 16 deep");
        row("200,000 objects in metadata",
            headerOnly("{\"__metadata__\":" + replaced(std::string(200000, 'x'), "x", "{\"a\":") + "1" +
                       std::string(200000, '}') + "}"),
            "nested more than 16 deep");
        row("a tensor as a number", oneTensor("7"), "tensor a is described by a number");
        row("no dtype", oneTensor(R"({"shape":[2,2],"data_offsets":[0,16]})"), "tensor a has no dtype");
        row("no shape", oneTensor(R"({"dtype":"F32","data_offsets":[0,16]})"), "tensor a has no shape");
        row("no offsets", oneTensor(R"({"dtype":"F32","shape":[4]})"), "tensor a has no data_offsets");
        row("dtype a number", oneTensor(R"({"dtype":4,"shape":[4],"data_offsets":[0,16]})"), "dtype of a is a number");
        row("shape a text", oneTensor(R"({"dtype":"F32","shape":"4","data_offsets":[0,16]})"), "shape of a holds text");
        row("a negative side", oneTensor(R"({"dtype":"F32","shape":[-4],"data_offsets":[0,16]})"), "a negative number");
        row("a fraction", oneTensor(R"({"dtype":"F32","shape":[4.0],"data_offsets":[0,16]})"), "a fraction");
        row("a side beyond 64 bits",
            oneTensor(R"({"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,16]})"), "beyond 64 bits");
        row("a shape that overflows",
            oneTensor(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]})"),
            "more than any file can hold");
        row("a shape that overflows beside 0",
            oneTensor(R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0),
            "more than any file can hold");
        row("bits that overflow", oneTensor(R"({"dtype":"F64","shape":[2305843009213693951,3],"data_offsets":[0,16]})"),
            "more than any file can hold");
        row("half a byte", oneTensor(R"({"dtype":"F4","shape":[3],"data_offsets":[0,1]})", 1), "takes 1 bytes");
        row("one offset", oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[0]})"), "has 1 data_offsets");
        row("three offsets", oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16,32]})"),
            "has 3 data_offsets");
        row("offsets turned round", oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[16,0]})"),
            "end before they begin");
        row("offsets that overflow",
            oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[18446744073709551600,18446744073709551615]})"),
            "end before they begin");
        row("shape and bytes differ", oneTensor(R"({"dtype":"F32","shape":[5],"data_offsets":[0,16]})"),
            "takes 20 bytes");
        row("a hole at the start", oneTensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,16]})"),
            "belong to no tensor");
        row("a hole between",
            rawSafetensors(
                R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})",
                "abcdef"),
            "before b belong to no tensor");
        row("an overlap",
            rawSafetensors(
                R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                "abcdef"),
            "inside a, which ends at");
        row("the same place twice",
            rawSafetensors(
                R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                "abcd"),
            "inside a");
        row("a rest", rawSafetensors("{\"a\":" + good + "}", std::string(20, 'x')),
            "holds 4 bytes that belong to no tensor");
        row("cut short", rawSafetensors("{\"a\":" + good + "}", std::string(15, 'x')),
            "is cut short: a should end at byte");
        row("no data", headerOnly("{\"a\":" + good + "}"), "is cut short: a should end at byte");
        row("a name twice", rawSafetensors("{\"a\":" + good + ",\"a\":" + good + "}", std::string(16, 'x')),
            "the name a stands twice (byte");
        row("a key twice", oneTensor(R"({"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,16]})"),
            "the key dtype stands twice in a");
        row("padded with NUL", rawSafetensors("{\"a\":" + good + "}" + std::string(3, '\0'), std::string(16, 'x')),
            "padded with something other than spaces (byte");
        row("padded with line breaks", rawSafetensors("{\"a\":" + good + "}\n", std::string(16, 'x')),
            "padded with something other than spaces (byte");
        row("NUL inside", rawSafetensors("{\"a\":" + std::string(1, '\0') + good + "}", std::string(16, 'x')),
            "a control character, number 0 (byte 13)");
        row("space before", rawSafetensors(" {\"a\":" + good + "}", std::string(16, 'x')), "does not begin with");
        row("a name of line breaks",
            rawSafetensors("{\"a\\nb\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,16]}}",
                           std::string(16, 'x')),
            "tensor a?b");
        row("a name without end",
            rawSafetensors("{\"" + std::string(100000, 'n') +
                               "\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,16]}}",
                           std::string(16, 'x')),
            "takes 20 bytes");
    }
    void safetensors() {
        QFETCH(std::string, bytes);
        QFETCH(std::string, words);
        writeFile(at("x.safetensors"), bytes);
        expectError(at("x.safetensors"), words);
    }

    void hdf5_data() {
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<std::string>("words");
        const auto row = [](const char *name, const std::string &bytes, const char *words) {
            QTest::newRow(name) << bytes << std::string(words);
        };
        const std::string sample = sampleHdf5();
        const std::string packed = packedHdf5();
        const std::string dims = bytesOf(37) + bytesOf(41);
        const std::string chunk = bytesOf(19, 4) + bytesOf(23, 4);
        row("empty file", "", "is empty");
        row("text", "hello, I am no HDF5 file\n", "is not an HDF5 file");
        row("the signature alone", sample.substr(0, 8), "is damaged: the HDF5 library says");
        row("half a superblock", sample.substr(0, 40), "is damaged: the HDF5 library says");
        row("superblock alone", sample.substr(0, 96), "is cut short");
        row("cut in the middle", sample.substr(0, sample.size() / 2), "is cut short");
        row("cut at the end", sample.substr(0, sample.size() - 1), "is cut short");
        row("an unknown version", sample.substr(0, 8) + '\x09' + sample.substr(9), "is damaged: the HDF5 library says");
        row("zeros after the signature", sample.substr(0, 8) + std::string(sample.size() - 8, '\0'), "");
        row("ones after the signature", sample.substr(0, 8) + std::string(sample.size() - 8, '\xff'), "");
        row("heaps that are none", replaced(sample, "HEAP", "XXXX"), "");
        row("trees that are none", replaced(sample, "TREE", "XXXX"), "");
        row("groups that are none", replaced(sample, "SNOD", "XXXX"), "");
        row("an absurd shape", replaced(sample, dims, bytesOf(1ULL << 40) + bytesOf(1ULL << 20)), "");
        row("a shape that overflows", replaced(sample, dims, bytesOf(1ULL << 40) + bytesOf(1ULL << 40)),
            "more than any file can hold");
        row("a shape that overflows when packed", replaced(packed, dims, bytesOf(1ULL << 40) + bytesOf(1ULL << 40)),
            "more than any file can hold");
        row("an absurd packed shape", replaced(packed, dims, bytesOf(1ULL << 20) + bytesOf(1ULL << 20)),
            "declares 4.00 TiB");
        row("absurd chunks", replaced(packed, chunk, bytesOf(0x7fffffff, 4) + bytesOf(0x7fffffff, 4)), "");
        row("chunks of nothing", replaced(packed, chunk, bytesOf(0, 4) + bytesOf(0, 4)), "");
        row(
            "packed data that are none",
            [&packed] {
                std::string bytes = packed;
                for (std::size_t i = bytes.size() - 4000; i < bytes.size() - 3000; ++i)
                    bytes[i] = '\x5a';
                return bytes;
            }(),
            "");
    }
    void hdf5() {
        QFETCH(std::string, bytes);
        QFETCH(std::string, words);
        writeFile(at("x.h5"), bytes);
        expectError(at("x.h5"), words);
    }

    void hdf5ThatShouldNotBe_data() {
        QTest::addColumn<int>("kind");
        QTest::addColumn<std::string>("words");
        QTest::newRow("external link") << 0 << std::string("an external link");
        QTest::newRow("cyclic groups") << 1 << std::string("a cyclic link");
        QTest::newRow("cyclic soft links") << 2 << std::string("a cyclic link");
        QTest::newRow("virtual dataset") << 3 << std::string("a virtual dataset");
        QTest::newRow("values in another file") << 4 << std::string("another file");
        QTest::newRow("unknown filter") << 5 << std::string("filter 32000");
        QTest::newRow("nothing at all") << 6 << std::string("holds no weights");
        QTest::newRow("text alone") << 7 << std::string("text");
        QTest::newRow("nested without end") << 8 << std::string("nested more than");
    }
    void hdf5ThatShouldNotBe() {
        QFETCH(int, kind);
        QFETCH(std::string, words);
        {
            Hdf5Maker maker(at("x.h5"));
            maker.group("g");
            switch (kind) {
            case 0:
                maker.externalLink("/etc/hostname", "/x", "link");
                break;
            case 1:
                maker.hardLink("/g", "g/loop");
                break;
            case 2:
                maker.softLink("/b", "a");
                maker.softLink("/a", "b");
                break;
            case 3:
                maker.virtualDataset("d");
                break;
            case 4:
                maker.dataset("d", Element::F32, {1}, {}, {{}, false, false, false, false, true});
                break;
            case 5:
                maker.dataset("d", Element::F32, {4, 4}, {}, {{2, 2}, false, false, false, true});
                break;
            case 7:
                maker.dataset("d", Element::Text, {2});
                break;
            case 8: {
                std::string path = "d";
                for (int i = 0; i < 400; ++i)
                    path += "/d";
                maker.f32(path, {2});
                break;
            }
            default:
                break;
            }
        }
        expectError(at("x.h5"), words);
    }

    void indices_data() {
        QTest::addColumn<std::string>("text");
        QTest::addColumn<std::string>("words");
        QTest::newRow("no JSON") << std::string("{") << std::string("is not valid JSON");
        QTest::newRow("a list") << std::string("[]") << std::string("is not valid JSON");
        QTest::newRow("no map") << std::string("{\"metadata\":{}}") << std::string("names no shards");
        QTest::newRow("an empty map") << std::string("{\"weight_map\":{}}") << std::string("names no shards");
        QTest::newRow("a list as map") << std::string("{\"weight_map\":[1]}") << std::string("names no shards");
        QTest::newRow("brackets") << std::string(200000, '[') << std::string("is not valid JSON");
    }
    void indices() {
        QFETCH(std::string, text);
        QFETCH(std::string, words);
        writeFile(at("model.safetensors.index.json"), text);
        expectError(at("model.safetensors.index.json"), words);
    }

    void shardsOutsideTheFolder() {
        fs::create_directory(at("m"));
        writeFile(at("secret.safetensors"), oneTensor(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})"));
        for (const char *name : {"../secret.safetensors", "/etc/hostname", "..", "", "a/b.safetensors", "..\\\\x"}) {
            writeFile(at("m/model.safetensors.index.json"), std::string("{\"weight_map\":{\"a\":\"") + name + "\"}}");
            std::string what;
            try {
                openModel(at("m"));
            } catch (const Error &error) {
                what = error.what();
            }
            QVERIFY2(what.find("no file of this folder") != std::string::npos, what.c_str());
        }
    }

    void whatIsNoFile() {
        QVERIFY_EXCEPTION_THROWN(openModel(at("absent.safetensors")), Error);
        QVERIFY_EXCEPTION_THROWN(openModel("/dev/null"), Error);
        QVERIFY_EXCEPTION_THROWN(openModel(""), Error);
        QCOMPARE(::mkfifo(at("pipe.safetensors").c_str(), 0600), 0);
        QVERIFY_EXCEPTION_THROWN(openModel(at("pipe.safetensors")), Error);
        fs::create_directory(at("folder.safetensors"));
        QVERIFY_EXCEPTION_THROWN(openModel(at("folder.safetensors")), Error);
    }

    void fortyGigabytesOpenAtOnce() {
        constexpr std::uint64_t tensors = 1200;
        constexpr std::uint64_t rows = 4096;
        constexpr std::uint64_t bytes = rows * rows * 2;
        std::string header = "{";
        for (std::uint64_t i = 0; i < tensors; ++i)
            header += (i == 0 ? "" : ",") + std::string("\"model.layers.") + std::to_string(i) +
                      ".mlp.up_proj.weight\":{\"dtype\":\"BF16\",\"shape\":[4096,4096],\"data_offsets\":[" +
                      std::to_string(i * bytes) + "," + std::to_string((i + 1) * bytes) + "]}";
        header += "}";
        writeFile(at("large.safetensors"), headerOnly(header));
        fs::resize_file(at("large.safetensors"), 8 + header.size() + tensors * bytes);
        const auto begin = std::chrono::steady_clock::now();
        const Model model = openModel(at("large.safetensors"));
        const auto took = std::chrono::steady_clock::now() - begin;
        QCOMPARE(model.tensors.size(), tensors);
        QVERIFY(took < std::chrono::seconds(1));
        QVERIFY(residentKiB() < 300 * 1024);
        std::string row(rows * 2, 'x');
        model.reader->readElements(tensors - 1, rows * (rows - 1), rows, std::as_writable_bytes(std::span(row)));
        QCOMPARE(row, std::string(rows * 2, '\0'));
    }
};

QTEST_GUILESS_MAIN(MalformedTest)
#include "malformed_test.moc"
