// SPDX-License-Identifier: GPL-3.0-or-later
// Sixteen vectors reduced at once by a tree of transpositions; each file that needs it gets a copy of its own.
#pragma once

#include <immintrin.h>

#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

// Lane i of the result is all lanes of v[i] together.
template <typename Op>
NIBBLESCOPE_INLINE __m512 reduce16(const __m512 (&v)[16]) {
    __m512 quarter[4];
    NIBBLESCOPE_UNROLL
    for (int i = 0; i < 4; ++i) {
        const __m512 a = v[4 * i], b = v[4 * i + 1], c = v[4 * i + 2], d = v[4 * i + 3];
        const __m512d ab = _mm512_castps_pd(Op::of(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)));
        const __m512d cd = _mm512_castps_pd(Op::of(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)));
        quarter[i] = Op::of(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)), _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
    }
    const __m512 low =
        Op::of(_mm512_shuffle_f32x4(quarter[0], quarter[1], 0x88), _mm512_shuffle_f32x4(quarter[0], quarter[1], 0xdd));
    const __m512 high =
        Op::of(_mm512_shuffle_f32x4(quarter[2], quarter[3], 0x88), _mm512_shuffle_f32x4(quarter[2], quarter[3], 0xdd));
    return Op::of(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd));
}

} // namespace
NIBBLESCOPE_TARGET_END

} // namespace nibblescope
