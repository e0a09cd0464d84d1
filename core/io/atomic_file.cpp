// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/atomic_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <random>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/io/shown.h"

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view partEnding = ".part";
constexpr std::size_t randomLetters = 6;
// A file name has at most 255 bytes; a longer one loses its end.
constexpr std::size_t longestStem = 230;

std::string temporaryStem(const fs::path &target) {
    return "." + target.filename().string().substr(0, longestStem) + ".";
}

bool isTemporaryOf(const std::string &name, const std::string &stem) {
    return name.size() == stem.size() + randomLetters + partEnding.size() && name.starts_with(stem) &&
           name.ends_with(partEnding);
}

std::string randomWord() {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::random_device random;
    std::string word;
    for (std::size_t i = 0; i < randomLetters; ++i)
        word += letters[random() % letters.size()];
    return word;
}

bool lock(int descriptor) { return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

bool hasName(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && status.st_nlink > 0;
}

fs::path folderOf(const fs::path &target) { return target.has_parent_path() ? target.parent_path() : fs::path("."); }

// Where the bytes go: what a link points at, not the link.
fs::path resolved(const fs::path &target) {
    std::error_code error;
    if (!fs::is_symlink(target, error))
        return target;
    const fs::path real = fs::weakly_canonical(target, error);
    return error ? target : real;
}

void checkTarget(const fs::path &target) {
    std::error_code error;
    const fs::file_status status = fs::status(target, error);
    if (fs::is_directory(status))
        throw Error(Fault::Call, shown(target.string()) + " is a folder. Name a file in it.").inFile(target.string());
    if (fs::exists(status) && !fs::is_regular_file(status))
        throw Error(Fault::Call, shown(target.string()) + " is not a file that can be replaced.")
            .inFile(target.string());
    if (!target.has_filename())
        throw Error(Fault::Call, "\"" + shown(target.string()) + "\" names no file.").inFile(target.string());
    if (fs::exists(status) && ::access(target.c_str(), W_OK) != 0)
        throw Error(Fault::Machine, shown(target.string()) + " is write-protected; it is unchanged.")
            .inFile(target.string());
    const fs::path folder = folderOf(target);
    if (!fs::is_directory(folder, error))
        throw Error(Fault::Machine,
                    shownName(target) + " was not written: there is no folder " + shown(folder.string()) + ".")
            .inFile(target.string());
}

std::uint64_t freeBytes(const fs::path &folder) {
    struct statvfs status {};
    if (::statvfs(folder.c_str(), &status) != 0)
        return UINT64_MAX;
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

void syncFolder(const fs::path &folder) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return; // the rename stands; only its durability is not known
    ::fsync(descriptor);
    ::close(descriptor);
}

} // namespace

AtomicFile::AtomicFile(const fs::path &target, std::uint64_t expectedBytes)
    : m_target(resolved(target)), m_expected(expectedBytes) {
    checkTarget(m_target);
    std::error_code none;
    m_replaces = fs::exists(m_target, none);
    removeStale();
    if (freeBytes(folderOf(m_target)) < expectedBytes)
        throw failure(ENOSPC);
    open();
}

AtomicFile::~AtomicFile() {
    if (m_descriptor < 0)
        return;
    ::unlink(m_temporary.c_str());
    ::close(m_descriptor);
}

void AtomicFile::open() {
    const fs::path folder = folderOf(m_target);
    const std::string stem = temporaryStem(m_target);
    constexpr int attempts = 100;
    for (int i = 0; i < attempts; ++i) {
        m_temporary = folder / (stem + randomWord() + std::string(partEnding));
        const int descriptor = ::open(m_temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (descriptor < 0 && errno == EEXIST)
            continue;
        if (descriptor < 0)
            throw failure(errno);
        // Another export that looks for stale files may have taken it between the two calls.
        if (!lock(descriptor) || !hasName(descriptor)) {
            ::unlink(m_temporary.c_str());
            ::close(descriptor);
            continue;
        }
        m_descriptor = descriptor;
        struct stat old {};
        if (m_replaces && ::stat(m_target.c_str(), &old) == 0)
            static_cast<void>(::fchmod(descriptor, old.st_mode & 07777));
        return;
    }
    throw failure(EEXIST);
}

void AtomicFile::removeStale() const {
    const std::string stem = temporaryStem(m_target);
    std::error_code error;
    for (fs::directory_iterator entry(folderOf(m_target), error), end; !error && entry != end; entry.increment(error)) {
        if (!isTemporaryOf(entry->path().filename().string(), stem))
            continue;
        const int descriptor = ::open(entry->path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (descriptor < 0)
            continue;
        if (lock(descriptor))
            ::unlink(entry->path().c_str());
        ::close(descriptor);
    }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(m_descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw failure(errno);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void AtomicFile::commit() {
    if (::fsync(m_descriptor) != 0 || ::rename(m_temporary.c_str(), m_target.c_str()) != 0)
        throw failure(errno);
    ::close(m_descriptor);
    m_descriptor = -1;
    syncFolder(folderOf(m_target));
}

Error AtomicFile::failure(int reason) const {
    std::string why = std::strerror(reason);
    if (reason == ENOSPC || reason == EDQUOT) {
        why = reason == ENOSPC ? "the disk is full" : "your share of the disk is used up";
        // What was written so far is given back.
        struct stat status {};
        const std::uint64_t ours = m_descriptor >= 0 && ::fstat(m_descriptor, &status) == 0
                                       ? static_cast<std::uint64_t>(status.st_blocks) * 512
                                       : 0;
        const std::uint64_t free = freeBytes(folderOf(m_target)) + ours;
        if (m_expected > free && reason == ENOSPC)
            why += " (" + shownBytes(m_expected) + " needed, " + shownBytes(free) + " free)";
    } else if (reason == EFBIG) {
        why = "it would be larger than files may be here";
    } else if (reason == EACCES || reason == EPERM) {
        why = "no permission to write in " + shown(folderOf(m_target).string());
    } else if (reason == EROFS) {
        why = "the disk is read-only";
    }
    return Error(Fault::Machine, shownName(m_target) + " was not written: " + why + "." +
                                     (m_replaces ? " The old file is unchanged." : ""))
        .inFile(m_target.string());
}

} // namespace nibblescope
