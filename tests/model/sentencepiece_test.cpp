// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.model: models are trained here, on the text of the sample model, and read back.
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/model/tokenizer.h"
#include "tests/support/model_inputs.h"
#include "tests/support/safetensors_maker.h"
#include "tests/support/small_model.h"
#include "tests/support/test_paths.h"

#ifdef NIBBLESCOPE_HAVE_SENTENCEPIECE
#include <sentencepiece_trainer.h>
#endif

namespace nibblescope {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int64_t>;

[[maybe_unused]] Ids encode(const Tokenizer &tokenizer, const std::string &text) {
    std::vector<std::string> warnings;
    return tokenizer.encode(text, warnings);
}

} // namespace

class SentencePieceTest : public QObject {
    Q_OBJECT
#ifdef NIBBLESCOPE_HAVE_SENTENCEPIECE
private:
    QTemporaryDir m_folder;
    fs::path folder() const { return fs::path(m_folder.path().toStdString()); }
    static fs::path text() { return fs::path(test_paths::sources) / "resources/sample_model/heldout.txt"; }

    // As the models of the Llama family are: byte-pair encoding, bytes for what is unknown.
    fs::path trained(const std::string &name, const std::string &options) {
        const fs::path prefix = folder() / name;
        const auto status = sentencepiece::SentencePieceTrainer::Train(
            "--input=" + text().string() + " --model_prefix=" + prefix.string() +
            " --vocab_size=600 --minloglevel=3 --num_threads=1 " + options);
        if (!status.ok())
            qFatal("%s", status.ToString().c_str());
        return prefix.string() + ".model";
    }
    fs::path llamaLike() {
        return trained("llama", "--model_type=bpe --byte_fallback=true --split_digits=true "
                                "--normalization_rule_name=identity");
    }

private slots:
    void unknownCharactersBecomeTheirBytes() {
        const auto tokenizer = sentencePieceTokenizer(llamaLike());
        QCOMPARE(tokenizer->size(), std::uint64_t{600});
        QVERIFY(tokenizer->bos() == std::optional<std::int64_t>(1));
        // unk, <s>, </s>, then the 256 bytes.
        const Ids ids = encode(*tokenizer, "\u4e2d");
        QVERIFY(ids.size() >= 3);
        QVERIFY((Ids{ids.end() - 3, ids.end()}) == (Ids{3 + 0xe4, 3 + 0xb8, 3 + 0xad}));
        QVERIFY(encode(*tokenizer, "").empty());
    }

    void withoutBytesTheyAreUnknown() {
        const auto tokenizer = sentencePieceTokenizer(trained("unigram", "--model_type=unigram --bos_id=-1"));
        QVERIFY(!tokenizer->bos());
        QCOMPARE(encode(*tokenizer, "\u4e2d").back(), std::int64_t{0});
    }

    void theConfigurationDecidesAboutBos() {
        const fs::path model = llamaLike();
        testing::writeFile(folder() / "tokenizer_config.json", R"({"add_bos_token": false})");
        QVERIFY(!sentencePieceTokenizer(model)->bos());
        testing::writeFile(folder() / "tokenizer_config.json", R"({"add_bos_token": null})");
        QVERIFY(sentencePieceTokenizer(model)->bos());
        fs::remove(folder() / "tokenizer_config.json");
    }

    void refusesWhatIsNone() {
        for (const std::string &bytes : {std::string(), std::string("abc"), std::string(1000, '\xff')}) {
            testing::writeFile(folder() / "tokenizer.model", bytes);
            const std::string fault =
                testing::faultOf([this] { sentencePieceTokenizer(folder() / "tokenizer.model"); });
            QVERIFY2(fault.find("tokenizer.model") != std::string::npos, fault.c_str());
        }
    }

    void standsBesideItsModel() {
        const fs::path place = folder() / "model";
        test::SmallModel options;
        options.vocabulary = 640;
        test::writeSmallModel(place, options);
        fs::copy_file(llamaLike(), place / "tokenizer.model");
        const Model model = openModel(place);
        QVERIFY(openTokenizer(model, 640) != nullptr);
        const std::string fault = testing::faultOf([&model] { openTokenizer(model, 512); });
        QVERIFY2(fault.find("does not fit the model") != std::string::npos, fault.c_str());
    }

    void bytesThatAreNoTextAreReplacedAndTold() {
        testing::writeFile(folder() / "odd.txt", "In the \xff beginning");
        std::vector<std::string> warnings;
        const std::string read = readText(folder() / "odd.txt", warnings);
        QCOMPARE(read, std::string("In the \ufffd beginning"));
        QCOMPARE(warnings.size(), std::size_t{1});
        QVERIFY(warnings.front().find("U+FFFD") != std::string::npos);
        const Ids ids = encode(*sentencePieceTokenizer(llamaLike()), read);
        QVERIFY(std::find(ids.begin(), ids.end(), 3 + 0xef) != ids.end());
    }

#ifdef NIBBLESCOPE_PYTHON_SENTENCEPIECE
    void givesTheIdsOfThePythonPackage() {
        const fs::path model = llamaLike();
        std::string all = testing::readFile(text());
        all += " \u4e2d\u6587 \U0001F600 caf\u00e9 e\u0301  two  blanks\ttab\r\n\u3000 12345 ";
        testing::writeFile(folder() / "all.txt", all);
        QProcess python;
        python.start(QStringLiteral("/usr/bin/python3"),
                     {QStringLiteral("-c"),
                      QStringLiteral("import sentencepiece as s, sys\n"
                                     "p = s.SentencePieceProcessor(model_file=sys.argv[1])\n"
                                     "t = open(sys.argv[2], encoding='utf-8', newline='').read()\n"
                                     "print(' '.join(map(str, p.encode(t))))"),
                      QString::fromStdString(model.string()), QString::fromStdString((folder() / "all.txt").string())});
        QVERIFY(python.waitForFinished(60000));
        QCOMPARE(python.exitCode(), 0);
        std::istringstream words(python.readAllStandardOutput().toStdString());
        const Ids expected{std::istream_iterator<std::int64_t>(words), std::istream_iterator<std::int64_t>()};
        QVERIFY(expected.size() > 50000);
        QVERIFY(encode(*sentencePieceTokenizer(model), all) == expected);
    }
#endif
#else
private slots:
    void saysThatItIsLeftOut() {
        QVERIFY(testing::faultOf([] { sentencePieceTokenizer("tokenizer.model"); }).find("libsentencepiece") !=
                std::string::npos);
    }
#endif
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::SentencePieceTest)
#include "sentencepiece_test.moc"
