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

// A panel is decoded and met piece by piece, so that what is decoded stays in the second cache for all vectors, and
// their sums are fetched seldom: 3 % faster than by pieces for the first cache.
template <WeightKind kind>
inline constexpr std::size_t pieceBytes = kind == WeightKind::Int8 ? 1024 : 512; // of codes of a row: 64 KiB decoded
template <WeightKind kind>
inline constexpr std::size_t columnsAByte = kind == WeightKind::Int8 ? 1 : 2;

// Code bytes [begin, begin + count) of a panel's rows, `begin` a multiple of 64. A unit is four neighbouring columns of
// each of 64 rows: 256 bytes. For nibbles the units of 64 code bytes come as sixteen of even columns, then sixteen of
// odd ones.
template <WeightKind kind>
void decodePiece(const ProductWeights &weights, std::size_t firstRow, std::size_t rows, std::size_t begin,
                 std::size_t count, std::uint8_t *out) {
    constexpr std::size_t parts = columnsAByte<kind>;
    const __m512i table = shiftedLevels(weights);
    const __m512i flip = _mm512_set1_epi8(-128);
    for (std::size_t at = 0; at < count; at += 64)
        for (std::size_t block = 0; block < panelRows; block += 16) {
            __m512i part[2][16];
            for (std::size_t i = 0; i < 16; ++i) {
                const std::size_t r = block + i;
                const __mmask64 live = r < rows ? firstBytes(count - at) : 0;
                const std::size_t row = firstRow + (r < rows ? r : 0);
                const __m512i packed =
                    _mm512_maskz_loadu_epi8(live, weights.data + row * weights.rowBytes + begin + at);
                if constexpr (parts == 2) {
                    const Nibbles unpacked = unpack<kind>(packed, table);
                    part[0][i] = unpacked.first;
                    part[1][i] = unpacked.second;
                } else {
                    part[0][i] = _mm512_xor_si512(packed, flip);
                }
            }
            for (std::size_t p = 0; p < parts; ++p) {
                transpose(part[p]);
                std::uint8_t *const units = out + (at * parts + 64 * p) * panelRows + 4 * block;
                for (std::size_t i = 0; i < 16; ++i)
                    _mm512_storeu_si512(units + 256 * i, part[p][i]);
            }
        }
}

// Written out, since GCC 12 stores every accumulator to the stack in each step when it is given the intrinsic.
NIBBLESCOPE_INLINE void dot(__m512i &sum, __m512i weights, __m512i four) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(four));
}

NIBBLESCOPE_INLINE __m512i broadcastFour(const std::int8_t *codes) {
    std::int32_t four;
    __builtin_memcpy(&four, codes, sizeof(four));
    return _mm512_set1_epi32(four);
}

// The sums of one vector with the 64 rows of a panel.
struct RowSums {
    __m512i first, second, third, fourth;
};

// `count` units meet the vectors whose columns stand at x[t] + offset.
template <std::size_t tokens>
NIBBLESCOPE_INLINE void meetUnits(RowSums (&sums)[tokens], const std::uint8_t *units, std::size_t count,
                                  const std::int8_t *const *x, std::size_t offset) {
    for (std::size_t u = 0; u < count; ++u) {
        const __m512i w0 = _mm512_loadu_si512(units + 256 * u), w1 = _mm512_loadu_si512(units + 256 * u + 64);
        const __m512i w2 = _mm512_loadu_si512(units + 256 * u + 128), w3 = _mm512_loadu_si512(units + 256 * u + 192);
        NIBBLESCOPE_UNROLL
        for (std::size_t t = 0; t < tokens; ++t) {
            const __m512i four = broadcastFour(x[t] + offset + 4 * u);
            dot(sums[t].first, w0, four);
            dot(sums[t].second, w1, four);
            dot(sums[t].third, w2, four);
            dot(sums[t].fourth, w3, four);
        }
    }
}

NIBBLESCOPE_INLINE void addScaled(__m512i sums, const float *scales, float *out) {
    _mm512_storeu_ps(out, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(scales), _mm512_loadu_ps(out)));
}

// A stretch of code bytes that lies in one piece and in one group.
struct Span {
    std::size_t begin;
    std::size_t end;
    std::size_t group;
};

std::size_t spansOf(std::size_t bytes, std::size_t piece, std::size_t groupBytes, Span *out) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < bytes; ++count) {
        const std::size_t group = at / groupBytes;
        std::size_t end = (at / piece + 1) * piece;
        end = (group + 1) * groupBytes < end ? (group + 1) * groupBytes : end;
        end = bytes < end ? bytes : end;
        out[count] = {at, end, group};
        at = end;
    }
    return count;
}

