// SPDX-License-Identifier: GPL-3.0-or-later
// Codes, packing, error sums and code counts in one pass over sixteen weights at a time, with NEON.
#if defined(__aarch64__)
#include "core/kernels/neon_encode_steps.h"

namespace nibblescope {
namespace {

struct SumLanes {
    float64x2_t signal[2], error[2], dot[2], decoded[2];
    float32x4_t largest;
    uint32x4_t clipped;
};

NIBBLESCOPE_INLINE void addHalf(SumLanes &sums, std::size_t half, float64x2_t w, float64x2_t d, float64x2_t e) {
    sums.signal[half] = vfmaq_f64(sums.signal[half], w, w);
    sums.dot[half] = vfmaq_f64(sums.dot[half], w, d);
    sums.decoded[half] = vfmaq_f64(sums.decoded[half], d, d);
    sums.error[half] = vfmaq_f64(sums.error[half], e, e);
}

NIBBLESCOPE_INLINE void addErrors(SumLanes &sums, const Sixteen &weights, const Sixteen &decoded,
                                  const GroupConstants &group) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        const float32x4_t w = weights.v[i], d = decoded.v[i];
        const float32x4_t e = vsubq_f32(w, d);
        addHalf(sums, 0, lowDoubles(w), lowDoubles(d), lowDoubles(e));
        addHalf(sums, 1, highDoubles(w), highDoubles(d), highDoubles(e));
        sums.largest = vmaxq_f32(sums.largest, vabsq_f32(e));
        const uint32x4_t outside = vorrq_u32(vcltq_f32(w, group.clipLow), vcgtq_f32(w, group.clipHigh));
        sums.clipped = vsubq_u32(sums.clipped, outside);
    }
}

// What is left of a group, fewer than sixteen weights.
void addRest(ErrorSums &sums, const float *weights, const Sixteen &decoded, std::size_t count,
             const GroupConstants &group) {
    float values[16];
    store16(values, decoded);
    const float low = vgetq_lane_f32(group.clipLow, 0), high = vgetq_lane_f32(group.clipHigh, 0);
    for (std::size_t i = 0; i < count; ++i) {
        const float error = weights[i] - values[i];
        const double w = static_cast<double>(weights[i]), d = static_cast<double>(values[i]);
        sums.signal += w * w;
        sums.error += static_cast<double>(error) * static_cast<double>(error);
        sums.dot += w * d;
        sums.decoded += d * d;
        const float size = error < 0.0F ? -error : error;
        sums.maxAbsError = size > sums.maxAbsError ? size : sums.maxAbsError;
        sums.clipped += weights[i] < low || weights[i] > high ? 1 : 0;
    }
}

NIBBLESCOPE_INLINE ErrorSums finished(const SumLanes &lanes, const ErrorSums &rest, std::size_t count) {
    ErrorSums sums;
    sums.signal = rest.signal + vaddvq_f64(vaddq_f64(lanes.signal[0], lanes.signal[1]));
    sums.error = rest.error + vaddvq_f64(vaddq_f64(lanes.error[0], lanes.error[1]));
    sums.dot = rest.dot + vaddvq_f64(vaddq_f64(lanes.dot[0], lanes.dot[1]));
    sums.decoded = rest.decoded + vaddvq_f64(vaddq_f64(lanes.decoded[0], lanes.decoded[1]));
    const float largest = vmaxvq_f32(lanes.largest);
    sums.maxAbsError = largest > rest.maxAbsError ? largest : rest.maxAbsError;
    sums.clipped = rest.clipped + vaddvq_u32(lanes.clipped);
    sums.finite = count;
    return sums;
}

