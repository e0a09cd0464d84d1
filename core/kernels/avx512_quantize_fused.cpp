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
#include "core/kernels/avx512_bit_counts.h"
#include "core/kernels/avx512_count_steps.h"
#include "core/kernels/avx512_quantize.h"
#include "core/kernels/avx512_quantize_steps.h"

namespace nibblescope {

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

constexpr std::size_t treeBlocks = 4;
constexpr std::size_t mostBins = 250; // their slots are bytes

// Adds a histogram of finite weights, in a pass of its own over a chunk that lies in the cache: beside the codes there
// are not registers enough. False, and nothing is counted: a place may be too far away to be converted; no weight is
// larger than `largest`.
template <InputType input>
bool countValues(const QuantizeSpan &span, float largest) {
    const HistogramSpan &bins = *span.histogram;
    const auto start = static_cast<double>(bins.lower);
    const double farthest = static_cast<double>(largest) + (start < 0 ? -start : start);
    if (!(farthest * static_cast<double>(bins.inverseWidth) < 0x1p30))
        return false;
    alignas(64) std::uint8_t slots[chunkWeights];
    const Source weights{static_cast<const char *>(span.weights)};
    const __m512 lower = _mm512_set1_ps(bins.lower);
    const __m512 inverseWidth = _mm512_set1_ps(bins.inverseWidth);
    const __m512i above = _mm512_set1_epi8(static_cast<char>(bins.bins + 1));
    const __m512i one = _mm512_set1_epi16(1);
    for (std::size_t done = 0; done < span.count; done += blockWeights) {
        __m512 w[4];
        __m512i bin[4];
        loadBlock<input>(weights.template after<input>(done), w);
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i)
            bin[i] = _mm512_cvt_roundps_epi32(_mm512_mul_ps(_mm512_sub_ps(w[i], lower), inverseWidth),
                                              _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        // Below is anything negative: it saturates at 0.
        const __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(bin[0], bin[1]), one);
        const __m512i b = _mm512_adds_epi16(_mm512_packs_epi32(bin[2], bin[3]), one);
        _mm512_store_si512(slots + done, _mm512_min_epu8(_mm512_packus_epi16(a, b), above));
    }
    countSlotsAvx512(slots, span.count, bins.bins + 2, bins.counts);
    return true;
}

NIBBLESCOPE_INLINE void addSquares(__m512 (&lanes)[2], const __m512 (&v)[4]) {
    NIBBLESCOPE_UNROLL
    for (std::size_t i = 0; i < 4; ++i)
        lanes[i % 2] = _mm512_fmadd_ps(v[i], v[i], lanes[i % 2]);
}

template <Format format>
constexpr float riskLimit() { // two roundings of the largest quotient away from a tie
    return format == Format::Int8 ? 0.5F - 0x1p-14F : 0.5F - 0x1p-18F;
}

// The low bytes of four vectors: in each lane of 128 bits those of vector 0, 1, 2, 3 if the weights are in order; of
// vectors 0 and 1 in turn, then of 2 and 3, if they are even and odd.
template <InputType input>
NIBBLESCOPE_INLINE __m512i lowBytes(const __m512i (&v)[4]) {
    constexpr __mmask64 lane = 0x0001000100010001;
    if constexpr (evenAndOdd<input>) {
        const __m512i pick = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 4, 4, 8, 8, 12, 12, 0, 0, 4, 4, 8, 8, 12, 12));
        __m512i bytes = _mm512_maskz_shuffle_epi8(lane * 0x0055, v[0], pick);
        bytes = _mm512_mask_shuffle_epi8(bytes, lane * 0x00aa, v[1], pick);
        bytes = _mm512_mask_shuffle_epi8(bytes, lane * 0x5500, v[2], pick);
        return _mm512_mask_shuffle_epi8(bytes, lane * 0xaa00, v[3], pick);
    } else {
        const __m512i pick = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12));
        __m512i bytes = _mm512_maskz_shuffle_epi8(lane * 0x000f, v[0], pick);
        bytes = _mm512_mask_shuffle_epi8(bytes, lane * 0x00f0, v[1], pick);
        bytes = _mm512_mask_shuffle_epi8(bytes, lane * 0x0f00, v[2], pick);
        return _mm512_mask_shuffle_epi8(bytes, lane * 0xf000, v[3], pick);
    }
}

