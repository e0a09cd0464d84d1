// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/side_by_side.h"

#include <algorithm>

#include "core/kernels/dense.h"
#include "core/model/activation.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t keptLimit = 128ULL << 20;     // decoded layers and edited ends that stay in memory
constexpr std::uint64_t hiddenLimit = 96ULL << 20;    // hidden states of a group of windows
constexpr std::uint64_t headBlockBytes = 16ULL << 20; // of the head at a time
constexpr std::uint64_t headBlockRows = 4096;
constexpr std::size_t scoredPositions = 64; // at a time: their scores fit the cache
// Where layers are read once a group, each model more makes groups smaller, so that all are quantized more often. With
// four the unquantized model is a fifth of the work.
constexpr std::size_t mostStreamed = 4;
// Windows of a group, where layers are kept: a stop loses no more than them, and with a single one each worker would
// wait for the slowest after every window.
constexpr std::size_t mostPerWorker = 4;
constexpr std::size_t fewestPerWorker = 2;

std::uint64_t layerBytes(const LlamaConfig &config) {
    std::uint64_t bytes = 0;
    for (const LinearKind kind : allLinears)
        bytes += linearShape(config, kind).size() * sizeof(float);
    return bytes;
}

bool editsLayer(const Llama &llama, const WeightEdit *edit, std::size_t index) {
    if (edit == nullptr)
        return false;
    const LlamaTensors::Layer &places = llama.tensors().layers[index];
    bool any = edit->edits(places.inputNorm) || edit->edits(places.mlpNorm);
    for (std::size_t i = 0; i < linearCount; ++i)
        any = any || edit->edits(places.linears[i]) || (places.biases[i] && edit->edits(*places.biases[i]));
    return any;
}

// What has to stay in memory of a model as long as it runs.
std::uint64_t endsBytes(const Llama &llama, const WeightEdit *edit) {
    const LlamaTensors &tensors = llama.tensors();
    if (edit == nullptr)
        return 0;
    const std::uint64_t ends = (edit->edits(tensors.embedding) ? 1 : 0) +
                               (tensors.head != tensors.embedding && edit->edits(tensors.head) ? 1 : 0);
    return ends * llama.config().vocabulary * llama.config().hidden * sizeof(float);
}

std::uint64_t editedBytes(const Llama &llama, const WeightEdit *edit) {
    std::uint64_t layers = 0;
    for (std::size_t i = 0; i < llama.config().layers; ++i)
        layers += editsLayer(llama, edit, i) ? 1 : 0;
    return layers * layerBytes(llama.config()) + endsBytes(llama, edit);
}

std::size_t statesThatFit(const Llama &llama, const TokenWindows &windows) {
    return hiddenLimit / (windows.context * llama.config().hidden * sizeof(float));
}

// What is wrong with the weights of one model is no reason to leave the others.
std::optional<Error> problemOfTrying(const std::function<void()> &step) {
    try {
        step();
    } catch (const Error &error) {
        if (error.fault() != Fault::Input)
            throw;
        return error;
    }
    return std::nullopt;
}

} // namespace

std::size_t SideBySide::howMany(const Llama &llama, const TokenWindows &windows, std::span<const ModelVariant> models,
                                const Work &work) {
    std::uint64_t kept = llama.config().layers * layerBytes(llama.config());
    std::size_t fitting = 0;
    for (const ModelVariant &model : models) {
        kept += editedBytes(llama, model.edit);
        if (kept > keptLimit)
            break;
        ++fitting;
    }
    if (fitting > 0 || models.empty())
        return fitting;
    const std::size_t states = statesThatFit(llama, windows);
    const std::size_t whole = states / std::max<std::size_t>(windows.count, work.pool.threads());
    std::size_t streamed = std::min(models.size(), std::max(mostStreamed, whole < 2 ? 0 : whole - 1));
    std::uint64_t ends = 0;
    for (std::size_t i = 0; i < streamed; ++i) {
        ends += endsBytes(llama, models[i].edit);
        if (ends > keptLimit)
            streamed = std::max<std::size_t>(1, i);
    }
    return streamed;
}

