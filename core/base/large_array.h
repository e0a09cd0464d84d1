// SPDX-License-Identifier: GPL-3.0-or-later
// Arrays that are written whole before they are read, of matrices: not set to zero when they are made, and in huge
// pages where they fill some. To take 8 MiB a page of 4 KiB at a time costs more than to quantize the 16 million
// weights whose codes fill them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace nibblescope {

template <typename T>
class LargeAllocator {
public:
    using value_type = T;

    LargeAllocator() = default;
    template <typename U>
    LargeAllocator(const LargeAllocator<U> &) {} // NOLINT(google-explicit-constructor): as allocators are

    T *allocate(std::size_t count) {
        if (!isLarge(count))
            return std::allocator<T>().allocate(count);
        void *const memory = ::operator new (bytesOf(count), std::align_val_t{hugePage});
        madvise(memory, bytesOf(count), MADV_HUGEPAGE); // a wish: where it is refused, pages are small
        return static_cast<T *>(memory);
    }
    void deallocate(T *memory, std::size_t count) noexcept {
        if (isLarge(count))
            ::operator delete (memory, std::align_val_t{hugePage});
        else
            std::allocator<T>().deallocate(memory, count);
    }

    // An element without a value is left as the memory is.
    template <typename U>
    void construct(U *place) noexcept {
        ::new (static_cast<void *>(place)) U;
    }
    template <typename U, typename... Arguments>
    void construct(U *place, Arguments &&...arguments) {
        ::new (static_cast<void *>(place)) U(std::forward<Arguments>(arguments)...);
    }

    bool operator==(const LargeAllocator &) const { return true; }

private:
    static constexpr std::size_t hugePage = std::size_t{2} << 20;

    static bool isLarge(std::size_t count) { return count >= 2 * hugePage / sizeof(T); }
    // Whole pages, so that nothing else lies in the last one.
    static std::size_t bytesOf(std::size_t count) { return (count * sizeof(T) + hugePage - 1) / hugePage * hugePage; }
};

// LargeArray<T>(count) and resize(count) leave new elements without a value.
template <typename T>
using LargeArray = std::vector<T, LargeAllocator<T>>;

} // namespace nibblescope