// They in the order of the weights.
template <InputType input>
NIBBLESCOPE_INLINE __m512i lowBytesInOrder(__m512i bytes) {
    if constexpr (evenAndOdd<input>)
        return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
    else
        return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
}

// They as nibbles, of two blocks.
template <InputType input>
NIBBLESCOPE_INLINE __m512i packLowBytes(__m512i first, __m512i second) {
    const __m512i places = _mm512_set1_epi16(0x0110);
    const __m512i both = _mm512_packus_epi16(_mm512_maddubs_epi16(first, places), _mm512_maddubs_epi16(second, places));
    if constexpr (evenAndOdd<input>)
        return lowBytesInOrder<InputType::F32>(both);
    const __m512i words = _mm512_set_epi16(31, 23, 15, 7, 30, 22, 14, 6, 29, 21, 13, 5, 28, 20, 12, 4, 27, 19, 11, 3,
                                           26, 18, 10, 2, 25, 17, 9, 1, 24, 16, 8, 0);
    return _mm512_permutexvar_epi16(words, both);
}

// A block of weights, its codes, what they decode to, and the errors.
struct Block {
    __m512 w[4], d[4], e[4];
    __m512i bytes; // a code each, nibbles low
    __m512 peak;   // magnitudes among the errors
    bool certain;
};

template <Format format, InputType input, std::size_t groupsPerBlock>
NIBBLESCOPE_INLINE void codeCarefully(Block &block, const float *scale, const float *inverse, SumLanes &sums) {
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
        block.d[i] = coded.decoded;
        code[i] = format == Format::Int4 ? _mm512_add_epi32(coded.code, _mm512_set1_epi32(8)) : coded.code;
    }
    if constexpr (format == Format::Nf4)
        block.bytes = blockBytes<format>(code[0], code[1], code[2], code[3]);
    else
        block.bytes = lowBytes<input>(code);
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

struct Doubtful {
    std::size_t block;
    std::size_t group;
};

// Sums of up to treeBlocks blocks, in registers.
struct Tree {
    __m512 signal[2], error[2], decoded[2];
    __m512 largestError;
    __m512d exactDecoded;
};

// Sums of a chunk.
struct Accounts {
    __m512d signal, error, decoded;
    __m512 largestError;
    SumLanes careful;

    static NIBBLESCOPE_INLINE void widen(__m512d &sum, __m512 (&lanes)[2]) {
        const __m512d both = _mm512_castps_pd(_mm512_add_ps(lanes[0], lanes[1]));
        const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(_mm512_castpd_ps(both)),
                                          _mm256_castpd_ps(_mm512_extractf64x4_pd(both, 1)));
        sum = _mm512_add_pd(sum, _mm512_cvtps_pd(half));
        lanes[0] = lanes[1] = _mm512_setzero_ps();
    }
    template <bool withSignal, bool withDecoded>
    NIBBLESCOPE_INLINE void close(Tree &tree) {
        if constexpr (withSignal)
            widen(signal, tree.signal);
        widen(error, tree.error);
        if constexpr (withDecoded)
            widen(decoded, tree.decoded);
    }
};

template <Format format, InputType input, std::size_t groupsPerBlock>
struct FusedEncoder {
    const QuantizeSpan &span;
    const std::size_t blocksPerGroup;
    const EncodeTables &tables;
    const WordTables words;
    Accounts &accounts;
    const bool exactProducts; // of a code and a scale; what they decode to is computed only where it is asked for
    float largest = 0;

