// SPDX-License-Identifier: GPL-3.0-or-later
// Products 256 bits wide.
//
// vpmaddubsw wants one unsigned operand and adds pairs of products in 16 bits. Codes of INT4 are 0 ... 15: nothing
// overflows. Elsewhere one factor lends its sign to the other: levels to the activations' magnitudes, activations to
// those of INT8 weights (|-128| is 128 unsigned), so that a pair is at most 2 * 128 * 127 = 32,512.
#if defined(__x86_64__)
#include "core/kernels/products_avx2.h"

#include "core/kernels/avx2_common.h"
#include "core/kernels/products_tables.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

constexpr std::size_t stackScales = 4096;
constexpr std::size_t prefetchBytes = 512;

NIBBLESCOPE_INLINE __m256i loadBytes(const void *from) {
    return _mm256_loadu_si256(static_cast<const __m256i *>(from));
}

// The first `count` bytes (at most 32), zeros behind them.
NIBBLESCOPE_INLINE __m256i loadFirstBytes(const std::uint8_t *from, std::size_t count) {
    if (count >= 32)
        return loadBytes(from);
    alignas(32) std::uint8_t rest[32] = {};
    for (std::size_t i = 0; i < count; ++i)
        rest[i] = from[i];
    return loadBytes(rest);
}

template <WeightKind kind>
NIBBLESCOPE_INLINE __m256 loadWeights(const std::uint8_t *row, std::size_t column) {
    if constexpr (kind == WeightKind::F32)
        return _mm256_loadu_ps(reinterpret_cast<const float *>(row) + column);
    else if constexpr (kind == WeightKind::F16)
        return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(row + 2 * column)));
    else
        return _mm256_castsi256_ps(_mm256_slli_epi32(
            _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i *>(row + 2 * column))), 16));
}

// F32, F16, BF16 rows times an F32 vector. The last columns, fewer than eight, by the definition's own steps.
template <WeightKind kind>
void rowsOfFloats(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
                  float *y) {
    const std::size_t whole = weights.cols / 8 * 8;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        std::size_t i = 0;
        for (; i + 32 <= whole; i += 32)
            NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 4; ++k)
            sums[k] = _mm256_fmadd_ps(loadWeights<kind>(row, i + 8 * k), _mm256_loadu_ps(x.values.data() + i + 8 * k),
                                      sums[k]);
        for (; i < whole; i += 8)
            sums[0] = _mm256_fmadd_ps(loadWeights<kind>(row, i), _mm256_loadu_ps(x.values.data() + i), sums[0]);
        float sum = total(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
        if (i < weights.cols) {
            alignas(32) std::uint8_t rest[32] = {};
            const std::size_t width = kind == WeightKind::F32 ? 4 : 2;
            for (std::size_t b = 0; b < (weights.cols - i) * width; ++b)
                rest[b] = row[i * width + b];
            sum += total(_mm256_mul_ps(loadWeights<kind>(rest, 0), _mm256_loadu_ps(x.values.data() + i)));
        }
        y[r] = sum;
    }
}

// Groups of a multiple of 16 bytes, or whole rows: 16 bytes are 32 weights of one group.
void rowsOfNibblesF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow,
                      std::size_t rowCount, float *y) {
    float scales[stackScales];
    alignas(32) float levels[16];
    for (std::size_t i = 0; i < 16; ++i)
        levels[i] = weights.kind == WeightKind::Int4 ? static_cast<float>(i) - 8.0F : weights.level[i];
    const float *const even = x.values.data();
    const float *const odd = even + x.half;
    const std::size_t bytes = (weights.cols + 1) / 2;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / 2;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        rowScales(weights, firstRow + r, scales);
        __m256 sum = _mm256_setzero_ps();
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * groupBytes;
            const std::size_t end = begin + groupBytes < bytes ? begin + groupBytes : bytes;
            __m256 first = _mm256_setzero_ps();
            __m256 second = _mm256_setzero_ps();
            for (std::size_t i = begin; i < end; i += 8) {
                alignas(16) std::uint8_t rest[16] = {};
                const std::uint8_t *from = row + i;
                if (end - i < 8) {
                    for (std::size_t b = 0; b < end - i; ++b)
                        rest[b] = row[i + b];
                    from = rest;
                }
                const __m256i codes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(from)));
                first = _mm256_fmadd_ps(lookUp(levels, _mm256_srli_epi32(codes, 4)), _mm256_loadu_ps(even + i), first);
                second = _mm256_fmadd_ps(lookUp(levels, codes), _mm256_loadu_ps(odd + i), second);
            }
            sum = _mm256_fmadd_ps(_mm256_add_ps(first, second), _mm256_set1_ps(scales[group]), sum);
        }
        y[r] = total(sum);
    }
}

