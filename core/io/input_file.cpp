// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/input_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

Error cannotOpen(const std::filesystem::path &path, int reason) {
    const std::string whole = shown(path.string());
    if (reason == ENOENT || reason == ENOTDIR)
        return Error(Fault::Input, "there is no file " + whole).inFile(path.string());
    if (reason == EACCES || reason == EPERM)
        return Error(Fault::Machine, whole + " cannot be read: no permission").inFile(path.string());
    return Error(Fault::Machine, whole + " cannot be opened: " + std::strerror(reason)).inFile(path.string());
}

} // namespace

InputFile::InputFile(const std::filesystem::path &path) : m_path(path) {
    // Not blocking: opening a pipe that nobody writes to would wait for ever.
    m_descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (m_descriptor < 0)
        throw cannotOpen(path, errno);
    struct stat status {};
    const bool known = ::fstat(m_descriptor, &status) == 0;
    const int reason = errno;
    if (!known || !S_ISREG(status.st_mode)) {
        ::close(m_descriptor);
        if (!known)
            throw cannotOpen(path, reason);
        throw Error(Fault::Input, shown(path.string()) + " is not a file").inFile(path.string());
    }
    m_size = static_cast<std::uint64_t>(status.st_size);
    m_changed = status.st_mtim;
}

InputFile::~InputFile() { ::close(m_descriptor); }

std::string InputFile::name() const { return shownName(m_path); }

void InputFile::throwIfChanged() const {
    struct stat status {};
    if (::fstat(m_descriptor, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == m_size &&
        status.st_mtim.tv_sec == m_changed.tv_sec && status.st_mtim.tv_nsec == m_changed.tv_nsec)
        return;
    throw Error(Fault::Input, name() + " changed on disk while it was open. Open it again.").inFile(m_path.string());
}

void InputFile::readAt(std::uint64_t offset, std::span<std::byte> bytes) const {
    throwIfChanged();
    while (!bytes.empty()) {
        const ssize_t count = ::pread(m_descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw Error(Fault::Machine,
                        name() + " cannot be read at byte " + shownCount(offset) + ": " + std::strerror(errno))
                .inFile(m_path.string())
                .atByte(offset);
        if (count == 0) {
            throwIfChanged();
            throw Error(Fault::Input, name() + " ends at byte " + shownCount(offset) + ", within what is read")
                .inFile(m_path.string())
                .atByte(offset);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
}

std::string InputFile::head(std::size_t count) const {
    std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(count, m_size)), '\0');
    readAt(0, std::as_writable_bytes(std::span(text)));
    return text;
}

} // namespace nibblescope