SideBySide::SideBySide(const Llama &llama, const TokenWindows &windows, std::span<const ModelVariant> models,
                       const Work &work)
    : m_llama(llama), m_windows(windows), m_work(work), m_elements(elementsFor(work.kernels.isa)) {
    const LlamaTensors &tensors = llama.tensors();
    m_embedding = std::make_shared<const VocabularyMatrix>(llama, tensors.embedding, nullptr, work);
    m_head = tensors.head == tensors.embedding
                 ? m_embedding
                 : std::make_shared<const VocabularyMatrix>(llama, tensors.head, nullptr, work);
    m_finalNorm = llama.tensor(tensors.finalNorm, work);
    std::uint64_t kept = llama.config().layers * layerBytes(llama.config());
    for (const ModelVariant &variant : models) {
        prepare(m_models.emplace_back(), variant);
        kept += editedBytes(llama, variant.edit);
    }
    m_keepLayers = kept <= keptLimit;
    if (m_keepLayers)
        keepLayers();
}

void SideBySide::prepare(Model &model, const ModelVariant &variant) const {
    const LlamaTensors &tensors = m_llama.tensors();
    model.edit = variant.edit;
    model.products = variant.products;
    if (variant.activations)
        model.change = [quant = *variant.activations](InputKind, std::span<float> x, std::size_t cols) {
            quantizeActivations(x, cols, quant);
        };
    const auto edited = [&](std::size_t tensor) -> std::shared_ptr<const VocabularyMatrix> {
        if (model.edit == nullptr || !model.edit->edits(tensor))
            return nullptr;
        return std::make_shared<const VocabularyMatrix>(m_llama, tensor, model.edit, m_work);
    };
    model.problem = problemOfTrying([&] {
        model.embedding = edited(tensors.embedding);
        model.head = tensors.head == tensors.embedding ? model.embedding : edited(tensors.head);
        model.finalNorm = m_llama.tensor(tensors.finalNorm, m_work, model.edit);
    });
}

// False: it cannot be edited, and `layer` is neither the one nor the other.
bool SideBySide::apply(Model &model, LlamaLayer &layer) const {
    model.problem = problemOfTrying([&] {
        if (model.products == Products::Blas)
            m_llama.apply(*model.edit, layer, m_work);
        else
            m_llama.applyPacked(
                *model.edit, model.products, layer,
                [&](std::size_t tensor, const std::optional<std::string> &problem) { model.packing[tensor] = problem; },
                m_work);
    });
    return !model.problem;
}

std::optional<ProductsUsed> SideBySide::productsUsed(std::size_t model) const {
    const Model &one = m_models[model];
    if (one.products == Products::Blas)
        return std::nullopt;
    ProductsUsed used;
    used.products = one.products;
    used.isa = productsFor(m_work.kernels.isa).isa;
    for (const auto &[tensor, problem] : one.packing)
        if (problem)
            ++used.decoded[*problem];
        else
            ++used.packed;
    if (one.head) // scored in blocks of the vocabulary
        ++used.decoded["as the head"];
    return used;
}

bool SideBySide::nothingRuns() const {
    return !m_models.empty() &&
           std::all_of(m_models.begin(), m_models.end(), [](const Model &model) { return model.problem.has_value(); });
}

void SideBySide::keepLayers() {
    const std::size_t layers = m_llama.config().layers;
    for (Model &model : m_models)
        model.layers.resize(layers);
    for (std::size_t i = 0; i < layers; ++i) {
        m_layers.push_back(m_llama.layer(i, m_work));
        for (Model &model : m_models) {
            if (model.problem || !editsLayer(m_llama, model.edit, i))
                continue;
            m_work.checkStop();
            LlamaLayer changed = m_layers.back();
            if (apply(model, changed))
                model.layers[i] = std::move(changed);
        }
    }
}