struct PieceView {
    const std::uint8_t *units;
    const Span *spans;
    std::size_t spanCount;
    const float *scales; // [groups][64] of the panel
};

// starts: of each vector, for each span. out: [tokens][64], added to.
template <WeightKind kind, std::size_t tokens>
void meetPiece(const PieceView &piece, const QuantizedActivations *x, const std::int32_t *const *starts, float *out) {
    const std::int8_t *codes[tokens];
    for (std::size_t t = 0; t < tokens; ++t)
        codes[t] = x[t].codes.data();
    const std::size_t begin = piece.spans[0].begin;
    for (std::size_t s = 0; s < piece.spanCount; ++s) {
        const Span &span = piece.spans[s];
        RowSums sums[tokens];
        NIBBLESCOPE_UNROLL
        for (std::size_t t = 0; t < tokens; ++t)
            sums[t].first = sums[t].second = sums[t].third = sums[t].fourth = _mm512_set1_epi32(starts[t][s]);
        for (std::size_t at = span.begin; at < span.end;) {
            // At most to the end of a run of 64 code bytes, whose even and odd columns lie apart.
            const std::size_t stop = (at / 64 + 1) * 64 < span.end ? (at / 64 + 1) * 64 : span.end;
            const std::size_t count = (stop - at + 3) / 4;
            if constexpr (columnsAByte<kind> == 2) {
                const std::uint8_t *const even =
                    piece.units + ((at - begin) / 64 * 128 + (at - begin) % 64) * panelRows;
                meetUnits<tokens>(sums, even, count, codes, at);
                meetUnits<tokens>(sums, even + 64 * panelRows, count, codes, x[0].half + at);
            } else {
                meetUnits<tokens>(sums, piece.units + (at - begin) * panelRows, count, codes, at);
            }
            at = stop;
        }
        const float *const scales = piece.scales + span.group * panelRows;
        NIBBLESCOPE_UNROLL
        for (std::size_t t = 0; t < tokens; ++t) {
            addScaled(sums[t].first, scales, out + panelRows * t);
            addScaled(sums[t].second, scales + 16, out + panelRows * t + 16);
            addScaled(sums[t].third, scales + 32, out + panelRows * t + 32);
            addScaled(sums[t].fourth, scales + 48, out + panelRows * t + 48);
        }
    }
}

template <WeightKind kind>
void meetAll(const PieceView &piece, const QuantizedActivations *x, std::size_t batch, const std::int32_t *starts,
             std::size_t spans, float *out) {
    for (std::size_t t = 0; t < batch;) {
        const std::size_t count = batch - t >= 6 ? 6 : batch - t >= 2 ? 2 : 1;
        const std::int32_t *rowsOfStarts[6];
        for (std::size_t i = 0; i < count; ++i)
            rowsOfStarts[i] = starts + (t + i) * spans;
        float *const to = out + t * panelRows;
        if (count == 6)
            meetPiece<kind, 6>(piece, x + t, rowsOfStarts, to);
        else if (count == 2)
            meetPiece<kind, 2>(piece, x + t, rowsOfStarts, to);
        else
            meetPiece<kind, 1>(piece, x + t, rowsOfStarts, to);
        t += count;
    }
}

// What the bias of the codes adds to the products with each span, taken off.
template <WeightKind kind>
void spanStarts(const QuantizedActivations &x, const Span *spans, std::size_t count, std::int32_t *starts) {
    for (std::size_t s = 0; s < count; ++s) {
        const std::size_t end = (spans[s].end + 3) / 4;
        __m512i sums = _mm512_setzero_si512();
        for (std::size_t i = spans[s].begin / 4; i < end; i += 16) {
            const auto live = static_cast<__mmask16>(firstBytes(end - i));
            sums = _mm512_add_epi32(sums, _mm512_maskz_loadu_epi32(live, x.laneSums.data() + i));
        }
        starts[s] = -bias<kind>() * _mm512_reduce_add_epi32(sums);
    }
}

// Scales of a panel's rows: [groups][64], 0 for rows that it has not.
void panelScales(const ProductWeights &weights, std::size_t firstRow, std::size_t rows, const SplitMap &map,
                 float *out) {
    float rowOfScales[mostVnniScales + 16];
    for (std::size_t r = 0; r < panelRows; ++r) {
        if (r < rows)
            unpackScales(weights, firstRow + r, map, rowOfScales);
        for (std::size_t group = 0; group < weights.groups; ++group)
            out[group * panelRows + r] = r < rows ? rowOfScales[group] : 0.0F;
    }
}

