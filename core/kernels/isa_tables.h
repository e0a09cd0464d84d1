// SPDX-License-Identifier: GPL-3.0-or-later
// What each instruction set puts over the table of the next lower one, and what their files share. Only the kernels
// include this.
#pragma once

#include "core/kernels/kernels.h"

namespace nibblescope {

#if defined(__x86_64__)
void fillAvx2Convert(Kernels &table);
void fillAvx2Encode(Kernels &table);
void fillAvx2Reduce(Kernels &table);
void fillAvx512Clip(Kernels &table);
void fillAvx512Convert(Kernels &table);
void fillAvx512Encode(Kernels &table);
void fillAvx512Reduce(Kernels &table);
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

// Cuts a span into chunks of at most chunkWeights, each a span of its own. (A span with sums is one chunk already.)
void forEachChunk(const EncodeSpan &span, Format format, void (*encodeChunk)(const EncodeSpan &chunk));

} // namespace nibblescope
