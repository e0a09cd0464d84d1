// SPDX-License-Identifier: GPL-3.0-or-later
// A chunk of weights to codes with error sums, code counts and a histogram of values in the same pass.
//
// Error sums in F64 lanes would cost three times what the codes cost. Here squares are made in F32, added up in a tree
// over 256 weights and only then go to F64. Each lane is off by at most five roundings (3e-7), which point anywhere:
// over a chunk they average out far below 1e-7. Data for which they might not (one weight that outweighs the rest,
// squares near the ends of the range) are left to the parts, which sum in F64. The sum of w w' follows from the others.
//
// Scales fit their weights here (scalesOf), so that nothing is clipped. Blocks of 64 with a quotient so close to a tie
// that its rounding decides are done the exact way.
#include "core/kernels/isa_tables.h"

#if defined(__x86_64__)
#include "core/kernels/avx512_count_steps.h"
#include "core/kernels/avx512_quantize.h"
#include "core/kernels/avx512_quantize_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t treeBlocks = 4;

NIBBLESCOPE_INLINE __m512 sumOfSquares(const __m512 (&v)[4]) {
    return _mm512_add_ps(_mm512_fmadd_ps(v[1], v[1], _mm512_mul_ps(v[0], v[0])),
                         _mm512_fmadd_ps(v[3], v[3], _mm512_mul_ps(v[2], v[2])));
}

NIBBLESCOPE_INLINE __m512i magnitudeOf(__m512 v) {
    return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}

template <Format format>
constexpr float riskLimit() { // two roundings of the largest quotient away from a tie
    return format == Format::Int8 ? 0.5F - 0x1p-14F : 0.5F - 0x1p-18F;
}

// What the careful way of a block reads and writes.
struct CarefulBlock {
    __m512 w[4];
    __m512 decoded[4];
    __m512i bytes;
};

template <Format format, std::size_t groupsPerBlock>
__attribute__((noinline)) void codeCarefully(CarefulBlock &block, const float *scale, const float *inverse,
                                             SumLanes &sums) {
    const EncodeTables &tables = encodeTables(format);
    __m512i code[4];
    __m512 check = _mm512_setzero_ps();
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i) {
        GroupConstants constants;
        constants.scale = constants.decode = _mm512_set1_ps(scale[i * groupsPerBlock / 4]);
        constants.inverse = _mm512_set1_ps(inverse[i * groupsPerBlock / 4]);
        const Coded coded = encodeVector<format, true>(block.w[i], constants, tables, check);
        addErrors(sums, block.w[i], coded.decoded);
        block.decoded[i] = coded.decoded;
        code[i] = format == Format::Int4 ? _mm512_add_epi32(coded.code, _mm512_set1_epi32(8)) : coded.code;
    }
    block.bytes = blockBytes<format>(code[0], code[1], code[2], code[3]);
}

template <InputType input>
NIBBLESCOPE_INLINE void storeDecoded(const __m512 (&d)[4], float *out) {
    if constexpr (evenAndOdd<input>) {
        const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        _mm512_storeu_ps(out, _mm512_permutex2var_ps(d[0], low, d[1]));
        _mm512_storeu_ps(out + 16, _mm512_permutex2var_ps(d[0], high, d[1]));
        _mm512_storeu_ps(out + 32, _mm512_permutex2var_ps(d[2], low, d[3]));
        _mm512_storeu_ps(out + 48, _mm512_permutex2var_ps(d[2], high, d[3]));
    } else {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i)
            _mm512_storeu_ps(out + 16 * i, d[i]);
    }
}

// Sums of up to treeBlocks blocks, in registers.
struct Tree {
    __m512 signal, error, decoded;
    __m512i largestError; // bits of magnitudes
};

// Sums of a chunk.
struct Accounts {
    __m512d signal[2], error[2], decoded[2];
    __m512i largestError;
    SumLanes careful;

