// SPDX-License-Identifier: GPL-3.0-or-later
// What tokenizer.json does to a text before byte-pair encoding: its normalizers and pre-tokenizers, each a step from a
// list of pieces to a list of pieces.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nibblescope {

// `first`: the piece stands at the very beginning of the text.
struct TextPiece {
    std::string text;
    bool first = false;
};
using TextStep = std::function<std::vector<TextPiece>(std::vector<TextPiece>)>;

struct TextSteps {
    std::vector<TextStep> steps;
    bool composes = false; // a normalizer to NFC is asked for, which is not carried out

    std::vector<std::string> apply(std::string_view text, bool first) const;
};

// From the members "normalizer" and "pre_tokenizer", either of which may be null. Throws Error{Fault::Input} naming a
// kind that is not supported.
TextSteps textSteps(const nlohmann::ordered_json &normalizer, const nlohmann::ordered_json &preTokenizer);

} // namespace nibblescope