std::size_t SideBySide::groupSize() const {
    const std::size_t workers = m_work.pool.threads();
    const std::size_t running = 1 + m_models.size();
    if (m_keepLayers)
        return workers * std::clamp(2 * mostPerWorker / running, fewestPerWorker, mostPerWorker);
    return std::max(workers, statesThatFit(m_llama, m_windows) / running);
}

bool SideBySide::differs(const Model &model, std::size_t layer) const {
    return !model.problem && (model.change || editsLayer(m_llama, model.edit, layer));
}

void SideBySide::embed(Window &window, std::size_t index) const {
    const auto ids = m_windows.window(index);
    const std::size_t size = m_windows.context * m_llama.config().hidden;
    window.reference.resize(size);
    m_embedding->gather(ids, window.reference, m_work);
    window.models.resize(m_models.size());
    window.depth.assign(m_models.size(), std::vector<DepthSums>(m_llama.config().layers));
    for (std::size_t k = 0; k < m_models.size(); ++k)
        if (m_models[k].embedding) {
            window.models[k].resize(size);
            m_models[k].embedding->gather(ids, window.models[k], m_work);
        }
}

void SideBySide::runReference(const LlamaLayer &layer, Window &window) const {
    for (std::size_t k = 0; k < m_models.size(); ++k)
        if (window.models[k].empty() && differs(m_models[k], layer.index))
            window.models[k] = window.reference;
    m_llama.run(layer, window.reference);
}

void SideBySide::runModel(std::size_t model, const LlamaLayer &layer, Window &window) const {
    std::vector<float> &hidden = window.models[model];
    m_llama.run(layer, hidden, {}, m_models[model].change);
    DepthSums &sums = window.depth[model][layer.index];
    for (std::size_t i = 0; i < hidden.size(); ++i) {
        const double h = static_cast<double>(window.reference[i]);
        const double error = static_cast<double>(hidden[i]) - h;
        sums.error += error * error;
        sums.signal += h * h;
    }
}

void SideBySide::runKept(std::vector<Window> &windows) const {
    m_work.parallelFor(windows.size(), [&](std::size_t i) {
        Window &window = windows[i];
        for (const LlamaLayer &layer : m_layers) {
            runReference(layer, window);
            for (std::size_t k = 0; k < m_models.size(); ++k) {
                const std::optional<LlamaLayer> &edited = m_models[k].layers[layer.index];
                if (!m_models[k].problem && !window.models[k].empty())
                    runModel(k, edited ? *edited : layer, window);
            }
        }
    });
}

void SideBySide::runLayerByLayer(std::vector<Window> &windows,
                                 const std::function<void(std::size_t layers)> &progress) {
    for (std::size_t index = 0; index < m_llama.config().layers; ++index) {
        LlamaLayer layer = m_llama.layer(index, m_work);
        m_work.parallelFor(windows.size(), [&](std::size_t i) { runReference(layer, windows[i]); });
        bool original = true; // what `layer` holds
        for (std::size_t k = 0; k < m_models.size(); ++k) {
            if (m_models[k].problem || windows.front().models[k].empty())
                continue;
            if (!original) // two of them would be twice the memory
                m_llama.read(layer, m_work);
            original = !editsLayer(m_llama, m_models[k].edit, index);
            if (!original && !apply(m_models[k], layer))
                continue;
            m_work.parallelFor(windows.size(), [&](std::size_t i) { runModel(k, layer, windows[i]); });
        }
        progress(index + 1);
    }
}

std::vector<std::vector<WindowOfModel>> SideBySide::run(std::size_t first, std::size_t count,
                                                        const std::function<void(std::size_t layers)> &progress) {
    std::vector<Window> windows(count);
    m_work.parallelFor(count, [&](std::size_t i) { embed(windows[i], first + i); });
    if (m_keepLayers) {
        runKept(windows);
        progress(m_llama.config().layers);
    } else {
        runLayerByLayer(windows, progress);
    }
    return score(windows, first);
}

