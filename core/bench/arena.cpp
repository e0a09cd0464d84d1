// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/arena.h"

#include <sys/mman.h>

#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/base/large_array.h"

namespace nibblescope {

Arena::Arena(std::size_t bytes) {
    m_size = (bytes + hugePageBytes - 1) / hugePageBytes * hugePageBytes;
    void *const memory = mmap(nullptr, m_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        throw Error(Fault::Machine, "There are no " + std::to_string(m_size >> 20) +
                                        " MiB of free memory for the measurement; close other programs.");
    madvise(memory, m_size, MADV_HUGEPAGE);
    m_data = static_cast<std::uint8_t *>(memory);
}

Arena::~Arena() {
    if (m_data != nullptr)
        munmap(m_data, m_size);
}

Arena::Arena(Arena &&other) noexcept
    : m_data(std::exchange(other.m_data, nullptr)), m_size(std::exchange(other.m_size, 0)) {}

Arena &Arena::operator=(Arena &&other) noexcept {
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    return *this;
}

} // namespace nibblescope
