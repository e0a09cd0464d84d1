// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5/helper.h"

#include <cerrno>
#include <optional>
#include <thread>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io/hdf5/listing.h"
#include "core/io/hdf5/protocol.h"

namespace nibblescope {
namespace {

using namespace hdf5;
using nlohmann::json;

constexpr int channel = 0;

// The other end is gone: nobody waits for an answer.
[[noreturn]] void leave() { ::_exit(0); }

void sendAll(const void *data, std::size_t size) {
    const auto *at = static_cast<const char *>(data);
    while (size > 0) {
        const ssize_t count = ::send(channel, at, size, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            leave();
        at += count;
        size -= static_cast<std::size_t>(count);
    }
}

void receiveAll(void *data, std::size_t size) {
    auto *at = static_cast<char *>(data);
    while (size > 0) {
        const ssize_t count = ::recv(channel, at, size, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            leave();
        at += count;
        size -= static_cast<std::size_t>(count);
    }
}

void sendFrame(FrameKind kind, const void *data, std::size_t size) {
    const FrameHead head{kind, 0, size};
    sendAll(&head, sizeof head);
    sendAll(data, size);
}
void sendFrame(FrameKind kind) { sendFrame(kind, nullptr, 0); }
void sendFrame(FrameKind kind, const json &value) {
    const Bytes bytes = toBytes(value);
    sendFrame(kind, bytes.data(), bytes.size());
}

// The file and dataset of the last request stay open: the next one is mostly for their next elements.
class Reader {
public:
    void read(const json &request) {
        const auto path = request.at("path").get<std::string>();
        const auto name = request.at("dataset").get<std::string>();
        open(path, name);
        DatasetFacts expected;
        expected.dtype = static_cast<DType>(request.at("dtype").get<int>());
        expected.dims = request.at("dims").get<std::vector<std::uint64_t>>();
        if (m_facts.dtype != expected.dtype || m_facts.dims != expected.dims)
            throw Refused("it is not what it was when the file was opened");
        readDataset(m_dataset, m_facts, request.at("first").get<std::uint64_t>(),
                    request.at("count").get<std::uint64_t>(),
                    [](std::span<const std::byte> piece) { sendFrame(FrameKind::Data, piece.data(), piece.size()); });
    }

private:
    void open(const std::string &path, const std::string &name) {
        struct stat status {};
        ::stat(path.c_str(), &status);
        const auto stamp = std::to_string(status.st_ino) + " " + std::to_string(status.st_size) + " " +
                           std::to_string(status.st_mtim.tv_sec) + " " + std::to_string(status.st_mtim.tv_nsec);
        if (path != m_path || stamp != m_stamp) {
            m_dataset.reset();
            m_name.clear();
            m_file.reset();
            m_path.clear();
            const Handle access = fileAccess();
            m_file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
            m_path = path;
            m_stamp = stamp;
        }
        if (name == m_name)
            return;
        m_dataset.reset();
        m_name.clear();
        Handle dataset = openDataset(m_file, name);
        DatasetVerdict verdict = judgeDataset(dataset, static_cast<std::uint64_t>(status.st_size));
        if (!verdict.refusal.empty())
            throw Refused(verdict.refusal);
        m_dataset = std::move(dataset);
        m_facts = std::move(verdict.facts);
        m_name = name;
    }

    std::string m_path;
    std::string m_stamp;
    std::string m_name;
    Handle m_file;
    Handle m_dataset;
    DatasetFacts m_facts;
};

void answer(FrameKind kind, const json &request, Reader &reader) {
    if (kind == FrameKind::List) {
        const json listing = listFile(request.at("path").get<std::string>(), [] { sendFrame(FrameKind::Working); });
        sendFrame(FrameKind::Value, listing);
        return;
    }
    reader.read(request);
    sendFrame(FrameKind::Done);
}

void limitOurselves() {
    const auto limit = [](auto resource, rlim_t value) {
        const rlimit both{value, value};
        ::setrlimit(resource, &both);
    };
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0); // it has nothing to write
#ifndef NIBBLESCOPE_SANITIZED
    limit(RLIMIT_AS, rlim_t{2} << 30); // the sanitizers' shadow memory takes terabytes of address space
#endif
}

// Ends this process with the one that asks, even in the middle of a read that never comes back. (A signal at the
// parent's death would come when the thread ends that started us.)
void watchOtherEnd() {
    std::thread([] {
        pollfd watched{channel, POLLRDHUP, 0};
        while (::poll(&watched, 1, -1) < 0 && errno == EINTR) {
        }
        leave();
    }).detach();
}

} // namespace

int hdf5HelperMain() {
    limitOurselves();
    watchOtherEnd();
    const Scope scope;
    Reader reader;
    while (true) {
        FrameHead head;
        receiveAll(&head, sizeof head);
        if (head.length > longestFrame)
            return 1;
        Bytes bytes(head.length);
        receiveAll(bytes.data(), bytes.size());
        try {
            answer(head.kind, fromBytes(bytes), reader);
        } catch (const std::bad_alloc &) {
            sendFrame(FrameKind::Failed, {{"what", "it needs more memory than reading may take (2 GiB)"}});
        } catch (const Refused &refused) {
            sendFrame(FrameKind::Failed, {{"what", refused.what()}});
        } catch (const std::exception &error) {
            sendFrame(FrameKind::Failed, {{"what", error.what()}, {"damaged", true}});
        }
    }
}

} // namespace nibblescope
