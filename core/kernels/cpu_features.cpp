// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/kernels/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#include <cstdint>

namespace nibblescope {

#if defined(__x86_64__)
namespace {

struct Registers {
    unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
    Registers r;
    if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0)
        return {};
    return r;
}

bool has(unsigned value, unsigned bit) { return (value >> bit & 1U) != 0; }

// XCR0: which register states the system saves. Written as an instruction, since the intrinsic needs a target flag.
std::uint64_t savedStates() {
    unsigned low = 0;
    unsigned high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<std::uint64_t>(high) << 32 | low;
}

} // namespace

CpuFeatures cpuFeatures() {
    CpuFeatures features;
    const Registers one = cpuid(1, 0);
    if (!has(one.c, 27)) // OSXSAVE
        return features;
    const std::uint64_t saved = savedStates();
    const Registers seven = cpuid(7, 0);
    const bool ymm = (saved & 0x6U) == 0x6U;
    const bool zmm = (saved & 0xe6U) == 0xe6U;
    const bool avx = has(one.c, 28), fma = has(one.c, 12), f16c = has(one.c, 29);
    features.avx2 = ymm && avx && fma && f16c && has(seven.b, 5);
    const bool f = has(seven.b, 16), dq = has(seven.b, 17), bw = has(seven.b, 30), vl = has(seven.b, 31);
    features.avx512 = features.avx2 && zmm && f && dq && bw && vl;
    features.avx512vnni = features.avx512 && has(seven.c, 11);
    features.vpopcnt = features.avx512 && has(seven.c, 14);
    return features;
}

#elif defined(__aarch64__)

CpuFeatures cpuFeatures() {
    CpuFeatures features;
    features.neon = true;
#if defined(__linux__)
    features.dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#endif
    return features;
}

#else

CpuFeatures cpuFeatures() { return {}; }

#endif

} // namespace nibblescope
