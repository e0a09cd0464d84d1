// SPDX-License-Identifier: GPL-3.0-or-later
// Copies of the same weights that are read in turn, so that none is in a cache any more when its turn comes.
#pragma once

#include <cstddef>

namespace nibblescope {

class CopyCycle {
public:
    explicit CopyCycle(std::size_t copies = 0) : m_copies(copies) {}

    std::size_t copies() const { return m_copies; }
    // The first of `count` that have not been touched for longest, by any of those that read these copies.
    std::size_t takeCopies(std::size_t count) const {
        const std::size_t first = m_nextCopy;
        m_nextCopy = (m_nextCopy + count) % m_copies;
        return first;
    }

protected:
    void setCopies(std::size_t copies) { m_copies = copies; }

private:
    std::size_t m_copies;
    mutable std::size_t m_nextCopy = 0; // of the thread that measures
};

} // namespace nibblescope
