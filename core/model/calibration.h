// SPDX-License-Identifier: GPL-3.0-or-later
// Statistics of the inputs of every linear over a text, collected by running the model, and the file that keeps them.
//
// The file is HDF5 and documented in resources/docs/calibration-hdf5.md: one group an input, named after the first
// linear that reads it ("model.layers.0.self_attn.q_proj"), with the datasets gram (F64, X'X), mean_abs and max_abs;
// and the ids of the windows, so that they can be run again.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/llama.h"
#include "core/model/token_windows.h"
#include "core/quant/input_statistics.h"

namespace nibblescope {

// What a calibration was made from, kept in its file.
struct CalibrationHeader {
    std::string model;       // name of the model
    std::string fingerprint; // of its weights, see fingerprintOf()
    std::uint64_t context = 0;
    std::uint64_t windows = 0;
    std::uint64_t positions = 0;
    std::uint64_t vocabulary = 0;
};

// A short text that differs between models: a checksum over the names, types and shapes of all tensors and the first
// stored bytes of each.
std::string fingerprintOf(const Model &model);

// Hidden states of all windows, [windows][context * hidden].
using HiddenStates = std::vector<std::vector<float>>;
HiddenStates embedWindows(const Llama &llama, const TokenWindows &windows, const Work &work);

// Runs the layer over all windows, whose hidden states are replaced unless `keepStates`; statistics of the wanted
// inputs, all positions of all windows, in the order of InputKind (null where not wanted). Sums are made in F64 over
// F32 products of single windows, in window order.
struct WantedInputs {
    std::array<bool, inputCount> wanted{true, true, true, true};
};
std::array<std::shared_ptr<InputStatistics>, inputCount> runAndCollect(const Llama &llama, const LlamaLayer &layer,
                                                                       HiddenStates &states, bool keepStates,
                                                                       const WantedInputs &inputs, const Work &work);

// The statistics of one input whose rows come in blocks, each summed in F32 and added up in F64, in order.
class InputAccumulator {
public:
    explicit InputAccumulator(std::size_t cols);
    ~InputAccumulator();
    void add(std::span<const float> rows, const Work &work);
    std::shared_ptr<InputStatistics> finish();

private:
    class Body;
    std::unique_ptr<Body> m_body;
};

// "model.layers.3.mlp.gate_proj"
std::string inputName(std::size_t layer, InputKind input);

// The input that a linear reads, by its tensor's name: q, k and v share theirs, gate and up too; another tensor's own
// name without ".weight".
std::string inputOfTensor(std::string_view tensor);

// Runs the model layer by layer and hands out each input's statistics as they are complete.
using CalibrationSink = std::function<void(const std::string &name, const InputStatistics &statistics)>;
void calibrate(const Llama &llama, const TokenWindows &windows, const CalibrationSink &sink, const Work &work);

// Writes the file input by input; nothing appears under the target's name before commit(). Throws Error{Fault::Machine}
// as AtomicFile does.
class CalibrationWriter {
public:
    CalibrationWriter(const std::filesystem::path &target, const CalibrationHeader &header,
                      const TokenWindows &windows);
    ~CalibrationWriter();
    CalibrationWriter(const CalibrationWriter &) = delete;
    CalibrationWriter &operator=(const CalibrationWriter &) = delete;

    void add(const std::string &name, const InputStatistics &statistics);
    void commit();

private:
    class Body;
    std::unique_ptr<Body> m_body;
};

// A calibration file, read input by input as it is asked for.
class CalibrationFile : public StatisticsSource {
public:
    // Throws Error{Fault::Input}: not such a file, or of a model with other layers or sizes; what else differs between
    // the models (the weights) is added to `warnings`.
    CalibrationFile(const std::filesystem::path &path, const Model &model, std::vector<std::string> &warnings);
    ~CalibrationFile() override;

    const CalibrationHeader &header() const;
    // The text that it was made from. Throws Error{Fault::Input} where the file does not hold it.
    TokenWindows windows() const;
    std::shared_ptr<const InputStatistics> statisticsFor(std::string_view tensor) const override;

private:
    class Body;
    std::unique_ptr<Body> m_body;
};

} // namespace nibblescope
