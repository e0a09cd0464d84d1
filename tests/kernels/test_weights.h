// SPDX-License-Identifier: GPL-3.0-or-later
// Weights that are likely to catch a kernel: ordinary ones, outliers, zeros, ties between levels, numbers at the ends
// of the range, and what is no number at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "core/kernels/kernels.h"

namespace nibblescope::conformance {

enum class Kind { Normal, HeavyTailed, Constant, Zeros, Ties, Short, Denormal, Huge, NotFinite, RareNan, Mixed };
inline constexpr Kind allKinds[] = {Kind::Normal,    Kind::HeavyTailed, Kind::Constant, Kind::Zeros,
                                    Kind::Ties,      Kind::Short,       Kind::Denormal, Kind::Huge,
                                    Kind::NotFinite, Kind::RareNan,     Kind::Mixed};
std::string_view nameOf(Kind kind);

// Codebooks as a fit might give them, by any number: none (NF4's then), one without a zero, one of positive levels
// alone. None for other formats.
const SortedLevels *codebookOf(Format format, std::size_t variant);

// Ties: exact midpoints between levels of `format` where the group's largest magnitude is 1 (or the integer range).
std::vector<float> makeWeights(Kind kind, std::size_t count, Format format, std::uint32_t seed);

} // namespace nibblescope::conformance
