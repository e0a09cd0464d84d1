// SPDX-License-Identifier: GPL-3.0-or-later
// A 64-bit checksum of a run of bytes that comes in pieces, to see whether a file reads back as it was written. Not
// against forgery.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nibblescope::hdf5 {

class Checksum {
public:
    void add(std::span<const std::byte> bytes) {
        m_length += bytes.size();
        while (!bytes.empty()) {
            if (m_pending == 0 && bytes.size() >= m_word.size()) {
                mix(bytes.data());
                bytes = bytes.subspan(m_word.size());
                continue;
            }
            const std::size_t count = std::min(m_word.size() - m_pending, bytes.size());
            std::memcpy(m_word.data() + m_pending, bytes.data(), count);
            bytes = bytes.subspan(count);
            m_pending += count;
            if (m_pending == m_word.size()) {
                mix(m_word.data());
                m_pending = 0;
            }
        }
    }

    std::uint64_t value() const {
        Checksum end = *this;
        std::fill(end.m_word.begin() + static_cast<std::ptrdiff_t>(m_pending), end.m_word.end(), std::byte{0});
        end.mix(end.m_word.data());
        return end.m_state ^ m_length;
    }

private:
    void mix(const std::byte *word) {
        std::uint64_t value = 0;
        std::memcpy(&value, word, sizeof value);
        m_state = (m_state ^ value) * 0x9E3779B97F4A7C15ULL;
        m_state ^= m_state >> 32;
    }

    std::uint64_t m_state = 0x243F6A8885A308D3ULL;
    std::uint64_t m_length = 0;
    std::array<std::byte, 8> m_word{};
    std::size_t m_pending = 0;
};

} // namespace nibblescope::hdf5
