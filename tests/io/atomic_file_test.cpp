// SPDX-License-Identifier: GPL-3.0-or-later
#include <QtTest>

#include <csignal>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/io/atomic_file.h"
#include "core/io/safetensors/writer.h"
#include "tests/support/safetensors_maker.h"

using namespace nibblescope;
using namespace nibblescope::testing;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes(const std::string &text) { return std::as_bytes(std::span(text)); }

std::vector<std::string> namesIn(const fs::path &folder) {
    std::vector<std::string> names;
    for (const auto &entry : fs::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

// Runs `body` in a process of its own and returns how that ended (waitpid's status).
template <typename Body>
int inChild(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
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

class AtomicFileTest : public QObject {
    Q_OBJECT

private:
    fs::path at(const std::string &name) const { return fs::path(m_folder->path().toStdString()) / name; }
    std::unique_ptr<QTemporaryDir> m_folder;

private slots:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void appearsWholeOrNotAtAll() {
        writeFile(at("out.h5"), "old");
        {
            AtomicFile file(at("out.h5"));
            file.write(bytes("new and longer"));
            QCOMPARE(readFile(at("out.h5")), std::string("old"));
            const std::vector<std::string> names = namesIn(at(""));
            QCOMPARE(names.size(), 2U);
            QVERIFY(names[0].starts_with(".out.h5."));
        }
        QCOMPARE(namesIn(at("")), std::vector<std::string>{"out.h5"});
        QCOMPARE(readFile(at("out.h5")), std::string("old"));
        AtomicFile file(at("out.h5"));
        file.write(bytes("new"));
        file.commit();
        QCOMPARE(readFile(at("out.h5")), std::string("new"));
        QCOMPARE(namesIn(at("")), std::vector<std::string>{"out.h5"});
    }

    void killedExportLeavesTheOldFileAndIsTidiedUp() {
        writeFile(at("out.h5"), "old");
        const int status = inChild([this] {
            AtomicFile file(at("out.h5"));
            file.write(bytes("half of the n"));
            ::kill(::getpid(), SIGKILL);
        });
        QVERIFY(WIFSIGNALED(status));
        QCOMPARE(readFile(at("out.h5")), std::string("old"));
        QCOMPARE(namesIn(at("")).size(), 2U);
        // Not that of another target, and not one that is being written.
        AtomicFile other(at("out.h5.bak"));
        AtomicFile first(at("out.h5"));
        AtomicFile second(at("out.h5"));
        QCOMPARE(namesIn(at("")).size(), 4U);
        QVERIFY(fs::exists(first.temporaryPath()));
        QVERIFY(fs::exists(other.temporaryPath()));
    }

    void refusals() {
        QCOMPARE(errorOf([this] { AtomicFile file(at("")); }).second, 2);
        QCOMPARE(errorOf([] { AtomicFile file("/dev/null"); }).second, 2);
        const auto [noFolder, fault] = errorOf([this] { AtomicFile file(at("absent/out.h5")); });
        QCOMPARE(fault, 3);
        QVERIFY(noFolder.find("out.h5 was not written: there is no folder") == 0);
        writeFile(at("out.h5"), "old");
        const auto [full, machine] = errorOf([this] { AtomicFile file(at("out.h5"), std::uint64_t{1} << 60); });
        QCOMPARE(machine, 3);
        QVERIFY2(full.find("out.h5 was not written: the disk is full (1.00 EiB needed, ") == 0, full.c_str());
        QVERIFY(full.ends_with("free). The old file is unchanged."));
    }

    void failedWriteIsAnError() {
        const int status = inChild([this] {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{10, 10};
            ::setrlimit(RLIMIT_FSIZE, &limit);
            const auto [what, fault] = errorOf([this] {
                AtomicFile file(at("out.h5"));
                file.write(bytes("more than ten bytes"));
            });
            if (fault != 3 || what != "out.h5 was not written: it would be larger than files may be here.")
                ::_exit(1);
        });
        QCOMPARE(status, 0);
        QVERIFY(namesIn(at("")).empty());
    }

    void followsLinksAndKeepsPermissions() {
        writeFile(at("real"), "old");
        ::chmod(at("real").c_str(), 0640);
        fs::create_symlink("real", at("link"));
        AtomicFile file(at("link"));
        file.write(bytes("new"));
        file.commit();
        QVERIFY(fs::is_symlink(at("link")));
        QCOMPARE(readFile(at("real")), std::string("new"));
        QCOMPARE(static_cast<unsigned>(fs::status(at("real")).permissions()), 0640U);
    }

    void safetensorsAsTheReferenceWritesThem() {
        SafetensorsWriter writer(
            at("x.safetensors"),
            {{"b", DType::F16, {2}}, {"a", DType::F16, {1, 1}}, {"c", DType::F32, {}}, {"e", DType::I64, {0}}});
        QCOMPARE(writer.order(), (std::vector<std::size_t>{3, 2, 1, 0}));
        writer.write(bytes("ccccaa"));
        writer.write(bytes("bbbb"));
        writer.commit();
        const std::string header = R"({"__metadata__":{"format":"pt"},)"
                                   R"("e":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},)"
                                   R"("c":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                                   R"("a":{"dtype":"F16","shape":[1,1],"data_offsets":[4,6]},)"
                                   R"("b":{"dtype":"F16","shape":[2],"data_offsets":[6,10]}})";
        const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
        QCOMPARE(readFile(at("x.safetensors")), rawSafetensors(padded, "ccccaabbbb"));
        QCOMPARE(errorOf([this] {
                     SafetensorsWriter(at("y"), {{"a", DType::F16, {}}, {"b", DType::F32, {}}, {"a", DType::U8, {}}});
                 }).second,
                 1);
        QVERIFY(!fs::exists(at("y")));
    }
};

QTEST_GUILESS_MAIN(AtomicFileTest)
#include "atomic_file_test.moc"
