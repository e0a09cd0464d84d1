// SPDX-License-Identifier: GPL-3.0-or-later
// Integer products with AVX-512 VNNI.
//
// Weights are the unsigned operand of the dot product: code + 8, level + 128, code + 128. What that adds, a multiple of
// the sum of the activations, is the start value of each accumulator and costs nothing.
#if defined(__x86_64__)
#include <immintrin.h>

#include "core/kernels/products_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_VNNI)
namespace {

constexpr std::size_t stackScales = 4096;

NIBBLESCOPE_INLINE __mmask64 firstBytes(std::size_t count) { return count >= 64 ? ~0ULL : (1ULL << count) - 1U; }

// 32 entries of a table of 256 words.
NIBBLESCOPE_INLINE __m512i lookUp(const std::uint16_t *table, __m512i codes) {
    __m512i part[4];
    for (std::size_t i = 0; i < 4; ++i)
        part[i] =
            _mm512_permutex2var_epi16(_mm512_load_si512(table + 64 * i), codes, _mm512_load_si512(table + 64 * i + 32));
    const __mmask32 bit6 = _mm512_test_epi16_mask(codes, _mm512_set1_epi16(64));
    const __mmask32 bit7 = _mm512_test_epi16_mask(codes, _mm512_set1_epi16(128));
    const __m512i low = _mm512_mask_mov_epi16(part[0], bit6, part[1]);
    return _mm512_mask_mov_epi16(low, bit7, _mm512_mask_mov_epi16(part[2], bit6, part[3]));
}

struct alignas(64) SplitMap { // an F32 table of 256 as its lower and upper halves
    std::uint16_t low[256];
    std::uint16_t high[256];
};

NIBBLESCOPE_INLINE void split(const float *map, SplitMap &out) {
    for (std::size_t i = 0; i < 256; i += 16) {
        const __m512i bits = _mm512_loadu_si512(map + i);
        _mm256_store_si256(reinterpret_cast<__m256i *>(out.low + i), _mm512_cvtepi32_epi16(bits));
        _mm256_store_si256(reinterpret_cast<__m256i *>(out.high + i),
                           _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
    }
}

// The scales of a row as F32, with eight zeros behind them. Double-quantized: rows of a multiple of 32 scales.
NIBBLESCOPE_INLINE void unpackScales(const ProductWeights &weights, std::size_t row, const SplitMap &map, float *out) {
    const std::size_t first = row * weights.groups;
    const std::size_t count = weights.groups;
    if (weights.scaleCodes == nullptr) {
        for (std::size_t i = 0; i < count; i += 16) {
            const auto live = static_cast<__mmask16>(firstBytes(count - i));
            _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(live, weights.scales + first + i)));
        }
        if (count % 16 == 0)
            _mm256_storeu_ps(out + count, _mm256_setzero_ps());
        return;
    }
    if (count % 32 != 0) {
        rowScales(weights, row, out);
        _mm256_storeu_ps(out + count, _mm256_setzero_ps());
        return;
    }
    const __m512 offset = _mm512_set1_ps(weights.offset);
    const __m512i lowQuads = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i highQuads = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    for (std::size_t i = 0; i < count; i += 32) {
        const __m512i codes =
            _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights.scaleCodes + first + i)));
        const __m512i low = lookUp(map.low, codes);
        const __m512i high = lookUp(map.high, codes);
        const __m512i a = _mm512_unpacklo_epi16(low, high);
        const __m512i b = _mm512_unpackhi_epi16(low, high);
        const __m512 block = _mm512_set1_ps(weights.blockScales[(first + i) / 256]);
        const __m512 x = _mm512_castsi512_ps(_mm512_permutex2var_epi64(a, lowQuads, b));
        const __m512 y = _mm512_castsi512_ps(_mm512_permutex2var_epi64(a, highQuads, b));
        _mm512_storeu_ps(out + i, _mm512_add_ps(_mm512_mul_ps(x, block), offset));
        _mm512_storeu_ps(out + i + 16, _mm512_add_ps(_mm512_mul_ps(y, block), offset));
    }
    _mm256_storeu_ps(out + count, _mm256_setzero_ps());
}

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

struct Nibbles {
    __m512i first;  // of even columns
    __m512i second; // of odd columns
};

