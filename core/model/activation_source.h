// SPDX-License-Identifier: GPL-3.0-or-later
// Where activations come from: a model that runs, or files that another program wrote.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/analysis/activation_set.h"
#include "core/model/calibration.h"
#include "core/model/llama.h"

namespace nibblescope {

struct ActivationLimits {
    std::uint64_t tokens = 1024;        // that are kept of each input
    std::uint64_t bytes = 192ULL << 20; // that are kept of all inputs together ...
    std::uint64_t fewestTokens = 32;    // ... but no fewer tokens of each than that
};

// Runs the model layer by layer over all windows, BOS included. Statistics are exact over all positions; of the inputs
// themselves evenly spread positions are kept.
ActivationSet collectActivations(const Llama &llama, const TokenWindows &windows, const ActivationLimits &limits,
                                 const Work &work);

// Files NAME.npy in a folder, float32 [tokens, in] (more dimensions: all but the last are tokens), where NAME is a
// tensor's name with or without its ".weight"; a "/" in it is a folder. The linears that share an input (q, k, v; gate,
// up) need one file.
struct ActivationFile {
    std::string tensor; // full name
    std::filesystem::path path;
    MatrixShape shape; // [tokens, in]
};
// Those that belong to tensors of the model, in model order. Throws Error{Fault::Input}: no such folder, no file that
// belongs, another width than the tensor's, not float32, no tokens. Files that belong to nothing are told in
// `warnings`.
std::vector<ActivationFile> findActivationFiles(const Model &model, const std::filesystem::path &folder,
                                                std::vector<std::string> &warnings);

// Rows [first, first + count). Throws Error{Fault::Input} for NaN and Inf, naming the place.
std::vector<float> readActivationRows(const ActivationFile &file, std::uint64_t first, std::uint64_t count);

ActivationSet importActivations(const Model &model, const std::filesystem::path &folder, const ActivationLimits &limits,
                                const Work &work);

// The statistics that calibrate() collects, from files. Names are those of calibrate() where linears share an input.
// Returns the most rows that a file has. Progress is in bytes.
std::uint64_t calibrateFromFiles(const std::vector<ActivationFile> &files, const CalibrationSink &sink,
                                 const Work &work);

// The same into a calibration file, which replaces `target` once all is read. It holds no text: methods that run the
// model on it anew cannot use it.
struct FileCalibration {
    std::size_t inputs = 0;
    std::uint64_t positions = 0; // the most rows that a file has
};
FileCalibration writeCalibration(const Model &model, const std::vector<ActivationFile> &files,
                                 const std::filesystem::path &target, const Work &work);

} // namespace nibblescope
