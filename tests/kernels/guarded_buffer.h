// SPDX-License-Identifier: GPL-3.0-or-later
// Memory that ends exactly at a page that must not be touched: one byte read or written too far is a crash.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <vector>

namespace nibblescope::conformance {

// Pages with a forbidden one behind them. Making them costs more than most checks that use them, so they are kept and
// given out again; for one thread.
class GuardedPages {
public:
    explicit GuardedPages(std::size_t bytes) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        std::size_t size = page;
        while (size < bytes)
            size *= 2;
        for (std::size_t i = 0; i < unused().size(); ++i)
            if (unused()[i].size == size) {
                m_pages = unused()[i];
                unused()[i] = unused().back();
                unused().pop_back();
                return;
            }
        void *const memory = mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            throw std::bad_alloc();
        m_pages = {static_cast<char *>(memory), size};
        mprotect(end(), page, PROT_NONE);
    }
    ~GuardedPages() { unused().push_back(m_pages); }
    GuardedPages(const GuardedPages &) = delete;
    GuardedPages &operator=(const GuardedPages &) = delete;

    char *end() const { return m_pages.begin + m_pages.size; }

private:
    struct Pages {
        char *begin = nullptr;
        std::size_t size = 0;
    };
    static std::vector<Pages> &unused() {
        static std::vector<Pages> pages;
        return pages;
    }

    Pages m_pages;
};

// Zeros at first.
template <typename T>
class GuardedBuffer {
public:
    explicit GuardedBuffer(std::size_t count)
        : m_count(count), m_pages(count * sizeof(T)), m_data(m_pages.end() - count * sizeof(T)) {
        fillBytes(0);
    }

    T *data() { return reinterpret_cast<T *>(m_data); }
    T &operator[](std::size_t i) { return data()[i]; }
    std::size_t size() const { return m_count; }
    void fillBytes(int value) { std::memset(m_data, value, m_count * sizeof(T)); }

private:
    std::size_t m_count;
    GuardedPages m_pages;
    char *m_data;
};

} // namespace nibblescope::conformance
