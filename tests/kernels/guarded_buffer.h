// SPDX-License-Identifier: GPL-3.0-or-later
// Memory that ends exactly at a page that must not be touched: one byte read or written too far is a crash.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <new>

namespace nibblescope::conformance {

template <typename T>
class GuardedBuffer {
public:
    explicit GuardedBuffer(std::size_t count) : m_count(count) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        m_bytes = (count * sizeof(T) + page - 1) / page * page + page;
        m_memory = mmap(nullptr, m_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m_memory == MAP_FAILED)
            throw std::bad_alloc();
        char *const guard = static_cast<char *>(m_memory) + m_bytes - page;
        mprotect(guard, page, PROT_NONE);
        m_data = guard - count * sizeof(T);
    }
    ~GuardedBuffer() { munmap(m_memory, m_bytes); }
    GuardedBuffer(const GuardedBuffer &) = delete;
    GuardedBuffer &operator=(const GuardedBuffer &) = delete;

    T *data() { return reinterpret_cast<T *>(m_data); }
    T &operator[](std::size_t i) { return data()[i]; }
    std::size_t size() const { return m_count; }
    void fillBytes(int value) { std::memset(m_data, value, m_count * sizeof(T)); }

private:
    std::size_t m_count;
    std::size_t m_bytes = 0;
    void *m_memory = nullptr;
    char *m_data = nullptr;
};

} // namespace nibblescope::conformance
