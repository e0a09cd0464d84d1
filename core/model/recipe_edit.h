// SPDX-License-Identifier: GPL-3.0-or-later
// A recipe as an edit of a model that runs: the tensors that the plan quantizes are quantized and decoded.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/model/llama.h"

namespace nibblescope {

class RecipeEdit : public WeightEdit {
public:
    // The model must outlive this. Throws Error{Fault::Call} for a recipe that cannot be carried out, or a plan that
    // reads a matrix of the model as [in, out].
    RecipeEdit(const Model &model, const ModelPlan &plan);

    bool edits(std::size_t tensor) const override { return m_quantized[tensor]; }
    // Throws Error{Fault::Input} for a tensor with NaN or Inf, naming it.
    void edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    std::optional<QuantizedTensor> codes(std::size_t tensor, std::vector<float> &weights,
                                         const Work &work) const override;
    std::vector<std::string> warnings() const override;

private:
    using Step = std::function<std::vector<std::string>(MatrixShape shape, const InputStatistics *inputs)>;
    void quantizeWith(std::size_t tensor, const std::vector<float> &weights, const Step &step) const;

    const Model &m_model;
    ModelPlan m_plan;
    std::vector<bool> m_quantized;
    mutable std::map<std::size_t, std::vector<std::string>> m_warnings; // by tensor: each is edited many times
};

// Stored bits a weight over the tensors that the plan quantizes; 0 where there are none.
double bitsAWeight(const Model &model, const ModelPlan &plan);

} // namespace nibblescope
