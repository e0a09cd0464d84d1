// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/helper_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/io/hdf5/helper.h"
#include "core/io/shown.h"

namespace nibblescope {

namespace fs = std::filesystem;
using hdf5::FrameHead;
using hdf5::FrameKind;

struct Hdf5HelperProcess::Frame {
    FrameHead head;
    hdf5::Bytes bytes; // Value and Failed; Data is left on the channel
};

namespace {

// In words of the library: "truncated file: eof = 96, sblock->base_addr = 0, stored_eof = 8500".
std::uint64_t numberAfter(const std::string &text, const std::string &key) {
    const std::size_t place = text.find(key);
    return place == std::string::npos ? 0 : std::strtoull(text.c_str() + place + key.size(), nullptr, 10);
}

} // namespace

fs::path hdf5HelperPath() {
    if (const char *named = std::getenv("NIBBLESCOPE_HELPER"); named != nullptr && *named != '\0')
        return named;
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const char *place : {"nibblescope-cli", "../app/nibblescope-cli"})
        if (fs::exists(folder / place, error))
            return folder / place;
    throw Error(Fault::Machine, "HDF5 files are read with the help of nibblescope-cli, which is not in " +
                                    shown(folder.string()) + ". Put it there or name it in NIBBLESCOPE_HELPER.");
}

Hdf5HelperProcess::Hdf5HelperProcess(fs::path file, std::chrono::milliseconds patience)
    : m_file(std::move(file)), m_patience(patience) {}

Hdf5HelperProcess::~Hdf5HelperProcess() { stop(true); }

std::string Hdf5HelperProcess::where(const std::string &dataset) const {
    return shownName(m_file) + (dataset.empty() ? "" : " (dataset " + shown(dataset) + ")");
}

