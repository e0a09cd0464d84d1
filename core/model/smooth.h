// SPDX-License-Identifier: GPL-3.0-or-later
// SmoothQuant (Xiao et al., 2022) as an edit of a model that runs. For each input of linears, columns of its readers
// are multiplied by s_j = max|x_j|^alpha / max|w_j|^(1 - alpha) (core/analysis/activations.h) and the same is divided
// out of the operation before: the norm's weight for q, k, v and gate, up; the rows of v for o; the rows of up for
// down. The model computes the same, with inputs that are easier and weights that are harder to round. Then the recipe
// is applied.
#pragma once

#include <string>
#include <vector>

#include "core/model/llama.h"
#include "core/model/recipe_edit.h"
#include "core/model/scale_fold.h"

namespace nibblescope {

class SmoothEdit : public WeightEdit {
public:
    // Of `inputs` only the maxima of channels are used. A plan without a format leaves folded weights as they are.
    // Reads all layers once. Throws Error{Fault::Call} for an alpha outside 0 ... 1 and a method that needs
    // calibration, whose statistics would be those of other inputs.
    SmoothEdit(const Llama &llama, const ModelPlan &plan, const StatisticsSource &inputs, double alpha,
               const Work &work);

    bool edits(std::size_t tensor) const override { return m_folds.count(tensor) > 0 || m_recipe.edits(tensor); }
    void edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    void comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    std::optional<QuantizedTensor> codes(std::size_t tensor, std::vector<float> &weights,
                                         const Work &work) const override;
    std::vector<std::string> warnings() const override { return m_recipe.warnings(); }

    // Sentences: what could not be folded and was left out.
    const std::vector<std::string> &remarks() const { return m_remarks; }

private:
    void fold(std::size_t tensor, std::vector<float> &weights) const;
    void addLayer(std::size_t index, const StatisticsSource &inputs, double alpha, const Work &work);

    const Llama &m_llama;
    RecipeEdit m_recipe;
    ScaleFolds m_folds;
    std::vector<std::string> m_remarks;
};

} // namespace nibblescope