    // Peaks of all groups of a tile of F32, and its sum of squares. NaN is seen by that at the end.
    NIBBLESCOPE_INLINE bool look(Source weights, std::size_t blocks, __m512i *peaks) {
        __m512 signal[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
        for (std::size_t b = 0; b < blocks; ++b) {
            __m512 w[4];
            loadBlock<input>(weights.template after<input>(b * blockWeights), w);
            NIBBLESCOPE_UNROLL
            for (__m512 &v : w)
                __asm__("" : "+v"(v)); // in registers: GCC 12 would load each of them twice
            peaksOfFloats<groupsPerBlock>(w, peaks + b * groupsPerBlock);
            addSquares(signal, w);
            if (b % treeBlocks == treeBlocks - 1)
                Accounts::widen(accounts.signal, signal);
        }
        Accounts::widen(accounts.signal, signal);
        return true;
    }

    // Errors of a block from what it decodes to, and whether one is so large that a quotient was near a tie.
    NIBBLESCOPE_INLINE void fromLevels(Block &block, const Tile &tile, std::size_t group) const {
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            block.d[i] = _mm512_mul_ps(block.d[i], _mm512_set1_ps(tile.scale[group + i * groupsPerBlock / 4]));
            block.e[i] = _mm512_sub_ps(block.w[i], block.d[i]);
        }
    }

    NIBBLESCOPE_INLINE void codeLevels(Block &block, const Tile &tile, const float *units, std::size_t group) const {
        __m512 t[4];
        fixedPoint<groupsPerBlock>(block.w, units + group, roundingMagic + 32768.0F, t);
        __m512i a = lowWords(t[0], t[1]);
        __m512i b = lowWords(t[2], t[3]);
        block.certain = (codesOfWords<format>(a, words) | codesOfWords<format>(b, words)) == 0;
        const __m512 levels = _mm512_load_ps(tables.level);
        block.d[0] = _mm512_permutexvar_ps(_mm512_srli_epi32(a, 12), levels);
        block.d[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(a, 28), levels);
        block.d[2] = _mm512_permutexvar_ps(_mm512_srli_epi32(b, 12), levels);
        block.d[3] = _mm512_permutexvar_ps(_mm512_srli_epi32(b, 28), levels);
        block.bytes = _mm512_or_si512(_mm512_srli_epi16(a, 12), _mm512_srli_epi16(b, 4));
        fromLevels(block, tile, group);
        block.peak = largerMagnitude(largerMagnitude(block.e[0], block.e[1]), largerMagnitude(block.e[2], block.e[3]));
    }

    NIBBLESCOPE_INLINE void codeIntegers(Block &block, const Tile &tile, const float *units, std::size_t group) const {
        constexpr float magic = roundingMagic + (format == Format::Int4 ? 8.0F : 0.0F);
        __m512 t[4];
        __m512i low[4];
        fixedPoint<groupsPerBlock>(block.w, tile.inverse + group, magic, t);
        NIBBLESCOPE_UNROLL
        for (std::size_t i = 0; i < 4; ++i) {
            low[i] = _mm512_castps_si512(t[i]);
            block.d[i] = _mm512_sub_ps(t[i], _mm512_set1_ps(magic));
        }
        block.bytes = lowBytes<input>(low);
        if (exactProducts) {
            NIBBLESCOPE_UNROLL
            for (std::size_t i = 0; i < 4; ++i)
                block.e[i] = _mm512_fnmadd_ps(block.d[i], _mm512_set1_ps(tile.scale[group + i * groupsPerBlock / 4]),
                                              block.w[i]);
        } else {
            fromLevels(block, tile, group);
        }
        const auto beyond = [&](__m512 found, std::size_t g) __attribute__((always_inline)) {
            return _mm512_cmp_ps_mask(found, _mm512_set1_ps(units[g]), _CMP_GT_OQ);
        };
        const __m512 first = largerMagnitude(block.e[0], block.e[1]);
        const __m512 second = largerMagnitude(block.e[2], block.e[3]);
        block.peak = largerMagnitude(first, second);
        block.certain = groupsPerBlock == 2 ? (beyond(first, group) | beyond(second, group + 1)) == 0
                                            : beyond(block.peak, group) == 0;
    }

