// SPDX-License-Identifier: GPL-3.0-or-later
// Short floating point types and codes to F32 and back, with NEON.
#if defined(__aarch64__)
#include "core/kernels/neon_decode_steps.h"

namespace nibblescope {
namespace {

// Calls body(i, n) over eights of `count` values; the last n may be less.
template <typename Body>
NIBBLESCOPE_INLINE void forEights(std::size_t count, Body body) {
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        body(i, 8);
    if (i < count)
        body(i, count - i);
}

template <typename T>
NIBBLESCOPE_INLINE const T *eightOf(const T *from, std::size_t count, T (&rest)[8]) {
    if (count == 8)
        return from;
    std::memcpy(rest, from, count * sizeof(T));
    return rest;
}

NIBBLESCOPE_INLINE void storeEight(float *to, std::size_t count, float32x4_t low, float32x4_t high) {
    if (count == 8) {
        vst1q_f32(to, low);
        vst1q_f32(to + 4, high);
        return;
    }
    float rest[8];
    vst1q_f32(rest, low);
    vst1q_f32(rest + 4, high);
    std::memcpy(to, rest, count * sizeof(float));
}

struct FromF16 {
    static NIBBLESCOPE_INLINE float32x4_t of(uint16x4_t bits) { return vcvt_f32_f16(vreinterpret_f16_u16(bits)); }
};
struct FromBf16 {
    static NIBBLESCOPE_INLINE float32x4_t of(uint16x4_t bits) { return vreinterpretq_f32_u32(vshll_n_u16(bits, 16)); }
};

template <typename From>
void from16Bits(const std::uint16_t *in, float *out, std::size_t count) {
    forEights(count, [in, out](std::size_t i, std::size_t n) {
        std::uint16_t rest[8] = {};
        const uint16x8_t bits = vld1q_u16(eightOf(in + i, n, rest));
        storeEight(out + i, n, From::of(vget_low_u16(bits)), From::of(vget_high_u16(bits)));
    });
}

struct FromE5M2 { // the upper byte of an F16
    static NIBBLESCOPE_INLINE float32x4_t of(uint16x4_t bytes) { return FromF16::of(vshl_n_u16(bytes, 8)); }
};
struct FromE4M3 { // its exponent and mantissa are those of an F32 that is 2^120 times too small
    static NIBBLESCOPE_INLINE float32x4_t of(uint16x4_t bytes) {
        const uint32x4_t u = vmovl_u16(bytes);
        const uint32x4_t size = vandq_u32(u, vdupq_n_u32(0x7f));
        const float32x4_t value = vmulq_n_f32(vreinterpretq_f32_u32(vshlq_n_u32(size, 20)), 0x1p120F);
        const uint32x4_t nan = vceqq_u32(size, vdupq_n_u32(0x7f));
        const uint32x4_t bits = vbslq_u32(nan, vdupq_n_u32(0x7fc00000), vreinterpretq_u32_f32(value));
        const uint32x4_t sign = vshlq_n_u32(vandq_u32(u, vdupq_n_u32(0x80)), 24);
        return vreinterpretq_f32_u32(vorrq_u32(bits, sign));
    }
};

template <typename From>
void from8Bits(const std::uint8_t *in, float *out, std::size_t count) {
    forEights(count, [in, out](std::size_t i, std::size_t n) {
        std::uint8_t rest[8] = {};
        const uint16x8_t bytes = vmovl_u8(vld1_u8(eightOf(in + i, n, rest)));
        storeEight(out + i, n, From::of(vget_low_u16(bytes)), From::of(vget_high_u16(bytes)));
    });
}

struct ToF16 {
    static NIBBLESCOPE_INLINE uint16x4_t of(float32x4_t v) {
        const uint16x4_t bits = vreinterpret_u16_f16(vcvt_f16_f32(v));
        // NaN has one form: its sign and 0x7e00.
        const uint16x4_t nan = vcgt_u16(vand_u16(bits, vdup_n_u16(0x7fff)), vdup_n_u16(0x7c00));
        return vbsl_u16(nan, vorr_u16(vand_u16(bits, vdup_n_u16(0x8000)), vdup_n_u16(0x7e00)), bits);
    }
};
struct ToBf16 {
    static NIBBLESCOPE_INLINE uint16x4_t of(float32x4_t v) {
        const uint32x4_t u = vreinterpretq_u32_f32(v);
        const uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
        const uint32x4_t sum = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
        const uint32x4_t number = vceqq_f32(v, v);
        return vshrn_n_u32(vbslq_u32(number, sum, vorrq_u32(u, vdupq_n_u32(0x400000))), 16);
    }
};

template <typename To>
void to16Bits(const float *in, std::uint16_t *out, std::size_t count) {
    forEights(count, [in, out](std::size_t i, std::size_t n) {
        float rest[8] = {};
        const float *const from = eightOf(in + i, n, rest);
        const uint16x8_t bits = vcombine_u16(To::of(vld1q_f32(from)), To::of(vld1q_f32(from + 4)));
        if (n == 8) {
            vst1q_u16(out + i, bits);
        } else {
            std::uint16_t last[8];
            vst1q_u16(last, bits);
            std::memcpy(out + i, last, n * sizeof(*out));
        }
    });
}

// Nibbles as bytes in their order. `bytes` has room up to a multiple of 32.
NIBBLESCOPE_INLINE void unpackNibbles(const std::uint8_t *codes, std::size_t count, std::uint8_t *bytes) {
    const std::size_t in = (count + 1) / 2;
    for (std::size_t i = 0; i < in; i += 16) {
        std::uint8_t rest[16] = {};
        const std::uint8_t *from = codes + i;
        if (in - i < 16) {
            std::memcpy(rest, from, in - i);
            from = rest;
        }
        const uint8x16_t packed = vld1q_u8(from);
        const uint8x16_t even = vshrq_n_u8(packed, 4);
        const uint8x16_t odd = vandq_u8(packed, vdupq_n_u8(15));
        vst1q_u8(bytes + 2 * i, vzip1q_u8(even, odd));
        vst1q_u8(bytes + 2 * i + 16, vzip2q_u8(even, odd));
    }
}

template <Format format>
void decode(const DecodeSpan &span) {
    std::uint8_t buffer[chunkWeights + 32];
    const FloatTable levels = levelTable<format>(encodeTables(format), span.codebook);
    std::size_t group = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t begin = 0; begin < span.count; begin += chunkWeights) {
        const std::size_t count = span.count - begin < chunkWeights ? span.count - begin : chunkWeights;
        if constexpr (format == Format::Int8)
            std::memcpy(buffer, span.codes + begin, count);
        else
            unpackNibbles(span.codes + begin / 2, count, buffer);
        for (std::size_t done = 0; done < count;) {
            const std::size_t end = span.groupSize - inGroup < count - done ? done + span.groupSize - inGroup : count;
            const float32x4_t scale = vdupq_n_f32(span.decodeScales[group]);
            const std::uint8_t zero = format == Format::Int4Asym ? span.zeroPoints[group] : std::uint8_t{0};
            inGroup += end - done;
            for (; done < end; done += end - done < 16 ? end - done : 16)
                storeFirst(span.out + begin + done, end - done,
                           decodeCodes<format>(vld1q_u8(buffer + done), levels, zero, scale));
            if (inGroup == span.groupSize) {
                inGroup = 0;
                ++group;
            }
        }
    }
}

} // namespace

void fillNeonConvert(Kernels &table) {
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
    setEntry(table.decode, Format::Fitted, decode<Format::Fitted>);
}

} // namespace nibblescope
#endif
