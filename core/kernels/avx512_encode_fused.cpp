// SPDX-License-Identifier: GPL-3.0-or-later
// Encoding with error sums at the speed of encoding.
//
// Sums in F64 lanes cost three times what the codes cost. Here squares are made in F32, added up in a tree over 256
// weights and only then go to F64. Each lane is off by at most five roundings (3e-7), which point anywhere: over a
// chunk they average out far below 1e-7. Data for which they might not (one weight that outweighs the rest, squares
// near the ends of the range) are left to the F64 path. The sum of w w' follows from the other three.
//
// Blocks of 64 weights that need care (a quotient so close to a tie that its rounding decides, a clipped weight of an
// integer format) are done one by one the exact way.
#if defined(__x86_64__)
#include "core/kernels/avx512_encode.h"
#include "core/kernels/avx512_encode_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t blockWeights = 64;
constexpr std::size_t treeBlocks = 4;
constexpr int largerMagnitude = 11; // operation of vrangeps: the larger magnitude, without its sign

struct GroupArrays {
    float inverse[chunkWeights / 16 + 4];
    // A larger error may come from clipping, or the quotient was close to a tie. Codebooks: a larger weight is clipped.
    float limit[chunkWeights / 16 + 4];
    float largestScale;
};

template <Format format>
constexpr bool isCodebook() {
    return format == Format::Nf4 || format == Format::Fp4 || format == Format::Mxfp4;
}

struct Sums32 {
    __m512 signal, error, decoded;
};

NIBBLESCOPE_INLINE __m512 sumOfSquares(const __m512 (&v)[4]) {
    return _mm512_add_ps(_mm512_fmadd_ps(v[1], v[1], _mm512_mul_ps(v[0], v[0])),
                         _mm512_fmadd_ps(v[3], v[3], _mm512_mul_ps(v[2], v[2])));
}

// One vector. `risk` collects how far quotients lie from integers, unless errors in units of the same scale say so.
template <Format format, bool sameScales>
NIBBLESCOPE_INLINE Coded fastVector(__m512 w, float scale, float inverse, float zeroPoint, const EncodeTables &tables,
                                    __m512 &risk) {
    Coded coded;
    const __m512 decode = _mm512_set1_ps(scale);
    const __m512 q = _mm512_mul_ps(w, _mm512_set1_ps(inverse));
    if constexpr (format == Format::Int4 || format == Format::Int8 || format == Format::Int4Asym) {
        __m512 code = rounded(q);
        if constexpr (!sameScales)
            risk = _mm512_range_ps(risk, _mm512_sub_ps(q, code), largerMagnitude);
        if constexpr (format == Format::Int8)
            code = clamp(code, -127.0F, 127.0F);
        coded.code = _mm512_cvtps_epi32(code);
        coded.decoded = _mm512_mul_ps(code, decode);
        if constexpr (format == Format::Int4Asym)
            coded.code = _mm512_add_epi32(coded.code, _mm512_set1_epi32(static_cast<int>(zeroPoint)));
    } else if constexpr (format == Format::Int4Max) {
        coded.code = _mm512_cvttps_epi32(_mm512_add_ps(q, _mm512_set1_ps(8.5F)));
        coded.decoded = _mm512_mul_ps(_mm512_permutexvar_ps(coded.code, _mm512_load_ps(tables.level)), decode);
    } else {
        GroupConstants constants;
        constants.inverse = _mm512_set1_ps(inverse);
        constants.decode = decode;
        __m512 unused = w;
        coded = encodeVector<format, true>(w, constants, tables, unused);
    }
    return coded;
}

// 64 codes as bytes in their order, and whether all are codes.
template <Format format>
NIBBLESCOPE_INLINE bool storeCodes(const Coded (&coded)[4], std::uint8_t *bytes) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i packed = _mm512_packs_epi16(_mm512_packs_epi32(coded[0].code, coded[1].code),
                                        _mm512_packs_epi32(coded[2].code, coded[3].code));
    if constexpr (format == Format::Int4)
        packed = _mm512_add_epi8(packed, _mm512_set1_epi8(8));
    _mm512_storeu_si512(bytes, _mm512_permutexvar_epi32(order, packed));
    if constexpr (format == Format::Int4 || format == Format::Int4Max || format == Format::Int4Asym)
        return _mm512_cmpgt_epu8_mask(packed, _mm512_set1_epi8(15)) == 0;
    else
        return true;
}

template <Format format>
constexpr float riskLimit() { // two roundings of the largest quotient away from a tie
    return format == Format::Int8 ? 0.5F - 0x1p-14F : 0.5F - 0x1p-18F;
}

