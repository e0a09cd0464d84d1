// SPDX-License-Identifier: GPL-3.0-or-later
// Clip search, 512 bits wide: the same choice as trying all eighty candidates, in a fraction of the work.
//
// Lanes are candidates: each weight meets sixteen scales at once, in F32, which is exact to a few parts in a million.
// Whatever comes within 1e-4 of the smallest error is then measured exactly, in order. And the search ends early: the
// largest weight alone is off by at least its distance from the outermost level, which only grows as scales shrink;
// once the square of that exceeds the best error so far, no smaller scale can win.
#if defined(__x86_64__)
#include "core/kernels/avx512_encode_steps.h"
#include "core/kernels/avx512_scales.h"
#include "core/kernels/clip_search.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t width = 16;
constexpr int smallerMagnitude = 2; // operation of vrangeps: the smaller magnitude with the sign of the first

// Sixteen candidates in lanes.
struct Candidates {
    __m512 scale, inverse, low, high;
};

template <Format format>
NIBBLESCOPE_INLINE Candidates loadCandidates(const ClipCandidates &all, std::size_t first) {
    Candidates c;
    c.scale = _mm512_loadu_ps(all.scale + first);
    const __mmask16 used = _mm512_cmp_ps_mask(c.scale, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    c.inverse = _mm512_maskz_div_ps(used, _mm512_set1_ps(1.0F), c.scale);
    c.low = c.high = _mm512_setzero_ps();
    if constexpr (format == Format::Int4Asym) {
        const __m512 zero = _mm512_cvtepi32_ps(_mm512_loadu_si512(all.zeroPoint + first));
        c.low = _mm512_sub_ps(_mm512_setzero_ps(), zero);
        c.high = _mm512_sub_ps(_mm512_set1_ps(15.0F), zero);
    }
    return c;
}

// What the weight decodes to, in units of the scale. `outermost`: int4, int8: the largest magnitude on its side.
template <Format format>
NIBBLESCOPE_INLINE __m512 levelOf(__m512 w, const float *outermost, const Candidates &c, const EncodeTables &tables) {
    const __m512 q = _mm512_mul_ps(w, c.inverse);
    if constexpr (format == Format::Int4Max) {
        const __m512 shifted = clamp(_mm512_add_ps(q, _mm512_set1_ps(8.5F)), 0.0F, 15.0F);
        return _mm512_sub_ps(_mm512_roundscale_ps(shifted, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC),
                             _mm512_set1_ps(8.0F));
    } else if constexpr (format == Format::Nf4) {
        const __m512 inside = _mm512_range_ps(q, _mm512_set1_ps(1.0F), 2);
        const __m512i bin =
            _mm512_castps_si512(_mm512_fmadd_ps(inside, _mm512_set1_ps(nf4BinsPerUnit), _mm512_set1_ps(roundingMagic)));
        const __m512 boundary =
            _mm512_permutex2var_ps(_mm512_load_ps(tables.binBoundary), bin, _mm512_load_ps(tables.binBoundary + 16));
        const __m512i base =
            _mm512_permutex2var_epi32(_mm512_load_si512(tables.binBase), bin, _mm512_load_si512(tables.binBase + 16));
        const __mmask16 more = _mm512_cmp_ps_mask(inside, boundary, _CMP_GT_OQ);
        const __m512i code = _mm512_mask_add_epi32(base, more, base, _mm512_set1_epi32(1));
        return _mm512_permutexvar_ps(code, _mm512_load_ps(tables.level));
    } else if constexpr (format == Format::Fp4) {
        const __m512i place = placeAmong<15>(q, _mm512_load_ps(tables.boundary));
        return _mm512_permutexvar_ps(place, _mm512_load_ps(tables.sorted));
    } else if constexpr (format == Format::Int4Asym) {
        return rounded(_mm512_min_ps(_mm512_max_ps(q, c.low), c.high));
    } else {
        return rounded(_mm512_range_ps(q, _mm512_set1_ps(*outermost), smallerMagnitude));
    }
}

template <Format format, bool weighted>
NIBBLESCOPE_INLINE __m512 squaredErrors(const ClipSearch &search, std::size_t i, const float *outermost,
                                        const Candidates &c, const EncodeTables &tables, __m512 sum) {
    const __m512 w = _mm512_set1_ps(search.weights[i]);
    const __m512 e = _mm512_fnmadd_ps(levelOf<format>(w, outermost, c, tables), c.scale, w);
    if constexpr (weighted)
        return _mm512_fmadd_ps(_mm512_mul_ps(e, _mm512_set1_ps(static_cast<float>(search.importance[i]))), e, sum);
    else
        return _mm512_fmadd_ps(e, e, sum);
}

constexpr std::size_t partWeights = 512; // whose errors are added up in F32

// The largest magnitudes of codes of int4 and int8 on the side of each weight.
template <Format format>
NIBBLESCOPE_INLINE void outermostCodes(const float *weights, std::size_t count, float *outermost) {
    if constexpr (format != Format::Int4 && format != Format::Int8)
        return;
    const __m512 positive = _mm512_set1_ps(format == Format::Int4 ? 7.0F : 127.0F);
    const __m512 negative = _mm512_set1_ps(format == Format::Int4 ? 8.0F : 127.0F);
    for (std::size_t i = 0; i < count; i += 16) {
        const auto live = static_cast<__mmask16>(count - i >= 16 ? 0xffffU : (1U << (count - i)) - 1U);
        const __mmask16 below = _mm512_movepi32_mask(_mm512_castps_si512(_mm512_maskz_loadu_ps(live, weights + i)));
        _mm512_store_ps(outermost + i, _mm512_mask_mov_ps(positive, below, negative));
    }
}

// Stores errors. Returns the smallest, NaN if one is NaN.
NIBBLESCOPE_INLINE double storeErrors(const __m512d (&sums)[2], double *out) {
    _mm512_storeu_pd(out, sums[0]);
    _mm512_storeu_pd(out + 8, sums[1]);
    const bool number =
        (_mm512_cmp_pd_mask(sums[0], sums[0], _CMP_UNORD_Q) | _mm512_cmp_pd_mask(sums[1], sums[1], _CMP_UNORD_Q)) == 0;
    return number ? _mm512_reduce_min_pd(_mm512_min_pd(sums[0], sums[1])) : __builtin_nan("");
}

template <Format format, bool weighted>
NIBBLESCOPE_INLINE double errorsOf(const ClipSearch &search, const ClipCandidates &all, std::size_t first,
                                   const EncodeTables &tables, double *out) {
    const Candidates c = loadCandidates<format>(all, first);
    __m512d sums[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    alignas(64) float outermost[partWeights];
    for (std::size_t begin = 0; begin < search.count; begin += partWeights) {
        const std::size_t end = search.count - begin < partWeights ? search.count : begin + partWeights;
        outermostCodes<format>(search.weights + begin, end - begin, outermost);
        __m512 part[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
        std::size_t i = begin;
        for (; i + 4 <= end; i += 4)
            NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 4; ++k)
            part[k] = squaredErrors<format, weighted>(search, i + k, outermost + i + k - begin, c, tables, part[k]);
        for (; i < end; ++i)
            part[0] = squaredErrors<format, weighted>(search, i, outermost + i - begin, c, tables, part[0]);
        const __m512 all4 = _mm512_add_ps(_mm512_add_ps(part[0], part[1]), _mm512_add_ps(part[2], part[3]));
        sums[0] = _mm512_add_pd(sums[0], lowDoubles(all4));
        sums[1] = _mm512_add_pd(sums[1], highDoubles(all4));
    }
    return storeErrors(sums, out);
}

constexpr int toNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

// Squares of what rounding takes from quotients.
NIBBLESCOPE_INLINE void addRounded(const float *weights, std::size_t count, __m512 inverse, __m512 (&part)[4]) {
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4)
        NIBBLESCOPE_UNROLL
    for (std::size_t k = 0; k < 4; ++k) {
        const __m512 e = _mm512_reduce_ps(_mm512_mul_ps(_mm512_set1_ps(weights[i + k]), inverse), toNearest);
        part[k] = _mm512_fmadd_ps(e, e, part[k]);
    }
    for (; i < count; ++i) {
        const __m512 e = _mm512_reduce_ps(_mm512_mul_ps(_mm512_set1_ps(weights[i]), inverse), toNearest);
        part[0] = _mm512_fmadd_ps(e, e, part[0]);
    }
}

// In place of that, the square with clipping.
NIBBLESCOPE_INLINE __m512 clippedInstead(__m512 w, __m512 inverse, __m512 sum) {
    const __m512 q = _mm512_mul_ps(w, inverse);
    const __m512 unclipped = _mm512_reduce_ps(q, toNearest);
    const __m512 e = _mm512_sub_ps(q, rounded(clamp(q, -8.0F, 7.0F)));
    return _mm512_fmadd_ps(e, e, _mm512_fnmadd_ps(unclipped, unclipped, sum));
}

// Squared errors of sixteen scales of int4, none 0: in units of the scale the error of a weight that is not clipped is
// what rounding takes from its quotient, one operation.
double errorsOfInt4(const ClipSearch &search, const ClipCandidates &all, std::size_t first, double *out) {
    const Candidates c = loadCandidates<Format::Int4>(all, first);
    const __m512 limit = _mm512_set1_ps(7.49F * all.scale[first + width - 1]); // that of the smallest scale
    __m512d sums[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    for (std::size_t begin = 0; begin < search.count; begin += partWeights) {
        const std::size_t end = search.count - begin < partWeights ? search.count : begin + partWeights;
        __m512 part[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
        for (std::size_t i = begin; i < end; i += width) {
            const std::size_t count = end - i < width ? end - i : width;
            const float *const weights = search.weights + i;
            addRounded(weights, count, c.inverse, part);
            const auto live = static_cast<__mmask16>((1U << count) - 1U);
            const __m512 w = _mm512_maskz_loadu_ps(live, weights);
            for (unsigned beyond = _mm512_cmp_ps_mask(_mm512_abs_ps(w), limit, _CMP_NLE_UQ); beyond != 0;
                 beyond &= beyond - 1)
                part[0] = clippedInstead(_mm512_set1_ps(weights[__builtin_ctz(beyond)]), c.inverse, part[0]);
        }
        const __m512 all4 = _mm512_add_ps(_mm512_add_ps(part[0], part[1]), _mm512_add_ps(part[2], part[3]));
        sums[0] = _mm512_add_pd(sums[0], lowDoubles(all4));
        sums[1] = _mm512_add_pd(sums[1], highDoubles(all4));
    }
    const __m512d scales[2] = {lowDoubles(c.scale), highDoubles(c.scale)};
    NIBBLESCOPE_UNROLL
    for (int half = 0; half < 2; ++half)
        sums[half] = _mm512_mul_pd(sums[half], _mm512_mul_pd(scales[half], scales[half]));
    return storeErrors(sums, out);
}

// Squared errors of sixteen candidates over all weights.
template <Format format>
double roughErrors(const ClipSearch &search, const ClipCandidates &all, std::size_t first, const EncodeTables &tables,
                   double *out) {
    if (format == Format::Int4 && search.importance == nullptr && all.scale[first + width - 1] > 0.0F)
        return errorsOfInt4(search, all, first, out);
    return search.importance != nullptr ? errorsOf<format, true>(search, all, first, tables, out)
                                        : errorsOf<format, false>(search, all, first, tables, out);
}

std::uint32_t closeTo(const double *errors, double limit) {
    const __m512d most = _mm512_set1_pd(limit);
    const __mmask8 low = _mm512_cmp_pd_mask(_mm512_loadu_pd(errors), most, _CMP_LE_OQ);
    const __mmask8 high = _mm512_cmp_pd_mask(_mm512_loadu_pd(errors + 8), most, _CMP_LE_OQ);
    return static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 8;
}

// The squared error of one candidate as the definition has it, but for the order of the sum.
template <Format format>
double exactError(const ClipSearch &search, float scale, std::uint8_t zeroPoint) {
    EncodeSpan span;
    span.encodeScales = span.decodeScales = &scale;
    span.zeroPoints = &zeroPoint;
    const EncodeTables &tables = encodeTables(format);
    float inverse = 0;
    if (!invert<format>(&scale, 1, &inverse))
        return -1.0;
    const GroupConstants constants = constantsOf<format>(span, 0, inverse, tables);
    __m512 check = _mm512_setzero_ps();
    __m512d sums[2] = {_mm512_setzero_pd(), _mm512_setzero_pd()};
    for (std::size_t i = 0; i < search.count; i += width) {
        const auto live = static_cast<__mmask16>(search.count - i >= 16 ? 0xffffU : (1U << (search.count - i)) - 1U);
        const __m512 w = _mm512_maskz_loadu_ps(live, search.weights + i);
        const Coded coded = encodeVector<format, true>(w, constants, tables, check);
        const __m512 e = _mm512_maskz_sub_ps(live, w, coded.decoded);
        const __m512d parts[2] = {lowDoubles(e), highDoubles(e)};
        NIBBLESCOPE_UNROLL
        for (int half = 0; half < 2; ++half) {
            __m512d square = _mm512_mul_pd(parts[half], parts[half]);
            const auto lanes = static_cast<__mmask8>(live >> (8 * half));
            if (search.importance != nullptr)
                square =
                    _mm512_maskz_mul_pd(lanes, square, _mm512_maskz_loadu_pd(lanes, search.importance + i + 8 * half));
            sums[half] = _mm512_add_pd(sums[half], square);
        }
    }
    return total(sums);
}

template <Format format>
void makeCandidates(const ClipSearch &search, float exact, std::size_t first, ClipCandidates &all) {
    const __m512 share = _mm512_loadu_ps(clipShares + first);
    if constexpr (format == Format::Int4Asym) {
        const __m512 zero = _mm512_setzero_ps();
        const __m512 low = _mm512_mul_ps(_mm512_set1_ps(search.range.min), share);
        const __m512 high = _mm512_mul_ps(_mm512_set1_ps(search.range.max), share);
        const __m512 scale =
            roundedToType(_mm512_div_ps(_mm512_sub_ps(high, low), _mm512_set1_ps(15.0F)), search.scaleType);
        const __mmask16 used = _mm512_cmp_ps_mask(scale, zero, _CMP_NEQ_UQ);
        const __m512 steps = rounded(_mm512_maskz_div_ps(used, _mm512_xor_ps(low, _mm512_set1_ps(-0.0F)), scale));
        const __m512 held = _mm512_min_ps(_mm512_max_ps(steps, zero), _mm512_set1_ps(15.0F));
        _mm512_storeu_ps(all.scale + first, scale);
        _mm512_storeu_si512(all.zeroPoint + first, _mm512_cvtps_epi32(held));
    } else {
        __m512 scale = roundedToType(_mm512_mul_ps(_mm512_set1_ps(exact), share), search.scaleType);
        if constexpr (format == Format::Int4Max) {
            const __m512 inverse = _mm512_abs_ps(_mm512_div_ps(_mm512_set1_ps(1.0F), scale));
            const auto usable = _mm512_cmp_ps_mask(inverse, _mm512_set1_ps(3.4028234663852886e38F), _CMP_LE_OQ);
            scale = _mm512_maskz_mov_ps(usable, scale);
        }
        _mm512_storeu_ps(all.scale + first, scale);
        _mm512_storeu_si512(all.zeroPoint + first, _mm512_setzero_si512());
    }
}

template <Format format>
ClipChoice clipSearch(const ClipSearch &search) {
    constexpr ClipOperations operations{width, makeCandidates<format>, roughErrors<format>, exactError<format>,
                                        closeTo};
    return clipSearchBy(format, search, operations);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Clip(Kernels &table) {
    setEntry(table.clipSearch, Format::Int4, clipSearch<Format::Int4>);
    setEntry(table.clipSearch, Format::Int4Max, clipSearch<Format::Int4Max>);
    setEntry(table.clipSearch, Format::Int4Asym, clipSearch<Format::Int4Asym>);
    setEntry(table.clipSearch, Format::Nf4, clipSearch<Format::Nf4>);
    setEntry(table.clipSearch, Format::Fp4, clipSearch<Format::Fp4>);
    setEntry(table.clipSearch, Format::Int8, clipSearch<Format::Int8>);
}

} // namespace nibblescope
#endif
