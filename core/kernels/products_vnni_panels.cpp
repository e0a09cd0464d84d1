// SPDX-License-Identifier: GPL-3.0-or-later
// Integer products of many vectors by panels of rows, with AVX-512 VNNI.
#if defined(__x86_64__)
#include "core/kernels/products_vnni.h"
#include "core/kernels/products_vnni_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_VNNI)
namespace {

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
        NIBBLESCOPE_UNROLL
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
        NIBBLESCOPE_UNROLL
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
        NIBBLESCOPE_UNROLL
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
    float rowOfScales[mostVnniScales + 16];
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

} // namespace
NIBBLESCOPE_TARGET_END

void multiplyPanelsVnni(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                        std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    if (weights.kind == WeightKind::Int4)
        multiplyPanels<WeightKind::Int4>(weights, x, batch, firstRow, rowCount, y, workspace);
    else if (weights.kind == WeightKind::Codebook4)
        multiplyPanels<WeightKind::Codebook4>(weights, x, batch, firstRow, rowCount, y, workspace);
    else
        multiplyPanels<WeightKind::Int8>(weights, x, batch, firstRow, rowCount, y, workspace);
}

} // namespace nibblescope
#endif
