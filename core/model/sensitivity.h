// SPDX-License-Identifier: GPL-3.0-or-later
// Where a model is sensitive: the KL divergence when only one layer, or only one kind of matrix, is quantized. Weight
// errors do not say that: a layer may lose much and matter little.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/model/evaluate.h"

namespace nibblescope {

enum class SensitivityBy : std::uint8_t { Layers, Kinds };
std::optional<SensitivityBy> sensitivityFromId(std::string_view id); // "layers", "kinds"

struct SensitivityPart {
    std::string name;          // "layers.3", "down_proj"
    std::uint64_t weights = 0; // that are quantized in it
    Estimate kl;               // of the model with this part alone quantized
    Estimate nllDifference;
    double top1Agreement = 0;
    // By layers: relative error of the hidden states behind the layer itself, sqrt(sum (h' - h)^2 / sum h^2), and
    // behind the last one: whether what it adds is damped or grows on the way.
    std::optional<double> localError;
    std::optional<double> finalError;
};

struct Sensitivity {
    SensitivityBy by = SensitivityBy::Layers;
    std::size_t windows = 0;
    std::vector<SensitivityPart> parts; // in model order; parts without a quantized tensor are left out

    double sumOfKl() const; // to hold against the KL of all parts together: how errors add up
};

// An edit that leaves all tensors alone but those that are listed. `inner` must outlive it.
class PartialEdit : public WeightEdit {
public:
    PartialEdit(const WeightEdit &inner, std::vector<std::size_t> tensors);
    bool edits(std::size_t tensor) const override;
    void edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    void comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    std::optional<QuantizedTensor> codes(std::size_t tensor, std::vector<float> &weights,
                                         const Work &work) const override;

private:
    const WeightEdit &m_inner;
    std::vector<std::size_t> m_tensors; // sorted
};

// Evaluates the model with each part alone, side by side. `partial` is called, from the calling thread, as windows are
// done. A stop ends it early and returns what the first windows say; Error{Fault::Interrupted} if there is none. An
// edit that moves scales between the tensors of a layer (AWQ, smoothing) can be taken apart by layers only:
// Error{Fault::Call} for `movesScales` by kinds.
Sensitivity measureSensitivity(const Llama &llama, const TokenWindows &windows, const WeightEdit &edit,
                               SensitivityBy by, bool movesScales, const Work &work,
                               const std::function<void(const Sensitivity &)> &partial = {},
                               Products products = Products::Blas);

// Key "sensitivity": by, windows, parts [name, weights, kl_mean, kl_stderr, nll_difference, nll_difference_stderr,
// top1_agreement, local_error, final_error], kl_sum.
void addJson(const Sensitivity &sensitivity, nlohmann::ordered_json &json);

} // namespace nibblescope
