// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/text_steps.h"

#include <array>

#include "core/base/error.h"
#include "core/io/shown.h"
#include "core/model/pattern.h"
#include "core/model/utf8.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;
using Pieces = std::vector<TextPiece>;

// GPT-2's, which ByteLevel uses where it splits itself.
constexpr const char *byteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

[[noreturn]] void refuse(const std::string &what) {
    throw Error(Fault::Input, "tokenizer.json: " + what + " is not supported.");
}

std::string textOf(const Json &json, const char *key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flagOf(const Json &json, const char *key, bool fallback) {
    const auto found = json.find(key);
    return found != json.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

std::string escaped(std::string_view literal) {
    std::string text;
    for (const char c : literal) {
        if (std::string_view(R"(\^$.|?*+()[]{}-#)").find(c) != std::string_view::npos)
            text += '\\';
        text += c;
    }
    return text;
}

// {"String": ...} or {"Regex": ...}
std::string expressionOf(const Json &step, const std::string &kind) {
    const auto found = step.find("pattern");
    if (found != step.end() && found->is_object()) {
        if (const std::string regex = textOf(*found, "Regex"); !regex.empty())
            return regex;
        if (const std::string literal = textOf(*found, "String"); !literal.empty())
            return escaped(literal);
    }
    refuse("a " + kind + " without a pattern");
}

enum class Behaviour : std::uint8_t { Isolated, Removed, MergedWithPrevious, MergedWithNext };

// Cuts a piece at the matches. The delimiters are the matches, or what lies between them where `invert` is set.
void split(const TextPiece &piece, const Pattern &pattern, Behaviour behaviour, bool invert, Pieces &out) {
    struct Span {
        std::size_t begin;
        std::size_t end;
        bool delimiter;
    };
    std::vector<Span> spans;
    std::size_t at = 0;
    for (const auto &[begin, end] : pattern.findAll(piece.text)) {
        if (begin > at)
            spans.push_back({at, begin, invert});
        spans.push_back({begin, end, !invert});
        at = end;
    }
    if (at < piece.text.size())
        spans.push_back({at, piece.text.size(), invert});
    if (behaviour == Behaviour::Removed)
        std::erase_if(spans, [](const Span &span) { return span.delimiter; });
    for (std::size_t i = 0; i < spans.size(); ++i) {
        std::size_t end = spans[i].end;
        const bool more = i + 1 < spans.size();
        const bool takesNext =
            more && ((behaviour == Behaviour::MergedWithPrevious && !spans[i].delimiter && spans[i + 1].delimiter) ||
                     (behaviour == Behaviour::MergedWithNext && spans[i].delimiter && !spans[i + 1].delimiter));
        const std::size_t begin = spans[i].begin;
        if (takesNext)
            end = spans[++i].end;
        out.push_back({piece.text.substr(begin, end - begin), piece.first && begin == 0});
    }
}

TextStep splitStep(const std::string &expression, Behaviour behaviour, bool invert) {
    return [pattern = Pattern(expression), behaviour, invert](const Pieces &pieces) {
        Pieces out;
        for (const TextPiece &piece : pieces)
            split(piece, pattern, behaviour, invert, out);
        return out;
    };
}

// A step that changes each piece by itself.
template <typename Change>
TextStep changeStep(Change change) {
    return [change](Pieces pieces) {
        for (TextPiece &piece : pieces)
            change(piece);
        return pieces;
    };
}

void replaceAll(std::string &text, const std::string &from, const std::string &to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

Behaviour behaviourOf(const std::string &name) {
    if (name == "Isolated")
        return Behaviour::Isolated;
    if (name == "Removed")
        return Behaviour::Removed;
    if (name == "MergedWithPrevious")
        return Behaviour::MergedWithPrevious;
    if (name == "MergedWithNext")
        return Behaviour::MergedWithNext;
    refuse("the split behaviour '" + shown(name) + "'");
}

// Bytes as characters that print, as GPT-2 has them: the printable ones of Latin-1 stand for themselves, the others
// follow from U+0100 on.
std::array<std::string, 256> byteCharacters() {
    std::array<std::string, 256> table;
    std::uint32_t next = 0x100;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const bool prints = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
        table[byte] = shortUtf8(prints ? byte : next++);
    }
    return table;
}

void addByteLevel(const Json &step, TextSteps &steps) {
    if (flagOf(step, "add_prefix_space", true))
        steps.steps.push_back(changeStep([](TextPiece &piece) {
            if (piece.text.empty() || piece.text.front() != ' ')
                piece.text.insert(0, 1, ' ');
        }));
    if (flagOf(step, "use_regex", true))
        steps.steps.push_back(splitStep(byteLevelPattern, Behaviour::Isolated, false));
    steps.steps.push_back(changeStep([table = byteCharacters()](TextPiece &piece) {
        std::string mapped;
        for (const char byte : piece.text)
            mapped += table[static_cast<unsigned char>(byte)];
        piece.text = std::move(mapped);
    }));
}

void addMetaspace(const Json &step, TextSteps &steps) {
    const std::string mark = textOf(step, "replacement");
    std::string scheme = textOf(step, "prepend_scheme");
    if (scheme.empty())
        scheme = flagOf(step, "add_prefix_space", true) ? "always" : "never";
    steps.steps.push_back(changeStep([mark, scheme](TextPiece &piece) {
        replaceAll(piece.text, " ", mark);
        const bool wanted = scheme == "always" || (scheme == "first" && piece.first);
        if (wanted && piece.text.compare(0, mark.size(), mark) != 0)
            piece.text.insert(0, mark);
    }));
    if (flagOf(step, "split", true))
        steps.steps.push_back(splitStep(escaped(mark), Behaviour::MergedWithNext, false));
}

void addPreTokenizer(const Json &step, TextSteps &steps) {
    const std::string type = textOf(step, "type");
    if (type == "Sequence") {
        for (const Json &part : step.value("pretokenizers", Json::array()))
            addPreTokenizer(part, steps);
    } else if (type == "ByteLevel") {
        addByteLevel(step, steps);
    } else if (type == "Split") {
        steps.steps.push_back(
            splitStep(expressionOf(step, type), behaviourOf(textOf(step, "behavior")), flagOf(step, "invert", false)));
    } else if (type == "Digits") {
        steps.steps.push_back(
            splitStep(flagOf(step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)", Behaviour::Isolated, false));
    } else if (type == "Metaspace") {
        addMetaspace(step, steps);
    } else {
        refuse("the pre-tokenizer '" + shown(type) + "'");
    }
}

void addNormalizer(const Json &step, TextSteps &steps) {
    const std::string type = textOf(step, "type");
    if (type == "Sequence") {
        for (const Json &part : step.value("normalizers", Json::array()))
            addNormalizer(part, steps);
    } else if (type == "NFC") {
        steps.composes = true;
    } else if (type == "Prepend") {
        steps.steps.push_back(changeStep([prefix = textOf(step, "prepend")](TextPiece &piece) {
            if (!piece.text.empty())
                piece.text.insert(0, prefix);
        }));
    } else if (type == "Replace") {
        const auto found = step.find("pattern");
        const std::string from = found != step.end() && found->is_object() ? textOf(*found, "String") : "";
        if (from.empty())
            refuse("a normalizer that replaces by a pattern");
        steps.steps.push_back(
            changeStep([from, to = textOf(step, "content")](TextPiece &piece) { replaceAll(piece.text, from, to); }));
    } else {
        refuse("the normalizer '" + shown(type) + "'");
    }
}

} // namespace

std::vector<std::string> TextSteps::apply(std::string_view text, bool first) const {
    Pieces pieces{{std::string(text), first}};
    for (const TextStep &step : steps)
        pieces = step(std::move(pieces));
    std::vector<std::string> texts;
    texts.reserve(pieces.size());
    for (TextPiece &piece : pieces)
        texts.push_back(std::move(piece.text));
    return texts;
}

TextSteps textSteps(const Json &normalizer, const Json &preTokenizer) {
    TextSteps steps;
    if (normalizer.is_object())
        addNormalizer(normalizer, steps);
    if (preTokenizer.is_object())
        addPreTokenizer(preTokenizer, steps);
    return steps;
}

} // namespace nibblescope
