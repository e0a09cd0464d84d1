// SPDX-License-Identifier: GPL-3.0-or-later
// The table of kernels. `scalar` fills every entry and is the definition; each instruction set starts from a lower
// table and overrides what it does better. Codes, scales and counts are equal bit for bit on all of them; sums agree to
// 1e-7.
//
// Unless an entry says otherwise: pointers need no alignment, buffers do not overlap, and nothing is read or written
// outside the ranges that are named.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernels/format.h"

namespace nibblescope {

enum class Isa : std::uint8_t { Scalar, Avx2, Avx512, Avx512Vnni, Neon };

// Sums are made in chunks of at most this many weights and reduced in index order, so that they do not depend on
// threads or on the size of reading blocks.
inline constexpr std::size_t chunkWeights = 4096;

// Central moments of the finite weights of a chunk: m2 ... m4 are sums of powers of (w - mean).
struct Moments {
    std::uint64_t finite = 0;
    std::uint64_t nan = 0;
    std::uint64_t inf = 0;
    double mean = 0;
    double m2 = 0;
    double m3 = 0;
    double m4 = 0;
    float min = 0; // of the finite weights; both 0 if there are none
    float max = 0;
};

// Range of the finite weights of one group. An empty or non-finite group is all zero.
struct GroupRange {
    float min = 0; // min(w, 0) and max(w, 0): zero is always inside, as int4-asym wants it
    float max = 0;
    float absmax = 0;
    float signedMax = 0; // the first weight of largest magnitude, with its sign
};

// Sums over finite weights w and what they decode to, w'.
struct ErrorSums {
    double signal = 0;  // sum w^2
    double error = 0;   // sum (w - w')^2
    double dot = 0;     // sum w w'
    double decoded = 0; // sum w'^2
    float maxAbsError = 0;
    std::uint64_t clipped = 0; // beyond an outer level by more than half of that end's step
    std::uint64_t finite = 0;

    ErrorSums &operator+=(const ErrorSums &other);
    bool operator==(const ErrorSums &) const = default;
};

// One run of weights inside one grid row. The first may stand in the middle of a group.
struct EncodeSpan {
    const float *weights = nullptr;
    std::size_t count = 0;
    std::size_t groupSize = 1;
    std::size_t firstInGroup = 0;             // position of weights[0] in its group
    const float *encodeScales = nullptr;      // of the group of weights[0] and the following ones
    const float *decodeScales = nullptr;      // the same pointer unless double quantization restores other values
    const std::uint8_t *zeroPoints = nullptr; // int4-asym
    const SortedLevels *codebook = nullptr;   // fitted: its levels; null: NF4's
    // 4 bit: weights[0] goes into the high nibble of codes[0]; ceil(count / 2) bytes are written, a last low nibble is
    // 0. int8: count bytes.
    std::uint8_t *codes = nullptr;
    float *decoded = nullptr;            // count values, or null
    ErrorSums *sums = nullptr;           // overwritten; or null. count <= chunkWeights where it is asked for
    std::uint32_t *codeCounts = nullptr; // 16 (int8: 256, by byte) counters that are added to, or null; NaN and
                                         // Inf weights are counted under the code that they get
};

struct DecodeSpan {
    const std::uint8_t *codes = nullptr; // starts at a byte
    std::size_t count = 0;
    std::size_t groupSize = 1;
    std::size_t firstInGroup = 0;
    const float *decodeScales = nullptr;
    const std::uint8_t *zeroPoints = nullptr;
    const SortedLevels *codebook = nullptr; // fitted
    float *out = nullptr;
};

// Clip search of one group: candidate scales are s * (100 - i) / 100, i = 0 ... 79 (nf4, fp4 and fitted: of absmax).
struct ClipSearch {
    const float *weights = nullptr;
    std::size_t count = 0;
    GroupRange range;
    ScaleType scaleType = ScaleType::F16;
    const double *importance = nullptr;     // a weight for each squared error, or null for 1
    const SortedLevels *codebook = nullptr; // fitted
};
struct ClipChoice {
    float scale = 0; // rounded to its storage type
    std::uint8_t zeroPoint = 0;
    int step = 0; // i of the first strict minimum
};

// Scales of groups from their ranges.
struct ScaleSpan {
    const GroupRange *ranges = nullptr;
    std::size_t count = 0;
    bool rounded = true; // to `type`; mxfp4's powers of two never are
    ScaleType type = ScaleType::F16;
    float *scales = nullptr;
    std::uint8_t *zeroPoints = nullptr; // int4-asym
};
// Groups whose scale did not fit its storage type.
struct ScaleRounding {
    std::uint64_t underflow = 0; // became 0
    std::uint64_t overflow = 0;  // became the largest finite value
};

struct HistogramSpan {
    const float *values = nullptr;
    std::size_t count = 0;
    float lower = 0;        // bin i holds lower + i * width <= v < lower + (i + 1) * width
    float inverseWidth = 0; // index = trunc((v - lower) * inverseWidth) in F32
    std::size_t bins = 0;
    std::uint64_t *counts = nullptr; // bins + 2 counters that are added to: below, the bins, above. NaN is not counted.
    // Where not null, what is counted is values[i] - minus[i], where minus[i] is finite.
    const float *minus = nullptr;
    // Where not null (then `minus` is), what is counted is values[i] * factors[g] + shifts[g], a product and a sum,
    // each rounded, where values[i] is finite, of the groups g of a run whose first value stands at `firstInGroup` of
    // group 0.
    const float *factors = nullptr;
    const float *shifts = nullptr;
    std::size_t groupSize = 1;
    std::size_t firstInGroup = 0;
};

// How the weights lie in memory that a kernel reads.
enum class InputType : std::uint8_t { F32, F16, Bf16 };

// A run of whole groups (the last may be short) from weights to codes while they lie in the cache: the same as widening
// to F32, groupRanges, groupScales (rounded), encode and histogram one after another.
struct QuantizeSpan {
    const void *weights = nullptr; // float, or std::uint16_t that holds F16 or BF16
    InputType input = InputType::F32;
    std::size_t count = 0;
    std::size_t groupSize = 1;
    ScaleType scaleType = ScaleType::F16;
    const SortedLevels *codebook = nullptr; // fitted
    float *scales = nullptr;                // ceil(count / groupSize) values
    std::uint8_t *zeroPoints = nullptr;     // as many; int4-asym
    std::uint8_t *codes = nullptr;          // as in EncodeSpan
    float *decoded = nullptr;               // as in EncodeSpan, these three
    ErrorSums *sums = nullptr;              //
    std::uint32_t *codeCounts = nullptr;    //
    const HistogramSpan *histogram =
        nullptr; // bins and counters for the weights, or null; its values are not looked at
};

struct Kernels {
    Isa isa = Isa::Scalar;

