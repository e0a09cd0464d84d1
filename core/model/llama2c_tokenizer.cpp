// SPDX-License-Identifier: GPL-3.0-or-later
// The tokenizer files of llama2.c: a 32-bit integer with the longest length, then for each id a 32-bit float, its
// score, a 32-bit length and the bytes. Ids 0 to 2 are special (BOS is 1), 3 to 258 stand for single bytes.
#include <bit>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "core/base/error.h"
#include "core/io/json_text.h"
#include "core/io/shown.h"
#include "core/model/pair_merging.h"
#include "core/model/tokenizer.h"
#include "core/model/utf8.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t largestFile = 64ULL << 20;
constexpr std::size_t longestToken = 4096;
constexpr std::int32_t firstByteId = 3;
constexpr std::size_t fewestIds = 259;

class Llama2cTokenizer : public Tokenizer {
public:
    explicit Llama2cTokenizer(const std::filesystem::path &path) {
        const std::string bytes = readSmallFile(path, largestFile);
        std::string_view rest = bytes;
        const auto damaged = [&path](const std::string &what) {
            return Error(Fault::Input, shownName(path) + " is no tokenizer of llama2.c: " + what + ".")
                .inFile(path.string());
        };
        if (rest.size() < 4)
            throw damaged("it is too short");
        rest.remove_prefix(4);
        while (!rest.empty()) {
            if (rest.size() < 8)
                throw damaged("it ends inside an entry");
            const std::uint32_t length = number(rest.substr(4));
            const auto score = std::bit_cast<float>(number(rest));
            if (length > longestToken || length > rest.size() - 8 || !std::isfinite(score))
                throw damaged("entry " + std::to_string(m_tokens.size()) + " makes no sense");
            m_tokens.push_back({std::string(rest.substr(8, length)), score});
            rest.remove_prefix(8 + length);
        }
        if (m_tokens.size() < fewestIds)
            throw damaged("it has only " + std::to_string(m_tokens.size()) + " entries");
        for (std::size_t i = 0; i < m_tokens.size(); ++i)
            m_ids.emplace(m_tokens[i].text, static_cast<std::int32_t>(i));
    }

    std::vector<std::int64_t> encode(std::string_view text, std::vector<std::string> & /*warnings*/) const override {
        std::vector<std::int32_t> symbols;
        if (!text.empty())
            append(" ", symbols); // so that the first word begins with a space like the others
        forEachCharacter(text, [&](std::string_view character) { append(character, symbols); });
        std::string joined;
        const auto merged = mergePairs(symbols, [&](std::int32_t left, std::int32_t right) -> std::optional<PairMerge> {
            joined = m_tokens[static_cast<std::size_t>(left)].text;
            joined += m_tokens[static_cast<std::size_t>(right)].text;
            const auto found = m_ids.find(joined);
            if (found == m_ids.end())
                return std::nullopt;
            const float score = m_tokens[static_cast<std::size_t>(found->second)].score;
            return PairMerge{-static_cast<double>(score), found->second};
        });
        return {merged.begin(), merged.end()};
    }

    std::uint64_t size() const override { return m_tokens.size(); }
    std::optional<std::int64_t> bos() const override { return 1; }

private:
    struct Token {
        std::string text;
        float score;
    };

    static std::uint32_t number(std::string_view bytes) {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < 4; ++i)
            value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
        return value;
    }

    void append(std::string_view character, std::vector<std::int32_t> &symbols) const {
        if (const auto found = m_ids.find(character); found != m_ids.end()) {
            symbols.push_back(found->second);
            return;
        }
        for (const char byte : character)
            symbols.push_back(static_cast<unsigned char>(byte) + firstByteId);
    }

    std::vector<Token> m_tokens;
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> m_ids;
};

} // namespace

std::unique_ptr<Tokenizer> llama2cTokenizer(const std::filesystem::path &path) {
    return std::make_unique<Llama2cTokenizer>(path);
}

} // namespace nibblescope
