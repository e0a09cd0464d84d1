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
};
BenchReport runBench(const BenchOptions &options, const std::stop_token &stop = {}, const ProgressSink &progress = {});

// Ids that `formats` may name, in their usual order: fp32, fp16, bf16, int8, int4, int4-max, int4-asym, nf4, fp4,
// mxfp4. A format takes part in the operations that it has.
std::vector<std::string_view> benchFormats();

// One bar of the Speed page.
struct ProductFormat {
    std::string id;                         // of benchFormats()
    std::optional<std::uint32_t> groupSize; // absent: whole rows (int8), or without meaning (fp32, fp16, bf16)
    bool doubleQuant = false;

    bool operator==(const ProductFormat &) const = default;
};

struct ProductRequest {
    std::uint64_t rows = 4096;
    std::uint64_t cols = 4096;
    std::vector<ProductFormat> formats;
    Activations activations = Activations::Int8; // of the quantized formats; fp32, fp16 and bf16 take F32
    CacheState cache = CacheState::Cold;
    unsigned threads = 1;
    std::uint32_t batch = 1;
    std::optional<Isa> isa; // absent: the best, or what NIBBLESCOPE_ISA names
    double seconds = 15;    // about how long to measure
};
// Results in the order of `formats`.
BenchReport measureProducts(const ProductRequest &request, const std::stop_token &stop = {},
                            const ProgressSink &progress = {});

} // namespace nibblescope
