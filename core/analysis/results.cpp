// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/results.h"

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

void put(Json &json, const char *key, std::optional<double> value) {
    if (value)
        json[key] = *value; // NaN and Inf are written as null
}

void putCount(Json &json, const char *key, std::uint64_t count) {
    if (count != 0)
        json[key] = count;
}

void putErrors(Json &json, const ErrorMetrics &metrics) {
    json["mse"] = metrics.mse;
    json["rmse"] = metrics.rmse;
    put(json, "sqnr_db", metrics.sqnrDb);
    put(json, "relative_error", metrics.relativeError);
    put(json, "cosine", metrics.cosine);
    json["max_abs_error"] = metrics.maxAbsError;
    json["clipped_share"] = metrics.clippedShare;
    json["used_codes"] = metrics.usedCodes;
    json["code_entropy"] = metrics.codeEntropy;
}

double entropyOf(const std::vector<std::uint64_t> &counts, std::uint64_t total) {
    double entropy = 0;
    for (const std::uint64_t count : counts) {
        if (count == 0)
            continue;
        const double share = static_cast<double>(count) / static_cast<double>(total);
        entropy -= share * std::log2(share);
    }
    return entropy;
}

} // namespace

ErrorMetrics metricsFrom(const ErrorSums &sums, std::vector<std::uint64_t> codeCounts) {
    ErrorMetrics metrics;
    metrics.sums = sums;
    if (sums.finite > 0) {
        metrics.mse = sums.error / static_cast<double>(sums.finite);
        metrics.rmse = std::sqrt(metrics.mse);
        metrics.clippedShare = static_cast<double>(sums.clipped) / static_cast<double>(sums.finite);
    }
    if (sums.signal > 0) {
        metrics.relativeError = std::sqrt(sums.error / sums.signal);
        if (sums.error > 0)
            metrics.sqnrDb = 10.0 * std::log10(sums.signal / sums.error);
        if (sums.decoded > 0)
            metrics.cosine = sums.dot / (std::sqrt(sums.signal) * std::sqrt(sums.decoded));
    }
    metrics.maxAbsError = static_cast<double>(sums.maxAbsError);
    std::uint64_t total = 0;
    for (const std::uint64_t count : codeCounts) {
        total += count;
        metrics.usedCodes += count != 0 ? 1U : 0U;
    }
    metrics.codeEntropy = entropyOf(codeCounts, total);
    metrics.codeCounts = std::move(codeCounts);
    return metrics;
}

ModelTotals totalsOf(const std::vector<TensorResult> &results) {
    ModelTotals totals;
    ErrorSums sums;
    std::vector<std::uint64_t> counts;
    bool measured = false;
    double storedBits = 0;
    for (const TensorResult &result : results) {
        ++totals.tensors;
        totals.params += result.info.params;
        totals.bytes += result.info.bytes;
        if (!result.quantized) {
            totals.leftAloneBytes += result.info.bytes;
            storedBits += static_cast<double>(result.info.bytes) * 8.0;
            continue;
        }
        ++totals.quantizedTensors;
        totals.quantizedParams += result.info.params;
        totals.bits += result.bits;
        storedBits += static_cast<double>(result.bits.total());
        if (result.metrics && !result.sample) {
            measured = true;
            sums += result.metrics->sums;
            counts.resize(std::max(counts.size(), result.metrics->codeCounts.size()));
            for (std::size_t i = 0; i < result.metrics->codeCounts.size(); ++i)
                counts[i] += result.metrics->codeCounts[i];
        }
    }
    if (totals.quantizedParams > 0)
        totals.bpw = static_cast<double>(totals.bits.total()) / static_cast<double>(totals.quantizedParams);
    if (totals.params > 0)
        totals.modelBpw = storedBits / static_cast<double>(totals.params);
    if (measured)
        totals.metrics = metricsFrom(sums, std::move(counts));
    return totals;
}

Json toJson(const TensorResult &result, bool withStatistics) {
    Json json;
    json["name"] = result.info.name;
    json["shape"] = result.info.shape;
    json["dtype"] = traits(result.info.dtype).name;
    json["params"] = result.info.params;
    if (result.info.shape.size() >= 2)
        json["layout"] = result.layout == Layout::OutIn ? "out_in" : "in_out";
    if (!withStatistics)
        return json;
    put(json, "mean", result.statistics.mean);
    put(json, "std", result.statistics.std);
    put(json, "kurtosis", result.statistics.kurtosis);
    put(json, "min", result.statistics.min);
    put(json, "max", result.statistics.max);
    putCount(json, "nan", result.statistics.nan);
    putCount(json, "inf", result.statistics.inf);
    if (result.quantized) {
        json["bpw"] = result.bpw;
        if (result.metrics)
            putErrors(json, *result.metrics);
        putCount(json, "scales_underflow", result.scaleCounts.underflow);
        putCount(json, "scales_overflow", result.scaleCounts.overflow);
    }
    return json;
}

Json toJson(const ModelTotals &totals) {
    Json json;
    json["tensors"] = totals.tensors;
    json["params"] = totals.params;
    json["bytes"] = totals.bytes;
    if (totals.quantizedTensors > 0) {
        json["quantized_tensors"] = totals.quantizedTensors;
        json["quantized_params"] = totals.quantizedParams;
        put(json, "bpw", totals.bpw);
        if (totals.metrics)
            put(json, "sqnr_db", totals.metrics->sqnrDb);
    }
    put(json, "model_bpw", totals.modelBpw);
    return json;
}

} // namespace nibblescope