    // Sum of squares of what integers of four bits decode to, exactly: from squares of codes and of the scale.
    NIBBLESCOPE_INLINE void addDecoded(__m512d &sum, const Block &block, const double *squares,
                                       std::size_t group) const {
        const __m512i table =
            _mm512_broadcast_i32x4(_mm_setr_epi8(64, 49, 36, 25, 16, 9, 4, 1, 0, 1, 4, 9, 16, 25, 36, 49));
        const __m512i sums = _mm512_sad_epu8(_mm512_shuffle_epi8(table, block.bytes), _mm512_setzero_si512());
        const __m512d scale = groupsPerBlock == 2 ? _mm512_broadcast_f64x2(_mm_loadu_pd(squares + group))
                                                  : _mm512_set1_pd(squares[group]);
        sum = _mm512_fmadd_pd(_mm512_cvtepi64_pd(sums), scale, sum);
    }

    NIBBLESCOPE_INLINE void tile(const Tile &tile, Source weights, std::size_t firstGroup, std::size_t blocks) {
        alignas(64) float units[tileGroups];
        alignas(64) double squares[tileGroups];
        const __m512 scales = _mm512_load_ps(tile.scale);
        if constexpr (format == Format::Nf4)
            _mm512_store_ps(units, _mm512_mul_ps(_mm512_load_ps(tile.inverse), _mm512_set1_ps(nf4WordsPerUnit)));
        else
            _mm512_store_ps(units, _mm512_mul_ps(scales, _mm512_set1_ps(riskLimit<format>())));
        _mm512_store_pd(squares, _mm512_mul_pd(lowDoubles(scales), lowDoubles(scales)));
        _mm512_store_pd(squares + 8, _mm512_mul_pd(highDoubles(scales), highDoubles(scales)));
        const float tilePeak = _mm512_reduce_max_ps(_mm512_load_ps(tile.absmax));
        largest = tilePeak > largest ? tilePeak : largest;
        const __m512 zero = _mm512_setzero_ps();
        Tree tree{{zero, zero}, {zero, zero}, {zero, zero}, accounts.largestError, accounts.decoded};
        std::array<Doubtful, mostBlocks> doubtful;
        std::size_t doubts = 0;
        std::size_t group = 0;
        std::size_t inGroup = 0;
        const std::size_t first = firstGroup * span.groupSize;
        const auto step = [&](std::size_t b) __attribute__((always_inline)) {
            Block block;
            loadBlock<input>(weights.template after<input>(b * blockWeights), block.w);
            askAhead<input>(weights.template after<input>(b * blockWeights));
            if constexpr (format == Format::Nf4)
                codeLevels(block, tile, units, group);
            else
                codeIntegers(block, tile, units, group);
            if constexpr (input != InputType::F32)
                addSquares(tree.signal, block.w);
            if (__builtin_expect(block.certain, 1)) {
                addSquares(tree.error, block.e);
                if constexpr (format == Format::Int4)
                    addDecoded(tree.exactDecoded, block, squares, group);
                else
                    addSquares(tree.decoded, block.d);
                tree.largestError = largerMagnitude(tree.largestError, block.peak);
            } else {
                doubtful[doubts++] = {b, group};
            }
            if (span.decoded != nullptr)
                storeDecoded<input>(block.d, span.decoded + first + b * blockWeights);
            if (groupsPerBlock == 2) {
                group += 2;
            } else if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                ++group;
            }
            if (b % treeBlocks == treeBlocks - 1)
                accounts.close<input != InputType::F32, format != Format::Int4>(tree);
            return block.bytes;
        };
        std::size_t b = 0;
        if constexpr (format == Format::Int8) {
            for (; b < blocks; ++b)
                _mm512_storeu_si512(span.codes + first + b * blockWeights, lowBytesInOrder<input>(step(b)));
        } else {
            std::uint8_t *const codes = span.codes + first / 2;
            for (; b + 2 <= blocks; b += 2) {
                const __m512i even = step(b);
                const __m512i odd = step(b + 1);
                _mm512_storeu_si512(codes + b * blockWeights / 2, packed(even, odd));
            }
            if (b < blocks) {
                const __m512i last = step(b);
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(codes + b * blockWeights / 2),
                                    _mm512_castsi512_si256(packed(last, last)));
            }
        }
        accounts.close<input != InputType::F32, format != Format::Int4>(tree);
        accounts.largestError = tree.largestError;
        if constexpr (format == Format::Int4)
            accounts.decoded = tree.exactDecoded;
        if (__builtin_expect(doubts != 0, 0))
            redo(tile, weights, first, std::span(doubtful.data(), doubts));
    }

    // Blocks in which rounding decides, the exact way.
    __attribute__((noinline)) void redo(const Tile &tile, Source weights, std::size_t first,
                                        std::span<const Doubtful> doubtful) {
        for (const Doubtful &one : doubtful) {
            Block block;
            const std::size_t at = first + one.block * blockWeights;
            loadBlock<input>(weights.template after<input>(one.block * blockWeights), block.w);
            codeCarefully<format, input, groupsPerBlock>(block, tile.scale + one.group, tile.inverse + one.group,
                                                         accounts.careful);
            if (span.decoded != nullptr)
                storeDecoded<input>(block.d, span.decoded + at);
            if constexpr (format == Format::Int8) {
                _mm512_storeu_si512(span.codes + at, lowBytesInOrder<input>(block.bytes));
            } else {
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(span.codes + at / 2),
                                    _mm512_castsi512_si256(packed(block.bytes, block.bytes)));
            }
        }
    }

    static NIBBLESCOPE_INLINE __m512i packed(__m512i first, __m512i second) {
        return format == Format::Nf4 ? packBlocks<input, false>(first, second) : packLowBytes<input>(first, second);
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
    fast.signal = _mm512_reduce_add_pd(accounts.signal);
    fast.error = _mm512_reduce_add_pd(accounts.error);
    fast.decoded = _mm512_reduce_add_pd(accounts.decoded);
    fast.maxAbsError = _mm512_reduce_max_ps(accounts.largestError);
    if (!trustworthy(fast, static_cast<double>(largest)))
        return false;
    sums = finished(accounts.careful, count); // of its squares of weights nothing is needed: all are in the others
    sums.error += fast.error;
    sums.decoded += fast.decoded;
    sums.signal = fast.signal;
    sums.dot = 0.5 * (sums.signal + sums.decoded - sums.error);
    sums.maxAbsError = fast.maxAbsError > sums.maxAbsError ? fast.maxAbsError : sums.maxAbsError;
    return true;
}

