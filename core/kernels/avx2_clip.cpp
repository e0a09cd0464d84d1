// SPDX-License-Identifier: GPL-3.0-or-later
// Clip search, 256 bits wide: eight candidates at once. The scheme is that of avx512_clip.cpp.
#if defined(__x86_64__)
#include "core/kernels/avx2_encode_steps.h"
#include "core/kernels/avx2_scales.h"
#include "core/kernels/clip_search.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

constexpr std::size_t width = 8;

struct Candidates {
    __m256 scale, inverse, low, high;
};

NIBBLESCOPE_INLINE __m256 reciprocal(__m256 scale) {
    const __m256 used = _mm256_cmp_ps(scale, _mm256_setzero_ps(), _CMP_NEQ_UQ);
    const __m256 divisor = _mm256_blendv_ps(_mm256_set1_ps(1.0F), scale, used);
    return _mm256_and_ps(used, _mm256_div_ps(_mm256_set1_ps(1.0F), divisor));
}

template <Format format>
NIBBLESCOPE_INLINE Candidates loadCandidates(const ClipCandidates &all, std::size_t first) {
    Candidates c;
    c.scale = _mm256_loadu_ps(all.scale + first);
    c.inverse = reciprocal(c.scale);
    c.low = _mm256_set1_ps(format == Format::Int4 ? -8.0F : -127.0F);
    c.high = _mm256_set1_ps(format == Format::Int4 ? 7.0F : 127.0F);
    if constexpr (format == Format::Int4Asym) {
        const __m256 zero =
            _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(all.zeroPoint + first)));
        c.low = _mm256_sub_ps(_mm256_setzero_ps(), zero);
        c.high = _mm256_sub_ps(_mm256_set1_ps(15.0F), zero);
    }
    return c;
}

// What the weight decodes to, in units of the scale.
template <Format format>
NIBBLESCOPE_INLINE __m256 levelOf(__m256 w, const Candidates &c, const EncodeTables &tables,
                                  const SearchTables &search) {
    const __m256 q = _mm256_mul_ps(w, c.inverse);
    if constexpr (format == Format::Int4Max) {
        const __m256 shifted = clamp(_mm256_add_ps(q, _mm256_set1_ps(8.5F)), 0.0F, 15.0F);
        return _mm256_sub_ps(_mm256_round_ps(shifted, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), _mm256_set1_ps(8.0F));
    } else if constexpr (format == Format::Nf4 || format == Format::Fp4) {
        return lookUp(tables.sorted, placeOf(q, search));
    } else {
        return _mm256_round_ps(_mm256_min_ps(_mm256_max_ps(q, c.low), c.high), toNearest);
    }
}

template <Format format, bool weighted>
NIBBLESCOPE_INLINE __m256 squaredErrors(const ClipSearch &job, std::size_t i, const Candidates &c,
                                        const EncodeTables &tables, const SearchTables &search, __m256 sum) {
    const __m256 w = _mm256_set1_ps(job.weights[i]);
    const __m256 e = _mm256_fnmadd_ps(levelOf<format>(w, c, tables, search), c.scale, w);
    if constexpr (weighted)
        return _mm256_fmadd_ps(_mm256_mul_ps(e, _mm256_set1_ps(static_cast<float>(job.importance[i]))), e, sum);
    else
        return _mm256_fmadd_ps(e, e, sum);
}

