// SPDX-License-Identifier: GPL-3.0-or-later
// The registry of number formats: one row each. The recipe editor, the command line's help, the documents and the tests
// walk it. Formats stand with the kernels, which are one entry a format; everything above sees them through recipes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nibblescope {

enum class Format : std::uint8_t { None, Int4, Int4Max, Int4Asym, Nf4, Fp4, Mxfp4, Int8, Fitted };
inline constexpr std::size_t formatCount = 9;

struct FormatTraits {
    Format format;
    std::string_view id;        // on the command line and in files: "int4-asym"
    std::string_view name;      // in lists: "INT4 asymmetric"
    std::string_view shortName; // in sentences, chips, legends: "INT4 asym"
    std::string_view help;      // one sentence for the help line
    unsigned codeBits;          // 4 or 8; 0 for None
    int lowestCode;             // the code as a number that people read: -8 for INT4, 0 for codebooks
    bool codebook;              // levels normalised to [-1, 1] (nf4, fp4), scaled by absmax
    bool zeroPoint;             // a 4-bit zero-point a group
    unsigned fixedGroupSize;    // 32 for mxfp4, else 0
};

enum class ScaleType : std::uint8_t { F32, F16, BF16 }; // how each group's scale is stored

// A scale as its storage type holds it: nearest even; beyond the largest finite value that value, with the sign.
float roundToScaleType(float scale, ScaleType type);
// Whether rounding to the type would give Inf.
bool overflowsScaleType(float scale, ScaleType type);

std::span<const FormatTraits> allFormats(); // in the order of the enumeration
const FormatTraits &traits(Format format);
std::optional<Format> formatFromId(std::string_view id);

// The 16 levels in the order of their codes, in units of the stored scale: NF4 and FP4 in [-1, 1] (bitsandbytes'
// tables), MXFP4 as E2M1 values, INT4 the integers -8 ... 7, INT4 asymmetric 0 ... 15 (before the zero-point is taken
// off). Not for None and Int8. Fitted: NF4's, which every fit starts from; a quantized tensor brings its own.
std::span<const float, 16> levels(Format format);

// The same values in rising order with the code of each. FP4 and MXFP4 hold zero twice.
struct SortedLevels {
    std::array<float, 16> level;
    std::array<std::uint8_t, 16> code;
    std::array<float, 15> boundary; // F32 midpoints (level[i] + level[i + 1]) / 2
};
const SortedLevels &sortedLevels(Format format);
// Of any 16 levels, by code.
SortedLevels sortedLevels(std::span<const float, 16> levels);

} // namespace nibblescope
