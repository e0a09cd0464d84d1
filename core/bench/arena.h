// SPDX-License-Identifier: GPL-3.0-or-later
// A large piece of memory straight from the system, in huge pages where it has them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nibblescope {

class Arena {
public:
    Arena() = default;
    // Throws Error{Fault::Machine} if the system has not that much.
    explicit Arena(std::size_t bytes);
    ~Arena();
    Arena(Arena &&other) noexcept;
    Arena &operator=(Arena &&other) noexcept;

    std::uint8_t *data() const { return m_data; }
    std::size_t size() const { return m_size; }

private:
    std::uint8_t *m_data = nullptr;
    std::size_t m_size = 0;
};

} // namespace nibblescope
