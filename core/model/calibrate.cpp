// SPDX-License-Identifier: GPL-3.0-or-later
// Collecting the statistics.
#include <algorithm>
#include <cmath>

#include "core/kernels/dense.h"
#include "core/model/calibration.h"
#include "core/model/head.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t groupBytes = 128ULL << 20; // inputs that are held at a time
constexpr std::size_t columnsATask = 128;

struct WindowInput {
    std::vector<float> x; // [positions, cols]
    std::vector<double> sumAbs;
    std::vector<double> maxAbs;
};

WindowInput look(std::span<const float> x, std::size_t cols) {
    WindowInput input;
    input.x.assign(x.begin(), x.end());
    input.sumAbs.assign(cols, 0);
    input.maxAbs.assign(cols, 0);
    for (std::size_t at = 0; at < x.size(); at += cols)
        for (std::size_t i = 0; i < cols; ++i) {
            const double magnitude = std::fabs(static_cast<double>(x[at + i]));
            input.sumAbs[i] += magnitude;
            input.maxAbs[i] = std::max(input.maxAbs[i], magnitude);
        }
    return input;
}

// The statistics of one input as they grow; below the diagonal only until finish().
class Accumulator {
public:
    explicit Accumulator(std::size_t cols) : m_statistics(std::make_shared<InputStatistics>()) {
        m_statistics->cols = cols;
        m_statistics->gram.assign(cols * cols, 0);
        m_statistics->meanAbs.assign(cols, 0);
        m_statistics->maxAbs.assign(cols, 0);
    }

    std::size_t cols() const { return m_statistics->cols; }
    std::size_t tasks() const { return (m_statistics->cols + columnsATask - 1) / columnsATask; }

    void addGram(std::size_t task, const std::vector<WindowInput> &windows) {
        const std::size_t cols = m_statistics->cols;
        const std::size_t first = task * columnsATask;
        const std::size_t rows = std::min(columnsATask, cols - first);
        const std::size_t width = first + rows;
        std::vector<float> part(rows * width);
        for (const WindowInput &window : windows) {
            DenseProduct<float> product;
            product.rows = rows;
            product.cols = width;
            product.inner = window.x.size() / cols;
            product.a = {window.x.data() + first, cols, Transposed::Yes};
            product.b = {window.x.data(), cols, Transposed::No};
            product.c = part.data();
            product.cStride = width;
            multiply(product);
            for (std::size_t r = 0; r < rows; ++r) {
                double *gram = m_statistics->gram.data() + (first + r) * cols;
                for (std::size_t i = 0; i < width; ++i)
                    gram[i] += static_cast<double>(part[r * width + i]);
            }
        }
    }

    void addSums(const std::vector<WindowInput> &windows) {
        for (const WindowInput &window : windows) {
            m_statistics->positions += window.x.size() / m_statistics->cols;
            for (std::size_t i = 0; i < m_statistics->cols; ++i) {
                m_statistics->meanAbs[i] += window.sumAbs[i];
                m_statistics->maxAbs[i] = std::max(m_statistics->maxAbs[i], window.maxAbs[i]);
            }
        }
    }

    std::shared_ptr<InputStatistics> finish() {
        const std::size_t cols = m_statistics->cols;
        for (std::size_t i = 0; i < cols; ++i)
            for (std::size_t j = i + 1; j < cols; ++j)
                m_statistics->gram[i * cols + j] = m_statistics->gram[j * cols + i];
        for (double &mean : m_statistics->meanAbs)
            mean /= static_cast<double>(m_statistics->positions);
        return m_statistics;
    }

private:
    std::shared_ptr<InputStatistics> m_statistics;
};

std::size_t widthOf(const LlamaConfig &config, InputKind input) { return linearShape(config, firstReader(input)).cols; }

} // namespace

