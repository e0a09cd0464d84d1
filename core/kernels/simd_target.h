// SPDX-License-Identifier: GPL-3.0-or-later
// Brackets around the code of one instruction set. Everything between them is compiled for that set and must have
// internal linkage: a shared inline function in there could be the copy that the linker picks for the whole program.
// GCC 12 warns of uninitialised values inside its own AVX-512 headers.
#pragma once

#if defined(__clang__)
#define NIBBLESCOPE_TARGET_BEGIN(features)                                                                             \
    _Pragma(NIBBLESCOPE_TEXT(clang attribute push(__attribute__((target(features))), apply_to = function)))
#define NIBBLESCOPE_TARGET_END _Pragma("clang attribute pop")
#else
#define NIBBLESCOPE_TARGET_BEGIN(features)                                                                             \
    _Pragma("GCC diagnostic ignored \"-Wmaybe-uninitialized\"") _Pragma("GCC diagnostic ignored \"-Wuninitialized\"")  \
        _Pragma("GCC push_options") _Pragma(NIBBLESCOPE_TEXT(GCC target(features)))
#define NIBBLESCOPE_TARGET_END _Pragma("GCC pop_options")
#endif
#define NIBBLESCOPE_TEXT(...) #__VA_ARGS__

#define NIBBLESCOPE_AVX2 "avx2,fma,f16c"
#define NIBBLESCOPE_AVX512 "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"
#define NIBBLESCOPE_AVX512_VNNI "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
#define NIBBLESCOPE_AVX512_POPCNT "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq"
#define NIBBLESCOPE_NEON_DOT "arch=armv8.2-a+dotprod" // NEON alone needs no brackets

// Before a loop of a few steps over vectors in an array: unless it is unrolled, the array is kept in memory.
#if defined(__clang__)
#define NIBBLESCOPE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NIBBLESCOPE_UNROLL _Pragma("GCC unroll 16")
#endif

#define NIBBLESCOPE_INLINE inline __attribute__((always_inline))
