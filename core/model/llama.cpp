// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/llama.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/loans.h"
#include "core/io/matrix_reader.h"
#include "core/kernels/dense.h"
#include "core/model/activation.h"

namespace nibblescope {
namespace {

// Query positions that are attended to at once: the keys that all of them lie before are not looked at.
constexpr std::size_t queryBlock = 64;

void multiplyDense(const LlamaLinear &linear, const float *x, std::size_t positions, float *y, bool add) {
    DenseProduct<float> product;
    product.rows = positions;
    product.cols = linear.shape.rows;
    product.inner = linear.shape.cols;
    product.a = {x, linear.shape.cols, Transposed::No};
    product.b = {linear.weights.data(), linear.shape.cols, Transposed::Yes};
    product.c = y;
    product.cStride = linear.shape.rows;
    product.beta = add ? 1.0F : 0.0F;
    multiply(product);
}

// y = x W' + bias, or y += where `add`.
void applyLinear(const LlamaLinear &linear, const float *x, std::size_t positions, float *y, bool add,
                 PackedScratch &scratch) {
    if (linear.packed)
        linear.packed->multiply(x, positions, y, add, scratch);
    else
        multiplyDense(linear, x, positions, y, add);
    if (!linear.bias.empty())
        for (std::size_t row = 0; row < positions; ++row)
            for (std::size_t i = 0; i < linear.bias.size(); ++i)
                y[row * linear.bias.size() + i] += linear.bias[i];
}

void normRows(std::span<const float> hidden, const std::vector<float> &weight, double epsilon, float *out) {
    for (std::size_t at = 0; at < hidden.size(); at += weight.size())
        rmsNorm(hidden.data() + at, weight.data(), epsilon, weight.size(), out + at);
}

} // namespace

struct Llama::Scratch {
    std::vector<float> x;
    std::vector<float> q;
    std::vector<float> k;
    std::vector<float> v;
    std::vector<float> attended;
    std::vector<float> gate;
    std::vector<float> up;
    std::vector<float> scores;
    PackedScratch packed;
    std::vector<float> cosines; // [positions, headDim / 2]
    std::vector<float> sines;

    void grow(const LlamaConfig &config, const std::vector<double> &frequencies, std::size_t positions) {
        const auto atLeast = [](std::vector<float> &buffer, std::size_t size) {
            if (buffer.size() < size)
                buffer.resize(size);
        };
        atLeast(x, positions * config.hidden);
        atLeast(q, positions * config.heads * config.headDim);
        atLeast(attended, positions * config.heads * config.headDim);
        atLeast(k, positions * config.kvHeads * config.headDim);
        atLeast(v, positions * config.kvHeads * config.headDim);
        atLeast(gate, positions * config.mlp);
        atLeast(up, positions * config.mlp);
        atLeast(scores, queryBlock * positions);
        const std::size_t known = cosines.size();
        atLeast(cosines, positions * frequencies.size());
        atLeast(sines, cosines.size());
        for (std::size_t i = known; i < cosines.size(); ++i) {
            const double angle = static_cast<double>(i / frequencies.size()) * frequencies[i % frequencies.size()];
            cosines[i] = static_cast<float>(std::cos(angle));
            sines[i] = static_cast<float>(std::sin(angle));
        }
    }
};

std::uint64_t LlamaLayer::bytes() const {
    std::uint64_t floats = inputNorm.size() + mlpNorm.size();
    for (const LlamaLinear &linear : linears)
        floats += linear.weights.size() + linear.bias.size();
    return floats * sizeof(float);
}

std::vector<double> rotaryFrequencies(const LlamaConfig &config) {
    const RotaryConfig &rotary = config.rotary;
    std::vector<double> frequencies(config.headDim / 2);
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double exponent = 2 * static_cast<double>(i) / static_cast<double>(config.headDim);
        double frequency = 1 / std::pow(rotary.theta, exponent);
        if (rotary.scaling == RotaryConfig::Scaling::Linear)
            frequency /= rotary.factor;
        if (rotary.scaling == RotaryConfig::Scaling::Llama3) {
            const double turns = rotary.originalContext * frequency / (2 * std::numbers::pi);
            // 0: stretched, 1: as it is, between them blended.
            const double share =
                std::clamp((turns - rotary.lowFactor) / (rotary.highFactor - rotary.lowFactor), 0.0, 1.0);
            frequency = (1 - share) * frequency / rotary.factor + share * frequency;
        }
        frequencies[i] = frequency;
    }
    return frequencies;
}