template <WeightKind kind>
NIBBLESCOPE_INLINE Nibbles unpack(__m512i packed, __m512i table) {
    const __m512i mask = _mm512_set1_epi8(15);
    Nibbles nibbles{_mm512_and_si512(_mm512_srli_epi16(packed, 4), mask), _mm512_and_si512(packed, mask)};
    if constexpr (kind == WeightKind::Codebook4) {
        nibbles.first = _mm512_shuffle_epi8(table, nibbles.first);
        nibbles.second = _mm512_shuffle_epi8(table, nibbles.second);
    }
    return nibbles;
}

NIBBLESCOPE_INLINE __m512i shiftedLevels(const ProductWeights &weights) {
    const __m128i levels = _mm_loadu_si128(reinterpret_cast<const __m128i *>(weights.level8.data()));
    return _mm512_broadcast_i32x4(_mm_xor_si128(levels, _mm_set1_epi8(-128)));
}

template <WeightKind kind>
constexpr int bias() {
    return kind == WeightKind::Int4 ? 8 : 128;
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
    alignas(64) float scales[stackScales + 16];
    alignas(64) float corrections[batch][stackScales + 16];
    SplitMap map;
    if (weights.scaleCodes != nullptr)
        split(weights.map, map);
#pragma GCC unroll 4
    for (std::size_t k = 0; k < batch; ++k)
        groupCorrections<kind>(weights, x[k], corrections[k]);
    const __m512i table = shiftedLevels(weights);
    const std::size_t bytes = (weights.cols + 1) / 2;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / 2;
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, map, scales);
        __m512 sums[batch];
#pragma GCC unroll 4
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
#pragma GCC unroll 4
                for (std::size_t k = 0; k < batch; ++k) {
                    const __m512i dot = dotVector<kind>(_mm512_setzero_si512(), nibbles, x[k], at);
                    sums[k] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), lanes, sums[k]);
                }
            }
            if (at < bytes) {
                const Nibbles nibbles = unpack<kind>(_mm512_maskz_loadu_epi8(firstBytes(bytes - at), row + at), table);
                const __m512 lanes = laneScales<pattern>(scale);
#pragma GCC unroll 4
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
#pragma GCC unroll 4
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k] = _mm512_setzero_si512();
                for (std::size_t at = begin; at < end; at += 64) {
                    const __m512i packed = end - at >= 64 ? _mm512_loadu_si512(row + at)
                                                          : _mm512_maskz_loadu_epi8(firstBytes(end - at), row + at);
                    const Nibbles nibbles = unpack<kind>(packed, table);
#pragma GCC unroll 4
                    for (std::size_t k = 0; k < batch; ++k)
                        dots[k] = dotVector<kind>(dots[k], nibbles, x[k], at);
                }
#pragma GCC unroll 4
                for (std::size_t k = 0; k < batch; ++k)
                    sums[k] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[k]), _mm512_set1_ps(scales[group]), sums[k]);
            }
        }
#pragma GCC unroll 4
        for (std::size_t k = 0; k < batch; ++k)
            y[k][r] = _mm512_reduce_add_ps(sums[k]) * (x[k].scale * weights.levelUnit);
    }
}

