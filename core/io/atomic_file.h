// SPDX-License-Identifier: GPL-3.0-or-later
// A file that appears under its name whole or not at all. It is written under another name beside the target, synced,
// and renamed over it, so that a crash, a full disk or a kill leaves the old file as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "core/base/error.h"

namespace nibblescope {

class AtomicFile {
public:
    // Makes the temporary file: ".TARGET.XXXXXX.part" in the target's folder, locked with flock() as long as this
    // object lives. Files of that pattern that can be locked were left by a killed program and are removed.
    // `expectedBytes` is what will be written, 0 if that is not known: a disk that has less room is refused at once.
    //
    // Throws Error{Fault::Call} if the target is a folder or no regular file, Error{Fault::Machine} if its folder does
    // not exist, cannot be written to, or is full.
    explicit AtomicFile(const std::filesystem::path &target, std::uint64_t expectedBytes = 0);
    ~AtomicFile(); // removes what was not committed
    AtomicFile(const AtomicFile &) = delete;
    AtomicFile &operator=(const AtomicFile &) = delete;

    const std::filesystem::path &target() const { return m_target; }
    // For libraries that open a file by its name. They may truncate and write it, not replace it.
    const std::filesystem::path &temporaryPath() const { return m_temporary; }

    void write(std::span<const std::byte> bytes); // at the end; throws Error{Fault::Machine}
    // Syncs the file, renames it over the target and syncs the folder. Throws Error{Fault::Machine}.
    void commit();

    // The sentence for a failed write, from its errno: "out.h5 was not written: the disk is full (4.10 GiB needed,
    // 1.20 GiB free). The old file is unchanged."
    Error failure(int reason) const;

private:
    void open();
    void removeStale() const;

    std::filesystem::path m_target; // links are followed
    std::filesystem::path m_temporary;
    std::uint64_t m_expected = 0;
    int m_descriptor = -1;
    bool m_replaces = false;
};

} // namespace nibblescope