void SideBySide::normStates(std::vector<float> &hidden, const std::vector<float> &norm) const {
    const LlamaConfig &config = m_llama.config();
    for (std::size_t at = 0; at < hidden.size(); at += config.hidden)
        rmsNorm(hidden.data() + at, norm.data(), config.normEpsilon, config.hidden, hidden.data() + at);
}

// `heads[k]`: the block of the head of model k.
void SideBySide::scoreBlock(Window &window, WindowScores &scores, std::uint64_t firstId, std::span<const float> head,
                            std::span<const std::span<const float>> heads) {
    const std::size_t cols = m_llama.config().hidden;
    const Lender<Scratch>::Loan scratch(m_scratch);
    WindowScores::Block block;
    block.firstId = firstId;
    block.ids = head.size() / cols;
    const auto scoresOf = [&](const std::vector<float> &hidden, std::span<const float> weights,
                              std::vector<float> &out) {
        out.resize(std::max(out.size(), block.positions * block.ids));
        DenseProduct<float> product;
        product.rows = block.positions;
        product.cols = block.ids;
        product.inner = cols;
        product.a = {hidden.data() + block.firstPosition * cols, cols, Transposed::No};
        product.b = {weights.data(), cols, Transposed::Yes};
        product.c = out.data();
        product.cStride = block.ids;
        multiply(product);
    };
    for (std::size_t from = 0; from < scores.positions(); from += scoredPositions) {
        block.firstPosition = from;
        block.positions = std::min(scoredPositions, scores.positions() - from);
        scoresOf(window.reference, head, scratch->p);
        scratch->exponentials.resize(std::max(scratch->exponentials.size(), scratch->p.size()));
        scores.addReference(block, scratch->p.data(), scratch->exponentials.data());
        for (std::size_t k = 0; k < m_models.size(); ++k) {
            if (m_models[k].problem)
                continue;
            scoresOf(window.models[k], heads[k], scratch->q);
            scores.add(k, block, scratch->p.data(), scratch->exponentials.data(), scratch->q.data());
        }
    }
}

std::vector<std::vector<WindowOfModel>> SideBySide::score(std::vector<Window> &windows, std::size_t first) {
    std::vector<WindowScores> scores;
    for (std::size_t i = 0; i < windows.size(); ++i)
        scores.emplace_back(m_windows.window(first + i).subspan(1), m_models.size(), m_elements);
    m_work.parallelFor(windows.size(), [&](std::size_t i) {
        Window &window = windows[i];
        for (std::size_t k = 0; k < m_models.size(); ++k) {
            if (m_models[k].problem)
                continue;
            if (window.models[k].empty())
                window.models[k] = window.reference;
            normStates(window.models[k], m_models[k].finalNorm);
        }
        normStates(window.reference, m_finalNorm);
    });
    const std::uint64_t rowBytes = m_llama.config().hidden * sizeof(float);
    const std::uint64_t step = std::clamp<std::uint64_t>(headBlockBytes / rowBytes, 1, headBlockRows);
    std::vector<float> buffer;
    for (std::uint64_t id = 0; id < m_head->rows(); id += step) {
        const std::uint64_t ids = std::min(step, m_head->rows() - id);
        const auto head = m_head->block(id, ids, buffer, m_work);
        std::vector<float> unused; // edited ones are held whole
        std::vector<std::span<const float>> heads;
        for (const Model &model : m_models)
            heads.push_back(model.head ? model.head->block(id, ids, unused, m_work) : head);
        m_work.parallelFor(windows.size(), [&](std::size_t i) { scoreBlock(windows[i], scores[i], id, head, heads); });
    }
    std::vector<std::vector<WindowOfModel>> results(windows.size());
    for (std::size_t i = 0; i < windows.size(); ++i) {
        if (m_models.empty())
            results[i].push_back({scores[i].reference(), {}});
        for (std::size_t k = 0; k < m_models.size(); ++k)
            results[i].push_back(m_models[k].problem
                                     ? WindowOfModel()
                                     : WindowOfModel{scores[i].compared(k), std::move(windows[i].depth[k])});
    }
    return results;
}

} // namespace nibblescope
