// SPDX-License-Identifier: GPL-3.0-or-later
// Exponentials and what is made of them, 256 bits wide.
#if defined(__x86_64__)
#include "core/kernels/avx2_common.h"
#include "core/kernels/elementwise.h"
#include "core/kernels/exponential_rule.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

// Multiplications and additions as the definition makes them: a fused one would round once less.
NIBBLESCOPE_INLINE __m256 timesPlus(__m256 a, __m256 b, float c) {
    return _mm256_add_ps(_mm256_mul_ps(a, b), _mm256_set1_ps(c));
}

NIBBLESCOPE_INLINE __m256 exponential(__m256 x) {
    using namespace exponential_rule;
    const __m256 shift = _mm256_set1_ps(roundingShift);
    // The second operand of max and min is what a NaN leaves standing.
    const __m256 value = _mm256_min_ps(_mm256_set1_ps(highest), _mm256_max_ps(_mm256_set1_ps(lowest), x));
    const __m256 shifted = _mm256_add_ps(_mm256_mul_ps(value, _mm256_set1_ps(perLn2)), shift);
    const __m256 n = _mm256_sub_ps(shifted, shift);
    const __m256 r = _mm256_sub_ps(_mm256_sub_ps(value, _mm256_mul_ps(n, _mm256_set1_ps(ln2High))),
                                   _mm256_mul_ps(n, _mm256_set1_ps(ln2Low)));
    __m256 p = _mm256_set1_ps(coefficients[0]);
    NIBBLESCOPE_UNROLL
    for (std::size_t k = 1; k < std::size(coefficients); ++k)
        p = timesPlus(p, r, coefficients[k]);
    p = _mm256_add_ps(_mm256_add_ps(_mm256_mul_ps(_mm256_mul_ps(p, r), r), r), _mm256_set1_ps(1.0F));
    const __m256i exponent =
        _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(shifted), 23), _mm256_set1_epi32(bitsOfOne));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(exponent));
}

// The lanes of the definition: 0 ... 3 and 4 ... 7.
NIBBLESCOPE_INLINE double totalOf(__m256d low, __m256d high) {
    const __m256d four = _mm256_add_pd(low, high);
    const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

float largest(const float *x, std::size_t count) {
    const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
    __m256 found[2] = {lowest, lowest};
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        found[0] = _mm256_max_ps(_mm256_loadu_ps(x + i), found[0]);
        found[1] = _mm256_max_ps(_mm256_loadu_ps(x + i + 8), found[1]);
    }
    for (; i < count; i += 8) {
        const __m256 live = _mm256_castsi256_ps(firstLanes(count - i));
        found[0] = _mm256_max_ps(_mm256_blendv_ps(lowest, loadFirst(x + i, count - i), live), found[0]);
    }
    return largestOf(_mm256_max_ps(found[0], found[1]));
}

double exponentials(const float *x, std::size_t count, float shift, float *out) {
    const __m256 shifts = _mm256_set1_ps(shift);
    __m256d low = _mm256_setzero_pd();
    __m256d high = _mm256_setzero_pd();
    for (std::size_t i = 0; i < count; i += 8) {
        __m256 e = exponential(_mm256_sub_ps(loadFirst(x + i, count - i), shifts));
        storeFirst(out + i, count - i, e);
        if (count - i < 8)
            e = _mm256_and_ps(e, _mm256_castsi256_ps(firstLanes(count - i)));
        low = _mm256_add_pd(low, lowDoubles(e));
        high = _mm256_add_pd(high, highDoubles(e));
    }
    return totalOf(low, high);
}

void siluTimes(float *gate, const float *up, std::size_t count) {
    const __m256 one = _mm256_set1_ps(1.0F);
    for (std::size_t i = 0; i < count; i += 8) {
        const __m256 g = loadFirst(gate + i, count - i);
        const __m256 e = exponential(_mm256_xor_ps(g, _mm256_set1_ps(-0.0F)));
        const __m256 u = loadFirst(up + i, count - i);
        storeFirst(gate + i, count - i, _mm256_mul_ps(_mm256_div_ps(g, _mm256_add_ps(one, e)), u));
    }
}

double weightedDifference(const float *weight, const float *a, const float *b, std::size_t count) {
    __m256d low = _mm256_setzero_pd();
    __m256d high = _mm256_setzero_pd();
    for (std::size_t i = 0; i < count; i += 8) {
        const __m256 w = loadFirst(weight + i, count - i);
        const __m256 d = _mm256_sub_ps(loadFirst(a + i, count - i), loadFirst(b + i, count - i));
        low = _mm256_add_pd(low, _mm256_mul_pd(lowDoubles(w), lowDoubles(d)));
        high = _mm256_add_pd(high, _mm256_mul_pd(highDoubles(w), highDoubles(d)));
    }
    return totalOf(low, high);
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx2Elements(ElementKernels &table) {
    table.largest = largest;
    table.exponentials = exponentials;
    table.siluTimes = siluTimes;
    table.weightedDifference = weightedDifference;
}

} // namespace nibblescope
#endif
