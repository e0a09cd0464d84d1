// SPDX-License-Identifier: GPL-3.0-or-later
// Integer products of rows with one to four vectors, with AVX-512 VNNI.
#if defined(__x86_64__)
#include "core/kernels/products_vnni.h"
#include "core/kernels/products_vnni_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_VNNI)
namespace {

constexpr std::size_t bytesAhead = 1024;

// Scales of the 128 weights of one vector, each over the lanes of its group. `pattern`: weights of a group, at most
// 128.
template <std::size_t pattern>
NIBBLESCOPE_INLINE __m512 laneScales(const float *scales) {
    if constexpr (pattern == 128) {
        return _mm512_set1_ps(scales[0]);
    } else if constexpr (pattern == 64) {
        const __m512 pairs =
            _mm512_broadcast_f32x2(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(scales))));
        return _mm512_permutevar_ps(pairs, _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
    } else if constexpr (pattern == 32) {
        return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(scales)),
                                    _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
    } else {
        return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7),
                                     _mm512_castps256_ps512(_mm256_loadu_ps(scales)));
    }
}

// Start values of a vector's accumulator: -bias * sums of the activations that meet each lane.
template <WeightKind kind>
NIBBLESCOPE_INLINE __m512i startValues(const QuantizedActivations &x, std::size_t at) {
    const __m512i sums = _mm512_loadu_si512(x.laneSums.data() + at / 4);
    return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(sums, kind == WeightKind::Int4 ? 3 : 7));
}

// Sums of the activations of each group, times -bias: what the unsigned codes add, taken off once a row.
template <WeightKind kind>
NIBBLESCOPE_INLINE void groupCorrections(const ProductWeights &weights, const QuantizedActivations &x, float *out) {
    const std::size_t lanes = x.laneSums.size();
    const std::size_t perGroup = weights.groups == 1 ? lanes : weights.groupSize / 8;
    for (std::size_t group = 0; group < weights.groups; ++group) {
        const std::size_t end = group + 1 == weights.groups ? lanes : (group + 1) * perGroup;
        std::int32_t sum = 0;
        for (std::size_t i = group * perGroup; i < end; ++i)
            sum += x.laneSums[i];
        out[group] = static_cast<float>(-bias<kind>() * sum);
    }
    for (std::size_t i = weights.groups; i % 16 != 0; ++i)
        out[i] = 0.0F;
}

// 64 bytes of a row meet the activations.
template <WeightKind kind>
NIBBLESCOPE_INLINE __m512i dotVector(__m512i sum, const Nibbles &nibbles, const QuantizedActivations &x,
                                     std::size_t at) {
    const std::int8_t *const codes = x.codes.data() + at;
    sum = _mm512_dpbusd_epi32(sum, nibbles.first, _mm512_loadu_si512(codes));
    return _mm512_dpbusd_epi32(sum, nibbles.second, _mm512_loadu_si512(codes + x.half));
}

// `batch` vectors meet each row. y[k] is for vector k. `pattern`: weights of a group up to 128; 0: more.
template <WeightKind kind, std::size_t pattern, std::size_t batch>
void rowsOfNibbles(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                   std::size_t rowCount, float *const *y) {
    alignas(64) float scales[mostVnniScales + 16];
    alignas(64) float corrections[batch][mostVnniScales + 16];
    SplitMap map;
    if (weights.scaleCodes != nullptr)
        split(weights.map, map);
    NIBBLESCOPE_UNROLL
    for (std::size_t k = 0; k < batch; ++k)
        groupCorrections<kind>(weights, x[k], corrections[k]);
    const __m512i table = shiftedLevels(weights);
    const std::size_t bytes = (weights.cols + 1) / 2;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / 2;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, map, scales);
        __m512 sums[batch];
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k) {
            sums[k] = _mm512_setzero_ps();
            for (std::size_t i = 0; i < weights.groups; i += 16) {
                const auto live = static_cast<__mmask16>(firstBytes(weights.groups - i));
                sums[k] = _mm512_fmadd_ps(_mm512_maskz_load_ps(live, scales + i), _mm512_load_ps(corrections[k] + i),
                                          sums[k]);
            }
        }
        const float *scale = scales;
        if constexpr (pattern != 0) {
            std::size_t at = 0;
            for (; at + 64 <= bytes; at += 64, scale += 128 / pattern) {
                const Nibbles nibbles = unpack<kind>(_mm512_loadu_si512(row + at), table);
                const __m512 lanes = laneScales<pattern>(scale);
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k) {
                    const __m512i dot = dotVector<kind>(_mm512_setzero_si512(), nibbles, x[k], at);
                    sums[k] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), lanes, sums[k]);
                }
            }
            if (at < bytes) {
                const Nibbles nibbles = unpack<kind>(_mm512_maskz_loadu_epi8(firstBytes(bytes - at), row + at), table);
                const __m512 lanes = laneScales<pattern>(scale);
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k) {
                    const __m512i dot = dotVector<kind>(_mm512_setzero_si512(), nibbles, x[k], at);
                    sums[k] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), lanes, sums[k]);
                }
            }
        } else {
            for (std::size_t group = 0; group < weights.groups; ++group) {
                const std::size_t begin = group * groupBytes;
                const std::size_t end = begin + groupBytes < bytes ? begin + groupBytes : bytes;
                __m512i dots[batch];
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k] = _mm512_setzero_si512();
                for (std::size_t at = begin; at < end; at += 64) {
                    const __m512i packed = end - at >= 64 ? _mm512_loadu_si512(row + at)
                                                          : _mm512_maskz_loadu_epi8(firstBytes(end - at), row + at);
                    const Nibbles nibbles = unpack<kind>(packed, table);
                    NIBBLESCOPE_UNROLL
                    for (std::size_t k = 0; k < batch; ++k)
                        dots[k] = dotVector<kind>(dots[k], nibbles, x[k], at);
                }
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k)
                    sums[k] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[k]), _mm512_set1_ps(scales[group]), sums[k]);
            }
        }
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k)
            y[k][r] = _mm512_reduce_add_ps(sums[k]) * (x[k].scale * weights.levelUnit);
    }
}

