// SPDX-License-Identifier: GPL-3.0-or-later
#include "bit_count_conformance.h"

#include <array>
#include <random>

#include "comparing.h"
#include "core/kernels/avx512_bit_counts.h"
#include "core/kernels/cpu_features.h"
#include "guarded_buffer.h"

namespace nibblescope::conformance {

#if defined(__x86_64__)
namespace {

constexpr std::size_t kindCounts[] = {1, 2, 8, 9, 16, 17, 66, 130, 240, 241, 252, 255};
using SlotCounts = std::array<std::uint64_t, 257>;
using CodeCounts = std::array<std::uint32_t, 17>;

// Values up to `most`; few different ones in every other buffer.
void fill(GuardedBuffer<std::uint8_t> &bytes, unsigned most, std::mt19937 &random) {
    const unsigned step = bytes.size() % 2 == 0 ? 1 : 37;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(random() % (most / step + 1) * step);
}

void checkSlots(Problems &problems, std::size_t count, std::size_t kinds, std::mt19937 &random) {
    GuardedBuffer<std::uint8_t> slots(count);
    fill(slots, 255, random);
    SlotCounts expected, planes, tables;
    expected.fill(3);
    planes = tables = expected;
    for (std::size_t i = 0; i < count; ++i)
        expected[slots[i]] += slots[i] < kinds ? 1 : 0;
    countSlotsByPlanes(slots.data(), count, kinds, planes.data());
    countSlotsByTables(slots.data(), count, kinds, tables.data());
    const std::string place = std::to_string(count) + " slots of " + std::to_string(kinds) + " kinds: ";
    if (planes != expected)
        problems.push_back(place + "planes count wrongly");
    if (tables != expected)
        problems.push_back(place + "tables count wrongly");
}

void checkNibbles(Problems &problems, std::size_t count, std::mt19937 &random) {
    GuardedBuffer<std::uint8_t> codes((count + 1) / 2);
    fill(codes, 255, random);
    if (count % 2 != 0)
        codes[count / 2] &= 0xf0;
    CodeCounts expected, planes, adders;
    expected.fill(3);
    planes = adders = expected;
    for (std::size_t i = 0; i < count; ++i)
        ++expected[i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15];
    countNibblesByPlanes(codes.data(), count, planes.data());
    countNibblesByAdders(codes.data(), count, adders.data());
    if (planes != expected)
        problems.push_back(std::to_string(count) + " codes: planes count wrongly");
    if (adders != expected)
        problems.push_back(std::to_string(count) + " codes: adders count wrongly");
}

} // namespace

std::vector<std::string> bitCountsAgree(const Kernels &kernels) {
    Problems problems;
    if (kernels.isa != Isa::Avx512 || !cpuFeatures().vpopcnt)
        return problems;
    std::mt19937 random(9);
    std::vector<std::size_t> counts = {511, 512, 513, 1024, 1025, 3071, 4032, 4095, 4096};
    for (std::size_t count = 0; count <= 300; ++count)
        counts.push_back(count);
    for (const std::size_t count : counts) {
        for (const std::size_t kinds : kindCounts)
            checkSlots(problems, count, kinds, random);
        checkNibbles(problems, count, random);
    }
    return problems;
}
#else
std::vector<std::string> bitCountsAgree(const Kernels &) { return {}; }
#endif

} // namespace nibblescope::conformance
