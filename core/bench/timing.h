// SPDX-License-Identifier: GPL-3.0-or-later
// One measured kernel, and the machine that it was measured on, as plain values with one JSON form each.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/kernels/kernels.h"

namespace nibblescope {

enum class Operation : std::uint8_t { Quantize, Dequantize, Histogram, Matvec, Matmul };
// Cold: in turn over as many copies as fill 1 GiB, none twice in a sample. Warm: one copy, again and again.
enum class CacheState : std::uint8_t { Cold, Warm };
// What a product multiplies with: F32, or int8 that it makes from F32 on the way (counted in its time).
enum class Activations : std::uint8_t { F32, Int8 };

std::string_view idOf(Operation operation); // "matvec"
std::string_view idOf(CacheState cache);    // "cold"
std::string_view idOf(Activations kind);    // "int8"

struct KernelTiming {
    Operation operation = Operation::Matvec;
    std::string format;                     // "fp32", "fp16", "bf16", "int8", "int4", "nf4" ...
    std::optional<std::uint32_t> groupSize; // absent: no scales (fp32, fp16, bf16), or one a row (int8)
    bool doubleQuant = false;               // the scales are stored as 8-bit codes of the dynamic map
    Isa isa = Isa::Scalar;
    unsigned threads = 1;
    std::uint64_t rows = 0;
    std::uint64_t cols = 0;
    std::optional<std::uint32_t> batch; // products: vectors multiplied at once
    CacheState cache = CacheState::Cold;
    std::string input;                          // quantize, histogram: type of the weights, "f32", "bf16", "f16"
    bool fused = false;                         // quantize: error sums and code counts made in the same pass
    std::optional<std::uint32_t> histogramBins; // where a histogram of values is made
    std::optional<Activations> activations;     // products
    std::uint64_t samples = 0;                  // that the median is of
    double medianSeconds = 0;                   // of one pass over the matrix, on the clock
    double q25Seconds = 0;                      // lower quartile
    double q75Seconds = 0;                      // upper quartile
    std::uint64_t bytes = 0;                    // what bounds the operation: quantize, histogram: the input read;
                                                // dequantize: the output written; products: weights and scales
    double share = 0;                           // of the read bandwidth with as many threads, measured just before
    std::optional<double> maxRelativeError;     // products: max |error| / max |y| against F64 on the same weights
    double gbPerSecond() const { return medianSeconds > 0 ? static_cast<double>(bytes) / medianSeconds * 1e-9 : 0; }
};

// "NF4 64", "NF4 64 DQ", "INT8 row", "FP16": as tables and plots name it.
std::string displayFormat(const KernelTiming &timing);

struct MachineInfo {
    std::string cpu;                       // as the system names it
    Isa isa = Isa::Scalar;                 // the best that this CPU has
    unsigned cores = 1;                    // processors that this process may run on
    std::uint64_t lastLevelCacheBytes = 0; // 0: not known
    std::string blas;                      // "OpenBLAS, SkylakeX": who multiplies batches in F32; empty: we do
    // Read bandwidth in 1e9 bytes a second by number of threads: one stream a thread (shares are of this one), and
    // four streams a thread.
    std::map<unsigned, double> readGbPerSecond;
    std::map<unsigned, double> readGbPerSecond4;
    // Operations in registers in 1e9 a second (a multiply-add is two), by number of threads, on the best set measured.
    std::map<unsigned, double> peakGflops;
    std::map<unsigned, double> peakInt8Gops; // empty: that set has no integer products
};

struct BenchReport {
    MachineInfo machine;
    std::string date; // "2026-11-25 08:10", local time
    std::vector<KernelTiming> results;
    std::vector<std::string> notes; // sentences about the run: less memory than wanted, a busy machine
};

nlohmann::ordered_json toJson(const KernelTiming &timing);
nlohmann::ordered_json toJson(const MachineInfo &machine);
nlohmann::ordered_json toJson(const BenchReport &report); // {"machine": ..., "results": [...]}, "notes" where there are
// For saved runs. Throws Error{Fault::Input} that names the key at fault.
BenchReport benchReportFromJson(const nlohmann::ordered_json &json);

// For a terminal of 100 columns: the machine, then a table for each operation.
std::string benchTable(const BenchReport &report);

} // namespace nibblescope
