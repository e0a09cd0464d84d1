// SPDX-License-Identifier: GPL-3.0-or-later
// Short floating point types and codes to F32 and back, 512 bits wide.
#include "core/kernels/isa_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "core/kernels/encode_tables.h"
#include "core/kernels/simd_target.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

NIBBLESCOPE_INLINE __mmask16 firstLanes(std::size_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffffU : (1U << count) - 1U);
}

struct FromF16 {
    static NIBBLESCOPE_INLINE __m512 of(__m256i bits) { return _mm512_cvtph_ps(bits); }
};
struct FromBf16 {
    static NIBBLESCOPE_INLINE __m512 of(__m256i bits) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
    }
};

template <typename From>
void from16Bits(const std::uint16_t *in, float *out, std::size_t count) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm512_storeu_ps(out + i, From::of(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(in + i))));
    if (i < count) {
        const __mmask16 live = firstLanes(count - i);
        _mm512_mask_storeu_ps(out + i, live, From::of(_mm256_maskz_loadu_epi16(live, in + i)));
    }
}

struct FromE5M2 { // the upper byte of an F16
    static NIBBLESCOPE_INLINE __m512 of(__m128i bytes) {
        return _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 8));
    }
};
struct FromE4M3 { // its exponent and mantissa are those of an F32 that is 2^120 times too small
    static NIBBLESCOPE_INLINE __m512 of(__m128i bytes) {
        const __m512i u = _mm512_cvtepu8_epi32(bytes);
        const __m512i sign = _mm512_slli_epi32(_mm512_and_si512(u, _mm512_set1_epi32(0x80)), 24);
        const __m512i magnitude = _mm512_and_si512(u, _mm512_set1_epi32(0x7f));
        const __m512 value =
            _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(magnitude, 20)), _mm512_set1_ps(0x1p120F));
        const __mmask16 nan = _mm512_cmpeq_epi32_mask(magnitude, _mm512_set1_epi32(0x7f));
        const __m512i bits = _mm512_mask_mov_epi32(_mm512_castps_si512(value), nan, _mm512_set1_epi32(0x7fc00000));
        return _mm512_castsi512_ps(_mm512_or_si512(bits, sign));
    }
};

template <typename From>
void from8Bits(const std::uint8_t *in, float *out, std::size_t count) {
    for (std::size_t i = 0; i < count; i += 16) {
        const __mmask16 live = firstLanes(count - i);
        _mm512_mask_storeu_ps(out + i, live, From::of(_mm_maskz_loadu_epi8(live, in + i)));
    }
}

struct ToF16 {
    static NIBBLESCOPE_INLINE __m256i of(__m512 v) {
        const __m256i bits = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        const __m256i sign = _mm256_and_si256(bits, _mm256_set1_epi16(static_cast<short>(0x8000)));
        // NaN has one form: its sign and 0x7e00.
        return _mm256_mask_mov_epi16(bits, nan, _mm256_or_si256(sign, _mm256_set1_epi16(0x7e00)));
    }
};
struct ToBf16 {
    static NIBBLESCOPE_INLINE __m256i of(__m512 v) {
        const __m512i u = _mm512_castps_si512(v);
        const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
        const __m512i sum = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        const __m512i kept = _mm512_mask_or_epi32(sum, nan, u, _mm512_set1_epi32(0x400000));
        return _mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16));
    }
};

template <typename To>
void to16Bits(const float *in, std::uint16_t *out, std::size_t count) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + i), To::of(_mm512_loadu_ps(in + i)));
    if (i < count) {
        const __mmask16 live = firstLanes(count - i);
        _mm256_mask_storeu_epi16(out + i, live, To::of(_mm512_maskz_loadu_ps(live, in + i)));
    }
}

