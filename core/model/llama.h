// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a Llama-family decoder (Touvron et al., 2023) in F32, layer by layer from its file, so that a model larger than
// memory runs too. Weights can be edited on their way from the file: quantized and decoded, the numbers are then those
// of the weights alone.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/base/work.h"
#include "core/io/model.h"
#include "core/model/llama_tensors.h"
#include "core/model/packed_linear.h"

namespace nibblescope {

struct ElementKernels;
template <typename Value>
class Lender;

// Replaces weights after they were read. Calls may come from any one thread at a time.
class WeightEdit {
public:
    virtual ~WeightEdit() = default;
    virtual bool edits(std::size_t tensor) const = 0;
    virtual void edit(std::size_t tensor, std::vector<float> &weights, const Work &work) const = 0;
    // The same in the units of the original tensor, where the edit moves scales from one tensor to another.
    virtual void comparable(std::size_t tensor, std::vector<float> &weights, const Work &work) const {
        edit(tensor, weights, work);
    }
    // What edit() decodes, as codes, for products with packed weights. Absent: the edit makes no codes of that tensor
    // (a norm, weights that are only scaled), and `weights` are left as they are; else they are used up.
    virtual std::optional<QuantizedTensor> codes(std::size_t /*tensor*/, std::vector<float> & /*weights*/,
                                                 const Work & /*work*/) const {
        return std::nullopt;
    }
    // What was done otherwise than asked to the tensors that were edited so far: a sentence each, which names it.
    virtual std::vector<std::string> warnings() const { return {}; }
};

struct LlamaLinear {
    std::size_t tensor = 0;
    MatrixShape shape;
    std::vector<float> weights;                 // [out, in]; empty where it is packed
    std::vector<float> bias;                    // empty: none
    std::shared_ptr<const PackedLinear> packed; // in place of the weights
};

struct LlamaLayer {
    std::size_t index = 0;
    std::array<LlamaLinear, linearCount> linears;
    std::vector<float> inputNorm;
    std::vector<float> mlpNorm;

    LlamaLinear &linear(LinearKind kind) { return linears[static_cast<std::size_t>(kind)]; }
    const LlamaLinear &linear(LinearKind kind) const { return linears[static_cast<std::size_t>(kind)]; }
    std::uint64_t bytes() const;
};

// Told of the input X [positions, cols] of each linear as the layer runs; q, k, v and gate, up share theirs.
using InputObserver = std::function<void(InputKind input, std::span<const float> x, std::size_t cols)>;

// Changes the input of linears in place, after observers have seen it.
using InputEdit = std::function<void(InputKind input, std::span<float> x, std::size_t cols)>;

class Llama {
public:
    // The model must outlive this. Throws Error as llamaConfig() and findLlamaTensors().
    explicit Llama(const Model &model);
    ~Llama();
    Llama(const Llama &) = delete;
    Llama &operator=(const Llama &) = delete;

    const LlamaConfig &config() const { return m_config; }
    const LlamaTensors &tensors() const { return m_tensors; }
    const Model &model() const { return m_model; }

    // Reads. An edit is applied where given.
    std::vector<float> tensor(std::size_t index, const Work &work, const WeightEdit *edit = nullptr) const;
    LlamaLayer layer(std::size_t index, const Work &work) const;
    void read(LlamaLayer &layer, const Work &work) const; // the one of its index, into the memory that it has
    void apply(const WeightEdit &edit, LlamaLayer &layer, const Work &work) const;
    // The same for packed products. Told of each edited linear: why it is on decoded weights, absent where it is
    // packed.
    using PackingSink = std::function<void(std::size_t tensor, const std::optional<std::string> &problem)>;
    void applyPacked(const WeightEdit &edit, Products products, LlamaLayer &layer, const PackingSink &told,
                     const Work &work) const;
    // Rows [first, first + count) of a [vocabulary, hidden] tensor, not edited.
    std::vector<float> vocabularyRows(std::size_t index, std::uint64_t first, std::uint64_t count,
                                      const Work &work) const;

    // One layer over one window: `hidden` is [positions, hidden] and is replaced. Safe from several threads at once.
    void run(const LlamaLayer &layer, std::span<float> hidden, const InputObserver &observer = {},
             const InputEdit &change = {}) const;

private:
    struct Scratch;
    void applyTo(const WeightEdit &edit, LlamaLayer &layer, const Work &work,
                 const std::function<void(LlamaLinear &)> &linear) const;
    void readTensor(std::size_t index, std::vector<float> &weights, const Work &work) const;
    void rotate(float *heads, std::size_t positions, std::size_t count, const Scratch &scratch) const;
    void attend(std::uint64_t window, std::size_t positions, Scratch &scratch) const;
    void attendHead(std::size_t head, std::uint64_t window, std::size_t positions, Scratch &scratch) const;

    const Model &m_model;
    const ElementKernels &m_elements;
    LlamaConfig m_config;
    LlamaTensors m_tensors;
    std::vector<double> m_frequencies;
    const std::unique_ptr<Lender<Scratch>> m_scratch;
};

// Angles a position of each pair of a head, with the scaling of the config.
std::vector<double> rotaryFrequencies(const LlamaConfig &config);

} // namespace nibblescope
