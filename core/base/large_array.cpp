// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/large_array.h"

#include <sys/mman.h>

#include <array>
#include <mutex>
#include <new>
#include <utility>

namespace nibblescope {
namespace {

constexpr std::align_val_t alignment{hugePageBytes};
constexpr std::size_t largestKept = std::size_t{32} << 20;

// What was freed last. The same matrix is quantized over and over: pages that the kernel has taken back it must find
// and clear again, and in a virtual machine its host too.
class KeptBlocks {
public:
    void *take(std::size_t bytes) {
        const std::lock_guard lock(m_mutex);
        for (Block &block : m_blocks)
            if (block.bytes == bytes) {
                void *const memory = block.memory;
                block = {};
                return memory;
            }
        return nullptr;
    }
    // Returns what is not kept any more: an older block, this one, or null.
    void *keep(void *memory, std::size_t bytes) {
        if (bytes > largestKept)
            return memory;
        const std::lock_guard lock(m_mutex);
        Block &newest = m_blocks.front();
        Block &older = m_blocks.back();
        void *const oldest = newest.memory == nullptr ? nullptr : std::exchange(older, newest).memory;
        newest = {memory, bytes};
        return oldest;
    }

private:
    struct Block {
        void *memory = nullptr;
        std::size_t bytes = 0;
    };
    std::mutex m_mutex;
    std::array<Block, 2> m_blocks; // at most 64 MiB
};

// Arrays may be freed at the very end: it is there before them and not destroyed.
KeptBlocks &keptBlocks() {
    static KeptBlocks &kept = *new KeptBlocks;
    return kept;
}

} // namespace

void *takeLargeBlock(std::size_t bytes) {
    if (void *const kept = keptBlocks().take(bytes))
        return kept;
    void *const memory = ::operator new(bytes, alignment);
    madvise(memory, bytes, MADV_HUGEPAGE); // a wish: where it is refused, pages are small
    return memory;
}

void giveLargeBlock(void *memory, std::size_t bytes) noexcept {
    ::operator delete(keptBlocks().keep(memory, bytes), alignment);
}

} // namespace nibblescope
