// SPDX-License-Identifier: GPL-3.0-or-later
// Arrays that are written whole before they are read, of matrices: not set to zero when they are made, in huge pages
// where they fill some, and in memory that such an array had before. To take 8 MiB a page of 4 KiB at a time costs more
// than to quantize the 16 million weights whose codes fill them.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace nibblescope {

inline constexpr std::size_t hugePageBytes = std::size_t{2} << 20;

// Memory of a multiple of hugePageBytes, with anything in it. Of blocks up to 32 MiB the last two given back are kept.
void *takeLargeBlock(std::size_t bytes);
void giveLargeBlock(void *memory, std::size_t bytes) noexcept;

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
        return static_cast<T *>(takeLargeBlock(bytesOf(count)));
    }
    void deallocate(T *memory, std::size_t count) noexcept {
        if (isLarge(count))
            giveLargeBlock(memory, bytesOf(count));
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
    static bool isLarge(std::size_t count) { return count >= 2 * hugePageBytes / sizeof(T); }
    // Whole pages, so that nothing else lies in the last one.
    static std::size_t bytesOf(std::size_t count) {
        return (count * sizeof(T) + hugePageBytes - 1) / hugePageBytes * hugePageBytes;
    }
};

// LargeArray<T>(count) and resize(count) leave new elements without a value.
template <typename T>
using LargeArray = std::vector<T, LargeAllocator<T>>;

} // namespace nibblescope
