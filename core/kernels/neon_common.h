// SPDX-License-Identifier: GPL-3.0-or-later
// Small steps that the NEON files share; each file gets copies of its own. NEON is part of every 64-bit Arm CPU, so
// that no brackets around its code are needed.
#pragma once

#include <arm_neon.h>

#include <cstring>

#include "core/kernels/isa_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {
namespace {

// As many values as a register holds codes.
struct Sixteen {
    float32x4_t v[4];
};

NIBBLESCOPE_INLINE Sixteen load16(const float *from) {
    return {{vld1q_f32(from), vld1q_f32(from + 4), vld1q_f32(from + 8), vld1q_f32(from + 12)}};
}
NIBBLESCOPE_INLINE void store16(float *to, const Sixteen &values) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        vst1q_f32(to + 4 * i, values.v[i]);
}

// The first `count` values (at most 16), zeros behind them; nothing else is read.
NIBBLESCOPE_INLINE Sixteen loadFirst(const float *from, std::size_t count) {
    if (count >= 16)
        return load16(from);
    float rest[16] = {};
    std::memcpy(rest, from, count * sizeof(float));
    return load16(rest);
}
NIBBLESCOPE_INLINE void storeFirst(float *to, std::size_t count, const Sixteen &values) {
    if (count >= 16) {
        store16(to, values);
        return;
    }
    float rest[16];
    store16(rest, values);
    std::memcpy(to, rest, count * sizeof(float));
}

NIBBLESCOPE_INLINE float64x2_t lowDoubles(float32x4_t v) { return vcvt_f64_f32(vget_low_f32(v)); }
NIBBLESCOPE_INLINE float64x2_t highDoubles(float32x4_t v) { return vcvt_high_f64_f32(v); }

// The low bytes of sixteen lanes.
NIBBLESCOPE_INLINE uint8x16_t lowBytes(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d) {
    const uint16x8_t ab = vuzp1q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b));
    const uint16x8_t cd = vuzp1q_u16(vreinterpretq_u16_u32(c), vreinterpretq_u16_u32(d));
    return vuzp1q_u8(vreinterpretq_u8_u16(ab), vreinterpretq_u8_u16(cd));
}

NIBBLESCOPE_INLINE Sixteen toFloats(int8x16_t v) {
    const int16x8_t low = vmovl_s8(vget_low_s8(v)), high = vmovl_high_s8(v);
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
             vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}

// Sixteen values from their bytes, the lowest first.
NIBBLESCOPE_INLINE Sixteen joined(uint8x16_t b0, uint8x16_t b1, uint8x16_t b2, uint8x16_t b3) {
    const uint16x8_t lowA = vreinterpretq_u16_u8(vzip1q_u8(b0, b1)), lowB = vreinterpretq_u16_u8(vzip2q_u8(b0, b1));
    const uint16x8_t highA = vreinterpretq_u16_u8(vzip1q_u8(b2, b3)), highB = vreinterpretq_u16_u8(vzip2q_u8(b2, b3));
    return {{vreinterpretq_f32_u16(vzip1q_u16(lowA, highA)), vreinterpretq_f32_u16(vzip2q_u16(lowA, highA)),
             vreinterpretq_f32_u16(vzip1q_u16(lowB, highB)), vreinterpretq_f32_u16(vzip2q_u16(lowB, highB))}};
}

// Sixteen floats, or two such tables one behind the other, apart by bytes: a look-up takes bytes only.
struct FloatTable {
    uint8x16_t byte[4];
};
struct LongFloatTable {
    uint8x16x2_t byte[4];
};

NIBBLESCOPE_INLINE FloatTable tableOf(const float *sixteen) {
    const uint8x16x4_t bytes = vld4q_u8(reinterpret_cast<const std::uint8_t *>(sixteen));
    return {{bytes.val[0], bytes.val[1], bytes.val[2], bytes.val[3]}};
}
NIBBLESCOPE_INLINE LongFloatTable longTableOf(const float *thirtyTwo) {
    const FloatTable low = tableOf(thirtyTwo), high = tableOf(thirtyTwo + 16);
    return {{{{low.byte[0], high.byte[0]}},
             {{low.byte[1], high.byte[1]}},
             {{low.byte[2], high.byte[2]}},
             {{low.byte[3], high.byte[3]}}}};
}

NIBBLESCOPE_INLINE Sixteen lookUp(const FloatTable &table, uint8x16_t index) {
    return joined(vqtbl1q_u8(table.byte[0], index), vqtbl1q_u8(table.byte[1], index), vqtbl1q_u8(table.byte[2], index),
                  vqtbl1q_u8(table.byte[3], index));
}
NIBBLESCOPE_INLINE Sixteen lookUp(const LongFloatTable &table, uint8x16_t index) {
    return joined(vqtbl2q_u8(table.byte[0], index), vqtbl2q_u8(table.byte[1], index), vqtbl2q_u8(table.byte[2], index),
                  vqtbl2q_u8(table.byte[3], index));
}

NIBBLESCOPE_INLINE Sixteen scaled(const Sixteen &values, float32x4_t scale) {
    return {{vmulq_f32(values.v[0], scale), vmulq_f32(values.v[1], scale), vmulq_f32(values.v[2], scale),
             vmulq_f32(values.v[3], scale)}};
}

} // namespace
} // namespace nibblescope
