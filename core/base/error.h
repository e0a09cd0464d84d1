// SPDX-License-Identifier: GPL-3.0-or-later
// The one exception family of the core. It is caught at two places: the job boundary of the window and the command
// line's main().
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace nibblescope {

// Who has to act. The values are the exit statuses of the command line.
enum class Fault { Input = 1, Call = 2, Machine = 3, Interrupted = 130 };

// `what()` is one sentence in words that a user can act on: what happened, in which file and tensor, what to do. It
// already names the file and the tensor; the fields repeat them for programs.
class Error : public std::runtime_error {
public:
    explicit Error(Fault fault, const std::string &what) : std::runtime_error(what), m_fault(fault) {}

    Fault fault() const { return m_fault; }
    const std::string &file() const { return m_file; }
    const std::string &tensor() const { return m_tensor; }
    std::optional<std::uint64_t> offset() const { return m_offset; }

    Error &inFile(std::string file) {
        m_file = std::move(file);
        return *this;
    }
    Error &inTensor(std::string tensor) {
        m_tensor = std::move(tensor);
        return *this;
    }
    Error &atByte(std::uint64_t offset) {
        m_offset = offset;
        return *this;
    }

private:
    Fault m_fault;
    std::string m_file;
    std::string m_tensor;
    std::optional<std::uint64_t> m_offset;
};

} // namespace nibblescope
