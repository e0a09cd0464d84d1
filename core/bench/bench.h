// SPDX-License-Identifier: GPL-3.0-or-later
// Times kernels on this machine. Workers of its own, pinned to processors; samples of all items are interleaved, so
// that a slow phase of the machine meets them alike, and each sample is held against the read bandwidth of its moment.
//
// Blocks the calling thread, which must not be the window's. Throws Error{Fault::Interrupted} within 20 ms of a stop
// request, Error{Fault::Call} for options that cannot be met, Error{Fault::Machine} if there is not enough memory even
// for one copy.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/progress.h"
#include "core/bench/timing.h"

namespace nibblescope {

// The command `bench`. Empty lists stand for what is usual.
struct BenchOptions {
    std::optional<std::uint64_t> rows; // 4096
    std::optional<std::uint64_t> cols; // 4096
    std::vector<std::string> formats;  // ids of benchFormats(); empty: fp32, fp16, int8, int4, nf4
    std::vector<Isa> isas;             // empty: the best, or what NIBBLESCOPE_ISA names
    std::vector<unsigned> threads;     // empty: 1 and all
    bool quick = false;                // quantize and matvec only, within 40 seconds on two cores
    std::optional<double> seconds;     // for samples; 18 if quick, else 100
};
BenchReport runBench(const BenchOptions &options, const std::stop_token &stop = {}, const ProgressSink &progress = {});

// Ids that `formats` may name, in their usual order: fp32, fp16, bf16, int8, int4, int4-max, int4-asym, nf4, fp4,
// mxfp4. A format takes part in the operations that it has.
std::vector<std::string_view> benchFormats();

// Weights of a product, a bar of the Speed page.
struct ProductFormat {
    std::string id;                         // of benchFormats()
    std::optional<std::uint32_t> groupSize; // absent: whole rows (int8), or without meaning (fp32, fp16, bf16)
    bool doubleQuant = false;

    bool operator==(const ProductFormat &) const = default;
};

// A run of the Speed page: every combination of the lists, side by side.
struct KernelRequest {
    // Quantize (from F32, error sums and code counts made in the same pass), Dequantize (to F32), or Matvec, which
    // stands for products with batches of any size.
    Operation operation = Operation::Matvec;
    std::uint64_t rows = 4096;
    std::uint64_t cols = 4096;
    std::vector<ProductFormat> formats;          // those without the operation are passed over, with a note
    Activations activations = Activations::Int8; // of the quantized formats; fp32, fp16 and bf16 take F32
    std::vector<CacheState> caches{CacheState::Cold};
    std::vector<unsigned> threads{1};
    std::vector<std::uint32_t> batches{1}; // products
    std::vector<Isa> isas;                 // empty: the best, or what NIBBLESCOPE_ISA names
    double seconds = 15;                   // about how long to measure
};
// Results in the order of batches, then formats, instruction sets, threads and caches.
BenchReport measureKernels(const KernelRequest &request, const std::stop_token &stop = {},
                           const ProgressSink &progress = {});

} // namespace nibblescope