Llama::Llama(const Model &model)
    : m_model(model), m_elements(selectElements()), m_config(llamaConfig(model)),
      m_tensors(findLlamaTensors(model, m_config)), m_frequencies(rotaryFrequencies(m_config)),
      m_scratch(std::make_unique<Lender<Scratch>>()) {}

Llama::~Llama() = default;

void Llama::readTensor(std::size_t index, std::vector<float> &weights, const Work &work) const {
    const MatrixReader reader(m_model, index, Layout::OutIn);
    weights.resize(reader.shape().size());
    reader.read(0, weights, work);
}

std::vector<float> Llama::tensor(std::size_t index, const Work &work, const WeightEdit *edit) const {
    std::vector<float> weights;
    readTensor(index, weights, work);
    if (edit != nullptr && edit->edits(index))
        edit->edit(index, weights, work);
    return weights;
}

std::vector<float> Llama::vocabularyRows(std::size_t index, std::uint64_t first, std::uint64_t count,
                                         const Work &work) const {
    const MatrixReader reader(m_model, index, Layout::OutIn);
    std::vector<float> rows(count * m_config.hidden);
    reader.read(first * m_config.hidden, rows, work);
    return rows;
}

LlamaLayer Llama::layer(std::size_t index, const Work &work) const {
    LlamaLayer layer;
    layer.index = index;
    read(layer, work);
    return layer;
}

void Llama::read(LlamaLayer &layer, const Work &work) const {
    const LlamaTensors::Layer &places = m_tensors.layers[layer.index];
    readTensor(places.inputNorm, layer.inputNorm, work);
    readTensor(places.mlpNorm, layer.mlpNorm, work);
    for (const LinearKind kind : allLinears) {
        const auto place = static_cast<std::size_t>(kind);
        LlamaLinear &linear = layer.linears[place];
        linear.tensor = places.linears[place];
        linear.shape = linearShape(m_config, kind);
        linear.packed.reset();
        readTensor(linear.tensor, linear.weights, work);
        if (places.biases[place])
            readTensor(*places.biases[place], linear.bias, work);
    }
}

void Llama::applyTo(const WeightEdit &edit, LlamaLayer &layer, const Work &work,
                    const std::function<void(LlamaLinear &)> &linear) const {
    const auto change = [&](std::size_t index, std::vector<float> &weights) {
        if (edit.edits(index))
            edit.edit(index, weights, work);
    };
    const LlamaTensors::Layer &places = m_tensors.layers[layer.index];
    change(places.inputNorm, layer.inputNorm);
    change(places.mlpNorm, layer.mlpNorm);
    for (std::size_t i = 0; i < linearCount; ++i) {
        if (edit.edits(layer.linears[i].tensor))
            linear(layer.linears[i]);
        if (places.biases[i])
            change(*places.biases[i], layer.linears[i].bias);
    }
}

void Llama::apply(const WeightEdit &edit, LlamaLayer &layer, const Work &work) const {
    applyTo(edit, layer, work, [&](LlamaLinear &linear) { edit.edit(linear.tensor, linear.weights, work); });
}

void Llama::applyPacked(const WeightEdit &edit, Products products, LlamaLayer &layer, const PackingSink &told,
                        const Work &work) const {
    applyTo(edit, layer, work, [&](LlamaLinear &linear) {
        std::optional<QuantizedTensor> codes = edit.codes(linear.tensor, linear.weights, work);
        if (!codes) { // folded, but not quantized
            edit.edit(linear.tensor, linear.weights, work);
            return;
        }
        const auto problem = problemOfPacking(*codes);
        if (problem) {
            dequantize(*codes, linear.weights, work);
        } else {
            linear.packed = std::make_shared<const PackedLinear>(std::move(*codes), products, work.kernels.isa);
            std::vector<float>().swap(linear.weights);
        }
        told(linear.tensor, problem);
    });
}

// The first half of each head is the real part, the second the imaginary one.
void Llama::rotate(float *heads, std::size_t positions, std::size_t count, const Scratch &scratch) const {
    const std::size_t half = m_config.headDim / 2;
    for (std::size_t position = 0; position < positions; ++position) {
        const float *cosines = scratch.cosines.data() + position * half;
        const float *sines = scratch.sines.data() + position * half;
        for (std::size_t head = 0; head < count; ++head) {
            float *real = heads + (position * count + head) * m_config.headDim;
            float *imaginary = real + half;
            for (std::size_t i = 0; i < half; ++i) {
                const float r = real[i];
                real[i] = r * cosines[i] - imaginary[i] * sines[i];
                imaginary[i] = imaginary[i] * cosines[i] + r * sines[i];
            }
        }
    }
}

