// SPDX-License-Identifier: GPL-3.0-or-later
// Exponentials and what is made of them, 512 bits wide.
#include "core/kernels/elementwise.h"
#include "core/kernels/exponential_rule.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <iterator>

#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

NIBBLESCOPE_INLINE __mmask16 firstLanes(std::size_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1U);
}

// Multiplications and additions as the definition makes them: a fused one would round once less.
NIBBLESCOPE_INLINE __m512 timesPlus(__m512 a, __m512 b, float c) {
    return _mm512_add_ps(_mm512_mul_ps(a, b), _mm512_set1_ps(c));
}

NIBBLESCOPE_INLINE __m512 exponential(__m512 x) {
    using namespace exponential_rule;
    const __m512 shift = _mm512_set1_ps(roundingShift);
    // The second operand of max and min is what a NaN leaves standing.
    const __m512 value = _mm512_min_ps(_mm512_set1_ps(highest), _mm512_max_ps(_mm512_set1_ps(lowest), x));
    const __m512 shifted = _mm512_add_ps(_mm512_mul_ps(value, _mm512_set1_ps(perLn2)), shift);
    const __m512 n = _mm512_sub_ps(shifted, shift);
    const __m512 r = _mm512_sub_ps(_mm512_sub_ps(value, _mm512_mul_ps(n, _mm512_set1_ps(ln2High))),
                                   _mm512_mul_ps(n, _mm512_set1_ps(ln2Low)));
    __m512 p = _mm512_set1_ps(coefficients[0]);
    NIBBLESCOPE_UNROLL
    for (std::size_t k = 1; k < std::size(coefficients); ++k)
        p = timesPlus(p, r, coefficients[k]);
    p = _mm512_add_ps(_mm512_add_ps(_mm512_mul_ps(_mm512_mul_ps(p, r), r), r), _mm512_set1_ps(1.0F));
    const __m512i exponent =
        _mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(shifted), 23), _mm512_set1_epi32(bitsOfOne));
    return _mm512_mul_ps(p, _mm512_castsi512_ps(exponent));
}

NIBBLESCOPE_INLINE __m512d lowDoubles(__m512 v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
NIBBLESCOPE_INLINE __m512d highDoubles(__m512 v) {
    return _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}

NIBBLESCOPE_INLINE double totalOf(__m512d lanes) {
    const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(lanes), _mm512_extractf64x4_pd(lanes, 1));
    const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

float largest(const float *x, std::size_t count) {
    __m512 found[2] = {_mm512_set1_ps(-__builtin_inff()), _mm512_set1_ps(-__builtin_inff())};
    std::size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        found[0] = _mm512_max_ps(_mm512_loadu_ps(x + i), found[0]);
        found[1] = _mm512_max_ps(_mm512_loadu_ps(x + i + 16), found[1]);
    }
    for (; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        found[0] = _mm512_mask_max_ps(found[0], live, _mm512_maskz_loadu_ps(live, x + i), found[0]);
    }
    return _mm512_reduce_max_ps(_mm512_max_ps(found[0], found[1]));
}

double exponentials(const float *x, std::size_t count, float shift, float *out) {
    const __m512 shifts = _mm512_set1_ps(shift);
    __m512d sum = _mm512_setzero_pd();
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m512 e = exponential(_mm512_sub_ps(_mm512_loadu_ps(x + i), shifts));
        _mm512_storeu_ps(out + i, e);
        sum = _mm512_add_pd(_mm512_add_pd(sum, lowDoubles(e)), highDoubles(e));
    }
    if (i < count) {
        const __mmask16 live = firstLanes(count - i);
        const __m512 e = exponential(_mm512_sub_ps(_mm512_maskz_loadu_ps(live, x + i), shifts));
        _mm512_mask_storeu_ps(out + i, live, e);
        const __m512 counted = _mm512_maskz_mov_ps(live, e);
        sum = _mm512_add_pd(_mm512_add_pd(sum, lowDoubles(counted)), highDoubles(counted));
    }
    return totalOf(sum);
}

void siluTimes(float *gate, const float *up, std::size_t count) {
    const __m512 one = _mm512_set1_ps(1.0F);
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        const __m512 g = _mm512_maskz_loadu_ps(live, gate + i);
        const __m512 u = _mm512_maskz_loadu_ps(live, up + i);
        const __m512 e = exponential(_mm512_xor_ps(g, _mm512_set1_ps(-0.0F)));
        _mm512_mask_storeu_ps(gate + i, live, _mm512_mul_ps(_mm512_div_ps(g, _mm512_add_ps(one, e)), u));
    }
}

double weightedDifference(const float *weight, const float *a, const float *b, std::size_t count) {
    __m512d sum = _mm512_setzero_pd();
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        const __m512 w = _mm512_maskz_loadu_ps(live, weight + i);
        const __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(live, a + i), _mm512_maskz_loadu_ps(live, b + i));
        sum = _mm512_add_pd(sum, _mm512_mul_pd(lowDoubles(w), lowDoubles(d)));
        sum = _mm512_add_pd(sum, _mm512_mul_pd(highDoubles(w), highDoubles(d)));
    }
    return totalOf(sum);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Elements(ElementKernels &table) {
    table.largest = largest;
    table.exponentials = exponentials;
    table.siluTimes = siluTimes;
    table.weightedDifference = weightedDifference;
}

} // namespace nibblescope
#endif
