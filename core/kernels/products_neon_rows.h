// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of packed weights that meet int8 activations, with NEON: all but the dot product itself, which newer CPUs have
// an instruction for. Each file that includes this compiles it for its own CPUs, in brackets of its own.
//
// INT4 codes are 0 ... 15 in the dot products; what that adds, eight times the sum of a group's activations, is the
// start value of the group.
#pragma once

#include "core/kernels/neon_common.h"
#include "core/kernels/products_tables.h"

namespace nibblescope {
namespace {

constexpr std::size_t stackScales = 4096;

// Eight bytes and eight zeros.
NIBBLESCOPE_INLINE uint8x16_t loadEight(const std::uint8_t *from) { return vcombine_u8(vld1_u8(from), vdup_n_u8(0)); }
NIBBLESCOPE_INLINE int8x16_t loadEight(const std::int8_t *from) { return vcombine_s8(vld1_s8(from), vdup_n_s8(0)); }

// The last `count` bytes of a row (fewer than eight, of a row that has as many), zeros behind them. Not by a call,
// around which sums would go to memory.
NIBBLESCOPE_INLINE uint8x16_t loadLast(const std::uint8_t *end, std::size_t count) {
    std::uint64_t last = 0;
    std::memcpy(&last, end - 8, 8);
    return vcombine_u8(vcreate_u8(last >> (64 - 8 * count)), vdup_n_u8(0));
}

// Eight bytes, or what is left of a row.
NIBBLESCOPE_INLINE uint8x16_t loadUpToEight(const std::uint8_t *from, std::size_t left) {
    return left >= 8 ? loadEight(from) : loadLast(from + left, left);
}

// What the fast paths take: rows of at least eight bytes, in groups of a multiple of sixteen weights or without.
NIBBLESCOPE_INLINE bool isRegular(const ProductWeights &weights) {
    return weights.cols >= 16 &&
           (weights.groups <= 1 || (weights.groupSize % 16 == 0 && weights.groups <= stackScales));
}

// The scales of a row as F32. Double-quantized ones are looked up one by one: there is no gather.
NIBBLESCOPE_INLINE void unpackScales(const ProductWeights &weights, std::size_t row, float *out) {
    if (weights.scaleCodes != nullptr) {
        rowScales(weights, row, out);
        return;
    }
    const std::uint16_t *const from = weights.scales + row * weights.groups;
    std::size_t i = 0;
    for (; i + 4 <= weights.groups; i += 4)
        vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + i))));
    for (; i < weights.groups; ++i)
        out[i] = vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(from[i]))), 0);
}

struct Nibbles {
    int8x16_t first;  // of even columns
    int8x16_t second; // of odd columns
};

template <WeightKind kind>
NIBBLESCOPE_INLINE Nibbles unpack(uint8x16_t packed, int8x16_t levels) {
    const uint8x16_t first = vshrq_n_u8(packed, 4), second = vandq_u8(packed, vdupq_n_u8(15));
    if constexpr (kind == WeightKind::Codebook4)
        return {vqtbl1q_s8(levels, first), vqtbl1q_s8(levels, second)};
    else
        return {vreinterpretq_s8_u8(first), vreinterpretq_s8_u8(second)};
}

// Sums of the activations of each group, times -8.
NIBBLESCOPE_INLINE void groupStarts(const ProductWeights &weights, const QuantizedActivations &x, std::int32_t *out) {
    const std::size_t lanes = x.laneSums.size();
    for (std::size_t group = 0; group < weights.groups; ++group) {
        const std::size_t begin = group * (weights.groupSize / 8);
        const std::size_t end = group + 1 == weights.groups ? lanes : begin + weights.groupSize / 8;
        std::int32_t sum = 0;
        for (std::size_t i = begin; i < end; ++i)
            sum += x.laneSums[i];
        out[group] = -8 * sum;
    }
}

// Sixteen bytes of a row meet `batch` vectors.
template <typename Dot, std::size_t batch>
NIBBLESCOPE_INLINE void meet(int32x4_t (&dots)[batch][2], const Nibbles &nibbles, const std::int8_t *const *even,
                             const std::int8_t *const *odd, std::size_t at) {
    NIBBLESCOPE_UNROLL
    for (std::size_t k = 0; k < batch; ++k) {
        dots[k][0] = Dot::add(dots[k][0], nibbles.first, vld1q_s8(even[k] + at));
        dots[k][1] = Dot::add(dots[k][1], nibbles.second, vld1q_s8(odd[k] + at));
    }
}

// The bytes [begin, end) of a row meet the vectors. What is fewer than eight bytes ends the row, where activations are
// 0.
template <typename Dot, WeightKind kind, std::size_t batch>
NIBBLESCOPE_INLINE void meetGroup(int32x4_t (&dots)[batch][2], const std::uint8_t *row, std::size_t begin,
                                  std::size_t end, int8x16_t levels, const std::int8_t *const *even,
                                  const std::int8_t *const *odd) {
    std::size_t at = begin;
    for (; at + 64 <= end; at += 64) {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 64; i += 16)
            meet<Dot, batch>(dots, unpack<kind>(vld1q_u8(row + at + i), levels), even, odd, at + i);
    }
    for (; at + 16 <= end; at += 16)
        meet<Dot, batch>(dots, unpack<kind>(vld1q_u8(row + at), levels), even, odd, at);
    for (; at < end; at += 8) {
        const Nibbles nibbles = unpack<kind>(loadUpToEight(row + at, end - at), levels);
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k) {
            dots[k][0] = Dot::add(dots[k][0], nibbles.first, loadEight(even[k] + at));
            dots[k][1] = Dot::add(dots[k][1], nibbles.second, loadEight(odd[k] + at));
        }
    }
}