// Int8: groups of a multiple of 64, or the whole row.
template <std::size_t batch>
void rowsOfBytes(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                 std::size_t rowCount, float *const *y) {
    float scales[stackScales + 16];
    SplitMap map;
    if (weights.scaleCodes != nullptr)
        split(weights.map, map);
    const __m512i flip = _mm512_set1_epi8(-128);
    for (std::size_t r = 0; r < rowCount; ++r) {
        const std::uint8_t *const row = weights.data + (firstRow + r) * weights.rowBytes;
        unpackScales(weights, firstRow + r, map, scales);
        __m512 sums[batch];
#pragma GCC unroll 4
        for (std::size_t k = 0; k < batch; ++k)
            sums[k] = _mm512_setzero_ps();
        for (std::size_t group = 0; group < weights.groups; ++group) {
            const std::size_t begin = group * weights.groupSize;
            const std::size_t end = begin + weights.groupSize < weights.cols ? begin + weights.groupSize : weights.cols;
            __m512i dots[batch][2];
#pragma GCC unroll 4
            for (std::size_t k = 0; k < batch; ++k)
                dots[k][0] = dots[k][1] = _mm512_setzero_si512();
            std::size_t at = begin;
            for (; at + 128 <= end; at += 128)
#pragma GCC unroll 2
                for (std::size_t i = 0; i < 2; ++i) {
                    const __m512i w = _mm512_xor_si512(_mm512_loadu_si512(row + at + 64 * i), flip);
#pragma GCC unroll 4
                    for (std::size_t k = 0; k < batch; ++k)
                        dots[k][i] =
                            _mm512_dpbusd_epi32(dots[k][i], w, _mm512_loadu_si512(x[k].codes.data() + at + 64 * i));
                }
            for (; at < end; at += 64) {
                const __m512i w = _mm512_xor_si512(_mm512_maskz_loadu_epi8(firstBytes(end - at), row + at), flip);
#pragma GCC unroll 4
                for (std::size_t k = 0; k < batch; ++k)
                    dots[k][0] = _mm512_dpbusd_epi32(dots[k][0], w, _mm512_loadu_si512(x[k].codes.data() + at));
            }
#pragma GCC unroll 4
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
#pragma GCC unroll 4
        for (std::size_t k = 0; k < batch; ++k)
            y[k][r] = _mm512_reduce_add_ps(sums[k]) * x[k].scale;
    }
}

template <WeightKind kind, std::size_t batch>
bool nibbleRows(const ProductWeights &weights, const QuantizedActivations *x, std::size_t firstRow,
                std::size_t rowCount, float *const *y) {
    if (weights.groups > stackScales)
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
    if (weights.groups > stackScales || (weights.groups > 1 && weights.groupSize % 64 != 0))
        return false;
    rowsOfBytes<batch>(weights, x, firstRow, rowCount, y);
    return true;
}

void matvecInt8(const ProductWeights &weights, const QuantizedActivations &x, std::size_t firstRow,
                std::size_t rowCount, float *y) {
    if (!anyRows<1>(weights, &x, firstRow, rowCount, &y))
        scalarProducts().matvecInt8(weights, x, firstRow, rowCount, y);
}

constexpr std::size_t panelRows = 64;

NIBBLESCOPE_INLINE __m512i unpackPairs(__m512i a, __m512i b, bool high) {
    return high ? _mm512_unpackhi_epi64(a, b) : _mm512_unpacklo_epi64(a, b);
}

// 16 x 16 words of 32 bits, in place: v[i] lane j becomes v[j] lane i.
NIBBLESCOPE_INLINE void transpose(__m512i (&v)[16]) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 4) {
        const __m512i a = _mm512_unpacklo_epi32(v[i], v[i + 1]), b = _mm512_unpackhi_epi32(v[i], v[i + 1]);
        const __m512i c = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]), d = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
        t[i] = unpackPairs(a, c, false);
        t[i + 1] = unpackPairs(a, c, true);
        t[i + 2] = unpackPairs(b, d, false);
        t[i + 3] = unpackPairs(b, d, true);
    }
    for (int i = 0; i < 4; ++i) {
        const __m512i a = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88),
                      b = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
        const __m512i c = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd),
                      d = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
        v[i] = _mm512_shuffle_i32x4(a, b, 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(a, b, 0xdd);
        v[i + 4] = _mm512_shuffle_i32x4(c, d, 0x88);
        v[i + 12] = _mm512_shuffle_i32x4(c, d, 0xdd);
    }
}

