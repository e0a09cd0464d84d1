// SPDX-License-Identifier: GPL-3.0-or-later
// The JSON of a safetensors header, event by event: it may be 100 MB long and nested without end, so that no tree is
// built from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibblescope {

struct HeaderEntry {
    std::string name;
    std::optional<std::string> dtype;
    std::optional<std::vector<std::uint64_t>> shape;
    std::optional<std::vector<std::uint64_t>> offsets;
};

struct HeaderProblem {
    std::string what;       // "the name a.weight stands twice"
    std::uint64_t byte = 0; // in the header's text
};

struct ParsedHeader {
    std::vector<HeaderEntry> entries; // as written
    bool oddMetadata = false;         // __metadata__ is no object of strings
    std::optional<HeaderProblem> problem;
};

// `text` is the header without the spaces after it.
ParsedHeader parseHeaderText(std::string_view text);

} // namespace nibblescope