void Llama::attendHead(std::size_t head, std::uint64_t window, std::size_t positions, Scratch &scratch) const {
    const std::size_t dim = m_config.headDim;
    const std::size_t kvHead = head / (m_config.heads / m_config.kvHeads);
    const std::size_t queryStride = m_config.heads * dim;
    const std::size_t keyStride = m_config.kvHeads * dim;
    const auto firstKey = [window](std::size_t query) {
        return window == 0 || query < window ? std::size_t{0} : query - window + 1;
    };
    for (std::size_t first = 0; first < positions; first += queryBlock) {
        const std::size_t end = std::min(positions, first + queryBlock);
        const std::size_t low = firstKey(first);
        const std::size_t keys = end - low;
        DenseProduct<float> scores;
        scores.rows = end - first;
        scores.cols = keys;
        scores.inner = dim;
        scores.a = {scratch.q.data() + first * queryStride + head * dim, queryStride, Transposed::No};
        scores.b = {scratch.k.data() + low * keyStride + kvHead * dim, keyStride, Transposed::Yes};
        scores.c = scratch.scores.data();
        scores.cStride = keys;
        scores.alpha = static_cast<float>(1 / std::sqrt(static_cast<double>(dim)));
        multiply(scores);
        for (std::size_t query = first; query < end; ++query) {
            float *row = scratch.scores.data() + (query - first) * keys;
            const std::size_t from = firstKey(query) - low;
            const std::size_t to = query + 1 - low;
            std::fill(row, row + from, 0.0F);
            softmax(m_elements, row + from, to - from);
            std::fill(row + to, row + keys, 0.0F);
        }
        DenseProduct<float> mix;
        mix.rows = end - first;
        mix.cols = dim;
        mix.inner = keys;
        mix.a = {scratch.scores.data(), keys, Transposed::No};
        mix.b = {scratch.v.data() + low * keyStride + kvHead * dim, keyStride, Transposed::No};
        mix.c = scratch.attended.data() + first * queryStride + head * dim;
        mix.cStride = queryStride;
        multiply(mix);
    }
}

void Llama::attend(std::uint64_t window, std::size_t positions, Scratch &scratch) const {
    rotate(scratch.q.data(), positions, m_config.heads, scratch);
    rotate(scratch.k.data(), positions, m_config.kvHeads, scratch);
    for (std::size_t head = 0; head < m_config.heads; ++head)
        attendHead(head, window, positions, scratch);
}

void Llama::run(const LlamaLayer &layer, std::span<float> hidden, const InputObserver &observer,
                const InputEdit &change) const {
    const std::size_t positions = hidden.size() / m_config.hidden;
    const Lender<Scratch>::Loan loan(*m_scratch);
    Scratch &s = *loan;
    s.grow(m_config, m_frequencies, positions);
    const auto observe = [&](InputKind input, std::vector<float> &x, std::size_t cols) {
        if (observer)
            observer(input, std::span(x).first(positions * cols), cols);
        if (change)
            change(input, std::span(x).first(positions * cols), cols);
    };
    const auto linear = [&](LinearKind kind, const std::vector<float> &x, float *y, bool add) {
        applyLinear(layer.linear(kind), x.data(), positions, y, add, s.packed);
    };
    normRows(hidden, layer.inputNorm, m_config.normEpsilon, s.x.data());
    observe(InputKind::Attention, s.x, m_config.hidden);
    linear(LinearKind::Query, s.x, s.q.data(), false);
    linear(LinearKind::Key, s.x, s.k.data(), false);
    linear(LinearKind::Value, s.x, s.v.data(), false);
    attend(m_config.windows[layer.index], positions, s);
    observe(InputKind::Output, s.attended, m_config.heads * m_config.headDim);
    linear(LinearKind::Output, s.attended, hidden.data(), true);
    normRows(hidden, layer.mlpNorm, m_config.normEpsilon, s.x.data());
    observe(InputKind::Mlp, s.x, m_config.hidden);
    linear(LinearKind::Gate, s.x, s.gate.data(), false);
    linear(LinearKind::Up, s.x, s.up.data(), false);
    m_elements.siluTimes(s.gate.data(), s.up.data(), positions * m_config.mlp);
    observe(InputKind::Down, s.gate, m_config.mlp);
    linear(LinearKind::Down, s.gate, hidden.data(), true);
}

} // namespace nibblescope
