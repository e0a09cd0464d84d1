// SPDX-License-Identifier: GPL-3.0-or-later
// Clip search with NEON: sixteen candidates at once.
#if defined(__aarch64__)
#include "core/kernels/clip_search.h"
#include "core/kernels/neon_encode_steps.h"
#include "core/kernels/neon_scales.h"

namespace nibblescope {
namespace {

constexpr std::size_t width = 16;
constexpr std::size_t roughBlock = 128; // squares that are summed in F32

struct Candidates {
    Sixteen scale, inverse, low, high;
};

NIBBLESCOPE_INLINE float32x4_t reciprocal(float32x4_t scale) {
    const uint32x4_t unused = vceqzq_f32(scale);
    const float32x4_t one = vdupq_n_f32(1.0F);
    const float32x4_t inverse = vdivq_f32(one, vbslq_f32(unused, one, scale));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(inverse), unused));
}

template <Format format>
NIBBLESCOPE_INLINE Candidates loadCandidates(const ClipCandidates &all, std::size_t first) {
    Candidates c;
    c.scale = load16(all.scale + first);
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        c.inverse.v[i] = reciprocal(c.scale.v[i]);
        c.low.v[i] = vdupq_n_f32(format == Format::Int4 ? -8.0F : -127.0F);
        c.high.v[i] = vdupq_n_f32(format == Format::Int4 ? 7.0F : 127.0F);
        if constexpr (format == Format::Int4Asym) {
            const float32x4_t zero = vcvtq_f32_s32(vld1q_s32(all.zeroPoint + first + 4 * i));
            c.low.v[i] = vnegq_f32(zero);
            c.high.v[i] = vsubq_f32(vdupq_n_f32(15.0F), zero);
        }
    }
    return c;
}

// What a weight decodes to with each candidate, in units of its scale.
template <Format format>
NIBBLESCOPE_INLINE Sixteen levelsOf(float32x4_t w, const Candidates &c, const FloatTable &levels,
                                    const SearchTables &search) {
    Sixteen q;
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        q.v[i] = vmulq_f32(w, c.inverse.v[i]);
    if constexpr (format == Format::Nf4) {
        return lookUp(levels, codesByBins(q, search));
    } else if constexpr (format == Format::Fp4 || format == Format::Fitted) {
        return lookUp(levels, vqtbl1q_u8(search.codes, placesOf(q, search)));
    } else {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            if constexpr (format == Format::Int4Max) {
                const float32x4_t shifted = vaddq_f32(q.v[i], vdupq_n_f32(8.5F));
                const float32x4_t kept = vminq_f32(vmaxq_f32(shifted, vdupq_n_f32(0)), vdupq_n_f32(15.0F));
                q.v[i] = vsubq_f32(vrndq_f32(kept), vdupq_n_f32(8.0F));
            } else {
                q.v[i] = vrndnq_f32(vminq_f32(vmaxq_f32(q.v[i], c.low.v[i]), c.high.v[i]));
            }
        }
        return q;
    }
}

template <Format format, bool weighted>
NIBBLESCOPE_INLINE void addSquares(const ClipSearch &job, std::size_t at, const Candidates &c, const FloatTable &levels,
                                   const SearchTables &search, Sixteen &sums) {
    const float32x4_t w = vdupq_n_f32(job.weights[at]);
    const Sixteen level = levelsOf<format>(w, c, levels, search);
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        const float32x4_t e = vfmsq_f32(w, level.v[i], c.scale.v[i]);
        if constexpr (weighted)
            sums.v[i] = vfmaq_f32(sums.v[i], vmulq_n_f32(e, static_cast<float>(job.importance[at])), e);
        else
            sums.v[i] = vfmaq_f32(sums.v[i], e, e);
    }
}

template <Format format, bool weighted>
double errorsOf(const ClipSearch &job, const ClipCandidates &all, std::size_t first, const EncodeTables &tables,
                double *out) {
    const Candidates c = loadCandidates<format>(all, first);
    const SearchTables search = searchTables<format>(tables, job.codebook);
    const FloatTable levels = levelTable<format>(tables, job.codebook);
    float64x2_t sums[8] = {};
    for (std::size_t begin = 0; begin < job.count; begin += roughBlock) {
        const std::size_t end = job.count - begin < roughBlock ? job.count : begin + roughBlock;
        Sixteen part{};
        for (std::size_t i = begin; i < end; ++i)
            addSquares<format, weighted>(job, i, c, levels, search, part);
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            sums[2 * i] = vaddq_f64(sums[2 * i], lowDoubles(part.v[i]));
            sums[2 * i + 1] = vaddq_f64(sums[2 * i + 1], highDoubles(part.v[i]));
        }
    }
    float64x2_t least = sums[0];
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 8; ++i) {
        vst1q_f64(out + 2 * i, sums[i]);
        least = vminq_f64(least, sums[i]); // NaN stays
    }
    return vminvq_f64(least);
}