// What blocks have in common.
struct Peaks {
    __m512 error;
    __m512 weight; // codebooks
    std::uint64_t clipped;
};

// `count` weights of one group.
__attribute__((noinline)) std::uint64_t countClipped(const float *weights, std::size_t count, float scale,
                                                     const EncodeTables &tables) {
    const __m512 low = _mm512_set1_ps(tables.clipLow * scale);
    const __m512 high = _mm512_set1_ps(tables.clipHigh * scale);
    unsigned clipped = 0;
    for (std::size_t i = 0; i < count; i += 16) {
        const __m512 w = _mm512_loadu_ps(weights + i);
        const auto outside =
            static_cast<unsigned>(_mm512_cmp_ps_mask(w, low, _CMP_LT_OQ) | _mm512_cmp_ps_mask(w, high, _CMP_GT_OQ));
        clipped += static_cast<unsigned>(__builtin_popcount(outside));
    }
    return clipped;
}

// `perGroup`: vectors of a block that share a group. False: the block wants care; `sums` is not set.
template <Format format, bool withDecoded, std::size_t perGroup, bool sameScales>
NIBBLESCOPE_INLINE bool fastBlock(const EncodeSpan &span, std::size_t at, std::size_t group, const GroupArrays &arrays,
                                  const EncodeTables &tables, std::uint8_t *bytes, Sums32 &sums, Peaks &peaks) {
    __m512 w[4], d[4], e[4];
    Coded coded[4];
    __m512 risk = _mm512_setzero_ps();
    __m512 watchedPeak = _mm512_setzero_ps();
    __m512 errorPeak = _mm512_setzero_ps();
    __mmask16 beyond = 0;
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t g = group + i / perGroup;
        const float zeroPoint = format == Format::Int4Asym ? static_cast<float>(span.zeroPoints[g]) : 0.0F;
        w[i] = _mm512_loadu_ps(span.weights + at + 16 * i);
        coded[i] =
            fastVector<format, sameScales>(w[i], span.decodeScales[g], arrays.inverse[g], zeroPoint, tables, risk);
        d[i] = coded[i].decoded;
        e[i] = _mm512_sub_ps(w[i], d[i]);
        const __m512 watched = isCodebook<format>() ? w[i] : e[i];
        watchedPeak = _mm512_range_ps(watchedPeak, watched, largerMagnitude);
        if constexpr (isCodebook<format>())
            errorPeak = _mm512_range_ps(errorPeak, e[i], largerMagnitude);
        if constexpr (perGroup < 4)
            beyond = static_cast<__mmask16>(
                beyond | _mm512_cmp_ps_mask(_mm512_abs_ps(watched), _mm512_set1_ps(arrays.limit[g]), _CMP_GT_OQ));
    }
    if constexpr (perGroup == 4)
        beyond = _mm512_cmp_ps_mask(watchedPeak, _mm512_set1_ps(arrays.limit[group]), _CMP_GT_OQ);
    if constexpr (format == Format::Int4 || format == Format::Int8 || format == Format::Int4Asym)
        beyond =
            static_cast<__mmask16>(beyond | _mm512_cmp_ps_mask(risk, _mm512_set1_ps(riskLimit<format>()), _CMP_GT_OQ));
    const bool inside = storeCodes<format>(coded, bytes + at);
    if constexpr (isCodebook<format>()) {
        if (beyond != 0)
            NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; i += perGroup)
            peaks.clipped += countClipped(span.weights + at + 16 * i, 16 * perGroup,
                                          span.decodeScales[group + i / perGroup], tables);
        peaks.weight = _mm512_max_ps(peaks.weight, watchedPeak);
        peaks.error = _mm512_max_ps(peaks.error, errorPeak);
    } else {
        if (!inside || beyond != 0)
            return false;
        peaks.error = _mm512_max_ps(peaks.error, watchedPeak);
    }
    if constexpr (withDecoded)
        NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        // + 0 turns the -0 of a negative weight's zero code into the level's +0.
        const bool mayBeNegative = format == Format::Int4 || format == Format::Int8 || format == Format::Int4Asym;
        _mm512_storeu_ps(span.decoded + at + 16 * i, mayBeNegative ? _mm512_add_ps(d[i], _mm512_setzero_ps()) : d[i]);
    }
    sums.signal = sumOfSquares(w);
    sums.error = sumOfSquares(e);
    sums.decoded = sumOfSquares(d);
    return true;
}

