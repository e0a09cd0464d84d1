// SPDX-License-Identifier: GPL-3.0-or-later
// What the benchmarks share: data that is cold, threads that are pinned, the bandwidth that shares are held against.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/bench/arena.h"
#include "core/kernels/kernels.h"

namespace nibblescope::benchmarks {

inline constexpr std::size_t coldBytes = std::size_t{1} << 30;

// One GiB of normal weights in F32; any piece of it is also read as codes.
const Arena &coldWeights();
// The same weights as F16 or BF16, half as many bytes: what stands at byte `offset` there stands at `offset / 2` here.
const Arena &coldHalves(InputType type);
// 128 MiB of F16 scales of 0.01, to be read along with codes.
const Arena &coldScales();
// 256 MiB to write to.
const Arena &outputs();

// Bytes a second of one stream a thread, measured once a process for each number of threads.
double readBandwidth(unsigned threads);
std::vector<unsigned> threadCounts(); // 1 and all

// Registers NAME/isa/threads. `pass` works on `bytes` of input that start `offset` bytes into coldWeights(); each
// iteration gets the next piece. `counted` bytes a pass make bytes_per_second and share.
struct Pass {
    std::string name;
    Isa isa;
    std::size_t bytes;
    std::size_t counted;
    std::function<void(std::size_t offset, unsigned thread)> run;
};
void registerPass(const Pass &pass);

void registerKernels();
void registerProducts();
void registerMethods();

} // namespace nibblescope::benchmarks
