// SPDX-License-Identifier: GPL-3.0-or-later
// Text to token ids, as the model's own tokenizer does it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/model.h"

namespace nibblescope {

class Tokenizer {
public:
    virtual ~Tokenizer() = default;
    // Of valid UTF-8. No BOS is put in. Remarks on what could not be done exactly are added to `warnings`.
    virtual std::vector<std::int64_t> encode(std::string_view text, std::vector<std::string> &warnings) const = 0;
    // One more than the largest id.
    virtual std::uint64_t size() const = 0;
    // The id that the tokenizer puts before a text, if it does.
    virtual std::optional<std::int64_t> bos() const = 0;
};

// The tokenizer beside the weights: tokenizer.json (byte-pair encoding), tokenizer.model (SentencePiece), or llama2.c's
// tokenizer.bin or tok*.bin, the first of these that is there; null if none is. Throws Error{Fault::Input} for one that
// cannot be read or used (what is not supported is named), or that has more ids than `vocabulary`.
std::unique_ptr<Tokenizer> openTokenizer(const Model &model, std::uint64_t vocabulary);

// A text file; bytes that are no UTF-8 become U+FFFD each, which adds a warning. Throws Error.
std::string readText(const std::filesystem::path &path, std::vector<std::string> &warnings);

// The readers of each kind. `name` is for messages.
std::unique_ptr<Tokenizer> llama2cTokenizer(const std::filesystem::path &path);
std::unique_ptr<Tokenizer> jsonTokenizer(const std::filesystem::path &path);
std::unique_ptr<Tokenizer> sentencePieceTokenizer(const std::filesystem::path &path);

} // namespace nibblescope
