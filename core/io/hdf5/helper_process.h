// SPDX-License-Identifier: GPL-3.0-or-later
// The other end of the helper (helper.h): starts it, asks, and turns whatever becomes of it into an Error.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include <sys/types.h>

#include <nlohmann/json.hpp>

#include "core/io/hdf5/protocol.h"
#include "core/tensor/dtype.h"

namespace nibblescope {

// The program that serves as helper: what NIBBLESCOPE_HELPER names, else nibblescope-cli in the folder of this program
// (in a build tree also in ../app). Throws Error{Fault::Machine} if there is none.
std::filesystem::path hdf5HelperPath();

class Hdf5HelperProcess {
public:
    // The helper is started with the first request, and anew after it came to an end. It is given up after `patience`
    // without a sign of life.
    explicit Hdf5HelperProcess(std::filesystem::path file,
                               std::chrono::milliseconds patience = std::chrono::seconds(8));
    ~Hdf5HelperProcess();
    Hdf5HelperProcess(const Hdf5HelperProcess &) = delete;
    Hdf5HelperProcess &operator=(const Hdf5HelperProcess &) = delete;

    // Both are safe from several threads, one after the other. Throw Error: a file that cannot be read, a crash, no
    // answer in time.
    nlohmann::json list();
    void read(const std::string &dataset, DType dtype, const std::vector<std::uint64_t> &dims, std::uint64_t first,
              std::uint64_t count, std::span<std::byte> bytes);

private:
    struct Frame;
    using DataSink = std::function<void(std::uint64_t length)>;

    void start();
    void stop(bool kill);
    void request(hdf5::FrameKind kind, const nlohmann::json &value, const std::string &dataset);
    Frame receive(const std::string &dataset);
    void sendAll(const void *data, std::size_t size, const std::string &dataset);
    void receiveAll(void *data, std::size_t size, const std::string &dataset);
    [[noreturn]] void throwFailed(const hdf5::Bytes &bytes, const std::string &dataset);
    [[noreturn]] void throwEnded(const std::string &dataset);
    [[noreturn]] void throwTooSlow(const std::string &dataset);
    [[noreturn]] void throwNonsense(const std::string &dataset);
    std::string where(const std::string &dataset) const;

    std::filesystem::path m_file;
    std::chrono::milliseconds m_patience;
    std::mutex m_mutex;
    pid_t m_process = -1;
    int m_channel = -1;
};

} // namespace nibblescope