    void (*f16ToF32)(const std::uint16_t *in, float *out, std::size_t count);
    void (*bf16ToF32)(const std::uint16_t *in, float *out, std::size_t count);
    void (*f8E4M3ToF32)(const std::uint8_t *in, float *out, std::size_t count);
    void (*f8E5M2ToF32)(const std::uint8_t *in, float *out, std::size_t count);
    void (*f32ToF16)(const float *in, std::uint16_t *out, std::size_t count);
    void (*f32ToBf16)(const float *in, std::uint16_t *out, std::size_t count);

    // count <= chunkWeights.
    Moments (*moments)(const float *weights, std::size_t count);
    // Ranges of the ceil(count / groupSize) groups of a run that begins at a group's first weight.
    void (*groupRanges)(const float *weights, std::size_t count, std::size_t groupSize, GroupRange *out);
    void (*histogram)(const HistogramSpan &span);
    // Sums between weights and any decoded values, `clipped` left 0. count <= chunkWeights.
    ErrorSums (*errorSums)(const float *weights, const float *decoded, std::size_t count);

    // How often each 4-bit code stands in each group of a run (`decodeScales`, `zeroPoints`, `codebook` and `out` are
    // not looked at): 16 counters a group, also of the first and the last, which may be cut; overwritten.
    void (*codeCounts)(const DecodeSpan &span, std::uint32_t *counts);
    // Squared error under each byte of two 4-bit codes, over finite weights: added to 256 pairs of sums, the first of
    // each for the weights of the high nibble. weights[0] has its code in the high nibble of codes[0]. A byte at a time
    // takes half the additions of a code at a time.
    void (*codeErrors)(const float *weights, const float *decoded, const std::uint8_t *codes, std::size_t count,
                       double (*sums)[2]);

    // Indexed by Format; None is null.
    std::array<ScaleRounding (*)(const ScaleSpan &span), formatCount> groupScales;
    std::array<void (*)(const EncodeSpan &span), formatCount> encode;
    std::array<ScaleRounding (*)(const QuantizeSpan &span), formatCount> quantize;
    std::array<void (*)(const DecodeSpan &span), formatCount> decode;
    std::array<ClipChoice (*)(const ClipSearch &search), formatCount> clipSearch; // mxfp4 and None are null
};

const Kernels &scalarKernels();

std::string_view idOf(Isa isa);        // "avx512vnni"
std::string_view displayName(Isa isa); // "AVX-512 VNNI"
std::optional<Isa> isaFromId(std::string_view id);
// Best last. Always begins with Scalar.
std::vector<Isa> supportedIsas();
// Throws Error{Fault::Call} for a set that this machine does not support.
const Kernels &kernelsFor(Isa isa);
// What NIBBLESCOPE_ISA names, or the best there is. An unknown or unsupported name is an Error{Fault::Call}.
const Kernels &selectKernels();

} // namespace nibblescope
