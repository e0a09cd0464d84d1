// SPDX-License-Identifier: GPL-3.0-or-later
// Descriptions and measurements of tensors, made without a file.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/analysis/results.h"

namespace nibblescope {

inline TensorInfo tensorInfo(const std::string &name, std::vector<std::uint64_t> shape, DType dtype = DType::F32) {
    TensorInfo info;
    info.name = name;
    info.dtype = dtype;
    info.shape = std::move(shape);
    info.params = 1;
    for (const std::uint64_t side : info.shape)
        info.params *= side;
    info.bytes = info.params * traits(dtype).bits / 8;
    return info;
}

// Two layers as in Llama files, in the order of such a file: by name.
inline std::vector<TensorInfo> smallModel(int layers = 2) {
    std::vector<TensorInfo> infos{tensorInfo("model.embed_tokens.weight", {512, 64})};
    for (int layer = 0; layer < layers; ++layer) {
        const std::string at = "model.layers." + std::to_string(layer) + ".";
        infos.push_back(tensorInfo(at + "input_layernorm.weight", {64}));
        infos.push_back(tensorInfo(at + "mlp.down_proj.weight", {64, 172}));
        infos.push_back(tensorInfo(at + "mlp.gate_proj.weight", {172, 64}));
        infos.push_back(tensorInfo(at + "mlp.up_proj.weight", {172, 64}));
        infos.push_back(tensorInfo(at + "self_attn.q_proj.weight", {64, 64}));
    }
    infos.push_back(tensorInfo("model.norm.weight", {64}));
    return infos;
}

inline std::vector<TensorResult> describe(const std::vector<TensorInfo> &infos, const ModelPlan &plan) {
    std::vector<TensorResult> results;
    for (const TensorInfo &info : infos)
        results.push_back(describeTensor(info, plan));
    return results;
}

inline ModelPlan planOf(Format format) {
    ModelPlan plan;
    plan.recipe = defaultRecipe(format);
    return plan;
}

// As if it had been measured: signal 1 for each weight, and an error that gives this SQNR.
inline TensorResult measuredAt(TensorResult described, double sqnrDb, double kurtosis = 3) {
    const auto n = static_cast<double>(described.info.params);
    described.statistics.finite = described.info.params;
    described.statistics.kurtosis = kurtosis;
    if (described.quantized) {
        ErrorSums sums;
        sums.signal = n;
        sums.error = n / std::pow(10.0, sqnrDb / 10);
        sums.dot = n;
        sums.decoded = n;
        sums.maxAbsError = 0.25F;
        sums.finite = described.info.params;
        described.metrics = metricsFrom(sums, std::vector<std::uint64_t>(16, described.info.params / 16));
    }
    return described;
}

} // namespace nibblescope
