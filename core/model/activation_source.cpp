// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/activation_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

#include "core/base/error.h"
#include "core/io/npy.h"
#include "core/io/shown.h"
#include "core/io/weight_blocks.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t heldBytes = 64ULL << 20;  // inputs of windows that run at once
constexpr std::uint64_t blockBytes = 16ULL << 20; // of a file at a time
constexpr std::size_t mostTold = 5;

std::uint64_t tokensKept(std::uint64_t channels, std::uint64_t seen, const ActivationLimits &limits) {
    const std::uint64_t affordable = limits.bytes / std::max<std::uint64_t>(1, channels * sizeof(float));
    return std::min(seen, std::clamp(affordable, std::min(limits.fewestTokens, limits.tokens), limits.tokens));
}

// Which of `seen` tokens are kept, evenly spread, as they pass by.
class Sampler {
public:
    Sampler(std::uint64_t channels, std::uint64_t seen, std::uint64_t kept) : m_seen(seen), m_kept(kept) {
        m_matrix.channels = channels;
        m_matrix.tokens = kept;
        m_matrix.values.reserve(kept * channels);
    }
    void add(std::span<const float> rows) {
        const std::uint64_t channels = m_matrix.channels;
        for (std::size_t at = 0; at < rows.size(); at += channels, ++m_passed)
            if (m_taken < m_kept && m_taken * m_seen / m_kept == m_passed) {
                const auto row = rows.subspan(at, channels);
                m_matrix.values.insert(m_matrix.values.end(), row.begin(), row.end());
                ++m_taken;
            }
    }
    ActivationMatrix finish() { return std::move(m_matrix); }

private:
    ActivationMatrix m_matrix;
    std::uint64_t m_seen;
    std::uint64_t m_kept;
    std::uint64_t m_passed = 0;
    std::uint64_t m_taken = 0;
};

void raise(std::vector<float> &maxima, const std::vector<float> &others) {
    if (maxima.empty())
        maxima.assign(others.size(), 0);
    for (std::size_t i = 0; i < maxima.size(); ++i)
        maxima[i] = std::max(maxima[i], others[i]);
}

class LayerCollector {
public:
    LayerCollector(const Llama &llama, const TokenWindows &windows, std::uint64_t tokens)
        : m_llama(llama), m_windows(windows) {
        const std::uint64_t seen = windows.count * windows.context;
        for (std::size_t k = 0; k < inputCount; ++k) {
            const std::uint64_t channels = linearShape(llama.config(), firstReader(static_cast<InputKind>(k))).cols;
            m_statistics.emplace_back(channels);
            m_samplers.emplace_back(channels, seen, tokens);
        }
    }

    void run(const LlamaLayer &layer, HiddenStates &states, const Work &work) {
        std::uint64_t width = 0;
        for (std::size_t k = 0; k < inputCount; ++k)
            width += linearShape(m_llama.config(), firstReader(static_cast<InputKind>(k))).cols;
        const std::uint64_t windowBytes = m_windows.context * width * sizeof(float);
        const std::size_t group = std::max<std::size_t>(work.pool.threads(), heldBytes / windowBytes);
        for (std::size_t first = 0; first < states.size(); first += group) {
            work.checkStop();
            const std::size_t count = std::min(group, states.size() - first);
            std::vector<std::array<std::vector<float>, inputCount>> seen(count);
            work.parallelFor(count, [&](std::size_t i) {
                m_llama.run(layer, states[first + i], [&](InputKind kind, std::span<const float> x, std::size_t) {
                    seen[i][static_cast<std::size_t>(kind)].assign(x.begin(), x.end());
                });
            });
            for (const auto &window : seen)
                for (std::size_t k = 0; k < inputCount; ++k) {
                    m_statistics[k].add(window[k], work);
                    m_samplers[k].add(window[k]);
                }
        }
    }

    void finish(const LlamaLayer &layer, ActivationSet &set, const Work &work) {
        for (std::size_t k = 0; k < inputCount; ++k) {
            ActivationInput input;
            input.name = inputName(layer.index, static_cast<InputKind>(k));
            for (const LinearKind kind : allLinears)
                if (inputOf(kind) == static_cast<InputKind>(k)) {
                    const LlamaLinear &linear = layer.linear(kind);
                    input.tensors.push_back(m_llama.model().tensors[linear.tensor].name);
                    raise(input.weightMax, columnMaxima(linear.weights, linear.shape));
                }
            input.statistics = m_statistics[k].finish(work);
            input.sample = m_samplers[k].finish();
            set.inputs.push_back(std::move(input));
        }
    }

private:
    const Llama &m_llama;
    const TokenWindows &m_windows;
    std::vector<ActivationStatisticsBuilder> m_statistics;
    std::vector<Sampler> m_samplers;
};

// A name as a path inside a folder; empty: it leads out of it.
std::filesystem::path pathInside(const std::string &name) {
    const std::filesystem::path path(name);
    if (path.empty() || path.is_absolute())
        return {};
    for (const auto &part : path)
        if (part == ".." || part == ".")
            return {};
    return path;
}

