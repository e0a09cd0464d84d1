// SPDX-License-Identifier: GPL-3.0-or-later
// The entry `quantize` put together from other entries of a table: its definition, and what an instruction set has that
// does not override it.
#pragma once

#include "core/kernels/kernels.h"

namespace nibblescope {

// Takes ranges, scales, codes and bins from `parts`.
ScaleRounding quantizeByParts(const Kernels &parts, Format format, const QuantizeSpan &span);

template <Isa isa, Format format>
ScaleRounding quantizeComposed(const QuantizeSpan &span) {
    return quantizeByParts(isa == Isa::Scalar ? scalarKernels() : kernelsFor(isa), format, span);
}

template <Isa isa>
void composeQuantize(Kernels &table) {
    // In the order of the enumeration Format.
    table.quantize = {nullptr,
                      quantizeComposed<isa, Format::Int4>,
                      quantizeComposed<isa, Format::Int4Max>,
                      quantizeComposed<isa, Format::Int4Asym>,
                      quantizeComposed<isa, Format::Nf4>,
                      quantizeComposed<isa, Format::Fp4>,
                      quantizeComposed<isa, Format::Mxfp4>,
                      quantizeComposed<isa, Format::Int8>,
                      quantizeComposed<isa, Format::Fitted>};
}

} // namespace nibblescope