HiddenStates embedWindows(const Llama &llama, const TokenWindows &windows, const Work &work) {
    const VocabularyMatrix embedding(llama, llama.tensors().embedding, nullptr, work);
    HiddenStates states(windows.count);
    work.parallelFor(states.size(), [&](std::size_t i) {
        states[i].resize(windows.context * llama.config().hidden);
        embedding.gather(windows.window(i), states[i], work);
    });
    return states;
}

std::array<std::shared_ptr<InputStatistics>, inputCount> runAndCollect(const Llama &llama, const LlamaLayer &layer,
                                                                       HiddenStates &states, bool keepStates,
                                                                       const WantedInputs &inputs, const Work &work) {
    const LlamaConfig &config = llama.config();
    std::array<std::optional<Accumulator>, inputCount> sums;
    std::uint64_t width = config.hidden;
    for (std::size_t k = 0; k < inputCount; ++k)
        if (inputs.wanted[k]) {
            sums[k].emplace(widthOf(config, static_cast<InputKind>(k)));
            width += widthOf(config, static_cast<InputKind>(k));
        }
    const std::uint64_t windowBytes = states.front().size() / config.hidden * width * sizeof(float);
    const std::size_t group =
        std::max<std::size_t>(work.pool.threads(), static_cast<std::size_t>(groupBytes / windowBytes));
    for (std::size_t first = 0; first < states.size(); first += group) {
        const std::size_t count = std::min(group, states.size() - first);
        std::array<std::vector<WindowInput>, inputCount> seen;
        for (auto &windows : seen)
            windows.resize(count);
        work.parallelFor(count, [&](std::size_t i) {
            const InputObserver observer = [&](InputKind kind, std::span<const float> x, std::size_t cols) {
                const auto place = static_cast<std::size_t>(kind);
                if (inputs.wanted[place])
                    seen[place][i] = look(x, cols);
            };
            if (keepStates) {
                std::vector<float> copy = states[first + i];
                llama.run(layer, copy, observer);
            } else {
                llama.run(layer, states[first + i], observer);
            }
        });
        for (std::size_t k = 0; k < inputCount; ++k)
            if (sums[k]) {
                work.parallelFor(sums[k]->tasks(), [&](std::size_t task) { sums[k]->addGram(task, seen[k]); });
                sums[k]->addSums(seen[k]);
            }
    }
    std::array<std::shared_ptr<InputStatistics>, inputCount> statistics;
    for (std::size_t k = 0; k < inputCount; ++k)
        if (sums[k])
            statistics[k] = sums[k]->finish();
    return statistics;
}

class InputAccumulator::Body : public Accumulator {
public:
    using Accumulator::Accumulator;
};

InputAccumulator::InputAccumulator(std::size_t cols) : m_body(std::make_unique<Body>(cols)) {}
InputAccumulator::~InputAccumulator() = default;

void InputAccumulator::add(std::span<const float> rows, const Work &work) {
    const std::vector<WindowInput> block{look(rows, m_body->cols())};
    work.parallelFor(m_body->tasks(), [&](std::size_t task) { m_body->addGram(task, block); });
    m_body->addSums(block);
}

std::shared_ptr<InputStatistics> InputAccumulator::finish() { return m_body->finish(); }

std::string inputName(std::size_t layer, InputKind input) {
    return "model.layers." + std::to_string(layer) + "." + std::string(nameOf(firstReader(input)));
}

void calibrate(const Llama &llama, const TokenWindows &windows, const CalibrationSink &sink, const Work &work) {
    HiddenStates states = embedWindows(llama, windows, work);
    const std::size_t layers = llama.config().layers;
    for (std::size_t i = 0; i < layers; ++i) {
        work.checkStop();
        work.report({i, layers, "layer " + std::to_string(i + 1) + " of " + std::to_string(layers)});
        const auto statistics = runAndCollect(llama, llama.layer(i, work), states, false, {}, work);
        for (std::size_t k = 0; k < inputCount; ++k)
            sink(inputName(i, static_cast<InputKind>(k)), *statistics[k]);
    }
    work.report({layers, layers, ""});
}

} // namespace nibblescope