// y[k] is for vector k.
template <typename Dot, WeightKind kind, std::size_t batch>
void rowsOfNibbles(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                   std::size_t rowCount, float *const *y) {
    float scales[stackScales];
    std::int32_t starts[batch][kind == WeightKind::Int4 ? stackScales : 1];
    const std::int8_t *even[batch];
    const std::int8_t *odd[batch];
    NIBBLESCOPE_UNROLL
    for (std::size_t k = 0; k < batch; ++k) {
        even[k] = x[k].codes.data();
        odd[k] = even[k] + x[k].half;
        if constexpr (kind == WeightKind::Int4)
            groupStarts(weights, x[k], starts[k]);
    }
    const int8x16_t levels = vld1q_s8(weights.level8.data());
    const std::size_t bytes = (weights.cols + 1) / 2;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / 2;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, scales);
        float32x4_t sums[batch] = {};
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * groupBytes;
            const std::size_t end = begin + groupBytes < bytes ? begin + groupBytes : bytes;
            int32x4_t dots[batch][2] = {};
            if constexpr (kind == WeightKind::Int4) {
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k][0] = vsetq_lane_s32(starts[k][group], vdupq_n_s32(0), 0);
            }
            meetGroup<Dot, kind, batch>(dots, row, begin, end, levels, even, odd);
            NIBBLESCOPE_UNROLL
            for (std::size_t k = 0; k < batch; ++k)
                sums[k] = vfmaq_n_f32(sums[k], vcvtq_f32_s32(vaddq_s32(dots[k][0], dots[k][1])), scales[group]);
        }
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k)
            y[k][r] = vaddvq_f32(sums[k]) * (x[k].scale * weights.levelUnit);
    }
}

template <typename Dot, std::size_t batch>
void rowsOfBytes(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                 std::size_t rowCount, float *const *y) {
    float scales[stackScales];
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, scales);
        float32x4_t sums[batch] = {};
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * weights.groupSize;
            const std::size_t end = begin + weights.groupSize < weights.cols ? begin + weights.groupSize : weights.cols;
            int32x4_t dots[batch][2] = {};
            std::size_t at = begin;
            for (; at + 32 <= end; at += 32) {
                NIBBLESCOPE_UNROLL
                for (std::size_t i = 0; i < 2; ++i) {
                    const int8x16_t w = vreinterpretq_s8_u8(vld1q_u8(row + at + 16 * i));
                    NIBBLESCOPE_UNROLL
                    for (std::size_t k = 0; k < batch; ++k)
                        dots[k][i] = Dot::add(dots[k][i], w, vld1q_s8(x[k].codes.data() + at + 16 * i));
                }
            }
            for (; at < end; at += 8) {
                const int8x16_t w = vreinterpretq_s8_u8(loadUpToEight(row + at, end - at));
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k][0] = Dot::add(dots[k][0], w, loadEight(x[k].codes.data() + at));
            }
            NIBBLESCOPE_UNROLL
            for (std::size_t k = 0; k < batch; ++k)
                sums[k] = vfmaq_n_f32(sums[k], vcvtq_f32_s32(vaddq_s32(dots[k][0], dots[k][1])), scales[group]);
        }
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k)
            y[k][r] = vaddvq_f32(sums[k]) * x[k].scale;
    }
}

template <typename Dot, std::size_t batch>
void rowsOf(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow, std::size_t rowCount,
            float *const *y) {
    if (!isRegular(weights)) {
        for (std::size_t k = 0; k < batch; ++k)
            scalarProducts().matvecInt8(weights, x[k], firstRow, rowCount, y[k]);
    } else if (weights.kind == WeightKind::Int4) {
        rowsOfNibbles<Dot, WeightKind::Int4, batch>(weights, x, firstRow, rowCount, y);
    } else if (weights.kind == WeightKind::Codebook4) {
        rowsOfNibbles<Dot, WeightKind::Codebook4, batch>(weights, x, firstRow, rowCount, y);
    } else {
        rowsOfBytes<Dot, batch>(weights, x, firstRow, rowCount, y);
    }
}

template <typename Dot>
void matvecInt8(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                std::size_t rowCount, float *y) {
    rowsOf<Dot, 1>(weights, &x, firstRow, rowCount, &y);
}

// A block of rows stays in the cache while the vectors meet it, four at a time.
template <typename Dot>
void matmulInt8(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch, std::size_t firstRow,
                std::size_t rowCount, float *y, ProductWorkspace & /*workspace*/) {
    constexpr std::size_t blockRows = 32;
    for (std::size_t done = 0; done < rowCount; done += blockRows) {
        const std::size_t first = firstRow + done;
        const std::size_t rows = rowCount - done < blockRows ? rowCount - done : blockRows;
        for (std::size_t t = 0; t < batch;) {
            const std::size_t count = batch - t >= 4 ? 4 : batch - t >= 2 ? 2 : 1;
            float *out[4];
            for (std::size_t k = 0; k < count; ++k)
                out[k] = y + (t + k) * weights.rows + first;
            if (count == 4)
                rowsOf<Dot, 4>(weights, x + t, first, rows, out);
            else if (count == 2)
                rowsOf<Dot, 2>(weights, x + t, first, rows, out);
            else
                rowsOf<Dot, 1>(weights, x + t, first, rows, out);
            t += count;
        }
    }
}

} // namespace
} // namespace nibblescope