std::optional<std::filesystem::path> fileOf(const std::filesystem::path &folder, const std::string &tensor) {
    constexpr std::string_view ending = ".weight";
    std::vector<std::string> names{tensor};
    if (tensor.size() > ending.size() && tensor.compare(tensor.size() - ending.size(), ending.size(), ending) == 0)
        names.push_back(tensor.substr(0, tensor.size() - ending.size()));
    for (const std::string &name : names) {
        const std::filesystem::path inside = pathInside(name + ".npy");
        std::error_code problem;
        if (!inside.empty() && std::filesystem::is_regular_file(folder / inside, problem))
            return folder / inside;
    }
    return std::nullopt;
}

constexpr const char *wanted = "activations are read from .npy files of float32 numbers, [tokens, in], one a layer";

ActivationFile openActivations(const TensorInfo &info, const std::filesystem::path &path) {
    const NpyFile file(path, wanted);
    if (file.type().kind != 'f' || file.type().bytes != sizeof(float))
        file.refuse("holds elements of type " + file.type().text);
    if (file.shape().size() < 2)
        file.refuse("has the shape " + shownShape(file.shape()));
    if (file.columnMajor())
        file.refuse("is stored column by column (numpy.ascontiguousarray() turns it)");
    const std::uint64_t cols = file.shape().back();
    const std::uint64_t expected = matrixShape(info).cols;
    if (cols != expected)
        file.refuse("has " + shownCount(cols) + " channels, but " + shown(info.name) + " reads " +
                    shownCount(expected));
    if (file.count() == 0)
        file.refuse("holds no tokens");
    return {info.name, path, {file.count() / cols, cols}};
}

void tellStrangers(const std::filesystem::path &folder, const std::vector<ActivationFile> &files,
                   std::vector<std::string> &warnings) {
    std::set<std::filesystem::path> known;
    for (const ActivationFile &file : files)
        known.insert(file.path.filename());
    std::vector<std::string> strangers;
    std::error_code problem;
    for (const auto &entry : std::filesystem::directory_iterator(folder, problem))
        if (entry.path().extension() == ".npy" && known.count(entry.path().filename()) == 0)
            strangers.push_back(shownName(entry.path()));
    std::sort(strangers.begin(), strangers.end());
    for (std::size_t i = 0; i < std::min(strangers.size(), mostTold); ++i)
        warnings.push_back(strangers[i] + " is named after no matrix of the model and was left out.");
    if (strangers.size() > mostTold)
        warnings.push_back(std::to_string(strangers.size() - mostTold) + " more files belong to no matrix.");
}

bool isMatrix(const TensorInfo &info) {
    return info.shape.size() >= 2 && info.params > 0 && traits(info.dtype).decodable;
}

void forEachRows(const ActivationFile &file, const Work &work,
                 const std::function<void(std::span<const float>)> &body) {
    const std::uint64_t rows = std::max<std::uint64_t>(1, blockBytes / (file.shape.cols * sizeof(float)));
    for (std::uint64_t first = 0; first < file.shape.rows; first += rows) {
        work.checkStop();
        body(readActivationRows(file, first, std::min(rows, file.shape.rows - first)));
    }
}

std::vector<float> weightMaximaOf(const Model &model, std::size_t tensor, const Work &work) {
    const TensorInfo &info = model.tensors[tensor];
    const std::uint64_t cols = matrixShape(info).cols;
    std::vector<float> maxima(cols);
    forEachBlock(model, tensor, info.layout, cols, false, work, [&](std::uint64_t, std::span<const float> weights) {
        raise(maxima, columnMaxima(weights, {weights.size() / cols, cols}));
    });
    return maxima;
}

} // namespace

ActivationSet collectActivations(const Llama &llama, const TokenWindows &windows, const ActivationLimits &limits,
                                 const Work &work) {
    ActivationSet set;
    const LlamaConfig &config = llama.config();
    std::uint64_t channels = 0;
    for (std::size_t k = 0; k < inputCount; ++k)
        channels += linearShape(config, firstReader(static_cast<InputKind>(k))).cols;
    const std::uint64_t tokens = tokensKept(channels * config.layers, windows.count * windows.context, limits);
    HiddenStates states = embedWindows(llama, windows, work);
    for (std::size_t i = 0; i < config.layers; ++i) {
        work.checkStop();
        work.report({i, config.layers, "layer " + std::to_string(i + 1) + " of " + std::to_string(config.layers)});
        const LlamaLayer layer = llama.layer(i, work);
        LayerCollector collector(llama, windows, tokens);
        collector.run(layer, states, work);
        collector.finish(layer, set, work);
    }
    work.report({config.layers, config.layers, {}});
    return set;
}

