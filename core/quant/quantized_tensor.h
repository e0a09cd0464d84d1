// SPDX-License-Identifier: GPL-3.0-or-later
// The result of quantizing one tensor: codes and the constants that decode them. Plain data, documented so that any
// program can decode it.
//
//   weight = decodeScales[group] * level(code)                  int4, int4-max, int8: level = the signed code
//   weight = decodeScales[group] * (code - zeroPoints[group])   int4-asym
//   weight = level(code) * decodeScales[group]                  nf4, fp4, mxfp4 (scale = 2^exponent), fitted
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/large_array.h"
#include "core/base/work.h"
#include "core/kernels/kernels.h"
#include "core/quant/group_grid.h"

namespace nibblescope {

// Double quantization: the scales as 8-bit codes in blocks of 256 along the flattened groups.
//   dynamic: scale = map[code] * blockScales[group / 256] + offset;  int8: scale = int8(code) * blockScales[...] +
//   offset
struct SecondLevel {
    std::vector<std::uint8_t> codes; // one a group; int8: two's complement
    std::vector<float> blockScales;  // one a block of 256 groups
    float offset = 0;
};

struct QuantizedTensor {
    Recipe recipe;
    MatrixShape shape;
    GroupGrid grid;
    // 4-bit formats: two codes a byte, the first weight in the high nibble, each grid row starts at a byte (a row of
    // odd length leaves its last low nibble 0). Code nibbles of int4 and int4-max are q + 8; so 0 ... 15 always index
    // levels(). int8: one byte a code, two's complement.
    LargeArray<std::uint8_t> codes;
    std::vector<float> decodeScales;      // one a group, as restored from what is stored
    std::vector<std::uint8_t> zeroPoints; // int4-asym: one a group, 0 ... 15
    // hqq: one a group, of which F16 is stored: weight = decodeScales[group] * (code - floatZeros[group]). `zeroPoints`
    // then holds the nearest integers, for those who show them. Empty: none.
    std::vector<float> floatZeros;
    SecondLevel secondLevel;     // where recipe.doubleQuant is not Off
    std::vector<float> codebook; // fitted: the tensor's own 16 levels, rising; else empty

    std::uint64_t bytesPerGridRow() const;
};

// What the codes of a 4-bit tensor stand for: its own levels, or those of its format.
std::span<const float, 16> levelsOf(const QuantizedTensor &tensor);

// Code of the weight at flat index `index` of the matrix, 0 ... 15 (int8: the byte).
std::uint8_t codeAt(const QuantizedTensor &tensor, std::uint64_t index);

// The codes of a span as decodeScales * (code - floatZeros), which stand for its zero-points.
void decodeFloatZeros(const DecodeSpan &span, const float *floatZeros);

// Decodes weights [first, first + count) of the flat matrix to F32.
void dequantizeRange(const QuantizedTensor &tensor, std::uint64_t first, std::uint64_t count, float *out,
                     const Kernels &kernels);
// What each code of a 4-bit format decodes to in groups [firstGroup, firstGroup + count): 16 values a group.
void decodeLevels(const QuantizedTensor &tensor, std::uint64_t firstGroup, std::uint64_t count, float *out,
                  const Kernels &kernels);
// Decodes grid rows [firstRow, firstRow + rowCount) to F32, row after row.
void dequantizeRows(const QuantizedTensor &tensor, std::uint64_t firstRow, std::uint64_t rowCount, float *out);
std::vector<float> dequantize(const QuantizedTensor &tensor);
// The same on the pool, into all of `out`.
void dequantize(const QuantizedTensor &tensor, std::span<float> out, const Work &work);

// What became of the scales when they were rounded to their storage type.
struct ScaleCounts {
    std::uint64_t underflow = 0; // groups whose scale rounds to 0: their weights decode to 0
    std::uint64_t overflow = 0;  // groups whose scale overflows: the largest finite scale is stored
};

// Bits stored for a tensor, each constant counted (short groups cost a whole scale).
struct StoredBits {
    std::uint64_t codes = 0;
    std::uint64_t scales = 0; // with double quantization: the 8-bit codes of the scales
    std::uint64_t zeroPoints = 0;
    std::uint64_t secondLevel = 0; // block scales and offset; a fitted codebook

    std::uint64_t total() const { return codes + scales + zeroPoints + secondLevel; }
    StoredBits &operator+=(const StoredBits &other);
    bool operator==(const StoredBits &) const = default;
};
// From shape and recipe alone, before anything is quantized. Format None: all zero.
StoredBits storedBits(MatrixShape shape, const Recipe &recipe);

} // namespace nibblescope