template <Format format, bool weighted>
NIBBLESCOPE_INLINE double errorsOf(const ClipSearch &job, const ClipCandidates &all, std::size_t first,
                                   const EncodeTables &tables, double *out) {
    const Candidates c = loadCandidates<format>(all, first);
    const SearchTables search = searchTables<format>(tables);
    __m256d sums[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    for (std::size_t begin = 0; begin < job.count; begin += 512) {
        const std::size_t end = job.count - begin < 512 ? job.count : begin + 512;
        __m256 part[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
        std::size_t i = begin;
        for (; i + 4 <= end; i += 4)
            NIBBLESCOPE_UNROLL
        for (std::size_t k = 0; k < 4; ++k)
            part[k] = squaredErrors<format, weighted>(job, i + k, c, tables, search, part[k]);
        for (; i < end; ++i)
            part[0] = squaredErrors<format, weighted>(job, i, c, tables, search, part[0]);
        const __m256 sum = _mm256_add_ps(_mm256_add_ps(part[0], part[1]), _mm256_add_ps(part[2], part[3]));
        sums[0] = _mm256_add_pd(sums[0], lowDoubles(sum));
        sums[1] = _mm256_add_pd(sums[1], highDoubles(sum));
    }
    _mm256_storeu_pd(out, sums[0]);
    _mm256_storeu_pd(out + 4, sums[1]);
    double least = out[0];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < width; ++i) {
        if (out[i] != out[i])
            return out[i];
        least = out[i] < least ? out[i] : least;
    }
    return least;
}

// Squared errors of eight candidates over all weights.
template <Format format>
double roughErrors(const ClipSearch &search, const ClipCandidates &all, std::size_t first, const EncodeTables &tables,
                   double *out) {
    return search.importance != nullptr ? errorsOf<format, true>(search, all, first, tables, out)
                                        : errorsOf<format, false>(search, all, first, tables, out);
}

std::uint32_t closeTo(const double *errors, double limit) {
    const __m256d most = _mm256_set1_pd(limit);
    const int low = _mm256_movemask_pd(_mm256_cmp_pd(_mm256_loadu_pd(errors), most, _CMP_LE_OQ));
    const int high = _mm256_movemask_pd(_mm256_cmp_pd(_mm256_loadu_pd(errors + 4), most, _CMP_LE_OQ));
    return static_cast<std::uint32_t>(low | high << 4);
}

// The squared error of one candidate as the definition has it, but for the order of the sum.
template <Format format>
double exactError(const ClipSearch &job, float scale, std::uint8_t zeroPoint) {
    EncodeSpan span;
    span.encodeScales = span.decodeScales = &scale;
    span.zeroPoints = &zeroPoint;
    const EncodeTables &tables = encodeTables(format);
    const SearchTables search = searchTables<format>(tables);
    float inverse = 0;
    if (!invert<format>(&scale, 1, &inverse))
        return -1.0;
    const GroupConstants constants = constantsOf<format>(span, 0, inverse, tables);
    __m256 check = _mm256_setzero_ps();
    __m256d sums[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};
    for (std::size_t i = 0; i < job.count; i += width) {
        const std::size_t left = job.count - i;
        const __m256 w = loadFirst(job.weights + i, left);
        const Coded coded = encodeVector<format, true>(w, constants, tables, search, check);
        const __m256 e = _mm256_and_ps(_mm256_sub_ps(w, coded.decoded), _mm256_castsi256_ps(firstLanes(left)));
        const __m256d parts[2] = {lowDoubles(e), highDoubles(e)};
        NIBBLESCOPE_UNROLL
        for (std::size_t half = 0; half < 2; ++half) {
            __m256d square = _mm256_mul_pd(parts[half], parts[half]);
            if (job.importance != nullptr) {
                alignas(32) double importance[4] = {};
                for (std::size_t k = 0; k < 4 && i + 4 * half + k < job.count; ++k)
                    importance[k] = job.importance[i + 4 * half + k];
                square = _mm256_mul_pd(square, _mm256_load_pd(importance));
            }
            sums[half] = _mm256_add_pd(sums[half], square);
        }
    }
    return total(_mm256_add_pd(sums[0], sums[1]));
}

template <Format format>
void makeCandidates(const ClipSearch &search, float exact, std::size_t first, ClipCandidates &all) {
    const __m256 share = _mm256_loadu_ps(clipShares + first);
    __m256i zeroPoint = _mm256_setzero_si256();
    __m256 scale;
    if constexpr (format == Format::Int4Asym) {
        const __m256 zero = _mm256_setzero_ps();
        const __m256 low = _mm256_mul_ps(_mm256_set1_ps(search.range.min), share);
        const __m256 high = _mm256_mul_ps(_mm256_set1_ps(search.range.max), share);
        scale = roundedToType(_mm256_div_ps(_mm256_sub_ps(high, low), _mm256_set1_ps(15.0F)), search.scaleType);
        const __m256 used = _mm256_cmp_ps(scale, zero, _CMP_NEQ_UQ);
        const __m256 divisor = _mm256_blendv_ps(_mm256_set1_ps(1.0F), scale, used);
        const __m256 quotient = _mm256_and_ps(used, _mm256_div_ps(_mm256_xor_ps(low, _mm256_set1_ps(-0.0F)), divisor));
        const __m256 steps = _mm256_round_ps(quotient, toNearest);
        zeroPoint = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(steps, zero), _mm256_set1_ps(15.0F)));
    } else {
        scale = roundedToType(_mm256_mul_ps(_mm256_set1_ps(exact), share), search.scaleType);
        if constexpr (format == Format::Int4Max) {
            const __m256 inverse = magnitude(_mm256_div_ps(_mm256_set1_ps(1.0F), scale));
            scale = _mm256_and_ps(scale, _mm256_cmp_ps(inverse, _mm256_set1_ps(largestFloat), _CMP_LE_OQ));
        }
    }
    _mm256_storeu_ps(all.scale + first, scale);
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(all.zeroPoint + first), zeroPoint);
}

template <Format format>
ClipChoice clipSearch(const ClipSearch &search) {
    constexpr ClipOperations operations{width, makeCandidates<format>, roughErrors<format>, exactError<format>,
                                        closeTo};
    return clipSearchBy(format, search, operations);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx2Clip(Kernels &table) {
    setEntry(table.clipSearch, Format::Int4, clipSearch<Format::Int4>);
    setEntry(table.clipSearch, Format::Int4Max, clipSearch<Format::Int4Max>);
    setEntry(table.clipSearch, Format::Int4Asym, clipSearch<Format::Int4Asym>);
    setEntry(table.clipSearch, Format::Nf4, clipSearch<Format::Nf4>);
    setEntry(table.clipSearch, Format::Fp4, clipSearch<Format::Fp4>);
    setEntry(table.clipSearch, Format::Int8, clipSearch<Format::Int8>);
}

} // namespace nibblescope
#endif