void matvecF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
               float *y) {
    const bool nibbles = weights.kind == WeightKind::Int4 || weights.kind == WeightKind::Codebook4;
    if (weights.kind == WeightKind::F32)
        rowsOfFloats<WeightKind::F32>(weights, x, firstRow, rowCount, y);
    else if (weights.kind == WeightKind::F16)
        rowsOfFloats<WeightKind::F16>(weights, x, firstRow, rowCount, y);
    else if (weights.kind == WeightKind::Bf16)
        rowsOfFloats<WeightKind::Bf16>(weights, x, firstRow, rowCount, y);
    else if (nibbles && weights.groups <= stackScales && (weights.groups == 1 || weights.groupSize % 16 == 0))
        rowsOfNibblesF32(weights, x, firstRow, rowCount, y);
    else
        scalarProducts().matvecF32(weights, x, firstRow, rowCount, y);
}

NIBBLESCOPE_INLINE void unpackScales(const ProductWeights &weights, std::size_t row, float *out) {
    const std::size_t first = row * weights.groups;
    const std::size_t count = weights.groups;
    std::size_t i = 0;
    if (weights.scaleCodes == nullptr) {
        for (; i + 8 <= count; i += 8)
            _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(
                                          reinterpret_cast<const __m128i *>(weights.scales + first + i))));
        for (; i < count; ++i)
            out[i] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(weights.scales[first + i])));
    } else if (count % 8 == 0) {
        const __m256 offset = _mm256_set1_ps(weights.offset);
        for (; i < count; i += 8) {
            const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(weights.scaleCodes + first + i));
            const __m256 mapped = _mm256_i32gather_ps(weights.map, _mm256_cvtepu8_epi32(codes), 4);
            const __m256 block = _mm256_set1_ps(weights.blockScales[(first + i) / 256]);
            _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_mul_ps(mapped, block), offset));
        }
    } else {
        rowScales(weights, row, out);
    }
    for (std::size_t k = 0; k < 4; ++k)
        out[count + k] = 0.0F;
}

NIBBLESCOPE_INLINE __m256i pairSums(__m256i words) { return _mm256_madd_epi16(words, _mm256_set1_epi16(1)); }

// Sums of four products each: codes of 64 weights of a row with their activations.
template <WeightKind kind>
NIBBLESCOPE_INLINE __m256i dotNibbles(__m256i packed, __m256i table, const QuantizedActivations &x, std::size_t at) {
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i first = _mm256_and_si256(_mm256_srli_epi16(packed, 4), mask);
    const __m256i second = _mm256_and_si256(packed, mask);
    const __m256i even = loadBytes(x.codes.data() + at);
    const __m256i odd = loadBytes(x.codes.data() + x.half + at);
    if constexpr (kind == WeightKind::Int4) {
        const __m256i words = _mm256_add_epi16(_mm256_maddubs_epi16(first, even), _mm256_maddubs_epi16(second, odd));
        const __m256i sums = loadBytes(x.laneSums.data() + at / 4);
        return _mm256_sub_epi32(pairSums(words), _mm256_slli_epi32(sums, 3));
    } else {
        const __m256i a = _mm256_sign_epi8(_mm256_shuffle_epi8(table, first), even);
        const __m256i b = _mm256_sign_epi8(_mm256_shuffle_epi8(table, second), odd);
        return _mm256_add_epi32(pairSums(_mm256_maddubs_epi16(_mm256_abs_epi8(even), a)),
                                pairSums(_mm256_maddubs_epi16(_mm256_abs_epi8(odd), b)));
    }
}

// Scales over the lanes of 64 weights. `pattern`: weights of a group, at most 64.
template <std::size_t pattern>
NIBBLESCOPE_INLINE __m256 laneScales(const float *scales) {
    if constexpr (pattern == 64)
        return _mm256_set1_ps(scales[0]);
    else if constexpr (pattern == 32)
        return _mm256_insertf128_ps(_mm256_set1_ps(scales[0]), _mm_set1_ps(scales[1]), 1);
    else
        return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(scales)),
                                        _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

