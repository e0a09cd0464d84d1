// SPDX-License-Identifier: GPL-3.0-or-later
// What is measured, as plain values with one JSON form each. Definitions: README, "What the numbers mean".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/kernels/kernels.h"
#include "core/quant/quantized_tensor.h"
#include "core/quant/recipe.h"
#include "core/tensor/tensor_info.h"

namespace nibblescope {

// Over the finite weights. Empty tensors: everything absent.
struct Statistics {
    std::uint64_t finite = 0;
    std::uint64_t nan = 0;
    std::uint64_t inf = 0;
    std::optional<std::uint64_t> firstNotFinite; // flat index in the matrix
    std::optional<double> mean;
    std::optional<double> std;      // divides by n
    std::optional<double> kurtosis; // m4 / m2^2, 3 for a normal; absent for a constant tensor
    std::optional<double> min;
    std::optional<double> max;

    bool operator==(const Statistics &) const = default;
};

// Over the finite weights of one tensor, or of several together (one sum of signal, one of error).
struct ErrorMetrics {
    ErrorSums sums;
    double mse = 0;
    double rmse = 0;
    std::optional<double> sqnrDb;        // absent: no error at all ("exact"), or an all-zero tensor
    std::optional<double> relativeError; // sqrt(sum (w - w')^2 / sum w^2)
    std::optional<double> cosine;
    double maxAbsError = 0;
    double clippedShare = 0;
    std::vector<std::uint64_t> codeCounts; // 16, by nibble (int8: 256, by byte)
    unsigned usedCodes = 0;
    double codeEntropy = 0; // bits

    bool exact() const { return sums.error == 0 && sums.signal > 0; }
    bool operator==(const ErrorMetrics &) const = default;
};
ErrorMetrics metricsFrom(const ErrorSums &sums, std::vector<std::uint64_t> codeCounts);

// Everything that a table row needs. `quantized` false: statistics only, and `keptReason` says why.
struct TensorResult {
    TensorInfo info;
    Layout layout = Layout::OutIn;
    MatrixShape shape;
    Statistics statistics;
    bool quantized = false;
    std::string keptReason;
    Recipe recipe;   // Format::None where kept
    StoredBits bits; // where quantized
    double bpw = 0;  // stored bits a weight: of the codes and constants, or of the stored type where kept
    std::optional<ErrorMetrics> metrics;
    ScaleCounts scaleCounts;
    bool sample = false;               // made from a part of the tensor: never exported, never put into totals
    std::uint64_t sampled = 0;         // weights that were looked at
    std::vector<std::string> warnings; // sentences that name the tensor
};

struct ModelTotals {
    std::uint64_t tensors = 0;
    std::uint64_t params = 0;
    std::uint64_t bytes = 0; // as stored in the source
    std::uint64_t quantizedTensors = 0;
    std::uint64_t quantizedParams = 0;
    std::optional<double> bpw;      // over the quantized tensors
    std::optional<double> modelBpw; // over all tensors, those left alone at their stored width
    StoredBits bits;                // of the quantized tensors
    std::uint64_t leftAloneBytes = 0;
    std::optional<ErrorMetrics> metrics; // one sum of signal and one of error over all that were measured
};
ModelTotals totalsOf(const std::vector<TensorResult> &results);

// The keys of `info --json` and `analyze --json`.
nlohmann::ordered_json toJson(const TensorResult &result, bool withStatistics);
nlohmann::ordered_json toJson(const ModelTotals &totals);

} // namespace nibblescope