template <Format format, InputType input, std::size_t groupsPerBlock>
bool quantizeGroups(const QuantizeSpan &span) {
    Accounts accounts{};
    const EncodeTables &tables = encodeTables(format);
    const bool exact = format == Format::Int4 && span.scaleType != ScaleType::F32 && span.decoded == nullptr;
    FusedEncoder<format, input, groupsPerBlock> encoder{
        span, span.groupSize / blockWeights, tables, wordTables<format>(tables), accounts, exact};
    const std::size_t groups = span.count / span.groupSize;
    if (walkTiles<format, input, groupsPerBlock>(encoder, span, groups) != groups)
        return false;
    if (!(_mm512_reduce_add_pd(accounts.signal) < 1e300)) // NaN
        return false;
    ErrorSums sums;
    if (span.sums != nullptr) {
        if (!finishSums(accounts, encoder.largest, span.count, sums))
            return false;
        *span.sums = sums;
    }
    if (span.histogram != nullptr && !countValues<input>(span, encoder.largest))
        return false;
    if (span.codeCounts != nullptr) {
        if constexpr (format == Format::Int8)
            countBytes(span.codes, span.count, span.codeCounts);
        else
            countNibblesAvx512(span.codes, span.count, span.codeCounts);
    }
    return true;
}

template <Format format, InputType input>
bool quantizeInput(const QuantizeSpan &span) {
    return span.groupSize == 32 ? quantizeGroups<format, input, 2>(span) : quantizeGroups<format, input, 1>(span);
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
    const bool countable = span.histogram == nullptr || span.histogram->bins <= mostBins;
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