// Weights [at, at + count) of one group the exact way, with sums in F64.
template <Format format, bool withDecoded>
__attribute__((noinline)) void exactRun(const EncodeSpan &span, std::size_t at, std::size_t count, std::size_t group,
                                        float inverse, const EncodeTables &tables, std::uint8_t *bytes,
                                        SumLanes &sums) {
    const GroupConstants constants = constantsOf<format>(span, group, inverse, tables);
    __m512 check = _mm512_setzero_ps();
    for (std::size_t i = 0; i < count; i += 16) {
        const auto live = static_cast<__mmask16>(count - i >= 16 ? 0xffffU : (1U << (count - i)) - 1U);
        const __m512 w = _mm512_maskz_loadu_ps(live, span.weights + at + i);
        const Coded coded = encodeVector<format, true>(w, constants, tables, check);
        addErrors(sums, w, _mm512_maskz_mov_ps(live, coded.decoded));
        addClipped(sums, w, constants);
        if constexpr (withDecoded)
            _mm512_mask_storeu_ps(span.decoded + at + i, live, coded.decoded);
        const __m512i packed = bytesOf<format>(coded.code, coded.code, coded.code, coded.code);
        _mm_mask_storeu_epi8(bytes + at + i, live, _mm512_castsi512_si128(packed));
    }
}

template <Format format>
NIBBLESCOPE_INLINE bool prepare(const EncodeSpan &span, std::size_t groups, const EncodeTables &tables,
                                GroupArrays &arrays) {
    if (!invert<format>(span.encodeScales, groups, arrays.inverse))
        return false;
    __m512 largest = _mm512_setzero_ps();
    const float limit = isCodebook<format>() ? (-tables.clipLow < tables.clipHigh ? -tables.clipLow : tables.clipHigh)
                                             : riskLimit<format>();
    for (std::size_t i = 0; i < groups; i += 16) {
        const auto live = static_cast<__mmask16>(groups - i >= 16 ? 0xffffU : (1U << (groups - i)) - 1U);
        const __m512 scale = _mm512_abs_ps(_mm512_maskz_loadu_ps(live, span.decodeScales + i));
        largest = _mm512_max_ps(largest, scale);
        _mm512_mask_storeu_ps(arrays.limit + i, live, _mm512_mul_ps(scale, _mm512_set1_ps(limit)));
    }
    arrays.largestScale = _mm512_reduce_max_ps(largest);
    return true;
}

// Whether F32 squares were good enough: see the head of the file. `bound`: no weight among them was larger.
NIBBLESCOPE_INLINE bool trustworthy(const ErrorSums &fast, double bound) {
    constexpr double smallest = 1e-33, largest = 1e37, dominance = 16;
    const bool inRange = fast.signal > smallest && fast.signal < largest && fast.error > smallest &&
                         fast.decoded > smallest && fast.decoded < largest;
    const auto worst = static_cast<double>(fast.maxAbsError);
    return inRange && dominance * bound * bound < fast.signal && dominance * bound * bound < fast.decoded &&
           dominance * worst * worst < fast.error;
}

NIBBLESCOPE_INLINE void addTo(__m512d (&lanes)[2], __m512 v) {
    lanes[0] = _mm512_add_pd(lanes[0], lowDoubles(v));
    lanes[1] = _mm512_add_pd(lanes[1], highDoubles(v));
}

NIBBLESCOPE_INLINE __m512 sumOfBlocks(__m512 a, __m512 b, __m512 c, __m512 d) {
    return _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
}

