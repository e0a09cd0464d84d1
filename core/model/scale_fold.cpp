// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/scale_fold.h"

namespace nibblescope {

void ScaleFold::apply(std::vector<float> &weights) const {
    for (std::size_t i = 0; i < weights.size() && !columns.empty(); ++i)
        weights[i] *= columns[i % columns.size()];
    for (std::size_t i = 0; i < weights.size() && !rows.empty(); ++i)
        weights[i] /= rows[i / (weights.size() / rows.size())];
}

void ScaleFold::undo(std::vector<float> &weights) const {
    for (std::size_t i = 0; i < weights.size() && !columns.empty(); ++i)
        weights[i] /= columns[i % columns.size()];
    for (std::size_t i = 0; i < weights.size() && !rows.empty(); ++i)
        weights[i] *= rows[i / (weights.size() / rows.size())];
}

void addFold(const LlamaTensors::Layer &places, InputKind input, const std::vector<float> &scales, ScaleFolds &folds) {
    for (const LinearKind kind : allLinears)
        if (inputOf(kind) == input)
            folds[places.linears[static_cast<std::size_t>(kind)]].columns = scales;
    const auto divide = [&](LinearKind kind) {
        folds[places.linears[static_cast<std::size_t>(kind)]].rows = scales;
        if (const auto bias = places.biases[static_cast<std::size_t>(kind)])
            folds[*bias].rows = scales;
    };
    switch (input) {
    case InputKind::Attention:
        folds[places.inputNorm].rows = scales;
        break;
    case InputKind::Output:
        divide(LinearKind::Value);
        break;
    case InputKind::Mlp:
        folds[places.mlpNorm].rows = scales;
        break;
    case InputKind::Down:
        divide(LinearKind::Up);
        break;
    }
}

} // namespace nibblescope