// Int8: groups of a multiple of 64, or the whole row. What comes is asked for, though rows are read in order: alone the
// hardware is late with a byte a weight (rows of nibbles are slower so).
template <std::size_t batch>
void rowsOfBytes(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                 std::size_t rowCount, float *const *y) {
    float scales[mostVnniScales + 16];
    SplitMap map;
    if (weights.scaleCodes != nullptr)
        split(weights.map, map);
    const __m512i flip = _mm512_set1_epi8(-128);
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, map, scales);
        __m512 sums[batch];
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k)
            sums[k] = _mm512_setzero_ps();
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * weights.groupSize;
            const std::size_t end = begin + weights.groupSize < weights.cols ? begin + weights.groupSize : weights.cols;
            __m512i dots[batch][2];
            NIBBLESCOPE_UNROLL
            for (std::size_t k = 0; k < batch; ++k)
                dots[k][0] = dots[k][1] = _mm512_setzero_si512();
            std::size_t at = begin;
            for (; at + 128 <= end; at += 128)
                NIBBLESCOPE_UNROLL
            for (std::size_t i = 0; i < 2; ++i) {
                __builtin_prefetch(row + at + 64 * i + bytesAhead, 0, 2);
                const __m512i w = _mm512_xor_si512(_mm512_loadu_si512(row + at + 64 * i), flip);
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k][i] =
                        _mm512_dpbusd_epi32(dots[k][i], w, _mm512_loadu_si512(x[k].codes.data() + at + 64 * i));
            }
            for (; at < end; at += 64) {
                const __m512i w = _mm512_xor_si512(_mm512_maskz_loadu_epi8(firstBytes(end - at), row + at), flip);
                NIBBLESCOPE_UNROLL
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k][0] = _mm512_dpbusd_epi32(dots[k][0], w, _mm512_loadu_si512(x[k].codes.data() + at));
            }
            NIBBLESCOPE_UNROLL
            for (std::size_t k = 0; k < batch; ++k) {
                __m512i dot = _mm512_add_epi32(dots[k][0], dots[k][1]);
                if (weights.groups == 1) {
                    dot = _mm512_mask_sub_epi32(dot, 1, dot, _mm512_set1_epi32(128 * x[k].total));
                } else {
                    for (std::size_t i = begin; i < end; i += 64)
                        dot = _mm512_add_epi32(dot, startValues<WeightKind::Int8>(x[k], i));
                }
                sums[k] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_set1_ps(scales[group]), sums[k]);
            }
        }
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < batch; ++k)
            y[k][r] = _mm512_reduce_add_ps(sums[k]) * x[k].scale;
    }
}

template <WeightKind kind, std::size_t batch>
bool nibbleRows(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                std::size_t rowCount, float *const *y) {
    if (weights.groups > mostVnniScales)
        return false;
    if (weights.groupSize == 128)
        rowsOfNibbles<kind, 128, batch>(weights, x, firstRow, rowCount, y);
    else if (weights.groups == 1 || weights.groupSize % 128 == 0)
        rowsOfNibbles<kind, 0, batch>(weights, x, firstRow, rowCount, y);
    else if (weights.groupSize == 64)
        rowsOfNibbles<kind, 64, batch>(weights, x, firstRow, rowCount, y);
    else if (weights.groupSize == 32)
        rowsOfNibbles<kind, 32, batch>(weights, x, firstRow, rowCount, y);
    else if (weights.groupSize == 16)
        rowsOfNibbles<kind, 16, batch>(weights, x, firstRow, rowCount, y);
    else
        return false;
    return true;
}

template <std::size_t batch>
bool anyRows(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow, std::size_t rowCount,
             float *const *y) {
    if (weights.kind == WeightKind::Int4)
        return nibbleRows<WeightKind::Int4, batch>(weights, x, firstRow, rowCount, y);
    if (weights.kind == WeightKind::Codebook4)
        return nibbleRows<WeightKind::Codebook4, batch>(weights, x, firstRow, rowCount, y);
    if (weights.groups > mostVnniScales || (weights.groups > 1 && weights.groupSize % 64 != 0))
        return false;
    rowsOfBytes<batch>(weights, x, firstRow, rowCount, y);
    return true;
}

} // namespace
NIBBLESCOPE_TARGET_END

bool multiplyRowsVnni(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                      std::size_t firstRow, std::size_t rowCount, float *const *y) {
    return batch == 4   ? anyRows<4>(weights, x, firstRow, rowCount, y)
           : batch == 2 ? anyRows<2>(weights, x, firstRow, rowCount, y)
                        : anyRows<1>(weights, x, firstRow, rowCount, y);
}

} // namespace nibblescope
#endif
