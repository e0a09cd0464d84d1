// SPDX-License-Identifier: GPL-3.0-or-later
// Products with F32 activations, 512 bits wide.
#if defined(__x86_64__)
#include <immintrin.h>

#include "core/kernels/products_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

NIBBLESCOPE_INLINE __mmask16 firstLanes(std::size_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1U);
}

constexpr std::size_t stackScales = 4096;

// Sixteen weights of the kinds that have one type for all of a row.
template <WeightKind kind>
NIBBLESCOPE_INLINE __m512 loadWeights(const std::uint8_t *row, std::size_t column, __mmask16 live) {
    if constexpr (kind == WeightKind::F32)
        return _mm512_maskz_loadu_ps(live, row + 4 * column);
    else if constexpr (kind == WeightKind::F16)
        return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(live, row + 2 * column));
    else if constexpr (kind == WeightKind::Bf16)
        return _mm512_castsi512_ps(
            _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(live, row + 2 * column)), 16));
    else
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(live, row + column)));
}

// Weights [begin, end) of a row times x.
template <WeightKind kind>
NIBBLESCOPE_INLINE __m512 dotRun(const std::uint8_t *row, const float *x, std::size_t begin, std::size_t end) {
    __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    std::size_t i = begin;
    for (; i + 64 <= end; i += 64)
        NIBBLESCOPE_UNROLL
    for (std::size_t k = 0; k < 4; ++k)
        sums[k] = _mm512_fmadd_ps(loadWeights<kind>(row, i + 16 * k, 0xffff), _mm512_loadu_ps(x + i + 16 * k), sums[k]);
    for (; i < end; i += 16) {
        const __mmask16 live = firstLanes(end - i);
        sums[0] = _mm512_fmadd_ps(loadWeights<kind>(row, i, live), _mm512_maskz_loadu_ps(live, x + i), sums[0]);
    }
    return _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
}

template <WeightKind kind>
void rowsOfOneType(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
                   float *y) {
    float scales[stackScales];
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        if (weights.groups == 0) {
            y[r] = _mm512_reduce_add_ps(dotRun<kind>(row, x.values.data(), 0, weights.cols));
            continue;
        }
        rowScales(weights, firstRow + r, scales);
        __m512 sum = _mm512_setzero_ps();
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * weights.groupSize;
            const std::size_t end = begin + weights.groupSize < weights.cols ? begin + weights.groupSize : weights.cols;
            sum = _mm512_fmadd_ps(dotRun<kind>(row, x.values.data(), begin, end), _mm512_set1_ps(scales[group]), sum);
        }
        y[r] = _mm512_reduce_add_ps(sum);
    }
}

// Sixteen bytes are 32 weights of one group: groups of 32 and multiples.
void rowsOfNibbles(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
                   float *y) {
    float scales[stackScales];
    alignas(64) float levels[16];
    for (std::size_t i = 0; i < 16; ++i)
        levels[i] = weights.kind == WeightKind::Int4 ? static_cast<float>(i) - 8.0F : weights.level[i];
    const __m512 table = _mm512_load_ps(levels);
    const float *const even = x.values.data();
    const float *const odd = even + x.half;
    const std::size_t groupBytes = weights.groupSize / 2;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        rowScales(weights, firstRow + r, scales);
        __m512 sum = _mm512_setzero_ps();
        const std::size_t bytes = (weights.cols + 1) / 2;
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * groupBytes;
            const std::size_t end = begin + groupBytes < bytes ? begin + groupBytes : bytes;
            __m512 first = _mm512_setzero_ps();
            __m512 second = _mm512_setzero_ps();
            for (std::size_t i = begin; i < end; i += 16) {
                const __m512i codes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(firstLanes(end - i), row + i));
                first = _mm512_fmadd_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(codes, 4), table),
                                        _mm512_loadu_ps(even + i), first);
                second = _mm512_fmadd_ps(_mm512_permutexvar_ps(codes, table), _mm512_loadu_ps(odd + i), second);
            }
            sum = _mm512_fmadd_ps(_mm512_add_ps(first, second), _mm512_set1_ps(scales[group]), sum);
        }
        y[r] = _mm512_reduce_add_ps(sum);
    }
}

void matvecF32(const ProductWeights &weights, const SplitActivations &x, std::size_t firstRow, std::size_t rowCount,
               float *y) {
    if (weights.groups > stackScales) {
        scalarProducts().matvecF32(weights, x, firstRow, rowCount, y);
        return;
    }
    switch (weights.kind) {
    case WeightKind::F32:
        rowsOfOneType<WeightKind::F32>(weights, x, firstRow, rowCount, y);
        return;
    case WeightKind::F16:
        rowsOfOneType<WeightKind::F16>(weights, x, firstRow, rowCount, y);
        return;
    case WeightKind::Bf16:
        rowsOfOneType<WeightKind::Bf16>(weights, x, firstRow, rowCount, y);
        return;
    case WeightKind::Int8:
        rowsOfOneType<WeightKind::Int8>(weights, x, firstRow, rowCount, y);
        return;
    case WeightKind::Int4:
    case WeightKind::Codebook4:
        break;
    }
    // The padded activations let the last sixteen bytes of a row run over its end, not those of a group.
    if (weights.groups == 1 || weights.groupSize % 32 == 0)
        rowsOfNibbles(weights, x, firstRow, rowCount, y);
    else
        scalarProducts().matvecF32(weights, x, firstRow, rowCount, y);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Products(ProductKernels &table) { table.matvecF32 = matvecF32; }

} // namespace nibblescope
#endif
