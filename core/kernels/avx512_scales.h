// SPDX-License-Identifier: GPL-3.0-or-later
// Rounding of scales, 512 bits wide; each file that needs it gets a copy of its own.
#pragma once

#include <immintrin.h>

#include "core/kernels/format.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

// roundToScaleType() of sixteen scales.
NIBBLESCOPE_INLINE __m512 roundedToType(__m512 scale, ScaleType type) {
    __m512 rounded = scale;
    float largest = 3.4028234663852886e38F;
    if (type == ScaleType::F16) {
        rounded = _mm512_cvtph_ps(_mm512_cvtps_ph(scale, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
        largest = 65504.0F;
    } else if (type == ScaleType::BF16) {
        const __m512i u = _mm512_castps_si512(scale);
        const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
        const __m512i sum = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        rounded = _mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
        largest = 3.3895313892515355e38F;
    }
    const __mmask16 infinite =
        _mm512_cmp_ps_mask(_mm512_abs_ps(rounded), _mm512_set1_ps(3.4028234663852886e38F), _CMP_GT_OQ);
    const __m512 sign = _mm512_and_ps(scale, _mm512_set1_ps(-0.0F));
    return _mm512_mask_or_ps(rounded, infinite, sign, _mm512_set1_ps(largest));
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
