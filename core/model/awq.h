// SPDX-License-Identifier: GPL-3.0-or-later
// AWQ (Lin et al., 2023) on Gram statistics. For each set of linears that share an input, columns are multiplied by
// s = mean|x|^(i / 20), the i of 0 ... 19 with the least output error tr(E G E') of the set, and the scales are divided
// out of the operation before: the norm's weight, the rows of v for o, the rows of up for down. So the model needs no
// new operator. Then ranges are narrowed group by group (but for q and k), and the weights are rounded to nearest.
// What was found is kept, a byte a group; the matrices are made from the original ones as they are read, so that a
// model larger than memory can be evaluated.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/llama.h"
#include "core/model/recipe_edit.h"
#include "core/model/scale_fold.h"

namespace nibblescope {

class AwqEdit : public WeightEdit {
public:
    // What was chosen for a set, named by its first linear.
    struct Choice {
        std::string set; // "model.layers.0.self_attn.q_proj"
        int exponent = 0;
    };

    // Searches all layers; the plan's calibration gives the statistics.
    AwqEdit(const Llama &llama, const ModelPlan &plan, const Work &work);

    bool edits(std::size_t tensor) const override { return m_folds.count(tensor) > 0 || m_selection.edits(tensor); }
    void edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    void comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const override;
    std::optional<QuantizedTensor> codes(std::size_t tensor, std::vector<float> &weights,
                                         const Work &work) const override;
    std::vector<std::string> warnings() const override { return m_selection.warnings(); }

    const std::vector<Choice> &choices() const { return m_choices; }
    // Sentences: which sets have nothing to fold into and were left out.
    const std::vector<std::string> &remarks() const { return m_remarks; }

private:
    struct Set;
    // How many twentieths the range of each group of a matrix was narrowed by.
    using ClipSteps = std::vector<std::uint8_t>;
    using LayerScales = std::array<std::vector<float>, inputCount>;
    std::vector<Set> setsOf(const LlamaLayer &layer) const;
    std::vector<float> searchScales(const LlamaLayer &layer, const Set &set, const InputStatistics &inputs,
                                    const Work &work);
    double lossOf(const LlamaLinear &linear, const std::vector<float> &scales, const InputStatistics &inputs,
                  const Work &work) const;
    ClipSteps clipStepsFor(const LlamaLinear &linear, const InputStatistics &inputs, const std::vector<float> &scales,
                           const Work &work) const;
    std::vector<float> rounded(MatrixShape shape, std::vector<float> weights, const Work &work) const;
    void fold(std::size_t tensor, std::vector<float> &weights) const;
    void prepare(std::size_t tensor, std::vector<float> &weights) const;

    const Llama &m_llama;
    Recipe m_rounding; // the recipe with round to nearest
    bool m_clips;
    RecipeEdit m_selection; // of the rounding: also what becomes of tensors outside the layers
    std::shared_ptr<const StatisticsSource> m_calibration;
    ScaleFolds m_folds;
    std::map<std::size_t, ClipSteps> m_clipSteps; // by tensor
    std::vector<Choice> m_choices;
    std::vector<std::string> m_remarks;
};

} // namespace nibblescope
