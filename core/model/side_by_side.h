// SPDX-License-Identifier: GPL-3.0-or-later
// The unquantized model and others made of it, run over the same windows at the same time: the unquantized one runs
// once for all of them. Two models stand at the same hidden states until the first layer in which they differ, and are
// run apart from there on only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/base/loans.h"
#include "core/base/work.h"
#include "core/model/evaluate.h"
#include "core/model/head.h"

namespace nibblescope {

// How far the hidden states behind a layer are from the reference's.
struct DepthSums {
    double error = 0;  // sum (h' - h)^2
    double signal = 0; // sum h^2
};

// What one window says about one model.
struct WindowOfModel {
    WindowScores::Result scores;
    std::vector<DepthSums> depth; // a layer each
};

class SideBySide {
public:
    // How many of the models, from the first on, run together within the memory that an evaluation is allowed.
    static std::size_t howMany(const Llama &llama, const TokenWindows &windows, std::span<const ModelVariant> models,
                               const Work &work);

    // No models: the unquantized one alone. All arguments must outlive this.
    SideBySide(const Llama &llama, const TokenWindows &windows, std::span<const ModelVariant> models, const Work &work);

    // Why that model is not run; it has no results then.
    const std::optional<Error> &problem(std::size_t model) const { return m_models[model].problem; }
    bool nothingRuns() const;
    // How linears of that model were multiplied, of the layers that were edited so far; absent: on the BLAS.
    std::optional<ProductsUsed> productsUsed(std::size_t model) const;

    // Windows that are best run at once.
    std::size_t groupSize() const;
    // [window][model]. Windows are run whole, one a worker, where the layers stay in memory; else layer by layer, each
    // read once. `progress` is called from the calling thread with the layers that the group has behind it.
    std::vector<std::vector<WindowOfModel>> run(std::size_t first, std::size_t count,
                                                const std::function<void(std::size_t layers)> &progress);

private:
    struct Model {
        const WeightEdit *edit = nullptr;
        InputEdit change;
        Products products = Products::Blas;
        std::map<std::size_t, std::optional<std::string>> packing; // of linears: why not; absent: it is packed
        std::shared_ptr<const VocabularyMatrix> embedding;         // null: the reference's
        std::shared_ptr<const VocabularyMatrix> head;
        std::vector<float> finalNorm;
        std::vector<std::optional<LlamaLayer>> layers; // edited ones, where they are kept
        std::optional<Error> problem;
    };
    struct Window {
        std::vector<float> reference;
        std::vector<std::vector<float>> models; // empty as long as it would be the same
        std::vector<std::vector<DepthSums>> depth;
    };
    struct Scratch {
        std::vector<float> p;
        std::vector<float> exponentials;
        std::vector<float> q;
    };

    void prepare(Model &model, const ModelVariant &variant) const;
    void keepLayers();
    bool apply(Model &model, LlamaLayer &layer) const;
    void embed(Window &window, std::size_t index) const;
    bool differs(const Model &model, std::size_t layer) const;
    void runReference(const LlamaLayer &layer, Window &window) const;
    void runModel(std::size_t model, const LlamaLayer &layer, Window &window) const;
    void runKept(std::vector<Window> &windows) const;
    void runLayerByLayer(std::vector<Window> &windows, const std::function<void(std::size_t layers)> &progress);
    void normStates(std::vector<float> &hidden, const std::vector<float> &norm) const;
    void scoreBlock(Window &window, WindowScores &scores, std::uint64_t firstId, std::span<const float> head,
                    std::span<const std::span<const float>> heads);
    std::vector<std::vector<WindowOfModel>> score(std::vector<Window> &windows, std::size_t first);

    const Llama &m_llama;
    const TokenWindows &m_windows;
    const Work &m_work;
    const ElementKernels &m_elements;
    std::shared_ptr<const VocabularyMatrix> m_embedding;
    std::shared_ptr<const VocabularyMatrix> m_head;
    std::vector<float> m_finalNorm;
    std::vector<Model> m_models;
    bool m_keepLayers = false;
    std::vector<LlamaLayer> m_layers; // where they are kept
    Lender<Scratch> m_scratch;
};

} // namespace nibblescope