// The codes of a chunk as bytes. False: the chunk holds something that the fast path cannot do; redo it.
template <Format format, bool withSums, bool withDecoded>
bool encodeBytes(const EncodeSpan &span, std::uint8_t *bytes) {
    const EncodeTables &tables = encodeTables(format);
    const SearchTables search = searchTables<format>(tables, span.codebook);
    const FloatTable levels = levelTable<format>(tables, span.codebook);
    const Clip clip = clipOf<format>(tables, span.codebook);
    SumLanes sums{};
    ErrorSums rest;
    Check check;
    std::size_t done = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t group = 0; done < span.count; ++group) {
        const float inverse = inverseOf<format>(span.encodeScales[group]);
        if (inverse == -__builtin_inff())
            return false;
        const std::uint8_t zeroPoint = format == Format::Int4Asym ? span.zeroPoints[group] : std::uint8_t{0};
        const GroupConstants constants =
            constantsOf<format>(span.encodeScales[group], span.decodeScales[group], inverse, zeroPoint, clip);
        const std::size_t left = span.count - done;
        const std::size_t end = done + (span.groupSize - inGroup < left ? span.groupSize - inGroup : left);
        inGroup = 0;
        for (; done + 16 <= end; done += 16) {
            const Sixteen w = load16(span.weights + done);
            const uint8x16_t codes = encodeSixteen<format>(w, constants, search, check);
            vst1q_u8(bytes + done, codes);
            if constexpr (withSums || withDecoded) {
                const Sixteen decoded = decodeCodes<format>(codes, levels, zeroPoint, constants.decode);
                if constexpr (withSums)
                    addErrors(sums, w, decoded, constants);
                if constexpr (withDecoded)
                    store16(span.decoded + done, decoded);
            }
        }
        if (done < end) {
            const Sixteen w = loadFirst(span.weights + done, end - done);
            const uint8x16_t codes = encodeSixteen<format>(w, constants, search, check);
            vst1q_u8(bytes + done, codes); // what comes next overwrites the surplus, or the padding takes it
            const Sixteen decoded = decodeCodes<format>(codes, levels, zeroPoint, constants.decode);
            if constexpr (withSums)
                addRest(rest, span.weights + done, decoded, end - done, constants);
            if constexpr (withDecoded)
                storeFirst(span.decoded + done, end - done, decoded);
            done = end;
        }
    }
    if (!check.allFinite())
        return false;
    if constexpr (withSums)
        *span.sums = finished(sums, rest, span.count);
    return true;
}

// Two codes a byte, the first in the high nibble.
NIBBLESCOPE_INLINE uint8x16_t packed(uint8x16_t a, uint8x16_t b) {
    return vsliq_n_u8(vuzp2q_u8(a, b), vuzp1q_u8(a, b), 4);
}
// `bytes` is readable, and 0, up to a multiple of 32.
NIBBLESCOPE_INLINE void packNibbles(const std::uint8_t *bytes, std::size_t count, std::uint8_t *codes) {
    const std::size_t out = (count + 1) / 2;
    for (std::size_t i = 0; i < out; i += 16) {
        const uint8x16_t a = vld1q_u8(bytes + 2 * i), b = vld1q_u8(bytes + 2 * i + 16);
        if (out - i >= 16) {
            vst1q_u8(codes + i, packed(a, b));
        } else {
            std::uint8_t rest[16];
            vst1q_u8(rest, packed(a, b));
            std::memcpy(codes + i, rest, out - i);
        }
    }
}

// Codes alone, straight to where they belong. False: not done, for such weights or for groups that are not of whole
// sixteens of bytes.
template <Format format>
bool encodePacked(const EncodeSpan &span) {
    if (span.groupSize % 32 != 0 || span.firstInGroup % 32 != 0)
        return false;
    const SearchTables search = searchTables<format>(encodeTables(format), span.codebook);
    Check check;
    std::size_t done = 0;
    std::size_t inGroup = span.firstInGroup;
    for (std::size_t group = 0; done < span.count; ++group) {
        const float inverse = inverseOf<format>(span.encodeScales[group]);
        if (inverse == -__builtin_inff())
            return false;
        const std::uint8_t zeroPoint = format == Format::Int4Asym ? span.zeroPoints[group] : std::uint8_t{0};
        const auto constants = constantsOf<format>(span.encodeScales[group], 0.0F, inverse, zeroPoint, Clip{});
        const std::size_t left = span.count - done;
        const std::size_t end = done + (span.groupSize - inGroup < left ? span.groupSize - inGroup : left);
        inGroup = 0;
        const float *from = span.weights + done;
        std::uint8_t *to = span.codes + done / 2;
        for (; done + 32 <= end; done += 32, from += 32, to += 16) {
            const uint8x16_t a = encodeSixteen<format>(load16(from), constants, search, check);
            const uint8x16_t b = encodeSixteen<format>(load16(from + 16), constants, search, check);
            vst1q_u8(to, packed(a, b));
        }
        if (done < end) { // the end of the run
            float rest[32] = {};
            std::memcpy(rest, span.weights + done, (end - done) * sizeof(float));
            std::uint8_t bytes[32];
            vst1q_u8(bytes, encodeSixteen<format>(load16(rest), constants, search, check));
            vst1q_u8(bytes + 16, encodeSixteen<format>(load16(rest + 16), constants, search, check));
            std::memset(bytes + (end - done), 0, 32 - (end - done));
            packNibbles(bytes, end - done, span.codes + done / 2);
            done = end;
        }
    }
    return check.allFinite();
}

