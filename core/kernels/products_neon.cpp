// SPDX-License-Identifier: GPL-3.0-or-later
// Products with NEON as every 64-bit Arm CPU has it.
#if defined(__aarch64__)
#include "core/kernels/products_neon_rows.h"

namespace nibblescope {
namespace {

// Products of bytes have 16 bits. A pair is at most 2 * 128 * 127 = 32,512; then it goes to 32 bits.
struct DotByPairs {
    static NIBBLESCOPE_INLINE int32x4_t add(int32x4_t sum, int8x16_t a, int8x16_t b) {
        const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
        return vpadalq_s16(sum, vmlal_high_s8(low, a, b));
    }
};

NIBBLESCOPE_INLINE void addProducts(Sixteen &sums, const Sixteen &weights, const float *x) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        sums.v[i] = vfmaq_f32(sums.v[i], weights.v[i], vld1q_f32(x + 4 * i));
}

NIBBLESCOPE_INLINE float32x4_t added(const Sixteen &v) {
    return vaddq_f32(vaddq_f32(v.v[0], v.v[1]), vaddq_f32(v.v[2], v.v[3]));
}

template <WeightKind kind>
constexpr std::size_t bytesOfWeight = kind == WeightKind::F32    ? 4
                                      : kind == WeightKind::Int8 ? 1
                                                                 : 2;

template <WeightKind kind>
NIBBLESCOPE_INLINE Sixteen loadWeights(const std::uint8_t *from) {
    if constexpr (kind == WeightKind::F32) {
        return load16(reinterpret_cast<const float *>(from));
    } else if constexpr (kind == WeightKind::Int8) {
        return toFloats(vreinterpretq_s8_u8(vld1q_u8(from)));
    } else {
        const uint16x8_t a = vreinterpretq_u16_u8(vld1q_u8(from)), b = vreinterpretq_u16_u8(vld1q_u8(from + 16));
        const uint16x4_t parts[4] = {vget_low_u16(a), vget_high_u16(a), vget_low_u16(b), vget_high_u16(b)};
        Sixteen values;
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i)
            values.v[i] = kind == WeightKind::F16 ? vcvt_f32_f16(vreinterpret_f16_u16(parts[i]))
                                                  : vreinterpretq_f32_u32(vshll_n_u16(parts[i], 16));
        return values;
    }
}

// Weights of a byte and more times an F32 vector. Without groups there are no scales.
template <WeightKind kind>
void rowsOfValuesF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow,
                     std::size_t rowCount, float *y) {
    constexpr std::size_t size = bytesOfWeight<kind>;
    float scales[stackScales] = {1.0F};
    const std::size_t groups = weights.groups == 0 ? 1 : weights.groups;
    const std::size_t groupSize = groups == 1 ? weights.cols : weights.groupSize;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        if (weights.groups != 0)
            unpackScales(weights, firstRow + r, scales);
        float32x4_t sum = vdupq_n_f32(0);
        for (std::size_t group = 0; group < groups; ++group) {
            const std::size_t begin = group * groupSize;
            const std::size_t end = begin + groupSize < weights.cols ? begin + groupSize : weights.cols;
            Sixteen sums{};
            std::size_t i = begin;
            for (; i + 16 <= end; i += 16)
                addProducts(sums, loadWeights<kind>(row + i * size), x.values.data() + i);
            if (i < end) { // the end of the row, where activations are 0
                std::uint8_t rest[16 * size] = {};
                std::memcpy(rest, row + i * size, (end - i) * size);
                addProducts(sums, loadWeights<kind>(rest), x.values.data() + i);
            }
            sum = vfmaq_n_f32(sum, added(sums), scales[group]);
        }
        y[r] = vaddvq_f32(sum);
    }
}

void rowsOfNibblesF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow,
                      std::size_t rowCount, float *y) {
    float scales[stackScales];
    float values[16];
    for (std::size_t i = 0; i < 16; ++i)
        values[i] = weights.kind == WeightKind::Int4 ? static_cast<float>(i) - 8.0F : weights.level[i];
    const FloatTable levels = tableOf(values);
    const float *const even = x.values.data();
    const float *const odd = even + x.half;
    const std::size_t bytes = (weights.cols + 1) / 2;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / 2;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, scales);
        float32x4_t sum = vdupq_n_f32(0);
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * groupBytes;
            const std::size_t end = begin + groupBytes < bytes ? begin + groupBytes : bytes;
            Sixteen sums{};
            std::size_t at = begin;
            for (; at + 16 <= end; at += 16) {
                const uint8x16_t packed = vld1q_u8(row + at);
                addProducts(sums, lookUp(levels, vshrq_n_u8(packed, 4)), even + at);
                addProducts(sums, lookUp(levels, vandq_u8(packed, vdupq_n_u8(15))), odd + at);
            }
            for (; at < end; at += 8) { // fewer than eight end the row, where activations are 0
                const uint8x16_t packed = loadUpToEight(row + at, end - at);
                const Sixteen first = lookUp(levels, vshrq_n_u8(packed, 4));
                const Sixteen second = lookUp(levels, vandq_u8(packed, vdupq_n_u8(15)));
                NIBBLESCOPE_UNROLL
                for (std::size_t i = 0; i < 2; ++i) {
                    sums.v[i] = vfmaq_f32(sums.v[i], first.v[i], vld1q_f32(even + at + 4 * i));
                    sums.v[i + 2] = vfmaq_f32(sums.v[i + 2], second.v[i], vld1q_f32(odd + at + 4 * i));
                }
            }
            sum = vfmaq_n_f32(sum, added(sums), scales[group]);
        }
        y[r] = vaddvq_f32(sum);
    }
}

