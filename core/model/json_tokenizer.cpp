// SPDX-License-Identifier: GPL-3.0-or-later
// Hugging Face's tokenizer.json with a model of kind BPE.
#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>

#include "core/base/error.h"
#include "core/io/json_text.h"
#include "core/io/shown.h"
#include "core/model/pair_merging.h"
#include "core/model/text_steps.h"
#include "core/model/tokenizer.h"
#include "core/model/utf8.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t largestFile = 256ULL << 20;
constexpr std::int64_t largestId = (1LL << 31) - 2;
constexpr std::size_t cachedPieces = 1U << 16;

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using IdTable = std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>;

std::uint64_t pairKey(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

const Json &member(const Json &json, const char *key) {
    static const Json absent;
    const auto found = json.is_object() ? json.find(key) : json.end();
    return json.is_object() && found != json.end() ? *found : absent;
}

class JsonTokenizer : public Tokenizer {
public:
    explicit JsonTokenizer(const std::filesystem::path &path) : m_name(shownName(path)) {
        const auto json = parseForeignJson(readSmallFile(path, largestFile));
        if (!json || !json->is_object())
            throw damaged("it is not valid JSON");
        readModel(member(*json, "model"));
        readAdded(member(*json, "added_tokens"));
        m_steps = textSteps(member(*json, "normalizer"), member(*json, "pre_tokenizer"));
        readBos(member(*json, "post_processor"));
        if (!m_bos)
            readConfiguredBos(path.parent_path() / "tokenizer_config.json");
    }

    std::vector<std::int64_t> encode(std::string_view text, std::vector<std::string> &warnings) const override {
        if (m_steps.composes && hasCombiningMarks(text))
            warnings.push_back(m_name + " composes characters (NFC), which is not done here: the text is taken as it "
                                        "is, and its ids may differ.");
        std::vector<std::int64_t> ids;
        Cache cache;
        std::size_t begin = 0;
        for (std::size_t at = 0; at < text.size();) {
            const auto [id, length] = addedAt(text, at);
            if (length == 0) {
                ++at;
                continue;
            }
            encodePart(text.substr(begin, at - begin), begin == 0, cache, ids);
            ids.push_back(id);
            at += length;
            begin = at;
        }
        encodePart(text.substr(begin), begin == 0, cache, ids);
        return ids;
    }

    std::uint64_t size() const override { return m_size; }
    std::optional<std::int64_t> bos() const override { return m_bos; }

private:
    using Cache = std::unordered_map<std::string, std::vector<std::int32_t>>;

    Error damaged(const std::string &what) const { return Error(Fault::Input, m_name + ": " + what + "."); }

    std::int32_t idFrom(const Json &value) {
        const std::int64_t id = value.is_number_integer() ? value.get<std::int64_t>() : -1;
        if (id < 0 || id > largestId)
            throw damaged("an id is " + shown(value.dump()));
        m_size = std::max(m_size, static_cast<std::uint64_t>(id) + 1);
        return static_cast<std::int32_t>(id);
    }

    void readModel(const Json &model) {
        const Json &type = member(model, "type");
        if (type != "BPE" && !(type.is_null() && member(model, "merges").is_array()))
            throw damaged("a model of kind " + shown(type.dump()) + " is not supported, only BPE");
        for (const auto &[token, id] : member(model, "vocab").items())
            m_ids.emplace(token, idFrom(id));
        if (m_ids.empty())
            throw damaged("it has no vocabulary");
        if (!member(model, "continuing_subword_prefix").is_null() && member(model, "continuing_subword_prefix") != "")
            throw damaged("a continuing_subword_prefix is not supported");
        if (!member(model, "end_of_word_suffix").is_null() && member(model, "end_of_word_suffix") != "")
            throw damaged("an end_of_word_suffix is not supported");
        m_wholePieces = member(model, "ignore_merges") == true;
        if (const Json &unknown = member(model, "unk_token"); unknown.is_string())
            if (const auto found = m_ids.find(unknown.get<std::string>()); found != m_ids.end())
                m_unknown = found->second;
        m_fuseUnknown = member(model, "fuse_unk") == true;
        if (member(model, "byte_fallback") == true)
            readByteTokens();
        double rank = 0;
        for (const Json &merge : member(model, "merges"))
            addMerge(merge, rank++);
    }

    void readByteTokens() {
        for (unsigned byte = 0; byte < 256; ++byte) {
            std::array<char, 8> name{};
            std::snprintf(name.data(), name.size(), "<0x%02X>", byte);
            if (const auto found = m_ids.find(std::string_view(name.data())); found != m_ids.end())
                m_byteIds[byte] = found->second;
        }
    }

    // "left right", or ["left", "right"].
    void addMerge(const Json &merge, double rank) {
        std::string left;
        std::string right;
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            left = merge[0].get<std::string>();
            right = merge[1].get<std::string>();
        } else if (merge.is_string()) {
            const std::string text = merge.get<std::string>();
            const std::size_t space = text.find(' ');
            left = text.substr(0, space);
            right = space == std::string::npos ? "" : text.substr(space + 1);
        }
        const auto a = m_ids.find(left);
        const auto b = m_ids.find(right);
        const auto joined = m_ids.find(left + right);
        if (a == m_ids.end() || b == m_ids.end() || joined == m_ids.end())
            throw damaged("the merge " + shown(merge.dump()) + " is not of its vocabulary");
        m_merges.emplace(pairKey(a->second, b->second), PairMerge{rank, joined->second});
    }

    void readAdded(const Json &list) {
        for (const Json &token : list) {
            const Json &content = member(token, "content");
            if (!content.is_string() || content == "")
                throw damaged("an added token has no content");
            m_added.emplace_back(content.get<std::string>(), idFrom(member(token, "id")));
            m_addedStarts[static_cast<unsigned char>(m_added.back().first.front())] = true;
        }
        // Where several begin at one place the longest is meant.
        std::stable_sort(m_added.begin(), m_added.end(),
                         [](const auto &a, const auto &b) { return a.first.size() > b.first.size(); });
    }

    void readBos(const Json &processor) {
        const Json &type = member(processor, "type");
        if (type == "Sequence") {
            for (const Json &part : member(processor, "processors"))
                readBos(part);
        } else if (type == "TemplateProcessing") {
            const Json &single = member(processor, "single");
            if (!single.is_array() || single.empty())
                return;
            const Json &special = member(single.front(), "SpecialToken");
            const Json &name = member(special, "id");
            if (!name.is_string())
                return;
            const Json &ids =
                member(member(member(processor, "special_tokens"), name.get<std::string>().c_str()), "ids");
            if (ids.is_array() && ids.size() == 1)
                m_bos = idFrom(ids.front());
        }
    }

    // Older files leave it to the configuration beside them.
    void readConfiguredBos(const std::filesystem::path &path) {
        std::error_code none;
        if (!std::filesystem::exists(path, none))
            return;
        const auto json = parseForeignJson(readSmallFile(path, largestFile));
        if (!json || member(*json, "add_bos_token") != true)
            return;
        const Json &token = member(*json, "bos_token");
        const Json &content = token.is_object() ? member(token, "content") : token;
        if (!content.is_string())
            return;
        const auto name = content.get<std::string>();
        for (const auto &[text, id] : m_added)
            if (text == name)
                m_bos = id;
        if (const auto found = m_ids.find(name); !m_bos && found != m_ids.end())
            m_bos = found->second;
    }

    static bool hasCombiningMarks(std::string_view text) {
        for (std::size_t i = 0; i + 1 < text.size(); ++i) // U+0300 to U+036F
            if (text[i] == '\xCC' || (text[i] == '\xCD' && static_cast<unsigned char>(text[i + 1]) < 0xB0))
                return true;
        return false;
    }

    std::pair<std::int32_t, std::size_t> addedAt(std::string_view text, std::size_t at) const {
        if (m_addedStarts[static_cast<unsigned char>(text[at])])
            for (const auto &[content, id] : m_added)
                if (text.compare(at, content.size(), content) == 0)
                    return {id, content.size()};
        return {0, 0};
    }

    void encodePart(std::string_view text, bool first, Cache &cache, std::vector<std::int64_t> &ids) const {
        if (text.empty())
            return;
        for (const std::string &piece : m_steps.apply(text, first)) {
            auto found = cache.find(piece);
            if (found == cache.end()) {
                if (cache.size() >= cachedPieces)
                    cache.clear();
                found = cache.emplace(piece, encodePiece(piece)).first;
            }
            ids.insert(ids.end(), found->second.begin(), found->second.end());
        }
    }

    std::vector<std::int32_t> encodePiece(const std::string &piece) const {
        if (m_wholePieces)
            if (const auto whole = m_ids.find(piece); whole != m_ids.end())
                return {whole->second};
        std::vector<std::int32_t> symbols;
        bool unknownBefore = false;
        forEachCharacter(piece, [&](std::string_view character) {
            const auto found = m_ids.find(character);
            const bool unknown = found == m_ids.end() && !appendBytes(character, symbols);
            if (found != m_ids.end())
                symbols.push_back(found->second);
            else if (unknown && m_unknown && !(m_fuseUnknown && unknownBefore))
                symbols.push_back(*m_unknown);
            unknownBefore = unknown;
        });
        return mergePairs(symbols, [this](std::int32_t left, std::int32_t right) -> std::optional<PairMerge> {
            const auto found = m_merges.find(pairKey(left, right));
            return found == m_merges.end() ? std::nullopt : std::optional(found->second);
        });
    }

    bool appendBytes(std::string_view character, std::vector<std::int32_t> &symbols) const {
        const auto idOfByte = [this](char byte) { return m_byteIds[static_cast<unsigned char>(byte)]; };
        if (std::any_of(character.begin(), character.end(), [&](char byte) { return idOfByte(byte) < 0; }))
            return false;
        for (const char byte : character)
            symbols.push_back(idOfByte(byte));
        return true;
    }

    static std::array<std::int32_t, 256> noBytes() {
        std::array<std::int32_t, 256> ids{};
        ids.fill(-1);
        return ids;
    }

    std::string m_name;
    std::uint64_t m_size = 0;
    IdTable m_ids;
    std::unordered_map<std::uint64_t, PairMerge> m_merges;
    std::vector<std::pair<std::string, std::int32_t>> m_added;
    std::array<bool, 256> m_addedStarts{};
    std::array<std::int32_t, 256> m_byteIds = noBytes(); // -1: none
    std::optional<std::int32_t> m_unknown;
    bool m_fuseUnknown = false;
    bool m_wholePieces = false;
    TextSteps m_steps;
    std::optional<std::int64_t> m_bos;
};

} // namespace

std::unique_ptr<Tokenizer> jsonTokenizer(const std::filesystem::path &path) {
    return std::make_unique<JsonTokenizer>(path);
}

} // namespace nibblescope
