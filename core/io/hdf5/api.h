// SPDX-License-Identifier: GPL-3.0-or-later
// The HDF5 library, plain C API, made safe to use: one process-wide lock over whole scopes, identifiers that close
// themselves, errors as exceptions and never on standard error.
//
// Reading files of others with it belongs into the helper process (helper.h): the library crashes on some malformed
// files whatever is checked first. Function names carry their version suffix, so that the code also builds against
// newer libraries.
#pragma once

#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <hdf5.h>

namespace nibblescope::hdf5 {

// A call of the library failed; what() is its innermost reason.
class CallFailed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Our own reason not to read something, a clause ("it was written by a newer version").
class Refused : public CallFailed {
public:
    using CallFailed::CallFailed;
};

// Holds the lock and silences the library in this thread. Everything that touches HDF5, closing included, happens
// inside one; declare it before the identifiers.
class Scope {
public:
    Scope();
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

private:
    std::unique_lock<std::recursive_mutex> m_lock;
    H5E_auto2_t m_print = nullptr;
    void *m_printData = nullptr;
};

// The innermost reason on the library's error stack.
std::string lastReason();

// Throws CallFailed if a call's result is negative, else hands it through.
template <typename Result>
Result checked(Result result) {
    if (result < 0)
        throw CallFailed(lastReason());
    return result;
}

// An identifier with its closing function.
class Handle {
public:
    using Closer = herr_t (*)(hid_t);

    Handle() = default;
    // Throws CallFailed for a negative identifier.
    Handle(hid_t id, Closer closer) : m_id(checked(id)), m_closer(closer) {}
    Handle(Handle &&other) noexcept : m_id(std::exchange(other.m_id, -1)), m_closer(other.m_closer) {}
    Handle &operator=(Handle &&other) noexcept {
        std::swap(m_id, other.m_id);
        std::swap(m_closer, other.m_closer);
        return *this;
    }
    ~Handle() { reset(); }

    operator hid_t() const { return m_id; } // NOLINT: stands for the identifier in calls
    void reset() {
        if (m_id >= 0)
            m_closer(m_id);
        m_id = -1;
    }
    // Closes and throws CallFailed if that fails, as for a file whose last bytes do not fit on the disk.
    void close() {
        if (m_id >= 0)
            checked(m_closer(std::exchange(m_id, -1)));
    }

private:
    hid_t m_id = -1;
    Closer m_closer = nullptr;
};

// Access properties for files: no locks (they fail on network disks), everything closed with the file.
Handle fileAccess();

} // namespace nibblescope::hdf5