    static NIBBLESCOPE_INLINE void widen(__m512d (&lanes)[2], __m512 &v) {
        lanes[0] = _mm512_add_pd(lanes[0], lowDoubles(v));
        lanes[1] = _mm512_add_pd(lanes[1], highDoubles(v));
        v = _mm512_setzero_ps();
    }
    NIBBLESCOPE_INLINE void close(Tree &tree) {
        widen(signal, tree.signal);
        widen(error, tree.error);
        widen(decoded, tree.decoded);
    }
};

template <Format format, InputType input, std::size_t groupsPerBlock, bool withHistogram>
struct FusedEncoder {
    const QuantizeSpan &span;
    const std::size_t blocksPerGroup;
    const EncodeTables &tables;
    const WordTables words;
    Accounts &accounts;
    std::uint8_t *const bytes; // a byte for each code, in the order of blocks; int8: not used
    ValueCounter *const values;
    float largest = 0;

    // Codes of a block a byte each (nibbles low), what they decode to, and whether all is certain.
    NIBBLESCOPE_INLINE __m512i code(const __m512 (&w)[4], const Tile &tile, const float *units, std::size_t group,
                                    __m512 (&d)[4], __m512 (&e)[4], __m512i &largestError, bool &certain) const {
        __m512 t[4];
        __m512i result;
        __mmask32 risky = 0;
        if constexpr (format == Format::Nf4) {
            fixedPoint<groupsPerBlock>(w, units + group, roundingMagic + 32768.0F, t);
            __m512i a = lowWords(t[0], t[1]);
            __m512i b = lowWords(t[2], t[3]);
            risky = codesOfWords<format>(a, words) | codesOfWords<format>(b, words);
            const __m512 levels = _mm512_load_ps(tables.level);
            d[0] = _mm512_permutexvar_ps(_mm512_srli_epi32(a, 12), levels);
            d[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(a, 28), levels);
            d[2] = _mm512_permutexvar_ps(_mm512_srli_epi32(b, 12), levels);
            d[3] = _mm512_permutexvar_ps(_mm512_srli_epi32(b, 28), levels);
            result = _mm512_or_si512(_mm512_srli_epi16(a, 12), _mm512_srli_epi16(b, 4));
        } else {
            constexpr float magic = roundingMagic + (format == Format::Int4 ? 8.0F : 0.0F);
            fixedPoint<groupsPerBlock>(w, tile.inverse + group, magic, t);
            NIBBLESCOPE_UNROLL
            for (std::size_t i = 0; i < 4; ++i)
                d[i] = _mm512_sub_ps(t[i], _mm512_set1_ps(magic));
            if constexpr (format == Format::Int4)
                result = _mm512_or_si512(lowWords(t[0], t[1]), _mm512_slli_epi32(lowWords(t[2], t[3]), 8));
            else
                result = blockBytes<format>(_mm512_castps_si512(t[0]), _mm512_castps_si512(t[1]),
                                            _mm512_castps_si512(t[2]), _mm512_castps_si512(t[3]));
        }
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            d[i] = _mm512_mul_ps(d[i], _mm512_set1_ps(tile.scale[group + i * groupsPerBlock / 4]));
            e[i] = _mm512_sub_ps(w[i], d[i]);
        }
        const __m512i peak0 = _mm512_max_epi32(magnitudeOf(e[0]), magnitudeOf(e[1]));
        const __m512i peak1 = _mm512_max_epi32(magnitudeOf(e[2]), magnitudeOf(e[3]));
        const __m512i peak = _mm512_max_epi32(peak0, peak1);
        if constexpr (format != Format::Nf4) {
            const auto beyond = [&](__m512i found, std::size_t g) __attribute__((always_inline)) {
                const float limit = tile.scale[g] * riskLimit<format>();
                return _mm512_cmp_ps_mask(_mm512_castsi512_ps(found), _mm512_set1_ps(limit), _CMP_GT_OQ);
            };
            if constexpr (groupsPerBlock == 2)
                risky = static_cast<__mmask32>(beyond(peak0, group) | beyond(peak1, group + 1));
            else
                risky = beyond(peak, group);
        }
        certain = risky == 0;
        largestError = peak;
        return result;
    }

    NIBBLESCOPE_INLINE void tile(const Tile &tile, Source weights, std::size_t firstGroup, std::size_t blocks) {
        alignas(64) float units[tileGroups];
        _mm512_store_ps(units, _mm512_mul_ps(_mm512_load_ps(tile.inverse), _mm512_set1_ps(nf4WordsPerUnit)));
        const float tilePeak = _mm512_reduce_max_ps(_mm512_load_ps(tile.absmax));
        largest = tilePeak > largest ? tilePeak : largest;
        Tree tree{_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), accounts.largestError};
        std::size_t group = 0;
        std::size_t inGroup = 0;
        const std::size_t first = firstGroup * span.groupSize;
        const auto step = [&](std::size_t b) __attribute__((always_inline)) {
            __m512 w[4], d[4], e[4];
            loadBlock<input>(weights.template after<input>(b * blockWeights), w);
            if constexpr (withHistogram)
                values->add(w);
            bool certain = true;
            __m512i peak;
            __m512i codes = code(w, tile, units, group, d, e, peak, certain);
            if (__builtin_expect(certain, 1)) {
                tree.signal = _mm512_add_ps(tree.signal, sumOfSquares(w));
                tree.error = _mm512_add_ps(tree.error, sumOfSquares(e));
                tree.decoded = _mm512_add_ps(tree.decoded, sumOfSquares(d));
                tree.largestError = _mm512_max_epi32(tree.largestError, peak);
                if (span.decoded != nullptr)
                    storeDecoded<input>(d, span.decoded + first + b * blockWeights);
            } else {
                CarefulBlock block{{w[0], w[1], w[2], w[3]}, {}, {}};
                codeCarefully<format, groupsPerBlock>(block, tile.scale + group, tile.inverse + group,
                                                      accounts.careful);
                codes = block.bytes;
                if (span.decoded != nullptr)
                    storeDecoded<input>(block.decoded, span.decoded + first + b * blockWeights);
            }
            if (groupsPerBlock == 2) {
                group += 2;
            } else if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                ++group;
            }
            if (b % treeBlocks == treeBlocks - 1)
                accounts.close(tree);
            return codes;
        };
        std::size_t b = 0;
        if constexpr (format == Format::Int8) {
            for (; b < blocks; ++b)
                _mm512_storeu_si512(span.codes + first + b * blockWeights, int8InOrder<input>(step(b)));
        } else {
            std::uint8_t *const codes = span.codes + first / 2;
            std::uint8_t *const kept = bytes + first;
            for (; b + 2 <= blocks; b += 2) {
                const __m512i even = step(b);
                const __m512i odd = step(b + 1);
                _mm512_storeu_si512(kept + b * blockWeights, even);
                _mm512_storeu_si512(kept + (b + 1) * blockWeights, odd);
                _mm512_storeu_si512(codes + b * blockWeights / 2, packBlocks<input, false>(even, odd));
            }
            if (b < blocks) {
                const __m512i last = step(b);
                _mm512_storeu_si512(kept + b * blockWeights, last);
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(codes + b * blockWeights / 2),
                                    _mm512_castsi512_si256(packBlocks<input, false>(last, last)));
            }
        }
        accounts.close(tree);
        accounts.largestError = tree.largestError;
    }
};

