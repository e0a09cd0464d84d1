// SPDX-License-Identifier: GPL-3.0-or-later
// A file that is read at given places. It is never mapped: a mapped file that is cut short under us is a SIGBUS, and
// its pages count as our memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include <sys/stat.h>

namespace nibblescope {

class InputFile {
public:
    // Opens for reading. Throws Error: missing file, no permission, a folder, something that is no regular file.
    explicit InputFile(const std::filesystem::path &path);
    ~InputFile();
    InputFile(const InputFile &) = delete;
    InputFile &operator=(const InputFile &) = delete;

    const std::filesystem::path &path() const { return m_path; }
    std::string name() const; // for messages
    std::uint64_t size() const { return m_size; }

    // Fills `bytes` from the place `offset`; safe from several threads at once. Throws Error{Fault::Input} if the file
    // ends before, or if it has changed since it was opened (its size, or the time of its last change).
    void readAt(std::uint64_t offset, std::span<std::byte> bytes) const;
    // The first `count` bytes, fewer if the file is shorter.
    std::string head(std::size_t count) const;
    // Throws Error{Fault::Input} if size or time of the last change are not those at opening.
    void throwIfChanged() const;

private:
    std::filesystem::path m_path;
    int m_descriptor = -1;
    std::uint64_t m_size = 0;
    struct timespec m_changed {};
};

} // namespace nibblescope