template <WeightKind kind, std::size_t pattern>
void rowsOfNibbles(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                   std::size_t rowCount, float *y) {
    float scales[stackScales + 16];
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(weights.level8.data())));
    const std::size_t bytes = (weights.cols + 1) / 2;
    const std::size_t vectorsPerGroup = pattern == 64 ? (weights.groupSize + 63) / 64 : 1;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, scales);
        __m256 sum = _mm256_setzero_ps();
        const float *scale = scales;
        for (std::size_t at = 0; at < bytes; scale += 64 / pattern) {
            __m256i dots = _mm256_setzero_si256();
            for (std::size_t v = 0; v < vectorsPerGroup && at < bytes; ++v, at += 32) {
                if (at % 64 == 0)
                    _mm_prefetch(reinterpret_cast<const char *>(row + at + prefetchBytes), _MM_HINT_T0);
                const __m256i packed = bytes - at >= 32 ? loadBytes(row + at) : loadFirstBytes(row + at, bytes - at);
                dots = _mm256_add_epi32(dots, dotNibbles<kind>(packed, table, x, at));
            }
            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), laneScales<pattern>(scale), sum);
        }
        y[r] = total(sum) * (x.scale * weights.levelUnit);
    }
}

// INT8: groups of a multiple of 32, or whole rows.
void rowsOfBytes(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                 std::size_t rowCount, float *y) {
    float scales[stackScales + 16];
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, scales);
        __m256 sum = _mm256_setzero_ps();
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * weights.groupSize;
            const std::size_t end = begin + weights.groupSize < weights.cols ? begin + weights.groupSize : weights.cols;
            __m256i dots[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
            std::size_t at = begin;
            for (; at + 64 <= end; at += 64) {
                _mm_prefetch(reinterpret_cast<const char *>(row + at + 2 * prefetchBytes), _MM_HINT_T0);
                NIBBLESCOPE_UNROLL
                for (std::size_t i = 0; i < 2; ++i) {
                    const __m256i v = loadBytes(x.codes.data() + at + 32 * i);
                    const __m256i w = loadBytes(row + at + 32 * i);
                    const __m256i words = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(v, w));
                    dots[i] = _mm256_add_epi32(dots[i], pairSums(words));
                }
            }
            for (; at < end; at += 32) {
                const __m256i v = loadBytes(x.codes.data() + at);
                const __m256i w = loadFirstBytes(row + at, end - at);
                const __m256i words = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(v, w));
                dots[0] = _mm256_add_epi32(dots[0], pairSums(words));
            }
            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(dots[0], dots[1])), _mm256_set1_ps(scales[group]),
                                  sum);
        }
        y[r] = total(sum) * x.scale;
    }
}

template <WeightKind kind>
bool nibbleRows(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                std::size_t rowCount, float *y) {
    if (weights.groups > stackScales)
        return false;
    if (weights.groups == 1 || weights.groupSize % 64 == 0)
        rowsOfNibbles<kind, 64>(weights, x, firstRow, rowCount, y);
    else if (weights.groupSize == 32)
        rowsOfNibbles<kind, 32>(weights, x, firstRow, rowCount, y);
    else if (weights.groupSize == 16)
        rowsOfNibbles<kind, 16>(weights, x, firstRow, rowCount, y);
    else
        return false;
    return true;
}

void matvecInt8(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                std::size_t rowCount, float *y) {
    bool done = false;
    if (weights.kind == WeightKind::Int4) {
        done = nibbleRows<WeightKind::Int4>(weights, x, firstRow, rowCount, y);
    } else if (weights.kind == WeightKind::Codebook4) {
        done = nibbleRows<WeightKind::Codebook4>(weights, x, firstRow, rowCount, y);
    } else if (weights.groups <= stackScales && (weights.groups == 1 || weights.groupSize % 32 == 0)) {
        rowsOfBytes(weights, x, firstRow, rowCount, y);
        done = true;
    }
    if (!done)
        scalarProducts().matvecInt8(weights, x, firstRow, rowCount, y);
}

// A block of rows stays in the second-level cache while all vectors meet it.
void matmulInt8(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch, std::size_t firstRow,
                std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    constexpr std::size_t blockRows = 32;
    constexpr std::size_t fewestForPanels = 8;
    if (batch >= fewestForPanels && multiplyPanelsAvx2(weights, x, batch, firstRow, rowCount, y, workspace))
        return;
    for (std::size_t done = 0; done < rowCount; done += blockRows) {
        const std::size_t rows = rowCount - done < blockRows ? rowCount - done : blockRows;
        for (std::size_t i = 0; i < batch; ++i)
            matvecInt8(weights, x[i], firstRow + done, rows, y + i * weights.rows + firstRow + done);
    }
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx2Products(ProductKernels &table) {
    table.matvecF32 = matvecF32;
    table.matvecInt8 = matvecInt8;
    table.matmulInt8 = matmulInt8;
}

} // namespace nibblescope
#endif
