// SPDX-License-Identifier: GPL-3.0-or-later
// Short floating point types and codes to F32 and back, 256 bits wide.
#if defined(__x86_64__)
#include <cstring>

#include "core/kernels/avx2_common.h"
#include "core/kernels/encode_tables.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

struct FromF16 {
    static NIBBLESCOPE_INLINE __m256 of(__m128i bits) { return _mm256_cvtph_ps(bits); }
};
struct FromBf16 {
    static NIBBLESCOPE_INLINE __m256 of(__m128i bits) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
    }
};

template <typename From>
void from16Bits(const std::uint16_t *in, float *out, std::size_t count) {
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(out + i, From::of(_mm_loadu_si128(reinterpret_cast<const __m128i *>(in + i))));
    if (i < count) {
        std::uint16_t rest[8] = {};
        std::memcpy(rest, in + i, (count - i) * sizeof(*in));
        storeFirst(out + i, count - i, From::of(_mm_loadu_si128(reinterpret_cast<const __m128i *>(rest))));
    }
}

struct FromE5M2 { // the upper byte of an F16
    static NIBBLESCOPE_INLINE __m256 of(__m128i bytes) {
        return _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(bytes), 8));
    }
};
struct FromE4M3 { // its exponent and mantissa are those of an F32 that is 2^120 times too small
    static NIBBLESCOPE_INLINE __m256 of(__m128i bytes) {
        const __m256i u = _mm256_cvtepu8_epi32(bytes);
        const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(u, _mm256_set1_epi32(0x80)), 24);
        const __m256i size = _mm256_and_si256(u, _mm256_set1_epi32(0x7f));
        const __m256 value = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(size, 20)), _mm256_set1_ps(0x1p120F));
        const __m256i nan = _mm256_cmpeq_epi32(size, _mm256_set1_epi32(0x7f));
        const __m256i bits = _mm256_blendv_epi8(_mm256_castps_si256(value), _mm256_set1_epi32(0x7fc00000), nan);
        return _mm256_castsi256_ps(_mm256_or_si256(bits, sign));
    }
};

template <typename From>
void from8Bits(const std::uint8_t *in, float *out, std::size_t count) {
    for (std::size_t i = 0; i < count; i += 8) {
        std::uint8_t bytes[16] = {};
        std::memcpy(bytes, in + i, count - i < 8 ? count - i : 8);
        storeFirst(out + i, count - i, From::of(_mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes))));
    }
}

struct ToF16 {
    static NIBBLESCOPE_INLINE __m128i of(__m256 v) {
        const __m128i bits = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        // NaN has one form: its sign and 0x7e00.
        const __m128i size = _mm_and_si128(bits, _mm_set1_epi16(0x7fff));
        const __m128i nan = _mm_cmpgt_epi16(size, _mm_set1_epi16(0x7c00));
        const __m128i sign = _mm_and_si128(bits, _mm_set1_epi16(static_cast<short>(0x8000)));
        return _mm_blendv_epi8(bits, _mm_or_si128(sign, _mm_set1_epi16(0x7e00)), nan);
    }
};
struct ToBf16 {
    static NIBBLESCOPE_INLINE __m128i of(__m256 v) {
        const __m256i u = _mm256_castps_si256(v);
        const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
        const __m256i sum = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
        const __m256i kept = _mm256_blendv_epi8(sum, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
        const __m256i words = _mm256_srli_epi32(kept, 16);
        return _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    }
};

template <typename To>
void to16Bits(const float *in, std::uint16_t *out, std::size_t count) {
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i *>(out + i), To::of(_mm256_loadu_ps(in + i)));
    if (i < count) {
        std::uint16_t rest[8];
        _mm_storeu_si128(reinterpret_cast<__m128i *>(rest), To::of(loadFirst(in + i, count - i)));
        std::memcpy(out + i, rest, (count - i) * sizeof(*out));
    }
}

// Nibbles as bytes in their order. `bytes` has room up to a multiple of 64.
NIBBLESCOPE_INLINE void unpackNibbles(const std::uint8_t *codes, std::size_t count, std::uint8_t *bytes) {
    const __m256i low = _mm256_set1_epi8(15);
    const std::size_t in = (count + 1) / 2;
    for (std::size_t i = 0; i < in; i += 32) {
        std::uint8_t rest[32];
        const std::uint8_t *from = codes + i;
        if (in - i < 32) {
            std::memcpy(rest, from, in - i);
            from = rest;
        }
        const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
        const __m256i even = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low);
        const __m256i odd = _mm256_and_si256(packed, low);
        const __m256i a = _mm256_unpacklo_epi8(even, odd);
        const __m256i b = _mm256_unpackhi_epi8(even, odd);
        auto *const to = reinterpret_cast<__m256i *>(bytes + 2 * i);
        _mm256_storeu_si256(to, _mm256_permute2x128_si256(a, b, 0x20));
        _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(a, b, 0x31));
    }
}

template <Format format>
NIBBLESCOPE_INLINE __m256 decodeEight(const std::uint8_t *bytes, const float *levels, __m256 scale) {
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(bytes));
    if constexpr (format == Format::Int8)
        return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight)), scale);
    else
        return _mm256_mul_ps(lookUp(levels, _mm256_cvtepu8_epi32(eight)), scale);
}

template <Format format>
void decode(const DecodeSpan &span) {
    alignas(32) std::uint8_t buffer[chunkWeights + 64];
    const EncodeTables &tables = encodeTables(format);
    std::size_t group = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t begin = 0; begin < span.count; begin += chunkWeights) {
        const std::size_t count = span.count - begin < chunkWeights ? span.count - begin : chunkWeights;
        if constexpr (format == Format::Int8)
            std::memcpy(buffer, span.codes + begin, count);
        else
            unpackNibbles(span.codes + begin / 2, count, buffer);
        float *const out = span.out + begin;
        for (std::size_t done = 0; done < count;) {
            const std::size_t end = span.groupSize - inGroup < count - done ? done + span.groupSize - inGroup : count;
            const __m256 scale = _mm256_set1_ps(span.decodeScales[group]);
            alignas(32) float levels[16];
            const float zero = format == Format::Int4Asym ? static_cast<float>(span.zeroPoints[group]) : 0.0F;
            NIBBLESCOPE_UNROLL
            for (std::size_t i = 0; i < 16; ++i)
                levels[i] = format == Format::Int4Asym ? tables.level[i] - zero : tables.level[i];
            inGroup += end - done;
            for (; done + 8 <= end; done += 8)
                _mm256_storeu_ps(out + done, decodeEight<format>(buffer + done, levels, scale));
            if (done < end)
                storeFirst(out + done, end - done, decodeEight<format>(buffer + done, levels, scale));
            done = end;
            if (inGroup == span.groupSize) {
                inGroup = 0;
                ++group;
            }
        }
    }
}

} // namespace
NIBBLESCOPE_TARGET_END

void fillAvx2Convert(Kernels &table) {
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