// How columns lie in a panel. A unit is four neighbouring bytes of each of 64 rows: 256 bytes. For nibbles the units
// of 64 code bytes come as sixteen of even columns, then sixteen of odd ones.
template <WeightKind kind>
void decodePanel(const ProductWeights &weights, std::size_t firstRow, std::size_t rows, std::uint8_t *panel) {
    constexpr bool nibbles = kind != WeightKind::Int8;
    const std::size_t bytes = nibbles ? (weights.cols + 1) / 2 : weights.cols;
    const __m512i table = shiftedLevels(weights);
    const __m512i flip = _mm512_set1_epi8(-128);
    constexpr std::size_t parts = nibbles ? 2 : 1;
    for (std::size_t at = 0; at < bytes; at += 64)
        for (std::size_t block = 0; block < panelRows; block += 16) {
            __m512i part[2][16];
            for (std::size_t i = 0; i < 16; ++i) {
                const std::size_t r = block + i;
                const __mmask64 live = r < rows ? firstBytes(bytes - at) : 0;
                const std::size_t row = firstRow + (r < rows ? r : 0);
                const __m512i packed = _mm512_maskz_loadu_epi8(live, weights.data + row * weights.rowBytes + at);
                if constexpr (nibbles) {
                    const Nibbles unpacked = unpack<kind>(packed, table);
                    part[0][i] = unpacked.first;
                    part[1][i] = unpacked.second;
                } else {
                    part[0][i] = _mm512_xor_si512(packed, flip);
                }
            }
            for (std::size_t p = 0; p < parts; ++p) {
                transpose(part[p]);
                std::uint8_t *const units = panel + (at * parts + 64 * p) * panelRows + 4 * block;
                for (std::size_t i = 0; i < 16; ++i)
                    _mm512_storeu_si512(units + 256 * i, part[p][i]);
            }
        }
}

// Written out, since GCC 12 stores every accumulator to the stack in each step when it is given the intrinsic.
NIBBLESCOPE_INLINE void dotBroadcast(__m512i &sum, __m512i weights, const std::int8_t *four) {
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(sum)
            : "v"(weights), "m"(*reinterpret_cast<const std::int32_t *>(four)));
}

struct PanelView {
    const std::uint8_t *units;
    const float *scales; // [groups][64]
    std::size_t groups;
    std::size_t groupBytes; // code bytes of a group in a row
    std::size_t bytes;
};

// Units [first, first + count) of a panel meet `tokens` vectors, which stand at `x`.
template <std::size_t tokens>
NIBBLESCOPE_INLINE void meetUnits(__m512i (&sums)[tokens][4], const std::uint8_t *units, std::size_t count,
                                  const std::int8_t *const *x, std::size_t offset) {
    for (std::size_t u = 0; u < count; ++u) {
        const __m512i w0 = _mm512_loadu_si512(units + 256 * u), w1 = _mm512_loadu_si512(units + 256 * u + 64);
        const __m512i w2 = _mm512_loadu_si512(units + 256 * u + 128), w3 = _mm512_loadu_si512(units + 256 * u + 192);
#pragma GCC unroll 8
        for (std::size_t t = 0; t < tokens; ++t) {
            const std::int8_t *const four = x[t] + offset + 4 * u;
            dotBroadcast(sums[t][0], w0, four);
            dotBroadcast(sums[t][1], w1, four);
            dotBroadcast(sums[t][2], w2, four);
            dotBroadcast(sums[t][3], w3, four);
        }
    }
}

// starts: [groups] for each vector. out: [tokens][64].
template <WeightKind kind, std::size_t tokens>
void meetPanel(const PanelView &panel, const QuantizedActivations *x, const std::int32_t *const *starts, float *out) {
    constexpr bool nibbles = kind != WeightKind::Int8;
    const std::int8_t *codes[tokens];
    for (std::size_t t = 0; t < tokens; ++t)
        codes[t] = x[t].codes.data();
    for (std::size_t i = 0; i < tokens * panelRows; i += 16)
        _mm512_storeu_ps(out + i, _mm512_setzero_ps());
    for (std::size_t group = 0; group < panel.groups; ++group) {
        __m512i sums[tokens][4];
#pragma GCC unroll 8
        for (std::size_t t = 0; t < tokens; ++t)
            sums[t][0] = sums[t][1] = sums[t][2] = sums[t][3] = _mm512_set1_epi32(starts[t][group]);
        const std::size_t begin = group * panel.groupBytes;
        const std::size_t end = begin + panel.groupBytes < panel.bytes ? begin + panel.groupBytes : panel.bytes;
        for (std::size_t at = begin; at < end;) {
            // At most to the end of a run of 64 code bytes, whose even and odd columns lie apart.
            const std::size_t stop = (at / 64 + 1) * 64 < end ? (at / 64 + 1) * 64 : end;
            const std::size_t units = (stop - at + 3) / 4;
            if constexpr (nibbles) {
                const std::uint8_t *const even = panel.units + (at / 64 * 128 + at % 64) * panelRows;
                meetUnits<tokens>(sums, even, units, codes, at);
                meetUnits<tokens>(sums, even + 64 * panelRows, units, codes, x[0].half + at);
            } else {
                meetUnits<tokens>(sums, panel.units + at * panelRows, units, codes, at);
            }
            at = stop;
        }
#pragma GCC unroll 8
        for (std::size_t t = 0; t < tokens; ++t)
            for (std::size_t i = 0; i < 4; ++i) {
                float *const place = out + panelRows * t + 16 * i;
                const __m512 scale = _mm512_loadu_ps(panel.scales + group * panelRows + 16 * i);
                _mm512_storeu_ps(place, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[t][i]), scale, _mm512_loadu_ps(place)));
            }
    }
}

