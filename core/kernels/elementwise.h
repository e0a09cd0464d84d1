// SPDX-License-Identifier: GPL-3.0-or-later
// The element-wise steps of a model that runs and of its next-token distributions, F32. Results are equal bit for bit
// on all instruction sets: sums in F64 are made in eight lanes, element i in lane i modulo 8, which are then added
// pairwise. The exponential is a polynomial that is within 2 units in the last place of the exact one; what lies below
// e^-87 counts as e^-87.
#pragma once

#include <cstddef>

#include "core/kernels/kernels.h"

namespace nibblescope {

struct ElementKernels {
    Isa isa = Isa::Scalar;

    // NaN is passed over; -Inf if there is nothing else.
    float (*largest)(const float *x, std::size_t count);
    // out = exp(x - shift) and their sum; `out` may be `x`.
    double (*exponentials)(const float *x, std::size_t count, float shift, float *out);
    // gate = gate / (1 + exp(-gate)) * up (Shazeer, GLU Variants Improve Transformer, 2020).
    void (*siluTimes)(float *gate, const float *up, std::size_t count);
    // Sum of weight * (a - b), the difference in F32.
    double (*weightedDifference)(const float *weight, const float *a, const float *b, std::size_t count);
};

const ElementKernels &scalarElements();
// Throws Error{Fault::Call} for a set that this machine does not support.
const ElementKernels &elementsFor(Isa isa);
// Those of selectKernels().
const ElementKernels &selectElements();

#if defined(__x86_64__)
void fillAvx2Elements(ElementKernels &table);
void fillAvx512Elements(ElementKernels &table);
#endif

} // namespace nibblescope
