// SPDX-License-Identifier: GPL-3.0-or-later
// Rounding of scales with NEON; each file that needs it gets a copy of its own.
#pragma once

#include "core/kernels/neon_common.h"

namespace nibblescope {
namespace {

constexpr float largestFloat = 3.4028234663852886e38F;

// roundToScaleType() of four scales.
NIBBLESCOPE_INLINE float32x4_t roundedToType(float32x4_t scale, ScaleType type) {
    float32x4_t rounded = scale;
    float largest = largestFloat;
    if (type == ScaleType::F16) {
        rounded = vcvt_f32_f16(vcvt_f16_f32(scale));
        largest = 65504.0F;
    } else if (type == ScaleType::BF16) {
        const uint32x4_t u = vreinterpretq_u32_f32(scale);
        const uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
        const uint32x4_t sum = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
        rounded = vreinterpretq_f32_u32(vandq_u32(sum, vdupq_n_u32(0xffff0000U)));
        largest = 3.3895313892515355e38F;
    }
    const uint32x4_t infinite = vcagtq_f32(rounded, vdupq_n_f32(largestFloat));
    const float32x4_t limit = vbslq_f32(vdupq_n_u32(0x80000000U), scale, vdupq_n_f32(largest));
    return vbslq_f32(infinite, limit, rounded);
}

// usableScale() of int4-max: 0 where the reciprocal overflows.
NIBBLESCOPE_INLINE float32x4_t usableSigned(float32x4_t scale) {
    const uint32x4_t usable = vcaleq_f32(vdivq_f32(vdupq_n_f32(1.0F), scale), vdupq_n_f32(largestFloat));
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(scale), usable));
}

// zeroPointFor(): rint(-lowest / scale) in 0 ... 15, and 0 where the scale is 0.
NIBBLESCOPE_INLINE uint32x4_t zeroPointsFor(float32x4_t lowest, float32x4_t scale) {
    const uint32x4_t unused = vceqzq_f32(scale);
    const float32x4_t quotient = vdivq_f32(vnegq_f32(lowest), vbslq_f32(unused, vdupq_n_f32(1.0F), scale));
    const uint32x4_t steps = vminq_u32(vcvtnq_u32_f32(quotient), vdupq_n_u32(15)); // negative ones became 0
    return vbicq_u32(steps, unused);
}

} // namespace
} // namespace nibblescope
