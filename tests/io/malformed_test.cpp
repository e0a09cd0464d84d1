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
#include "tests/support/malformed_files.h"
#include "tests/support/safetensors_maker.h"

using namespace nibblescope;
using namespace nibblescope::testing;
namespace fs = std::filesystem;

namespace {

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

    QTemporaryDir m_folder;

private slots:
    void refused_data() {
        QTest::addColumn<std::string>("fileName");
        QTest::addColumn<std::string>("bytes");
        QTest::addColumn<std::string>("words");
        for (const MalformedFile &file : malformedFiles(at("")))
            QTest::newRow(file.name.c_str()) << file.fileName << file.bytes << file.words;
    }
    void refused() {
        QFETCH(std::string, fileName);
        QFETCH(std::string, bytes);
        QFETCH(std::string, words);
        writeFile(at(fileName), bytes);
        expectError(at(fileName), words);
    }

    void shardsOutsideTheFolder() {
        fs::create_directory(at("m"));
        writeFile(at("secret.safetensors"),
                  rawSafetensors(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", std::string(16, 'x')));
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
        writeFile(at("large.safetensors"), rawSafetensors(header, ""));
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