template <WeightKind kind>
void groupStarts(const ProductWeights &weights, const QuantizedActivations &x, std::size_t groupBytes,
                 std::int32_t *starts) {
    const std::size_t lanes = x.laneSums.size();
    for (std::size_t group = 0; group < weights.groups; ++group) {
        const std::size_t begin = group * groupBytes / 4;
        const std::size_t end = group + 1 == weights.groups ? lanes : (group + 1) * groupBytes / 4;
        std::int32_t sum = 0;
        for (std::size_t i = begin; i < end; ++i)
            sum += x.laneSums[i];
        starts[group] = -bias<kind>() * sum;
    }
}

template <WeightKind kind>
void multiplyPanels(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                    std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    constexpr bool nibbles = kind != WeightKind::Int8;
    const std::size_t bytes = nibbles ? (weights.cols + 1) / 2 : weights.cols;
    const std::size_t padded = (bytes + 63) / 64 * 64;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / (nibbles ? 2 : 1);
    workspace.panel.resize(padded * (nibbles ? 2 : 1) * panelRows + 64);
    workspace.scales.resize(weights.groups * panelRows);
    workspace.activations.resize(batch * weights.groups * sizeof(std::int32_t));
    auto *const starts = reinterpret_cast<std::int32_t *>(workspace.activations.data());
    for (std::size_t t = 0; t < batch; ++t)
        groupStarts<kind>(weights, x[t], groupBytes, starts + t * weights.groups);
    float rowOfScales[stackScales + 16];
    SplitMap map;
    if (weights.scaleCodes != nullptr)
        split(weights.map, map);
    for (std::size_t done = 0; done < rowCount; done += panelRows) {
        const std::size_t rows = rowCount - done < panelRows ? rowCount - done : panelRows;
        decodePanel<kind>(weights, firstRow + done, rows, workspace.panel.data());
        for (std::size_t r = 0; r < panelRows; ++r) {
            if (r < rows)
                unpackScales(weights, firstRow + done + r, map, rowOfScales);
            for (std::size_t group = 0; group < weights.groups; ++group)
                workspace.scales[group * panelRows + r] = r < rows ? rowOfScales[group] : 0.0F;
        }
        const PanelView panel{workspace.panel.data(), workspace.scales.data(), weights.groups, groupBytes, bytes};
        for (std::size_t t = 0; t < batch;) {
            alignas(64) float out[6 * panelRows];
            const std::size_t count = batch - t >= 6 ? 6 : batch - t >= 2 ? 2 : 1;
            const std::int32_t *rowsOfStarts[6];
            for (std::size_t i = 0; i < count; ++i)
                rowsOfStarts[i] = starts + (t + i) * weights.groups;
            if (count == 6)
                meetPanel<kind, 6>(panel, x + t, rowsOfStarts, out);
            else if (count == 2)
                meetPanel<kind, 2>(panel, x + t, rowsOfStarts, out);
            else
                meetPanel<kind, 1>(panel, x + t, rowsOfStarts, out);
            for (std::size_t i = 0; i < count; ++i) {
                const __m512 scale = _mm512_set1_ps(x[t + i].scale * weights.levelUnit);
                float *const to = y + (t + i) * weights.rows + firstRow + done;
                for (std::size_t r = 0; r < rows; r += 16) {
                    const auto live = static_cast<__mmask16>(firstBytes(rows - r));
                    _mm512_mask_storeu_ps(to + r, live, _mm512_mul_ps(_mm512_load_ps(out + panelRows * i + r), scale));
                }
            }
            t += count;
        }
    }
}

