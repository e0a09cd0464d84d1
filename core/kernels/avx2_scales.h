// SPDX-License-Identifier: GPL-3.0-or-later
// Rounding of scales, 256 bits wide; each file that needs it gets a copy of its own.
#pragma once

#include "core/kernels/avx2_common.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

constexpr float largestFloat = 3.4028234663852886e38F;

// roundToScaleType() of eight scales.
NIBBLESCOPE_INLINE __m256 roundedToType(__m256 scale, ScaleType type) {
    __m256 rounded = scale;
    float largest = largestFloat;
    if (type == ScaleType::F16) {
        rounded = _mm256_cvtph_ps(_mm256_cvtps_ph(scale, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
        largest = 65504.0F;
    } else if (type == ScaleType::BF16) {
        const __m256i u = _mm256_castps_si256(scale);
        const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
        const __m256i sum = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        rounded = _mm256_castsi256_ps(_mm256_and_si256(sum, _mm256_set1_epi32(static_cast<int>(0xffff0000U))));
        largest = 3.3895313892515355e38F;
    }
    const __m256 infinite = _mm256_cmp_ps(magnitude(rounded), _mm256_set1_ps(largestFloat), _CMP_GT_OQ);
    const __m256 sign = _mm256_and_ps(scale, _mm256_set1_ps(-0.0F));
    return _mm256_blendv_ps(rounded, _mm256_or_ps(sign, _mm256_set1_ps(largest)), infinite);
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