template <Format format>
double roughErrors(const ClipSearch &search, const ClipCandidates &all, std::size_t first, const EncodeTables &tables,
                   double *out) {
    return search.importance != nullptr ? errorsOf<format, true>(search, all, first, tables, out)
                                        : errorsOf<format, false>(search, all, first, tables, out);
}

// The squared error of one candidate as the definition has it, but for the order of the sum.
template <Format format>
double exactError(const ClipSearch &job, float scale, std::uint8_t zeroPoint) {
    const float inverse = inverseOf<format>(scale);
    if (inverse == -__builtin_inff())
        return -1.0;
    const EncodeTables &tables = encodeTables(format);
    const SearchTables search = searchTables<format>(tables, job.codebook);
    const FloatTable levels = levelTable<format>(tables, job.codebook);
    const auto constants = constantsOf<format>(scale, scale, inverse, zeroPoint, clipOf<format>(tables, job.codebook));
    Check check;
    double sum = 0;
    for (std::size_t begin = 0; begin < job.count; begin += 16) {
        const std::size_t count = job.count - begin < 16 ? job.count - begin : 16;
        const Sixteen w = loadFirst(job.weights + begin, count);
        const uint8x16_t codes = encodeSixteen<format>(w, constants, search, check);
        const Sixteen decoded = decodeCodes<format>(codes, levels, zeroPoint, constants.decode);
        float errors[16];
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i)
            vst1q_f32(errors + 4 * i, vsubq_f32(w.v[i], decoded.v[i]));
        for (std::size_t i = 0; i < count; ++i) {
            const auto e = static_cast<double>(errors[i]);
            sum += (job.importance != nullptr ? job.importance[begin + i] : 1.0) * (e * e);
        }
    }
    return sum;
}

template <Format format>
void makeCandidates(const ClipSearch &search, float exact, std::size_t first, ClipCandidates &all) {
    for (std::size_t at = first; at < first + width; at += 4) {
        const float32x4_t share = vld1q_f32(clipShares + at);
        uint32x4_t zeroPoint = vdupq_n_u32(0);
        float32x4_t scale;
        if constexpr (format == Format::Int4Asym) {
            const float32x4_t low = vmulq_n_f32(share, search.range.min);
            const float32x4_t high = vmulq_n_f32(share, search.range.max);
            scale = roundedToType(vdivq_f32(vsubq_f32(high, low), vdupq_n_f32(15.0F)), search.scaleType);
            zeroPoint = zeroPointsFor(low, scale);
        } else {
            scale = roundedToType(vmulq_n_f32(share, exact), search.scaleType);
            if constexpr (format == Format::Int4Max)
                scale = usableSigned(scale);
        }
        vst1q_f32(all.scale + at, scale);
        vst1q_s32(all.zeroPoint + at, vreinterpretq_s32_u32(zeroPoint));
    }
}

template <Format format>
ClipChoice clipSearch(const ClipSearch &search) {
    constexpr ClipOperations operations{width, makeCandidates<format>, roughErrors<format>, exactError<format>};
    return clipSearchBy(format, search, operations);
}

} // namespace

void fillNeonClip(Kernels &table) {
    setEntry(table.clipSearch, Format::Int4, clipSearch<Format::Int4>);
    setEntry(table.clipSearch, Format::Int4Max, clipSearch<Format::Int4Max>);
    setEntry(table.clipSearch, Format::Int4Asym, clipSearch<Format::Int4Asym>);
    setEntry(table.clipSearch, Format::Nf4, clipSearch<Format::Nf4>);
    setEntry(table.clipSearch, Format::Fp4, clipSearch<Format::Fp4>);
    setEntry(table.clipSearch, Format::Int8, clipSearch<Format::Int8>);
    setEntry(table.clipSearch, Format::Fitted, clipSearch<Format::Fitted>);
}

} // namespace nibblescope
#endif
