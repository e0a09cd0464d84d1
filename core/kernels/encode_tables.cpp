// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/encode_tables.h"

#include <array>
#include <cmath>
#include <limits>

#include "core/kernels/encode_rules.h"

namespace nibblescope {

namespace {

void fillBins(EncodeTables &tables) {
    for (int bin = -15; bin <= 15; ++bin) {
        const float lower = (static_cast<float>(bin) - 0.5F) / nf4BinsPerUnit;
        const float upper = (static_cast<float>(bin) + 0.5F) / nf4BinsPerUnit;
        const auto slot = static_cast<std::size_t>(bin) % 32;
        tables.binBase[slot] = 0;
        tables.binBoundary[slot] = std::numeric_limits<float>::infinity();
        for (int i = 0; i < 15; ++i) {
            if (tables.boundary[i] < lower)
                tables.binBase[slot] = i + 1;
            else if (tables.boundary[i] <= upper)
                tables.binBoundary[slot] = tables.boundary[i];
        }
    }
    tables.binBase[16] = 15;
    tables.binBoundary[16] = std::numeric_limits<float>::infinity();
}

void fillWords(EncodeTables &tables) {
    std::uint16_t code = 0;
    for (std::size_t bin = 0; bin < 32; ++bin) {
        tables.wordBase[bin] = static_cast<std::uint16_t>(code << 12);
        tables.wordBoundary[bin] = 0xffff; // no value comes so far
        const float place = code < 15 ? std::nearbyint(tables.boundary[code] * nf4WordsPerUnit) + 32768.0F : 65536.0F;
        if (place < static_cast<float>((bin + 1) << 11)) {
            tables.wordBoundary[bin] = static_cast<std::uint16_t>(place);
            ++code;
        }
    }
}

EncodeTables make(Format format) {
    EncodeTables tables{};
    const ClipLimits limits = clipLimits(format, 0);
    tables.clipLow = limits.low;
    tables.clipHigh = limits.high;
    if (format == Format::None || format == Format::Int8)
        return tables;
    const SortedLevels &sorted = sortedLevels(format);
    for (std::size_t i = 0; i < 16; ++i) {
        tables.level[i] = levels(format)[i];
        tables.boundary[i] = i < 15 ? sorted.boundary[i] : std::numeric_limits<float>::infinity();
        tables.sorted[i] = sorted.level[i];
        tables.code[i] = sorted.code[i];
        tables.codes[i] = sorted.code[i];
    }
    if (format == Format::Nf4) {
        fillBins(tables);
        fillWords(tables);
    }
    return tables;
}

} // namespace

const EncodeTables &encodeTables(Format format) {
    static const std::array<EncodeTables, formatCount> all = [] {
        std::array<EncodeTables, formatCount> made{};
        for (const FormatTraits &row : allFormats())
            made[static_cast<std::size_t>(row.format)] = make(row.format);
        return made;
    }();
    return all[static_cast<std::size_t>(format)];
}

} // namespace nibblescope
