// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/peak_probe.h"

#include <cstddef>

#include "core/kernels/simd_target.h"

#if defined(__x86_64__)
#include <immintrin.h>

// The accumulators pass through an empty statement that may change them: nothing can be left out or moved together.
namespace nibblescope {
NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t wideRounds = 4096;

double f32Wide() {
    const __m512 a = _mm512_set1_ps(0.5F), b = _mm512_set1_ps(1e-3F);
    __m512 s0 = b, s1 = b, s2 = b, s3 = b, s4 = b, s5 = b, s6 = b, s7 = b, s8 = b, s9 = b;
    for (std::size_t i = 0; i < wideRounds; ++i) {
        s0 = _mm512_fmadd_ps(s0, a, b), s1 = _mm512_fmadd_ps(s1, a, b), s2 = _mm512_fmadd_ps(s2, a, b);
        s3 = _mm512_fmadd_ps(s3, a, b), s4 = _mm512_fmadd_ps(s4, a, b), s5 = _mm512_fmadd_ps(s5, a, b);
        s6 = _mm512_fmadd_ps(s6, a, b), s7 = _mm512_fmadd_ps(s7, a, b), s8 = _mm512_fmadd_ps(s8, a, b);
        s9 = _mm512_fmadd_ps(s9, a, b);
        __asm__ volatile("" : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4));
        __asm__ volatile("" : "+v"(s5), "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9));
    }
    return 2.0 * 16 * 10 * static_cast<double>(wideRounds);
}

} // namespace
NIBBLESCOPE_TARGET_END

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512_VNNI)
namespace {

double int8Wide() {
    const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
    __m512i s0 = a, s1 = a, s2 = a, s3 = a, s4 = a, s5 = a, s6 = a, s7 = a, s8 = a, s9 = a;
    for (std::size_t i = 0; i < wideRounds; ++i) {
        s0 = _mm512_dpbusd_epi32(s0, a, b), s1 = _mm512_dpbusd_epi32(s1, a, b), s2 = _mm512_dpbusd_epi32(s2, a, b);
        s3 = _mm512_dpbusd_epi32(s3, a, b), s4 = _mm512_dpbusd_epi32(s4, a, b), s5 = _mm512_dpbusd_epi32(s5, a, b);
        s6 = _mm512_dpbusd_epi32(s6, a, b), s7 = _mm512_dpbusd_epi32(s7, a, b), s8 = _mm512_dpbusd_epi32(s8, a, b);
        s9 = _mm512_dpbusd_epi32(s9, a, b);
        __asm__ volatile("" : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4));
        __asm__ volatile("" : "+v"(s5), "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9));
    }
    return 2.0 * 64 * 10 * static_cast<double>(wideRounds);
}

} // namespace
NIBBLESCOPE_TARGET_END

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

constexpr std::size_t halfRounds = 8192;

double f32Half() {
    const __m256 a = _mm256_set1_ps(0.5F), b = _mm256_set1_ps(1e-3F);
    __m256 s0 = b, s1 = b, s2 = b, s3 = b, s4 = b, s5 = b, s6 = b, s7 = b, s8 = b, s9 = b;
    for (std::size_t i = 0; i < halfRounds; ++i) {
        s0 = _mm256_fmadd_ps(s0, a, b), s1 = _mm256_fmadd_ps(s1, a, b), s2 = _mm256_fmadd_ps(s2, a, b);
        s3 = _mm256_fmadd_ps(s3, a, b), s4 = _mm256_fmadd_ps(s4, a, b), s5 = _mm256_fmadd_ps(s5, a, b);
        s6 = _mm256_fmadd_ps(s6, a, b), s7 = _mm256_fmadd_ps(s7, a, b), s8 = _mm256_fmadd_ps(s8, a, b);
        s9 = _mm256_fmadd_ps(s9, a, b);
        __asm__ volatile("" : "+x"(s0), "+x"(s1), "+x"(s2), "+x"(s3), "+x"(s4));
        __asm__ volatile("" : "+x"(s5), "+x"(s6), "+x"(s7), "+x"(s8), "+x"(s9));
    }
    return 2.0 * 8 * 10 * static_cast<double>(halfRounds);
}

// Pairs of products in 16 bits, pairs of those in 32, one addition.
double int8Half() {
    const __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5), one = _mm256_set1_epi16(1);
    __m256i s0 = a, s1 = a, s2 = a, s3 = a, x0 = a, x1 = a, x2 = a, x3 = a;
    for (std::size_t i = 0; i < halfRounds; ++i) {
        s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(_mm256_maddubs_epi16(x0, b), one));
        s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(_mm256_maddubs_epi16(x1, b), one));
        s2 = _mm256_add_epi32(s2, _mm256_madd_epi16(_mm256_maddubs_epi16(x2, b), one));
        s3 = _mm256_add_epi32(s3, _mm256_madd_epi16(_mm256_maddubs_epi16(x3, b), one));
        __asm__ volatile("" : "+x"(s0), "+x"(s1), "+x"(s2), "+x"(s3), "+x"(x0), "+x"(x1), "+x"(x2), "+x"(x3));
    }
    return 2.0 * 32 * 4 * static_cast<double>(halfRounds);
}

} // namespace
NIBBLESCOPE_TARGET_END
} // namespace nibblescope
#endif

namespace nibblescope {
namespace {

double f32Scalar() {
    constexpr std::size_t rounds = 65536;
    float s0 = 1, s1 = 1, s2 = 1, s3 = 1, s4 = 1, s5 = 1, s6 = 1, s7 = 1;
    for (std::size_t i = 0; i < rounds; ++i) {
        s0 = s0 * 0.5F + 1e-3F, s1 = s1 * 0.5F + 1e-3F, s2 = s2 * 0.5F + 1e-3F, s3 = s3 * 0.5F + 1e-3F;
        s4 = s4 * 0.5F + 1e-3F, s5 = s5 * 0.5F + 1e-3F, s6 = s6 * 0.5F + 1e-3F, s7 = s7 * 0.5F + 1e-3F;
    }
    const float sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
    return 2.0 * 8 * static_cast<double>(rounds) + (sum < 0 ? 1 : 0); // never: but it has to be known
}

} // namespace

double f32Operations(Isa isa) {
#if defined(__x86_64__)
    if (isa == Isa::Avx512 || isa == Isa::Avx512Vnni)
        return f32Wide();
    if (isa == Isa::Avx2)
        return f32Half();
#endif
    static_cast<void>(isa);
    return f32Scalar();
}

double int8Operations(Isa isa) {
#if defined(__x86_64__)
    if (isa == Isa::Avx512Vnni)
        return int8Wide();
    if (isa == Isa::Avx2 || isa == Isa::Avx512)
        return int8Half();
#endif
    static_cast<void>(isa);
    return 0;
}

} // namespace nibblescope
