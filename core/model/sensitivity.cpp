// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/sensitivity.h"

#include <algorithm>

#include "core/base/error.h"

namespace nibblescope {
namespace {

struct Part {
    std::string name;
    std::vector<std::size_t> tensors;
    std::optional<std::size_t> layer; // that it is the whole of
};

// "self_attn.q_proj" -> "q_proj"
std::string lastName(std::string_view name) { return std::string(name.substr(name.rfind('.') + 1)); }

std::string shortName(std::string name) {
    for (const std::string_view suffix : {".weight"})
        if (name.ends_with(suffix))
            name.resize(name.size() - suffix.size());
    return lastName(name);
}

std::vector<Part> layerParts(const LlamaTensors &tensors) {
    std::vector<Part> parts;
    for (std::size_t i = 0; i < tensors.layers.size(); ++i) {
        const LlamaTensors::Layer &layer = tensors.layers[i];
        Part part{"layers." + std::to_string(i), {layer.linears.begin(), layer.linears.end()}, i};
        part.tensors.push_back(layer.inputNorm);
        part.tensors.push_back(layer.mlpNorm);
        for (const auto &bias : layer.biases)
            if (bias)
                part.tensors.push_back(*bias);
        parts.push_back(std::move(part));
    }
    return parts;
}

std::vector<Part> kindParts(const LlamaTensors &tensors) {
    std::vector<Part> parts;
    for (const LinearKind kind : allLinears) {
        Part part{lastName(nameOf(kind)), {}, {}};
        for (const LlamaTensors::Layer &layer : tensors.layers)
            part.tensors.push_back(layer.linears[static_cast<std::size_t>(kind)]);
        parts.push_back(std::move(part));
    }
    return parts;
}

std::vector<Part> partsOf(const Llama &llama, const WeightEdit &edit, SensitivityBy by) {
    const LlamaTensors &tensors = llama.tensors();
    std::vector<Part> parts = by == SensitivityBy::Layers ? layerParts(tensors) : kindParts(tensors);
    std::vector<std::size_t> ends{tensors.embedding};
    if (tensors.head != tensors.embedding)
        ends.push_back(tensors.head);
    for (const std::size_t end : ends)
        parts.push_back({shortName(llama.model().tensors[end].name), {end}, {}});
    std::erase_if(parts, [&edit](const Part &part) {
        return std::none_of(part.tensors.begin(), part.tensors.end(),
                            [&edit](std::size_t tensor) { return edit.edits(tensor); });
    });
    return parts;
}

std::uint64_t weightsOf(const Llama &llama, const WeightEdit &edit, const Part &part) {
    std::uint64_t weights = 0;
    for (const std::size_t tensor : part.tensors) {
        const TensorInfo &info = llama.model().tensors[tensor];
        if (edit.edits(tensor) && info.shape.size() > 1)
            weights += info.params;
    }
    return weights;
}

SensitivityPart partFrom(const Evaluation &evaluation, const Part &part, std::uint64_t weights) {
    const Comparison &comparison = *evaluation.comparison;
    SensitivityPart result;
    result.name = part.name;
    result.weights = weights;
    result.kl = comparison.kl;
    result.nllDifference = comparison.nllDifference;
    result.top1Agreement = comparison.top1Agreement;
    if (part.layer && *part.layer < comparison.depthErrors.size()) {
        result.localError = comparison.depthErrors[*part.layer];
        result.finalError = comparison.depthErrors.back();
    }
    return result;
}

} // namespace

std::optional<SensitivityBy> sensitivityFromId(std::string_view id) {
    if (id == "layers")
        return SensitivityBy::Layers;
    if (id == "kinds")
        return SensitivityBy::Kinds;
    return std::nullopt;
}

double Sensitivity::sumOfKl() const {
    double sum = 0;
    for (const SensitivityPart &part : parts)
        sum += part.kl.mean;
    return sum;
}

PartialEdit::PartialEdit(const WeightEdit &inner, std::vector<std::size_t> tensors)
    : m_inner(inner), m_tensors(std::move(tensors)) {
    std::sort(m_tensors.begin(), m_tensors.end());
}

bool PartialEdit::edits(std::size_t tensor) const {
    return std::binary_search(m_tensors.begin(), m_tensors.end(), tensor) && m_inner.edits(tensor);
}

void PartialEdit::edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    m_inner.edit(tensor, weights, work);
}

void PartialEdit::comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
    m_inner.comparable(tensor, weights, work);
}

std::optional<QuantizedTensor> PartialEdit::codes(std::size_t tensor, std::vector<float> &weights,
                                                  const Work &work) const {
    return m_inner.codes(tensor, weights, work);
}

Sensitivity measureSensitivity(const Llama &llama, const TokenWindows &windows, const WeightEdit &edit,
                               SensitivityBy by, bool movesScales, const Work &work,
                               const std::function<void(const Sensitivity &)> &partial, Products products) {
    if (by == SensitivityBy::Kinds && movesScales)
        throw Error(Fault::Call, "--sensitivity kinds: this method moves scales between the matrices of a layer, which "
                                 "cannot be taken apart; use --sensitivity layers.");
    const std::vector<Part> parts = partsOf(llama, edit, by);
    std::vector<PartialEdit> edits;
    edits.reserve(parts.size()); // they are pointed to
    std::vector<ModelVariant> variants;
    for (const Part &part : parts)
        variants.push_back({&edits.emplace_back(edit, part.tensors), {}, products});
    const auto sensitivityFrom = [&](const std::vector<Evaluation> &evaluations) {
        Sensitivity result;
        result.by = by;
        for (std::size_t i = 0; i < evaluations.size(); ++i) {
            if (evaluations[i].problem)
                throw *evaluations[i].problem;
            if (i == 0)
                result.windows = evaluations[i].windows;
            if (evaluations[i].comparison && evaluations[i].windows == result.windows)
                result.parts.push_back(partFrom(evaluations[i], parts[i], weightsOf(llama, edit, parts[i])));
        }
        return result;
    };
    EvaluationsSink told;
    if (partial)
        told = [&](const std::vector<Evaluation> &soFar) { partial(sensitivityFrom(soFar)); };
    return sensitivityFrom(evaluateSideBySide(llama, windows, variants, work, told));
}

void addJson(const Sensitivity &sensitivity, nlohmann::ordered_json &json) {
    nlohmann::ordered_json entry;
    entry["by"] = sensitivity.by == SensitivityBy::Layers ? "layers" : "kinds";
    entry["windows"] = sensitivity.windows;
    entry["parts"] = nlohmann::ordered_json::array();
    for (const SensitivityPart &part : sensitivity.parts) {
        nlohmann::ordered_json row;
        row["name"] = part.name;
        row["weights"] = part.weights;
        row["kl_mean"] = part.kl.mean;
        if (part.kl.standardError)
            row["kl_stderr"] = *part.kl.standardError;
        row["nll_difference"] = part.nllDifference.mean;
        if (part.nllDifference.standardError)
            row["nll_difference_stderr"] = *part.nllDifference.standardError;
        row["top1_agreement"] = part.top1Agreement;
        if (part.localError)
            row["local_error"] = *part.localError;
        if (part.finalError)
            row["final_error"] = *part.finalError;
        entry["parts"].push_back(std::move(row));
    }
    entry["kl_sum"] = sensitivity.sumOfKl();
    json["sensitivity"] = std::move(entry);
}

} // namespace nibblescope
