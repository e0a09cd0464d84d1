// SPDX-License-Identifier: GPL-3.0-or-later
// Clip search around the two steps that an instruction set gives: rough errors of some candidates at once, and the
// exact error of one.
#pragma once

#include "core/kernels/encode_tables.h"
#include "core/kernels/kernels.h"

namespace nibblescope {

inline constexpr std::size_t clipSteps = 80;
// Shares of the candidates: (100 - i) / 100.
extern const float clipShares[clipSteps];

struct ClipCandidates {
    float scale[clipSteps];
    std::int32_t zeroPoint[clipSteps]; // int4-asym
};

// Good to 1e-5: squared errors of `first` and the following candidates. Returns the smallest, NaN if one is NaN.
using RoughErrors = double (*)(const ClipSearch &search, const ClipCandidates &all, std::size_t first,
                               const EncodeTables &tables, double *out);
// Which of the errors of `width` candidates are at most `limit`, a bit each.
using CloseErrors = std::uint32_t (*)(const double *errors, double limit);
// Negative: it cannot be had for this scale.
using ExactError = double (*)(const ClipSearch &search, float scale, std::uint8_t zeroPoint);

// Scales and zero-points of `first` and the following candidates. `exact`: the scale that is not clipped, not rounded.
using MakeCandidates = void (*)(const ClipSearch &search, float exact, std::size_t first, ClipCandidates &all);

struct ClipOperations {
    std::size_t width; // candidates at once; it divides clipSteps
    MakeCandidates make;
    RoughErrors rough;
    ExactError exact;
    CloseErrors close = nullptr; // null: one by one
};
ClipChoice clipSearchBy(Format format, const ClipSearch &search, const ClipOperations &operations);

} // namespace nibblescope
