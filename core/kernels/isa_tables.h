// SPDX-License-Identifier: GPL-3.0-or-later
// What each instruction set puts over the table of the next lower one, and what their files share. Only the kernels
// include this.
#pragma once

#include "core/kernels/kernels.h"

namespace nibblescope {

#if defined(__x86_64__)
void fillAvx2Clip(Kernels &table);
void fillAvx2Convert(Kernels &table);
void fillAvx2Encode(Kernels &table);
void fillAvx2Reduce(Kernels &table);
void fillAvx512Clip(Kernels &table);
void fillAvx512Convert(Kernels &table);
void fillAvx512Counts(Kernels &table);
void fillAvx512Encode(Kernels &table);
void fillAvx512Quantize(Kernels &table);
void fillAvx512Reduce(Kernels &table);
#elif defined(__aarch64__)
void fillNeonClip(Kernels &table);
void fillNeonConvert(Kernels &table);
void fillNeonEncode(Kernels &table);
void fillNeonReduce(Kernels &table);
#endif

template <typename Table, typename Entry>
void setEntry(Table &table, Format format, Entry entry) {
    table[static_cast<std::size_t>(format)] = entry;
}

// What the fast paths leave alone: NaN, Inf, scales near the ends of the range.
void encodeByDefinition(Format format, const EncodeSpan &span);
GroupRange rangeByDefinition(const float *weights, std::size_t count);
Moments momentsByDefinition(const float *weights, std::size_t count);
ErrorSums errorSumsByDefinition(const float *weights, const float *decoded, std::size_t count);

// From here on a scale is too large for its storage type.
constexpr float overflowLimit(ScaleType type) {
    return type == ScaleType::F16 ? 65520.0F : type == ScaleType::BF16 ? 0x1.ffp127F : __builtin_inff();
}

// Callers walk through memory chunk by chunk, ranges first, codes from the cache then. Left to itself the hardware
// stops fetching while the codes are made; so each of the two asks for half of what lies behind the chunk, into the
// second level of the cache (a prefetch never faults). `done` of the `bytes` of the chunk that ends at `end` are worked
// through.
enum class Ahead { FirstHalf, SecondHalf };
inline __attribute__((always_inline)) void fetchAhead(const void *end, std::size_t bytes, std::size_t done,
                                                      Ahead half) {
    const char *const from = static_cast<const char *>(end) + (half == Ahead::SecondHalf ? bytes / 2 : 0);
    __builtin_prefetch(from + done / 2, 0, 2);
}

// Cuts a span into chunks of at most chunkWeights, each a span of its own. (A span with sums is one chunk already.)
void forEachChunk(const EncodeSpan &span, Format format, void (*encodeChunk)(const EncodeSpan &chunk));

} // namespace nibblescope
