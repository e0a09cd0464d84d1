// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.model, through Google's libsentencepiece. Characters that the model lacks become their bytes where it has
// pieces for bytes, else its unknown id. BOS is the model's, unless tokenizer_config.json beside it says that none is
// put in.
#include "core/base/error.h"
#include "core/io/json_text.h"
#include "core/io/shown.h"
#include "core/model/tokenizer.h"

#ifdef NIBBLESCOPE_HAVE_SENTENCEPIECE
#include <sentencepiece_processor.h>
#endif

namespace nibblescope {

#ifdef NIBBLESCOPE_HAVE_SENTENCEPIECE

namespace {

constexpr std::uint64_t largestFile = 64ULL << 20;
constexpr std::uint64_t largestConfig = 16ULL << 20;

class SentencePieceTokenizer : public Tokenizer {
public:
    explicit SentencePieceTokenizer(const std::filesystem::path &path) {
        const std::string bytes = readSmallFile(path, largestFile);
        const auto status = m_processor.LoadFromSerializedProto(bytes);
        if (!status.ok() || m_processor.GetPieceSize() <= 0)
            throw Error(Fault::Input, shownName(path) + " is no SentencePiece model: " + shown(status.ToString()))
                .inFile(path.string());
        if (m_processor.bos_id() >= 0 && putsBos(path.parent_path() / "tokenizer_config.json"))
            m_bos = m_processor.bos_id();
    }

    std::vector<std::int64_t> encode(std::string_view text, std::vector<std::string> & /*warnings*/) const override {
        std::vector<int> ids;
        const auto status = m_processor.Encode({text.data(), text.size()}, &ids);
        if (!status.ok())
            throw Error(Fault::Input, "The text could not be encoded: " + shown(status.ToString()));
        return {ids.begin(), ids.end()};
    }

    std::uint64_t size() const override { return static_cast<std::uint64_t>(m_processor.GetPieceSize()); }
    std::optional<std::int64_t> bos() const override { return m_bos; }

private:
    static bool putsBos(const std::filesystem::path &config) {
        std::error_code none;
        if (!std::filesystem::exists(config, none))
            return true;
        const auto json = nlohmann::json::parse(readSmallFile(config, largestConfig), nullptr, false);
        const auto told = json.is_object() ? json.find("add_bos_token") : json.end();
        return !json.is_object() || told == json.end() || !told->is_boolean() || told->get<bool>();
    }

    std::optional<std::int64_t> m_bos;
    sentencepiece::SentencePieceProcessor m_processor;
};

} // namespace

std::unique_ptr<Tokenizer> sentencePieceTokenizer(const std::filesystem::path &path) {
    return std::make_unique<SentencePieceTokenizer>(path);
}

#else

std::unique_ptr<Tokenizer> sentencePieceTokenizer(const std::filesystem::path &path) {
    throw Error(Fault::Machine, "This program was built without libsentencepiece, which " + shownName(path) +
                                    " needs: give token ids with --tokens, or build it with libsentencepiece-dev "
                                    "installed.");
}

#endif

} // namespace nibblescope