template <Format format, bool withDecoded, std::size_t perGroup, bool sameScales>
bool encodeFused(const EncodeSpan &span, std::uint8_t *bytes) {
    alignas(64) GroupArrays arrays;
    const EncodeTables &tables = encodeTables(format);
    const std::size_t groups = (span.firstInGroup + span.count + span.groupSize - 1) / span.groupSize;
    if (!prepare<format>(span, groups, tables, arrays))
        return false;
    SumLanes careful{};
    __m512d signal[2] = {}, error[2] = {}, decoded[2] = {};
    Peaks peaks{};
    std::size_t group = 0;
    std::size_t inGroup = span.firstInGroup;
    std::size_t at = 0;
    while (at + treeBlocks * blockWeights <= span.count) {
        Sums32 sums[treeBlocks];
        NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < treeBlocks; ++k) {
            for (std::size_t i = 0; i < blockWeights; i += 32)
                fetchAhead(span.weights + span.count, span.count * sizeof(float), (at + i) * sizeof(float),
                           Ahead::SecondHalf);
            if (!fastBlock<format, withDecoded, perGroup, sameScales>(span, at, group, arrays, tables, bytes, sums[k],
                                                                      peaks)) {
                NIBBLESCOPE_UNROLL
                for (std::size_t i = 0; i < 4; i += perGroup)
                    exactRun<format, withDecoded>(span, at + 16 * i, 16 * perGroup, group + i / perGroup,
                                                  arrays.inverse[group + i / perGroup], tables, bytes, careful);
                sums[k] = Sums32{};
            }
            at += blockWeights;
            if constexpr (perGroup == 4) {
                inGroup += blockWeights;
                group += inGroup == span.groupSize ? 1 : 0;
                inGroup = inGroup == span.groupSize ? 0 : inGroup;
            } else {
                group += 4 / perGroup;
            }
        }
        addTo(signal, sumOfBlocks(sums[0].signal, sums[1].signal, sums[2].signal, sums[3].signal));
        addTo(error, sumOfBlocks(sums[0].error, sums[1].error, sums[2].error, sums[3].error));
        addTo(decoded, sumOfBlocks(sums[0].decoded, sums[1].decoded, sums[2].decoded, sums[3].decoded));
    }
    while (at < span.count) {
        const std::size_t left = span.count - at;
        const std::size_t length = span.groupSize - inGroup < left ? span.groupSize - inGroup : left;
        exactRun<format, withDecoded>(span, at, length, group, arrays.inverse[group], tables, bytes, careful);
        at += length;
        inGroup = 0;
        ++group;
    }
    ErrorSums fast;
    fast.signal = total(signal);
    fast.error = total(error);
    fast.decoded = total(decoded);
    fast.dot = 0.5 * (fast.signal + fast.decoded - fast.error);
    fast.maxAbsError = _mm512_reduce_max_ps(peaks.error);
    fast.clipped = peaks.clipped;
    const float reach = -tables.clipLow > tables.clipHigh ? -tables.clipLow : tables.clipHigh;
    const double bound = isCodebook<format>() ? static_cast<double>(_mm512_reduce_max_ps(peaks.weight))
                                              : static_cast<double>(reach) * static_cast<double>(arrays.largestScale);
    if (!trustworthy(fast, bound))
        return false;
    ErrorSums sums = finished(careful, span.count);
    if (!(sums.signal < 1e300))
        return false;
    fast.finite = 0;
    sums += fast;
    *span.sums = sums;
    return true;
}

template <Format format, std::size_t perGroup>
bool encodeDecoded(const EncodeSpan &span, std::uint8_t *bytes) {
    if (span.decodeScales != span.encodeScales)
        return span.decoded != nullptr ? encodeFused<format, true, perGroup, false>(span, bytes)
                                       : encodeFused<format, false, perGroup, false>(span, bytes);
    return span.decoded != nullptr ? encodeFused<format, true, perGroup, true>(span, bytes)
                                   : encodeFused<format, false, perGroup, true>(span, bytes);
}

template <Format format>
bool encodeGroups(const EncodeSpan &span, std::uint8_t *bytes) {
    if (span.groupSize % 64 == 0 && span.firstInGroup % 64 == 0)
        return encodeDecoded<format, 4>(span, bytes);
    if (span.groupSize == 32 && span.firstInGroup == 0)
        return encodeDecoded<format, 2>(span, bytes);
    if (span.groupSize == 16 && span.firstInGroup == 0)
        return encodeDecoded<format, 1>(span, bytes);
    return false;
}

} // namespace
NIBBLESCOPE_TARGET_END

bool encodeFusedAvx512(Format format, const EncodeSpan &span, std::uint8_t *bytes) {
    if (span.count < 512)
        return false;
    switch (format) {
    case Format::Int4:
        return encodeGroups<Format::Int4>(span, bytes);
    case Format::Int4Max:
        return encodeGroups<Format::Int4Max>(span, bytes);
    case Format::Int4Asym:
        return encodeGroups<Format::Int4Asym>(span, bytes);
    case Format::Nf4:
        return encodeGroups<Format::Nf4>(span, bytes);
    case Format::Fp4:
        return encodeGroups<Format::Fp4>(span, bytes);
    case Format::Mxfp4:
        return encodeGroups<Format::Mxfp4>(span, bytes);
    case Format::Int8:
        return encodeGroups<Format::Int8>(span, bytes);
    case Format::Fitted: // its levels are in no table
    case Format::None:
        break;
    }
    return false;
}

} // namespace nibblescope
#endif
