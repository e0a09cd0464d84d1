// SPDX-License-Identifier: GPL-3.0-or-later
// Integer products of many vectors by panels of rows, 256 bits wide.
//
// Weights and activations are widened to 16 bits: vpmaddwd then multiplies any
// two of them exactly, 16 an instruction. (vpmaddubsw does 32, but overflows on
// levels of eight bits.) Decoding and widening are paid once a panel.
#if defined(__x86_64__)
#include "core/kernels/products_avx2.h"

#include "core/kernels/avx2_common.h"
#include "core/kernels/products_tables.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

constexpr std::size_t panelRows = 16;
constexpr std::size_t stepBytes = 16; // of a row, decoded at once
constexpr std::size_t mostTokens = 4;

// Columns in the order of a panel: group by group, of nibbles first the even
// ones, then the odd ones, each padded with zeros to 16.
struct Order {
    std::size_t bytes;      // stored, of a row
    std::size_t groupBytes; // stored, of a group but the last
    std::size_t groups;
    std::size_t halves; // 2 for nibbles, else 1

    std::size_t beginOf(std::size_t group) const { return group * groupBytes; }
    // Of a group, padded.
    std::size_t sizeOf(std::size_t group) const {
        const std::size_t left = bytes - beginOf(group);
        const std::size_t own = left < groupBytes ? left : groupBytes;
        return (own + stepBytes - 1) / stepBytes * stepBytes;
    }
    std::size_t total() const { return halves * (beginOf(groups - 1) + sizeOf(groups - 1)); }
};

Order orderOf(const ProductWeights &weights) {
    const bool nibbles = weights.kind != WeightKind::Int8;
    const std::size_t bytes = nibbles ? (weights.cols + 1) / 2 : weights.cols;
    return {bytes, weights.groups == 1 ? bytes : weights.groupSize / (nibbles ? 2 : 1), weights.groups,
            nibbles ? std::size_t{2} : 1};
}

NIBBLESCOPE_INLINE __m128i loadStep(const void *from) { return _mm_loadu_si128(static_cast<const __m128i *>(from)); }

// The first `count` bytes (at most 16), zeros behind them.
NIBBLESCOPE_INLINE __m128i loadFirstStep(const std::uint8_t *from, std::size_t count) {
    if (count >= stepBytes)
        return loadStep(from);
    alignas(16) std::uint8_t rest[stepBytes] = {};
    for (std::size_t i = 0; i < count; ++i)
        rest[i] = from[i];
    return loadStep(rest);
}

void widenActivations(const Order &order, const QuantizedActivations &x, std::int16_t *out) {
    for (std::size_t group = 0; group < order.groups; ++group) {
        const std::size_t begin = order.beginOf(group);
        const std::size_t size = order.sizeOf(group);
        for (std::size_t half = 0; half < order.halves; ++half)
            for (std::size_t i = 0; i < size; i += stepBytes, out += stepBytes) {
                const __m128i codes = loadStep(x.codes.data() + half * x.half + begin + i);
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(out), _mm256_cvtepi8_epi16(codes));
            }
    }
}

// 8 x 8 words of 32 bits, in place: v[i] lane j becomes v[j] lane i.
NIBBLESCOPE_INLINE void transpose(__m256i (&v)[8]) {
    __m256i t[8];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 8; i += 4) {
        const __m256i a = _mm256_unpacklo_epi32(v[i], v[i + 1]), b = _mm256_unpackhi_epi32(v[i], v[i + 1]);
        const __m256i c = _mm256_unpacklo_epi32(v[i + 2], v[i + 3]), d = _mm256_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = _mm256_unpacklo_epi64(a, c);
        t[i + 1] = _mm256_unpackhi_epi64(a, c);
        t[i + 2] = _mm256_unpacklo_epi64(b, d);
        t[i + 3] = _mm256_unpackhi_epi64(b, d);
    }
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        v[i] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x31);
    }
}

// The weights of sixteen bytes of a row that are in one half of their group.
template <bool nibbles>
NIBBLESCOPE_INLINE __m256i widen(__m128i packed, __m128i table, bool odd) {
    if constexpr (nibbles) {
        const __m128i codes = _mm_and_si128(odd ? packed : _mm_srli_epi16(packed, 4), _mm_set1_epi8(15));
        return _mm256_cvtepi8_epi16(_mm_shuffle_epi8(table, codes));
    } else {
        return _mm256_cvtepi8_epi16(packed);
    }
}

// A panel: for each pair of neighbouring columns the pairs of its sixteen rows.
// Missing rows are those of `first`.
template <bool nibbles>
void decodePanel(const ProductWeights &weights, const Order &order, std::size_t first, std::size_t rows, __m128i table,
                 std::int16_t *panel) {
    for (std::size_t group = 0; group < order.groups; ++group) {
        const std::size_t begin = order.beginOf(group);
        const std::size_t size = order.sizeOf(group);
        for (std::size_t i = 0; i < size; i += stepBytes)
            for (std::size_t block = 0; block < panelRows; block += 8) {
                __m128i packed[8];
                for (std::size_t r = 0; r < 8; ++r) {
                    const std::size_t row = first + (block + r < rows ? block + r : 0);
                    packed[r] =
                        loadFirstStep(weights.data + row * weights.rowBytes + begin + i, order.bytes - begin - i);
                }
                NIBBLESCOPE_UNROLL
                for (std::size_t half = 0; half < (nibbles ? 2 : 1); ++half) {
                    __m256i pairs[8];
                    NIBBLESCOPE_UNROLL
                    for (std::size_t r = 0; r < 8; ++r)
                        pairs[r] = widen<nibbles>(packed[r], table, half == 1);
                    transpose(pairs);
                    std::int16_t *const to = panel + (half * size + i) * panelRows + 2 * block;
                    NIBBLESCOPE_UNROLL
                    for (std::size_t p = 0; p < 8; ++p)
                        _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + 2 * panelRows * p), pairs[p]);
                }
            }
        panel += order.halves * size * panelRows;
    }
}

