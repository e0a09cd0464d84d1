// SPDX-License-Identifier: GPL-3.0-or-later
// What a run measures, before it is known on which instruction set, with how many threads, cold or warm.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/bench/bench_items.h"

namespace nibblescope {

struct BenchCase {
    enum class What { Quantize, Dequantize, Histogram, Product } what = What::Product;
    ProductFormat format;   // of the matrix that is read
    QuantizeCase quantize;  // Quantize
    std::uint32_t bins = 0; // Histogram
    Activations activations = Activations::Int8;
    std::uint32_t batch = 1;
};

bool isPlainFormat(std::string_view id); // fp32, fp16, bf16
bool hasProduct(std::string_view id);    // int4-asym has none

// Of `bench --quick` and of `bench`.
std::vector<BenchCase> quickCases(const std::vector<std::string> &formats);
std::vector<BenchCase> fullCases(const std::vector<std::string> &formats);
// Of the Speed page. What is passed over is noted.
std::vector<BenchCase> requestedCases(const KernelRequest &request, std::vector<std::string> &notes);

// Why it is not measured on that set: a sentence for the notes; nullopt if it is.
std::optional<std::string> reasonAgainst(const BenchCase &one, Isa isa);

} // namespace nibblescope