void matvecF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
               float *y) {
    if (!isRegular(weights)) {
        scalarProducts().matvecF32(weights, x, firstRow, rowCount, y);
        return;
    }
    switch (weights.kind) {
    case WeightKind::F32:
        return rowsOfValuesF32<WeightKind::F32>(weights, x, firstRow, rowCount, y);
    case WeightKind::F16:
        return rowsOfValuesF32<WeightKind::F16>(weights, x, firstRow, rowCount, y);
    case WeightKind::Bf16:
        return rowsOfValuesF32<WeightKind::Bf16>(weights, x, firstRow, rowCount, y);
    case WeightKind::Int8:
        return rowsOfValuesF32<WeightKind::Int8>(weights, x, firstRow, rowCount, y);
    case WeightKind::Int4:
    case WeightKind::Codebook4:
        return rowsOfNibblesF32(weights, x, firstRow, rowCount, y);
    }
}

// Sums of four neighbouring codes each.
NIBBLESCOPE_INLINE int32x4_t sumsOfFour(int8x16_t codes) { return vpaddlq_s16(vpaddlq_s8(codes)); }

NIBBLESCOPE_INLINE int8x16_t toBytes(const Sixteen &x, float32x4_t inverse) {
    int32x4_t codes[4];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        codes[i] = vcvtnq_s32_f32(vmulq_f32(x.v[i], inverse));
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(codes[0]), codes[1]);
    const int16x8_t high = vqmovn_high_s32(vqmovn_s32(codes[2]), codes[3]);
    return vqmovn_high_s16(vqmovn_s16(low), high);
}

// splitActivations() stays with the definition: a copy, once a product.
void quantizeActivations(const ProductWeights &weights, const float *x, QuantizedActivations &out) {
    resizeActivations(weights, out);
    const std::size_t cols = weights.cols;
    const bool nibbles = weights.kind == WeightKind::Int4 || weights.kind == WeightKind::Codebook4;
    const auto load = [x, cols](std::size_t column) {
        return column < cols ? loadFirst(x + column, cols - column) : Sixteen{};
    };
    float32x4_t peak = vdupq_n_f32(0);
    for (std::size_t i = 0; i < cols; i += 16) {
        const Sixteen values = load(i);
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 4; ++k)
            peak = vmaxnmq_f32(peak, vabsq_f32(values.v[k]));
    }
    const float largest = vmaxvq_f32(peak);
    out.scale = largest / 127.0F;
    const float32x4_t inverse = vdupq_n_f32(largest > 0.0F ? 127.0F / largest : 0.0F);
    int32x4_t total = vdupq_n_s32(0);
    for (std::size_t i = 0; i < out.half; i += 16) {
        int32x4_t sums;
        if (nibbles) {
            const int8x16_t a = toBytes(load(2 * i), inverse), b = toBytes(load(2 * i + 16), inverse);
            const int8x16_t even = vuzp1q_s8(a, b), odd = vuzp2q_s8(a, b);
            vst1q_s8(out.codes.data() + i, even);
            vst1q_s8(out.codes.data() + out.half + i, odd);
            sums = vaddq_s32(sumsOfFour(even), sumsOfFour(odd));
        } else {
            const int8x16_t codes = toBytes(load(i), inverse);
            vst1q_s8(out.codes.data() + i, codes);
            sums = sumsOfFour(codes);
        }
        vst1q_s32(out.laneSums.data() + i / 4, sums);
        total = vaddq_s32(total, sums);
    }
    out.total = vaddvq_s32(total);
}

} // namespace

void fillNeonProducts(ProductKernels &table) {
    table.quantizeActivations = quantizeActivations;
    table.matvecF32 = matvecF32;
    table.matvecInt8 = matvecInt8<DotByPairs>;
    table.matmulInt8 = matmulInt8<DotByPairs>;
}

} // namespace nibblescope
#endif
