// SPDX-License-Identifier: GPL-3.0-or-later
// How often each small number stands in a run of them, 512 bits wide.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nibblescope {

// Both take at most chunkWeights numbers and add to the counters.

// Bytes 0 ... kinds - 1, kinds < 256; larger ones are not counted.
void countSlotsAvx512(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts);
// 4-bit codes, two a byte: 16 counters. A last low nibble that is none must be 0.
void countNibblesAvx512(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts);

// The two ways behind each, for tests. By planes of bits: only where cpuFeatures().vpopcnt.
void countSlotsByPlanes(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts);
void countSlotsByTables(const std::uint8_t *slots, std::size_t count, std::size_t kinds, std::uint64_t *counts);
void countNibblesByPlanes(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts);
void countNibblesByAdders(const std::uint8_t *codes, std::size_t count, std::uint32_t *counts);

} // namespace nibblescope
