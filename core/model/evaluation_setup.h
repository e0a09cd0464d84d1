// SPDX-License-Identifier: GPL-3.0-or-later
// What an evaluation or a calibration is made from: a text cut into windows, and a plan as an edit of the model. The
// command line and the window start both in the same way.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/analysis/analyze.h"
#include "core/model/llama.h"
#include "core/model/token_windows.h"

namespace nibblescope {

inline constexpr std::size_t usualContext = 256;

struct TextSource {
    std::filesystem::path path;
    bool tokenIds = false; // a .npy file of ids in place of a text
    std::size_t context = usualContext;
    std::optional<std::size_t> windows; // the first N; absent: all
    bool fromEnd = false;               // the last N in place of the first

    bool operator==(const TextSource &) const = default;
};

// The tokenizer beside the weights decides whether windows begin with a BOS; where there is none, config.json does.
// Throws Error{Fault::Input}: a text without a tokenizer, one that cannot be read, or that is shorter than a window.
TokenWindows windowsFrom(const Llama &llama, const TextSource &source, std::vector<std::string> &warnings);

// The plan as an edit; null where its format is None. What a method could not do is added to `warnings`. Statistics for
// `sequential` must be in the plan already (sequentialStatistics()).
std::unique_ptr<const WeightEdit> editFrom(const Llama &llama, const ModelPlan &plan,
                                           std::vector<std::string> &warnings, const Work &work);

} // namespace nibblescope