constexpr std::size_t countBlock = 128 * 16; // what counters of a byte can take

// Counts codes [first, first + 8) in up to countBlock bytes, a multiple of 16.
NIBBLESCOPE_INLINE void countEight(const std::uint8_t *bytes, std::size_t count, std::uint8_t first,
                                   std::uint32_t *counts) {
    uint8x16_t lanes[8];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 8; ++i)
        lanes[i] = vdupq_n_u8(0);
    for (std::size_t done = 0; done < count; done += 16) {
        const uint8x16_t codes = vld1q_u8(bytes + done);
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 8; ++i)
            lanes[i] = vsubq_u8(lanes[i], vceqq_u8(codes, vdupq_n_u8(static_cast<std::uint8_t>(first + i))));
    }
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 8; ++i)
        counts[first + i] += vaddlvq_u8(lanes[i]);
}

// Counts 4-bit codes. `bytes` is readable, and 0, up to a multiple of 16.
NIBBLESCOPE_INLINE void countNibbles(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    const std::size_t padded = (count + 15) / 16 * 16;
    for (std::size_t done = 0; done < padded; done += countBlock) {
        const std::size_t some = padded - done < countBlock ? padded - done : countBlock;
        countEight(bytes + done, some, 0, counts);
        countEight(bytes + done, some, 8, counts);
    }
    counts[0] -= static_cast<std::uint32_t>(padded - count);
}

// Bytes have 256 counters: four tables, so that equal neighbours do not wait for each other.
NIBBLESCOPE_INLINE void countBytes(const std::uint8_t *bytes, std::size_t count, std::uint32_t *counts) {
    std::uint32_t tables[4][256] = {};
    for (std::size_t i = 0; i < count; ++i)
        ++tables[i % 4][bytes[i]];
    for (std::size_t code = 0; code < 256; ++code)
        counts[code] += tables[0][code] + tables[1][code] + tables[2][code] + tables[3][code];
}

template <Format format>
void encodeChunk(const EncodeSpan &span) {
    std::uint8_t buffer[chunkWeights + 32];
    bool done = false;
    if constexpr (format != Format::Int8)
        if (span.sums == nullptr && span.decoded == nullptr && span.codeCounts == nullptr && encodePacked<format>(span))
            return;
    if (span.sums != nullptr)
        done = span.decoded != nullptr ? encodeBytes<format, true, true>(span, buffer)
                                       : encodeBytes<format, true, false>(span, buffer);
    else
        done = span.decoded != nullptr ? encodeBytes<format, false, true>(span, buffer)
                                       : encodeBytes<format, false, false>(span, buffer);
    if (!done) {
        encodeByDefinition(format, span);
        return;
    }
    if constexpr (format == Format::Int8) {
        std::memcpy(span.codes, buffer, span.count);
        if (span.codeCounts != nullptr)
            countBytes(buffer, span.count, span.codeCounts);
    } else {
        std::memset(buffer + span.count, 0, 32);
        packNibbles(buffer, span.count, span.codes);
        if (span.codeCounts != nullptr)
            countNibbles(buffer, span.count, span.codeCounts);
    }
}

template <Format format>
void encode(const EncodeSpan &span) {
    forEachChunk(span, format, encodeChunk<format>);
}

} // namespace

void fillNeonEncode(Kernels &table) {
    setEntry(table.encode, Format::Int4, encode<Format::Int4>);
    setEntry(table.encode, Format::Int4Max, encode<Format::Int4Max>);
    setEntry(table.encode, Format::Int4Asym, encode<Format::Int4Asym>);
    setEntry(table.encode, Format::Nf4, encode<Format::Nf4>);
    setEntry(table.encode, Format::Fp4, encode<Format::Fp4>);
    setEntry(table.encode, Format::Mxfp4, encode<Format::Mxfp4>);
    setEntry(table.encode, Format::Int8, encode<Format::Int8>);
    setEntry(table.encode, Format::Fitted, encode<Format::Fitted>);
}

} // namespace nibblescope
#endif