// Whether F32 squares were good enough: see the head of the file. `bound`: no weight among them was larger.
NIBBLESCOPE_INLINE bool trustworthy(const ErrorSums &fast, double bound) {
    constexpr double smallest = 1e-33, largest = 1e37, dominance = 16;
    const bool inRange = fast.signal > smallest && fast.signal < largest && fast.error > smallest &&
                         fast.decoded > smallest && fast.decoded < largest;
    const auto worst = static_cast<double>(fast.maxAbsError);
    return inRange && dominance * bound * bound < fast.signal && dominance * bound * bound < fast.decoded &&
           dominance * worst * worst < fast.error;
}

NIBBLESCOPE_INLINE bool finishSums(const Accounts &accounts, float largest, std::size_t count, ErrorSums &sums) {
    ErrorSums fast;
    fast.signal = total(accounts.signal);
    fast.error = total(accounts.error);
    fast.decoded = total(accounts.decoded);
    fast.dot = 0.5 * (fast.signal + fast.decoded - fast.error);
    fast.maxAbsError = _mm512_reduce_max_ps(_mm512_castsi512_ps(accounts.largestError));
    if (!trustworthy(fast, static_cast<double>(largest)))
        return false;
    sums = finished(accounts.careful, count);
    if (!(sums.signal < 1e300))
        return false;
    sums += fast;
    return true;
}

