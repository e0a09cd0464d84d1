// SPDX-License-Identifier: GPL-3.0-or-later
// What is timed: a value that says what it is, and a function that does one pass over the matrix.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/bench/arena.h"
#include "core/bench/test_matrix.h"
#include "core/bench/timing.h"

namespace nibblescope {

struct BenchItem {
    KernelTiming timing;
    // One worker's share of one pass over copy `copy` of the matrix. Looks at the stop token several times a
    // millisecond and returns early after a request.
    std::function<void(unsigned worker, unsigned workers, std::size_t copy)> pass;
    std::shared_ptr<const CopyCycle> copies;
    std::vector<double> seconds; // of one pass
    std::vector<double> shares;
    std::size_t passesASample = 1;
};

struct QuantizeCase {
    Format format = Format::Int4;
    std::uint32_t groupSize = 0; // 0: whole rows
    bool fused = false;
    std::uint32_t histogramBins = 0;
};

struct RowShare {
    std::uint64_t begin;
    std::uint64_t end;
};
// A worker's rows: shares differ by at most one row.
RowShare shareOfRows(std::uint64_t rows, unsigned worker, unsigned workers);

// Weights in `matrix` (fp32, fp16 or bf16); codes go to `scratch`, over and over.
BenchItem quantizeItem(const QuantizeCase &what, std::shared_ptr<const TestMatrix> matrix, Isa isa,
                       std::shared_ptr<const Arena> scratch, const std::stop_token &stop);
// `matrix` holds a quantized format without double quantization; F32 goes to `scratch`.
BenchItem dequantizeItem(std::shared_ptr<const TestMatrix> matrix, Isa isa, std::shared_ptr<const Arena> scratch,
                         const std::stop_token &stop);
BenchItem histogramItem(std::uint32_t bins, std::shared_ptr<const TestMatrix> matrix, Isa isa,
                        const std::stop_token &stop);
// batch 1: matvec, else matmul. F32 activations with a batch go through the BLAS where there is one.
BenchItem productItem(std::shared_ptr<const TestMatrix> matrix, Isa isa, Activations activations, std::uint32_t batch,
                      const std::stop_token &stop);
// Where in `scratch` pass `copy` writes its `bytes` of output: over and over, each pass further on.
std::uint8_t *outputAt(const Arena &scratch, std::size_t bytes, std::size_t copy);
// Who multiplies batches in F32: "OpenBLAS, SkylakeX"; empty: our own matrix-vector kernels.
std::string blasName();

} // namespace nibblescope
