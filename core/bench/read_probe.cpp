// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/read_probe.h"

#include <cstdint>
#include <cstring>

#include "core/kernels/cpu_features.h"
#include "core/kernels/simd_target.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace nibblescope {
NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX512)
namespace {

unsigned readWide(const char *data, std::size_t bytes, std::size_t stride, std::size_t step) {
    __m512i sums[4] = {};
    for (std::size_t i = 0; i < bytes; i += step)
        for (std::size_t k = 0; k < 4; ++k)
            sums[k] = _mm512_xor_si512(sums[k], _mm512_loadu_si512(data + i + k * stride));
    const __m512i all = _mm512_xor_si512(_mm512_xor_si512(sums[0], sums[1]), _mm512_xor_si512(sums[2], sums[3]));
    return static_cast<unsigned>(_mm512_reduce_add_epi32(all));
}

} // namespace
NIBBLESCOPE_TARGET_END

NIBBLESCOPE_TARGET_BEGIN(NIBBLESCOPE_AVX2)
namespace {

unsigned readHalfWide(const char *data, std::size_t bytes, std::size_t stride, std::size_t step) {
    __m256i sums[4] = {};
    for (std::size_t i = 0; i < bytes; i += step)
        for (std::size_t k = 0; k < 4; ++k) {
            const char *const from = data + i + k * stride;
            const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
            const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + 32));
            sums[k] = _mm256_xor_si256(sums[k], _mm256_xor_si256(a, b));
        }
    const __m256i all = _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]), _mm256_xor_si256(sums[2], sums[3]));
    return static_cast<unsigned>(_mm256_extract_epi32(all, 0) ^ _mm256_extract_epi32(all, 7));
}

} // namespace
NIBBLESCOPE_TARGET_END
} // namespace nibblescope
#endif

namespace nibblescope {
namespace {

unsigned readPlain(const char *data, std::size_t bytes, std::size_t stride, std::size_t step) {
    std::uint64_t sums[4] = {};
    for (std::size_t i = 0; i < bytes; i += step)
        for (std::size_t k = 0; k < 4; ++k) {
            std::uint64_t words[8];
            std::memcpy(words, data + i + k * stride, sizeof(words));
            for (const std::uint64_t word : words)
                sums[k] ^= word;
        }
    return static_cast<unsigned>(sums[0] ^ sums[1] ^ sums[2] ^ sums[3]);
}

// Four lines of 64 bytes a step, `stride` apart.
unsigned readLines(const void *data, std::size_t bytes, std::size_t stride, std::size_t step) {
    static const CpuFeatures features = cpuFeatures();
    const auto *const from = static_cast<const char *>(data);
#if defined(__x86_64__)
    if (features.avx512)
        return readWide(from, bytes, stride, step);
    if (features.avx2)
        return readHalfWide(from, bytes, stride, step);
#endif
    return readPlain(from, bytes, stride, step);
}

} // namespace

unsigned readOneStream(const void *data, std::size_t bytes) { return readLines(data, bytes, 64, 256); }
unsigned readFourStreams(const void *data, std::size_t bytes) { return readLines(data, bytes / 4, bytes / 4, 64); }

} // namespace nibblescope
