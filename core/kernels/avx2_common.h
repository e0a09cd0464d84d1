// SPDX-License-Identifier: GPL-3.0-or-later
// Small steps that the AVX2 files share; each file gets copies of its own.
#pragma once

#include <immintrin.h>

#include "core/kernels/isa_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

// All bits of the first `count` lanes (at most 8).
NIBBLESCOPE_INLINE __m256i firstLanes(std::size_t count) {
    const __m256i places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? static_cast<int>(count) : 8), places);
}

// The first `count` floats (at most 8), zeros behind them; nothing else is read.
NIBBLESCOPE_INLINE __m256 loadFirst(const float *from, std::size_t count) {
    return count >= 8 ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, firstLanes(count));
}
NIBBLESCOPE_INLINE void storeFirst(float *to, std::size_t count, __m256 v) {
    if (count >= 8)
        _mm256_storeu_ps(to, v);
    else
        _mm256_maskstore_ps(to, firstLanes(count), v);
}

NIBBLESCOPE_INLINE __m256 magnitude(__m256 v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v); }

NIBBLESCOPE_INLINE __m256d lowDoubles(__m256 v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
NIBBLESCOPE_INLINE __m256d highDoubles(__m256 v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }

NIBBLESCOPE_INLINE double total(__m256d v) {
    const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}
NIBBLESCOPE_INLINE float total(__m256 v) {
    __m128 part = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    part = _mm_add_ps(part, _mm_movehl_ps(part, part));
    return _mm_cvtss_f32(_mm_add_ss(part, _mm_movehdup_ps(part)));
}
NIBBLESCOPE_INLINE float smallestOf(__m256 v) {
    __m128 part = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    part = _mm_min_ps(part, _mm_movehl_ps(part, part));
    return _mm_cvtss_f32(_mm_min_ss(part, _mm_movehdup_ps(part)));
}
NIBBLESCOPE_INLINE float largestOf(__m256 v) {
    __m128 part = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    part = _mm_max_ps(part, _mm_movehl_ps(part, part));
    return _mm_cvtss_f32(_mm_max_ss(part, _mm_movehdup_ps(part)));
}

// Entry `index` (its lower four bits) of sixteen floats, in each lane.
NIBBLESCOPE_INLINE __m256 lookUp(const float *table, __m256i index) {
    const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index);
    const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index);
    return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