// Nibbles as bytes in their order. `bytes` has room up to a multiple of 128.
NIBBLESCOPE_INLINE void unpackNibbles(const std::uint8_t *codes, std::size_t count, std::uint8_t *bytes) {
    const __m512i low = _mm512_set1_epi8(15);
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    const std::size_t in = (count + 1) / 2;
    for (std::size_t i = 0; i < in; i += 64) {
        const __mmask64 live = in - i >= 64 ? ~0ULL : (1ULL << (in - i)) - 1U;
        const __m512i packed = _mm512_maskz_loadu_epi8(live, codes + i);
        const __m512i even = _mm512_and_si512(_mm512_srli_epi16(packed, 4), low);
        const __m512i odd = _mm512_and_si512(packed, low);
        const __m512i a = _mm512_unpacklo_epi8(even, odd);
        const __m512i b = _mm512_unpackhi_epi8(even, odd);
        _mm512_store_si512(bytes + 2 * i, _mm512_permutex2var_epi64(a, first, b));
        _mm512_store_si512(bytes + 2 * i + 64, _mm512_permutex2var_epi64(a, second, b));
    }
}

template <Format format>
NIBBLESCOPE_INLINE __m512 decodeVector(__m128i bytes, __m512 levels, __m512 scale) {
    if constexpr (format == Format::Int8)
        return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)), scale);
    else
        return _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_cvtepu8_epi32(bytes), levels), scale);
}

template <Format format>
void decode(const DecodeSpan &span) {
    alignas(64) std::uint8_t buffer[chunkWeights];
    const EncodeTables &tables = encodeTables(format);
    std::size_t group = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t begin = 0; begin < span.count; begin += chunkWeights) {
        const std::size_t count = span.count - begin < chunkWeights ? span.count - begin : chunkWeights;
        const std::uint8_t *bytes = span.codes + begin;
        if constexpr (format != Format::Int8) {
            unpackNibbles(span.codes + begin / 2, count, buffer);
            bytes = buffer;
        }
        float *const out = span.out + begin;
        for (std::size_t done = 0; done < count;) {
            const std::size_t end = span.groupSize - inGroup < count - done ? done + span.groupSize - inGroup : count;
            const __m512 scale = _mm512_set1_ps(span.decodeScales[group]);
            __m512 levels = _mm512_load_ps(tables.level);
            if constexpr (format == Format::Int4Asym)
                levels = _mm512_sub_ps(levels, _mm512_set1_ps(static_cast<float>(span.zeroPoints[group])));
            inGroup += end - done;
            for (; done + 16 <= end; done += 16)
                _mm512_storeu_ps(out + done,
                                 decodeVector<format>(_mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes + done)),
                                                      levels, scale));
            if (done < end) {
                const __mmask16 live = firstLanes(end - done);
                _mm512_mask_storeu_ps(out + done, live,
                                      decodeVector<format>(_mm_maskz_loadu_epi8(live, bytes + done), levels, scale));
                done = end;
            }
            if (inGroup == span.groupSize) {
                inGroup = 0;
                ++group;
            }
        }
    }
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx512Convert(Kernels &table) {
    table.f16ToF32 = from16Bits<FromF16>;
    table.bf16ToF32 = from16Bits<FromBf16>;
    table.f8E4M3ToF32 = from8Bits<FromE4M3>;
    table.f8E5M2ToF32 = from8Bits<FromE5M2>;
    table.f32ToF16 = to16Bits<ToF16>;
    table.f32ToBf16 = to16Bits<ToBf16>;
    setEntry(table.decode, Format::Int4, decode<Format::Int4>);
    setEntry(table.decode, Format::Int4Max, decode<Format::Int4Max>);
    setEntry(table.decode, Format::Int4Asym, decode<Format::Int4Asym>);
    setEntry(table.decode, Format::Nf4, decode<Format::Nf4>);
    setEntry(table.decode, Format::Fp4, decode<Format::Fp4>);
    setEntry(table.decode, Format::Mxfp4, decode<Format::Mxfp4>);
    setEntry(table.decode, Format::Int8, decode<Format::Int8>);
}

} // namespace nibblescope
#endif
