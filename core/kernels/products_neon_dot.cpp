// SPDX-License-Identifier: GPL-3.0-or-later
// Integer products with the dot product instructions of Armv8.2 and later.
#if defined(__aarch64__)
// All that the rows include stands before the brackets.
#include "core/kernels/isa_tables.h"
#include "core/kernels/products_tables.h"
#include "core/kernels/simd_target.h"

// Clang declares the intrinsic in a file for older CPUs only from its 16th version on; the products stay as they are
// then.
#if defined(__clang__) && __clang_major__ < 16
namespace nibblescope {
void fillNeonDotProducts(ProductKernels &) {}
} // namespace nibblescope
#else
#include <arm_neon.h>

#include <cstring>

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_NEON_DOT)
#include "core/kernels/products_neon_rows.h"

namespace nibblescope {
namespace {

// Four products in each of the four lanes.
struct DotInstruction {
    static NIBBLESCOPE_INLINE int32x4_t add(int32x4_t sum, int8x16_t a, int8x16_t b) { return vdotq_s32(sum, a, b); }
};

} // namespace
NIBBLESCOPE_TARGET_END

void fillNeonDotProducts(ProductKernels &table) {
    table.matvecInt8 = matvecInt8<DotInstruction>;
    table.matmulInt8 = matmulInt8<DotInstruction>;
}

} // namespace nibblescope
#endif
#endif
