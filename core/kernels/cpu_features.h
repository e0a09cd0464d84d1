// SPDX-License-Identifier: GPL-3.0-or-later
// Which instruction sets this CPU has and this operating system lets programs use.
#pragma once

namespace nibblescope {

// Each includes what the one before it needs.
struct CpuFeatures {
    bool avx2 = false;       // AVX2, FMA, F16C, and the system saves the 256-bit registers
    bool avx512 = false;     // F, BW, DQ, VL, and the system saves the 512-bit and mask registers
    bool avx512vnni = false; // integer dot products
    bool vpopcnt = false;    // VPOPCNTDQ beside avx512
    bool neon = false;       // always on aarch64
    bool dotprod = false;    // integer dot products beside neon
};

CpuFeatures cpuFeatures();

} // namespace nibblescope