// Room that a product works in, at cache lines: vectors that lie across two cost half the speed.
struct Room {
    std::uint8_t *piece;
    float *scales; // [groups][64]
    float *sums;   // [batch][64]
};

template <typename T>
T *atLine(std::vector<T> &values, std::size_t count) {
    values.resize(count + 64 / sizeof(T));
    return values.data() + (64 - reinterpret_cast<std::uintptr_t>(values.data()) % 64) % 64 / sizeof(T);
}

// The vectors, and what they need for each span of a row.
struct Batch {
    const QuantizedActivations *x;
    std::size_t count;
    const Span *spans;
    std::size_t spanCount;
    const std::int32_t *starts; // [count][spanCount]
};

// The products of `rows` rows, without the scales of the vectors: sums [count][64].
template <WeightKind kind>
void multiplyPanel(const ProductWeights &weights, const Batch &batch, std::size_t firstRow, std::size_t rows,
                   const Room &room) {
    const std::size_t bytes = batch.spans[batch.spanCount - 1].end;
    for (std::size_t i = 0; i < batch.count * panelRows; i += 16)
        _mm512_storeu_ps(room.sums + i, _mm512_setzero_ps());
    for (std::size_t first = 0; first < batch.spanCount;) {
        const std::size_t begin = batch.spans[first].begin;
        const std::size_t end = begin + pieceBytes<kind> < bytes ? begin + pieceBytes<kind> : bytes;
        std::size_t last = first;
        while (last < batch.spanCount && batch.spans[last].begin < end)
            ++last;
        decodePiece<kind>(weights, firstRow, rows, begin, end - begin, room.piece);
        const PieceView piece{room.piece, batch.spans + first, last - first, room.scales};
        meetAll<kind>(piece, batch.x, batch.count, batch.starts + first, batch.spanCount, room.sums);
        first = last;
    }
}

template <WeightKind kind>
void multiplyPanels(const ProductWeights &weights, const QuantizedActivations *x, std::size_t batch,
                    std::size_t firstRow, std::size_t rowCount, float *y, ProductWorkspace &workspace) {
    const std::size_t bytes = (weights.cols + columnsAByte<kind> - 1) / columnsAByte<kind>;
    const std::size_t groupBytes = weights.groups == 1 ? bytes : weights.groupSize / columnsAByte<kind>;
    const std::size_t mostSpans = weights.groups + bytes / pieceBytes<kind> + 1;
    const Room room{atLine(workspace.panel, pieceBytes<kind> * columnsAByte<kind> * panelRows),
                    atLine(workspace.scales, weights.groups * panelRows), atLine(workspace.sums, batch * panelRows)};
    workspace.activations.resize(mostSpans * sizeof(Span) + batch * mostSpans * sizeof(std::int32_t));
    auto *const spans = reinterpret_cast<Span *>(workspace.activations.data());
    auto *const starts = reinterpret_cast<std::int32_t *>(spans + mostSpans);
    const std::size_t spanCount = spansOf(bytes, pieceBytes<kind>, groupBytes, spans);
    for (std::size_t t = 0; t < batch; ++t)
        spanStarts<kind>(x[t], spans, spanCount, starts + t * spanCount);
    SplitMap map;
    if (weights.scaleCodes != nullptr)
        split(weights.map, map);
    for (std::size_t done = 0; done < rowCount; done += panelRows) {
        const std::size_t rows = rowCount - done < panelRows ? rowCount - done : panelRows;
        panelScales(weights, firstRow + done, rows, map, room.scales);
        multiplyPanel<kind>(weights, {x, batch, spans, spanCount, starts}, firstRow + done, rows, room);
        for (std::size_t t = 0; t < batch; ++t) {
            const __m512 scale = _mm512_set1_ps(x[t].scale * weights.levelUnit);
            const float *const sums = room.sums + t * panelRows;
            float *const to = y + t * weights.rows + firstRow + done;
            for (std::size_t r = 0; r < rows; r += 16) {
                const auto live = static_cast<__mmask16>(firstBytes(rows - r));
                _mm512_mask_storeu_ps(to + r, live, _mm512_mul_ps(_mm512_loadu_ps(sums + r), scale));
            }
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