void matmulInt8(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch, std::size_t firstRow,
                std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    const bool nibbles = weights.kind != WeightKind::Int8;
    const std::size_t groupBytes = weights.groupSize / (nibbles ? 2 : 1);
    const bool regular = weights.groups <= stackScales &&
                         (weights.groups == 1 || groupBytes % 64 == 0 || (groupBytes >= 4 && 64 % groupBytes == 0));
    if (!regular) {
        scalarProducts().matmulInt8(weights, x, batch, firstRow, rowCount, y, workspace);
        return;
    }
    if (batch >= 12) {
        if (weights.kind == WeightKind::Int4)
            multiplyPanels<WeightKind::Int4>(weights, x, batch, firstRow, rowCount, y, workspace);
        else if (weights.kind == WeightKind::Codebook4)
            multiplyPanels<WeightKind::Codebook4>(weights, x, batch, firstRow, rowCount, y, workspace);
        else
            multiplyPanels<WeightKind::Int8>(weights, x, batch, firstRow, rowCount, y, workspace);
        return;
    }
    for (std::size_t t = 0; t < batch;) {
        float *out[4];
        const std::size_t count = batch - t >= 4 ? 4 : batch - t >= 2 ? 2 : 1;
        for (std::size_t i = 0; i < count; ++i)
            out[i] = y + (t + i) * weights.rows + firstRow;
        const bool done = count == 4   ? anyRows<4>(weights, x + t, firstRow, rowCount, out)
                          : count == 2 ? anyRows<2>(weights, x + t, firstRow, rowCount, out)
                                       : anyRows<1>(weights, x + t, firstRow, rowCount, out);
        if (!done)
            for (std::size_t i = 0; i < count; ++i)
                scalarProducts().matvecInt8(weights, x[t + i], firstRow, rowCount, out[i]);
        t += count;
    }
}

// rint(x * inverse) of sixteen values, kept in range.
NIBBLESCOPE_INLINE __m128i toBytes(__m512 x, __m512 inverse) {
    return _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)));
}

void quantizeActivations(const ProductWeights &weights, const float *x, QuantizedActivations &out) {
    resizeActivations(weights, out);
    const std::size_t cols = weights.cols;
    const bool nibbles = weights.kind == WeightKind::Int4 || weights.kind == WeightKind::Codebook4;
    __m512 peak = _mm512_setzero_ps();
    for (std::size_t i = 0; i < cols; i += 16) {
        const auto live = static_cast<__mmask16>(firstBytes(cols - i));
        peak = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(live, x + i)), peak);
    }
    const float largest = _mm512_reduce_max_ps(peak);
    out.scale = largest / 127.0F;
    const __m512 inverse = _mm512_set1_ps(largest > 0.0F ? 127.0F / largest : 0.0F);
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    std::int8_t *const codes = out.codes.data();
    for (std::size_t i = 0; i < out.half; i += 16) {
        const std::size_t column = nibbles ? 2 * i : i;
        const std::size_t left = cols > column ? cols - column : 0;
        const __m512 a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(firstBytes(left)), x + column);
        if (!nibbles) {
            _mm_storeu_si128(reinterpret_cast<__m128i *>(codes + i), toBytes(a, inverse));
            continue;
        }
        const std::size_t more = left > 16 ? left - 16 : 0;
        const __m512 b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(firstBytes(more)), x + column + 16);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(codes + i), toBytes(_mm512_permutex2var_ps(a, evens, b), inverse));
        _mm_storeu_si128(reinterpret_cast<__m128i *>(codes + out.half + i),
                         toBytes(_mm512_permutex2var_ps(a, odds, b), inverse));
    }
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i total = _mm512_setzero_si512();
    for (std::size_t i = 0; i < out.half; i += 64) {
        __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), ones, _mm512_loadu_si512(codes + i));
        if (nibbles)
            sums = _mm512_dpbusd_epi32(sums, ones, _mm512_loadu_si512(codes + out.half + i));
        _mm512_storeu_si512(out.laneSums.data() + i / 4, sums);
        total = _mm512_add_epi32(total, sums);
    }
    out.total = _mm512_reduce_add_epi32(total);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512VnniProducts(ProductKernels &table) {
    table.quantizeActivations = quantizeActivations;
    table.matvecInt8 = matvecInt8;
    table.matmulInt8 = matmulInt8;
}

} // namespace nibblescope
#endif