template <Format format, InputType input, std::size_t groupsPerBlock, bool withHistogram>
bool quantizeGroups(const QuantizeSpan &span) {
    alignas(64) std::uint8_t bytes[format == Format::Int8 ? 64 : chunkWeights + countBlock];
    Accounts accounts{};
    ValueCounter values;
    if constexpr (withHistogram)
        values.begin(*span.histogram);
    const EncodeTables &tables = encodeTables(format);
    FusedEncoder<format, input, groupsPerBlock, withHistogram> encoder{
        span, span.groupSize / blockWeights, tables, wordTables<format>(tables), accounts, bytes, &values};
    const std::size_t groups = span.count / span.groupSize;
    if (walkTiles<format, input, groupsPerBlock>(encoder, span, groups) != groups)
        return false;
    ErrorSums sums;
    if (span.sums != nullptr) {
        if (!finishSums(accounts, encoder.largest, span.count, sums))
            return false;
        *span.sums = sums;
    }
    if (span.codeCounts != nullptr) {
        if constexpr (format == Format::Int8) {
            countBytes(span.codes, span.count, span.codeCounts);
        } else {
            for (std::size_t i = span.count; i % countBlock != 0; i += blockWeights)
                _mm512_storeu_si512(bytes + i, _mm512_setzero_si512());
            countNibbles(bytes, span.count, span.codeCounts);
        }
    }
    if constexpr (withHistogram)
        values.finish(*span.histogram);
    return true;
}

template <Format format, InputType input>
bool quantizeInput(const QuantizeSpan &span) {
    if (span.histogram != nullptr)
        return span.groupSize == 32 ? quantizeGroups<format, input, 2, true>(span)
                                    : quantizeGroups<format, input, 1, true>(span);
    return span.groupSize == 32 ? quantizeGroups<format, input, 2, false>(span)
                                : quantizeGroups<format, input, 1, false>(span);
}

template <Format format>
bool quantizeChunk(const QuantizeSpan &span) {
    switch (span.input) {
    case InputType::F32:
        return quantizeInput<format, InputType::F32>(span);
    case InputType::F16:
        return quantizeInput<format, InputType::F16>(span);
    case InputType::Bf16:
        return quantizeInput<format, InputType::Bf16>(span);
    }
    return false;
}

} // namespace
NIBBLESCOPE_TARGET_END

bool quantizeFusedAvx512(Format format, const QuantizeSpan &span) {
    const bool whole = span.count % (span.groupSize == 32 ? 64 : span.groupSize) == 0;
    const bool countable = span.histogram == nullptr || span.histogram->bins <= ValueCounter::mostBins;
    if (span.count < 256 || !whole || !countable)
        return false;
    switch (format) {
    case Format::Int4:
        return quantizeChunk<Format::Int4>(span);
    case Format::Nf4:
        return quantizeChunk<Format::Nf4>(span);
    case Format::Int8:
        return quantizeChunk<Format::Int8>(span);
    default:
        return false;
    }
}

} // namespace nibblescope
#endif
