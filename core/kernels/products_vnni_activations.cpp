// SPDX-License-Identifier: GPL-3.0-or-later
// Activations to int8, with AVX-512 VNNI.
#if defined(__x86_64__)
#include "core/kernels/products_vnni.h"
#include "core/kernels/products_vnni_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_VNNI)
namespace {

// rint(x * inverse) of sixteen values, kept in range.
NIBBLESCOPE_INLINE __m128i toBytes(__m512 x, __m512 inverse) {
    return _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x, inverse)));
}

void quantize(const ProductWeights &weights, const float *x, QuantizedActivations &out) {
    resizeActivations(weights, out);
    const std::size_t cols = weights.cols;
    const bool nibbles = weights.kind == WeightKind::Int4 || weights.kind == WeightKind::Codebook4;
    __m512 peak = _mm512_setzero_ps();
    for (std::size_t i = 0; i < cols; i += 16) {
        const auto live = static_cast<__mmask16>(firstBytes(cols - i));
        peak = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(live, x + i)), peak);
    }
    const float largest = _mm512_reduce_max_ps(peak);
    out.scale = largest / 127.0F;
    const __m512 inverse = _mm512_set1_ps(largest > 0.0F ? 127.0F / largest : 0.0F);
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    std::int8_t *const codes = out.codes.data();
    for (std::size_t i = 0; i < out.half; i += 16) {
        const std::size_t column = nibbles ? 2 * i : i;
        const std::size_t left = cols > column ? cols - column : 0;
        const __m512 a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(firstBytes(left)), x + column);
        if (!nibbles) {
            _mm_storeu_si128(reinterpret_cast<__m128i *>(codes + i), toBytes(a, inverse));
            continue;
        }
        const std::size_t more = left > 16 ? left - 16 : 0;
        const __m512 b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(firstBytes(more)), x + column + 16);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(codes + i), toBytes(_mm512_permutex2var_ps(a, evens, b), inverse));
        _mm_storeu_si128(reinterpret_cast<__m128i *>(codes + out.half + i),
                         toBytes(_mm512_permutex2var_ps(a, odds, b), inverse));
    }
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i total = _mm512_setzero_si512();
    for (std::size_t i = 0; i < out.half; i += 64) {
        __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), ones, _mm512_loadu_si512(codes + i));
        if (nibbles)
            sums = _mm512_dpbusd_epi32(sums, ones, _mm512_loadu_si512(codes + out.half + i));
        _mm512_storeu_si512(out.laneSums.data() + i / 4, sums);
        total = _mm512_add_epi32(total, sums);
    }
    out.total = _mm512_reduce_add_epi32(total);
}

} // namespace
NIBBLESCOPE_TARGET_END

void quantizeActivationsVnni(const ProductWeights &weights, const float *x, QuantizedActivations &out) {
    quantize(weights, x, out);
}

} // namespace nibblescope
#endif