NIBBLESCOPE_INLINE __m256i broadcastPair(const std::int16_t *pair) {
    std::int32_t both;
    __builtin_memcpy(&both, pair, sizeof(both));
    return _mm256_set1_epi32(both);
}

// `scales`: [groups][16]. out: [tokens][16].
template <std::size_t tokens>
void meetPanel(const Order &order, const std::int16_t *panel, const float *scales, const std::int16_t *const *x,
               float *out) {
    const std::int16_t *from[tokens];
    __m256 totals[tokens][2];
    NIBBLESCOPE_UNROLL
    for (std::size_t t = 0; t < tokens; ++t) {
        from[t] = x[t];
        totals[t][0] = totals[t][1] = _mm256_setzero_ps();
    }
    std::size_t at = 0;
    for (std::size_t group = 0; group < order.groups; ++group, scales += panelRows) {
        __m256i sums[tokens][2];
        NIBBLESCOPE_UNROLL
        for (std::size_t t = 0; t < tokens; ++t)
            sums[t][0] = sums[t][1] = _mm256_setzero_si256();
        const std::size_t end = at + order.halves * order.sizeOf(group);
        for (; at < end; at += 2) {
            const auto *const pairs = reinterpret_cast<const __m256i *>(panel + at * panelRows);
            const __m256i first = _mm256_loadu_si256(pairs), second = _mm256_loadu_si256(pairs + 1);
            NIBBLESCOPE_UNROLL
            for (std::size_t t = 0; t < tokens; ++t) {
                const __m256i v = broadcastPair(from[t] + at);
                sums[t][0] = _mm256_add_epi32(sums[t][0], _mm256_madd_epi16(first, v));
                sums[t][1] = _mm256_add_epi32(sums[t][1], _mm256_madd_epi16(second, v));
                // One vector after the other: GCC 12 would load all first, and store a
                // sum for want of registers.
                __asm__ volatile("" : "+x"(sums[t][0]), "+x"(sums[t][1]));
            }
        }
        const __m256 low = _mm256_loadu_ps(scales), high = _mm256_loadu_ps(scales + 8);
        NIBBLESCOPE_UNROLL
        for (std::size_t t = 0; t < tokens; ++t) {
            totals[t][0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[t][0]), low, totals[t][0]);
            totals[t][1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[t][1]), high, totals[t][1]);
        }
    }
    NIBBLESCOPE_UNROLL
    for (std::size_t t = 0; t < tokens; ++t) {
        _mm256_storeu_ps(out + panelRows * t, totals[t][0]);
        _mm256_storeu_ps(out + panelRows * t + 8, totals[t][1]);
    }
}

void unpackScales(const ProductWeights &weights, std::size_t first, std::size_t rows, float *row, float *scales) {
    for (std::size_t r = 0; r < panelRows; ++r) {
        if (r < rows)
            rowScales(weights, first + r, row);
        for (std::size_t group = 0; group < weights.groups; ++group)
            scales[group * panelRows + r] = row[group];
    }
}

void multiplyPanels(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                    std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    const Order order = orderOf(weights);
    const std::size_t length = order.total();
    workspace.panel.resize(length * panelRows * sizeof(std::int16_t));
    workspace.activations.resize(batch * length * sizeof(std::int16_t));
    workspace.scales.resize(weights.groups * (panelRows + 1));
    auto *const panel = reinterpret_cast<std::int16_t *>(workspace.panel.data());
    auto *const activations = reinterpret_cast<std::int16_t *>(workspace.activations.data());
    float *const scales = workspace.scales.data();
    for (std::size_t t = 0; t < batch; ++t)
        widenActivations(order, x[t], activations + t * length);
    const __m128i codes = _mm_setr_epi8(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
    const __m128i table = weights.kind == WeightKind::Int4 ? codes : loadStep(weights.level8.data());
    const auto decode = weights.kind == WeightKind::Int8 ? decodePanel<false> : decodePanel<true>;
    for (std::size_t done = 0; done < rowCount; done += panelRows) {
        const std::size_t rows = rowCount - done < panelRows ? rowCount - done : panelRows;
        decode(weights, order, firstRow + done, rows, table, panel);
        unpackScales(weights, firstRow + done, rows, scales + weights.groups * panelRows, scales);
        for (std::size_t t = 0; t < batch;) {
            const std::size_t count = batch - t >= mostTokens ? mostTokens : 1;
            const std::int16_t *from[mostTokens];
            for (std::size_t i = 0; i < count; ++i)
                from[i] = activations + (t + i) * length;
            float out[mostTokens * panelRows];
            (count == mostTokens ? meetPanel<mostTokens> : meetPanel<1>)(order, panel, scales, from, out);
            for (std::size_t i = 0; i < count; ++i, ++t)
                for (std::size_t r = 0; r < rows; ++r)
                    y[t * weights.rows + firstRow + done + r] =
                        out[panelRows * i + r] * (x[t].scale * weights.levelUnit);
        }
    }
}

} // namespace
NIBBLESCOPE_TARGET_END

bool multiplyPanelsAvx2(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                        std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    const std::size_t step = stepBytes * (weights.kind == WeightKind::Int8 ? 1 : 2);
    if (weights.groups == 0 || (weights.groups > 1 && weights.groupSize % step != 0))
        return false;
    multiplyPanels(weights, x, batch, firstRow, rowCount, y, workspace);
    return true;
}

} // namespace nibblescope
#endif
