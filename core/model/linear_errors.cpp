// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/linear_errors.h"

#include <algorithm>

#include "core/quant/output_error.h"

namespace nibblescope {
namespace {

ErrorSums sumsOf(const std::vector<float> &weights, const std::vector<float> &decoded, const Work &work) {
    std::vector<ErrorSums> parts((weights.size() + chunkWeights - 1) / chunkWeights);
    work.parallelFor(parts.size(), [&](std::size_t chunk) {
        const std::size_t first = chunk * chunkWeights;
        parts[chunk] = work.kernels.errorSums(weights.data() + first, decoded.data() + first,
                                              std::min(chunkWeights, weights.size() - first));
    });
    ErrorSums sums;
    for (const ErrorSums &part : parts)
        sums += part;
    return sums;
}

} // namespace

std::vector<LinearError> linearErrors(const Llama &llama, const WeightEdit &edit, const StatisticsSource &inputs,
                                      const Work &work) {
    std::vector<LinearError> errors;
    for (const LlamaTensors::Layer &layer : llama.tensors().layers)
        for (const LinearKind kind : allLinears) {
            const std::size_t tensor = layer.linears[static_cast<std::size_t>(kind)];
            if (!edit.edits(tensor))
                continue;
            work.checkStop();
            const std::vector<float> weights = llama.tensor(tensor, work);
            std::vector<float> decoded = weights;
            edit.comparable(tensor, decoded, work);
            LinearError error;
            error.name = llama.model().tensors[tensor].name;
            error.sums = sumsOf(weights, decoded, work);
            if (const auto statistics = inputs.statisticsFor(error.name))
                error.outputError =
                    relativeOutputError(weights, decoded, linearShape(llama.config(), kind), *statistics, work);
            errors.push_back(std::move(error));
        }
    return errors;
}

} // namespace nibblescope
