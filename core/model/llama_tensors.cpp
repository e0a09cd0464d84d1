// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/llama_tensors.h"

#include <algorithm>
#include <unordered_map>

#include "core/base/error.h"
#include "core/io/shown.h"
#include "core/tensor/dtype.h"

namespace nibblescope {
namespace {

constexpr std::array<std::string_view, linearCount> linearNames{
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

class Finder {
public:
    explicit Finder(const Model &model) : m_model(model) {
        for (std::size_t i = 0; i < model.tensors.size(); ++i)
            m_places.emplace(model.tensors[i].name, i);
    }

    std::optional<std::size_t> find(const std::string &name) const {
        const auto found = m_places.find(name);
        return found == m_places.end() ? std::nullopt : std::optional(found->second);
    }

    std::size_t need(const std::string &name, const std::vector<std::uint64_t> &shape) const {
        const auto place = find(name);
        if (!place)
            throw Error(Fault::Input, "The tensor " + name + " is missing: the model cannot be run.").inTensor(name);
        const TensorInfo &info = m_model.tensors[*place];
        if (info.shape != shape)
            throw Error(Fault::Input, name + " has the shape " + shownShape(info.shape) +
                                          ", where config.json makes it " + shownShape(shape) + ".")
                .inTensor(name);
        if (!traits(info.dtype).decodable || traits(info.dtype).bits < 16)
            throw Error(Fault::Input, name + " is of type " + std::string(traits(info.dtype).name) +
                                          ": a model can be run from F64, F32, F16 and BF16 weights.")
                .inTensor(name);
        return *place;
    }

private:
    const Model &m_model;
    std::unordered_map<std::string_view, std::size_t> m_places;
};

bool sameBytes(const Model &model, std::size_t first, std::size_t second) {
    const TensorInfo &a = model.tensors[first];
    const TensorInfo &b = model.tensors[second];
    if (a.dtype != b.dtype || a.shape != b.shape)
        return false;
    constexpr std::uint64_t step = 1U << 20;
    std::vector<std::byte> left;
    std::vector<std::byte> right;
    for (std::uint64_t at = 0; at < a.params; at += step) {
        const std::uint64_t count = std::min(step, a.params - at);
        left.resize(count * traits(a.dtype).bits / 8);
        right.resize(left.size());
        model.reader->readElements(first, at, count, left);
        model.reader->readElements(second, at, count, right);
        if (left != right)
            return false;
    }
    return true;
}

void findHead(const Model &model, const LlamaConfig &config, const Finder &finder, LlamaTensors &tensors) {
    const std::string name = "lm_head.weight";
    const auto stored = finder.find(name);
    if (config.tied) {
        tensors.head = tensors.embedding;
        if (stored && !sameBytes(model, *stored, tensors.embedding))
            tensors.warnings.push_back(name +
                                       " differs from the embedding, and config.json ties them: it is not used.");
        return;
    }
    if (!stored)
        throw Error(Fault::Input, "The tensor lm_head.weight is missing, and config.json does not tie the head to the "
                                  "embedding (tie_word_embeddings): the model cannot be run.")
            .inTensor(name);
    tensors.head = finder.need(name, {config.vocabulary, config.hidden});
}

} // namespace

InputKind inputOf(LinearKind kind) {
    switch (kind) {
    case LinearKind::Output:
        return InputKind::Output;
    case LinearKind::Gate:
    case LinearKind::Up:
        return InputKind::Mlp;
    case LinearKind::Down:
        return InputKind::Down;
    default:
        return InputKind::Attention;
    }
}

LinearKind firstReader(InputKind input) {
    constexpr std::array<LinearKind, inputCount> table{LinearKind::Query, LinearKind::Output, LinearKind::Gate,
                                                       LinearKind::Down};
    return table[static_cast<std::size_t>(input)];
}

std::string_view nameOf(LinearKind kind) { return linearNames[static_cast<std::size_t>(kind)]; }

MatrixShape linearShape(const LlamaConfig &config, LinearKind kind) {
    switch (kind) {
    case LinearKind::Query:
        return {config.heads * config.headDim, config.hidden};
    case LinearKind::Output:
        return {config.hidden, config.heads * config.headDim};
    case LinearKind::Gate:
    case LinearKind::Up:
        return {config.mlp, config.hidden};
    case LinearKind::Down:
        return {config.hidden, config.mlp};
    default:
        return {config.kvHeads * config.headDim, config.hidden};
    }
}

LlamaTensors findLlamaTensors(const Model &model, const LlamaConfig &config) {
    const Finder finder(model);
    LlamaTensors tensors;
    tensors.embedding = finder.need("model.embed_tokens.weight", {config.vocabulary, config.hidden});
    findHead(model, config, finder, tensors);
    tensors.finalNorm = finder.need("model.norm.weight", {config.hidden});
    for (std::uint64_t i = 0; i < config.layers; ++i) {
        const std::string prefix = "model.layers." + std::to_string(i) + ".";
        LlamaTensors::Layer layer;
        layer.inputNorm = finder.need(prefix + "input_layernorm.weight", {config.hidden});
        layer.mlpNorm = finder.need(prefix + "post_attention_layernorm.weight", {config.hidden});
        for (const LinearKind kind : allLinears) {
            const auto place = static_cast<std::size_t>(kind);
            const MatrixShape shape = linearShape(config, kind);
            const std::string name = prefix + std::string(nameOf(kind));
            layer.linears[place] = finder.need(name + ".weight", {shape.rows, shape.cols});
            const bool biased = inputOf(kind) == InputKind::Attention ? config.qkvBias
                                : kind == LinearKind::Output          ? config.outputBias
                                                                      : config.mlpBias;
            if (biased)
                layer.biases[place] = finder.need(name + ".bias", {shape.rows});
        }
        tensors.layers.push_back(layer);
    }
    return tensors;
}

} // namespace nibblescope
