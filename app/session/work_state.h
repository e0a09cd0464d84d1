// SPDX-License-Identifier: GPL-3.0-or-later
// The state of work as one small value with one JSON form, which is the session file. Undo keeps snapshots of its
// first part, `Setup`; selection has back and forward instead.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/analysis/selection_rule.h"
#include "core/quant/recipe.h"

namespace nibblescope {

// What undo covers: everything that decides which numbers are on screen.
struct Setup {
    Recipe recipe;
    SelectionRule rule; // which tensors are quantized, and which way each is read
    std::optional<Recipe> baseline;
    nlohmann::ordered_json pageOptions = nlohmann::ordered_json::object(); // by id of the page

    bool operator==(const Setup &) const = default;
};

struct WorkState {
    Setup setup;
    std::string model; // path of the file or folder; empty: none
    std::string tensor;
    std::vector<std::string> selectedTensors; // holds `tensor` where it is not empty
    std::uint64_t group = 0;
    std::optional<unsigned> code;
    std::string page = "distribution";
    std::string calibration; // path of the file; empty: none
    // Recipes that were run over texts, as Accuracy keeps them; outside of undo.
    nlohmann::ordered_json accuracy = nlohmann::ordered_json::array();

    bool operator==(const WorkState &) const = default;
};

// The recipe that the window starts with: NF4, groups of 64.
WorkState initialWorkState();

nlohmann::ordered_json toJson(const SelectionRule &rule);
SelectionRule selectionRuleFromJson(const nlohmann::ordered_json &json);
nlohmann::ordered_json toJson(const WorkState &state);
// Throws Error{Fault::Input} that names what is wrong. Unknown keys are ignored, so that older versions open newer
// sessions.
WorkState workStateFromJson(const nlohmann::ordered_json &json);

// One step of undo in words: "Group Size 64 → 32". `field` is equal for changes that may be merged into one step.
struct ChangeDescription {
    std::string field; // empty: no difference
    std::string text;
};
ChangeDescription describeChange(const Setup &before, const Setup &after);

} // namespace nibblescope
