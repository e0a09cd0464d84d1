// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/isa_tables.h"

#include <algorithm>

namespace nibblescope {

void encodeByDefinition(Format format, const EncodeSpan &span) {
    scalarKernels().encode[static_cast<std::size_t>(format)](span);
}

GroupRange rangeByDefinition(const float *weights, std::size_t count) {
    GroupRange range;
    scalarKernels().groupRanges(weights, count, count, &range);
    return range;
}

Moments momentsByDefinition(const float *weights, std::size_t count) { return scalarKernels().moments(weights, count); }

ErrorSums errorSumsByDefinition(const float *weights, const float *decoded, std::size_t count) {
    return scalarKernels().errorSums(weights, decoded, count);
}

void forEachChunk(const EncodeSpan &span, Format format, void (*encodeChunk)(const EncodeSpan &chunk)) {
    if (span.count == 0) {
        if (span.sums != nullptr)
            *span.sums = ErrorSums{};
        return;
    }
    if (span.count <= chunkWeights) {
        encodeChunk(span);
        return;
    }
    const std::size_t codesPerByte = traits(format).codeBits == 8 ? 1 : 2;
    for (std::size_t done = 0; done < span.count; done += chunkWeights) {
        EncodeSpan chunk = span;
        const std::size_t group = (span.firstInGroup + done) / span.groupSize;
        chunk.weights += done;
        chunk.count = std::min(chunkWeights, span.count - done);
        chunk.firstInGroup = (span.firstInGroup + done) % span.groupSize;
        chunk.encodeScales += group;
        chunk.decodeScales += group;
        if (chunk.zeroPoints != nullptr)
            chunk.zeroPoints += group;
        chunk.codes += done / codesPerByte;
        if (chunk.decoded != nullptr)
            chunk.decoded += done;
        encodeChunk(chunk);
    }
}

} // namespace nibblescope