void Hdf5HelperProcess::start() {
    if (m_process > 0)
        return;
    const std::string program = hdf5HelperPath().string();
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw Error(Fault::Machine, std::string("The HDF5 helper cannot be started: ") + std::strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    // What a crash prints is not for the user's terminal.
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    // A group of its own: Ctrl+C in a terminal is for us to handle.
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    std::string option = hdf5HelperOption;
    std::string name = program;
    std::array<char *, 3> arguments{name.data(), option.data(), nullptr};
    const int failed = ::posix_spawn(&m_process, program.c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failed != 0) {
        ::close(ends[0]);
        m_process = -1;
        throw Error(Fault::Machine,
                    "The HDF5 helper " + shown(program) + " cannot be started: " + std::strerror(failed));
    }
    m_channel = ends[0];
}

void Hdf5HelperProcess::stop(bool kill) {
    if (m_channel >= 0)
        ::close(std::exchange(m_channel, -1));
    if (m_process <= 0)
        return;
    if (kill)
        ::kill(m_process, SIGKILL);
    while (::waitpid(m_process, nullptr, 0) < 0 && errno == EINTR) {
    }
    m_process = -1;
}

void Hdf5HelperProcess::throwFailed(const hdf5::Bytes &bytes, const std::string &dataset) {
    std::string what;
    bool damaged = false;
    try {
        const nlohmann::json value = hdf5::fromBytes(bytes);
        what = value.at("what").get<std::string>();
        damaged = value.value("damaged", false);
    } catch (const std::exception &) {
        throwNonsense(dataset);
    }
    std::string text = where(dataset) + " cannot be read: " + shown(what) + ".";
    if (damaged && what.find("truncated file") != std::string::npos)
        text = shownName(m_file) + " is cut short: it should end at byte " +
               shownCount(numberAfter(what, "stored_eof = ")) + ", the file ends at " +
               shownCount(numberAfter(what, "eof = ")) + ". Download it again.";
    else if (damaged)
        text = where(dataset) + " is damaged: the HDF5 library says \"" + shown(what) + "\".";
    throw Error(Fault::Input, text).inFile(m_file.string()).inTensor(dataset);
}

void Hdf5HelperProcess::throwEnded(const std::string &dataset) {
    ::close(std::exchange(m_channel, -1));
    int status = 0;
    while (::waitpid(m_process, &status, 0) < 0 && errno == EINTR) {
    }
    m_process = -1;
    const bool killed = WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
    if (killed)
        throw Error(Fault::Machine, "The HDF5 helper was killed while it read " + where(dataset) +
                                        "; the machine may be short of memory.")
            .inFile(m_file.string());
    if (!WIFSIGNALED(status) && WEXITSTATUS(status) == 127)
        throw Error(Fault::Machine, "The HDF5 helper " + shown(hdf5HelperPath().string()) + " cannot be started.");
    throw Error(Fault::Input, "The HDF5 library crashed on " + where(dataset) +
                                  ". The file is damaged or hostile; nothing else was affected.")
        .inFile(m_file.string())
        .inTensor(dataset);
}

void Hdf5HelperProcess::throwTooSlow(const std::string &dataset) {
    stop(true);
    throw Error(Fault::Input, where(dataset) + " took too long: after " +
                                  std::to_string((m_patience.count() + 999) / 1000) +
                                  " s without progress reading was ended. The file is damaged or hostile.")
        .inFile(m_file.string())
        .inTensor(dataset);
}

void Hdf5HelperProcess::throwNonsense(const std::string &dataset) {
    stop(true);
    throw Error(Fault::Input, "The HDF5 helper gave no sensible answer for " + where(dataset) +
                                  ". The file is damaged or hostile; nothing else was affected.")
        .inFile(m_file.string())
        .inTensor(dataset);
}

void Hdf5HelperProcess::sendAll(const void *data, std::size_t size, const std::string &dataset) {
    const auto *at = static_cast<const char *>(data);
    while (size > 0) {
        const ssize_t count = ::send(m_channel, at, size, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            throwEnded(dataset);
        at += count;
        size -= static_cast<std::size_t>(count);
    }
}

void Hdf5HelperProcess::receiveAll(void *data, std::size_t size, const std::string &dataset) {
    auto *at = static_cast<char *>(data);
    const auto giveUp = std::chrono::steady_clock::now() + m_patience;
    auto deadline = giveUp;
    while (size > 0) {
        const auto rest =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd watched{m_channel, POLLIN, 0};
        const int ready = rest.count() > 0 ? ::poll(&watched, 1, static_cast<int>(rest.count())) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            throwTooSlow(dataset);
        const ssize_t count = ::recv(m_channel, at, size, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            throwEnded(dataset);
        deadline = std::chrono::steady_clock::now() + m_patience;
        at += count;
        size -= static_cast<std::size_t>(count);
    }
}

void Hdf5HelperProcess::request(FrameKind kind, const nlohmann::json &value, const std::string &dataset) {
    start();
    const hdf5::Bytes bytes = hdf5::toBytes(value);
    const FrameHead head{kind, 0, bytes.size()};
    sendAll(&head, sizeof head, dataset);
    sendAll(bytes.data(), bytes.size(), dataset);
}

// The next frame that is more than a sign of life.
Hdf5HelperProcess::Frame Hdf5HelperProcess::receive(const std::string &dataset) {
    Frame frame;
    do
        receiveAll(&frame.head, sizeof frame.head, dataset);
    while (frame.head.kind == FrameKind::Working && frame.head.length == 0);
    if (frame.head.kind == FrameKind::Data)
        return frame;
    if (frame.head.length > hdf5::longestFrame)
        throwNonsense(dataset);
    frame.bytes.resize(frame.head.length);
    receiveAll(frame.bytes.data(), frame.bytes.size(), dataset);
    if (frame.head.kind == FrameKind::Failed)
        throwFailed(frame.bytes, dataset);
    return frame;
}

nlohmann::json Hdf5HelperProcess::list() {
    const std::lock_guard lock(m_mutex);
    request(FrameKind::List, {{"path", m_file.string()}}, {});
    const Frame frame = receive({});
    if (frame.head.kind != FrameKind::Value)
        throwNonsense({});
    try {
        return hdf5::fromBytes(frame.bytes);
    } catch (const std::exception &) {
        throwNonsense({});
    }
}

void Hdf5HelperProcess::read(const std::string &dataset, DType dtype, const std::vector<std::uint64_t> &dims,
                             std::uint64_t first, std::uint64_t count, std::span<std::byte> bytes) {
    const std::lock_guard lock(m_mutex);
    request(FrameKind::Read,
            {{"path", m_file.string()},
             {"dataset", dataset},
             {"dtype", static_cast<int>(dtype)},
             {"dims", dims},
             {"first", first},
             {"count", count}},
            dataset);
    while (true) {
        const Frame frame = receive(dataset);
        if (frame.head.kind == FrameKind::Done && bytes.empty())
            return;
        if (frame.head.kind != FrameKind::Data || frame.head.length > bytes.size())
            throwNonsense(dataset);
        receiveAll(bytes.data(), frame.head.length, dataset);
        bytes = bytes.subspan(frame.head.length);
    }
}

} // namespace nibblescope
