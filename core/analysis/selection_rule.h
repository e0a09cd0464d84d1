// SPDX-License-Identifier: GPL-3.0-or-later
// Which tensors of a model are quantized, and which way each is read. The default rule: floating point, rank 2, both
// sides at least 16, no embed, wte, wpe, lm_head, norm or bias in the name (any case), and no reason of the format
// against it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor_info.h"

namespace nibblescope {

// `*` matches any characters, dots too; `?` one; `[...]` a set. Against the whole name, case-sensitive.
bool globMatches(std::string_view pattern, std::string_view name);
bool hasWildcards(std::string_view pattern);

struct LayoutRule {
    std::string glob;
    Layout layout = Layout::OutIn;
    bool operator==(const LayoutRule &) const = default;
};

// quantized = (default rule or included) and not excluded; an override of one tensor decides over both.
struct SelectionRule {
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    std::map<std::string, bool> overrides; // by full name: quantize or keep
    std::vector<LayoutRule> layouts;       // the last that matches decides

    bool operator==(const SelectionRule &) const = default;
};

// "rank 1", "its name holds 'norm'", "a side is shorter than 16", "I64 tensor"; nullopt: quantized.
std::optional<std::string> keptReason(const TensorInfo &info, const SelectionRule &rule);
// Whether it could be quantized if it were asked for: decodable floating point with at least one weight, not rank 0.
bool canBeQuantized(const TensorInfo &info);
Layout layoutOf(const TensorInfo &info, const SelectionRule &rule);
// The default rule in words, for the panel and the help.
std::string_view defaultRuleInWords();

} // namespace nibblescope