std::vector<ActivationFile> findActivationFiles(const Model &model, const std::filesystem::path &folder,
                                                std::vector<std::string> &warnings) {
    std::error_code problem;
    if (!std::filesystem::is_directory(folder, problem))
        throw Error(Fault::Input, shownName(folder) + " is no folder; " + wanted + ".").inFile(folder.string());
    std::vector<ActivationFile> files;
    for (const TensorInfo &info : model.tensors)
        if (isMatrix(info))
            if (const auto path = fileOf(folder, info.name))
                files.push_back(openActivations(info, *path));
    tellStrangers(folder, files, warnings);
    if (files.empty())
        throw Error(Fault::Input,
                    "No file in " + shownName(folder) + " is named after a matrix of the model; " + wanted + ".")
            .inFile(folder.string());
    return files;
}

std::vector<float> readActivationRows(const ActivationFile &file, std::uint64_t first, std::uint64_t count) {
    const NpyFile npy(file.path, wanted);
    const std::uint64_t cols = file.shape.cols;
    if (npy.type().bytes != sizeof(float) || npy.count() != file.shape.size())
        npy.refuse("changed while it was read");
    std::vector<float> rows(count * cols);
    npy.read(first * cols, std::as_writable_bytes(std::span(rows)));
    const auto found = std::find_if(rows.begin(), rows.end(), [](float x) { return !std::isfinite(x); });
    if (found != rows.end()) {
        const auto at = static_cast<std::uint64_t>(found - rows.begin());
        npy.refuse("holds " + std::string(std::isnan(*found) ? "NaN" : "Inf") + " at token " +
                   shownCount(first + at / cols) + ", channel " + shownCount(at % cols));
    }
    return rows;
}

ActivationSet importActivations(const Model &model, const std::filesystem::path &folder, const ActivationLimits &limits,
                                const Work &work) {
    ActivationSet set;
    set.origin = ActivationOrigin::Files;
    const std::vector<ActivationFile> files = findActivationFiles(model, folder, set.warnings);
    set.description =
        shownName(folder) + ", " + std::to_string(files.size()) + (files.size() == 1 ? " file" : " files");
    std::uint64_t channels = 0;
    for (const ActivationFile &file : files)
        channels += file.shape.cols;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const ActivationFile &file = files[i];
        work.report({i, files.size(), file.tensor});
        ActivationInput input;
        input.name = inputOfTensor(file.tensor);
        input.tensors.push_back(file.tensor);
        ActivationStatisticsBuilder builder(file.shape.cols);
        Sampler sampler(file.shape.cols, file.shape.rows, tokensKept(channels, file.shape.rows, limits));
        forEachRows(file, work, [&](std::span<const float> rows) {
            builder.add(rows, work);
            sampler.add(rows);
        });
        input.statistics = builder.finish(work);
        input.sample = sampler.finish();
        set.inputs.push_back(std::move(input));
    }
    for (const TensorInfo &info : model.tensors) {
        if (!isMatrix(info) || set.find(info.name) != nullptr)
            continue;
        const auto shared = std::find_if(set.inputs.begin(), set.inputs.end(), [&](const ActivationInput &input) {
            return input.name == inputOfTensor(info.name) && input.sample.channels == matrixShape(info).cols;
        });
        if (shared != set.inputs.end())
            shared->tensors.push_back(info.name);
    }
    for (ActivationInput &input : set.inputs)
        for (const std::string &tensor : input.tensors)
            raise(input.weightMax, weightMaximaOf(model, *model.find(tensor), work));
    work.report({files.size(), files.size(), {}});
    return set;
}

std::uint64_t calibrateFromFiles(const std::vector<ActivationFile> &files, const CalibrationSink &sink,
                                 const Work &work) {
    std::set<std::string> names;
    std::vector<const ActivationFile *> first; // of those that share an input
    std::uint64_t total = 0;
    for (const ActivationFile &file : files)
        if (names.insert(inputOfTensor(file.tensor)).second) {
            first.push_back(&file);
            total += file.shape.size() * sizeof(float);
        }
    std::uint64_t done = 0;
    std::uint64_t most = 0;
    for (const ActivationFile *file : first) {
        InputAccumulator sums(file->shape.cols);
        work.report({done, total, file->tensor});
        forEachRows(*file, work, [&](std::span<const float> rows) {
            sums.add(rows, work);
            done += rows.size_bytes();
            work.report({done, total, file->tensor});
        });
        sink(inputOfTensor(file->tensor), *sums.finish());
        most = std::max(most, file->shape.rows);
    }
    return most;
}

FileCalibration writeCalibration(const Model &model, const std::vector<ActivationFile> &files,
                                 const std::filesystem::path &target, const Work &work) {
    FileCalibration made;
    for (const ActivationFile &file : files)
        made.positions = std::max(made.positions, file.shape.rows);
    CalibrationWriter writer(target, {model.name, fingerprintOf(model), 0, 0, made.positions, 0}, {});
    calibrateFromFiles(
        files,
        [&](const std::string &name, const InputStatistics &statistics) {
            writer.add(name, statistics);
            ++made.inputs;
        },
        work);
    writer.commit();
    return made;
}

} // namespace nibblescope
