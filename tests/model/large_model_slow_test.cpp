// SPDX-License-Identifier: GPL-3.0-or-later
// Models larger than the memory that they are given: a decoder layer in F32, what runs through it and 300 MB are all
// that evaluating takes, however many layers there are; calibrating takes the layer's X'X on top.
#include <QTemporaryDir>
#include <QtTest>

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <random>

#include <nlohmann/json.hpp>

#include "tests/support/test_paths.h"

extern char **environ;

namespace nibblescope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t megabyte = 1'000'000;
constexpr std::uint64_t allowance = 300 * megabyte;
constexpr std::uint64_t context = 32;
constexpr std::uint64_t windows = 2;

struct Shape {
    std::uint64_t layers = 0;
    std::uint64_t hidden = 0;
    std::uint64_t mlp = 0;
    static constexpr std::uint64_t heads = 16;
    std::uint64_t vocabulary = 512;

    std::uint64_t layerWeights() const { return 4 * hidden * hidden + 3 * hidden * mlp; }
    std::uint64_t fileBytes() const { return (layers * layerWeights() + vocabulary * hidden) * 2; }
    std::uint64_t vocabularyBytes() const { return vocabulary * hidden * sizeof(float); }
    // A decoder layer as F32, and the inputs and outputs of its linears for all windows.
    std::uint64_t layerBytes() const { return layerWeights() * sizeof(float); }
    std::uint64_t activationBytes() const { return windows * context * (6 * hidden + 3 * mlp) * sizeof(float); }
    std::uint64_t gramBytes() const { return (3 * hidden * hidden + mlp * mlp) * sizeof(double); }
};

struct Tensor {
    std::string name;
    std::vector<std::uint64_t> shape;
};

std::vector<Tensor> tensorsOf(const Shape &shape) {
    std::vector<Tensor> tensors{{"model.embed_tokens.weight", {shape.vocabulary, shape.hidden}}};
    for (std::uint64_t i = 0; i < shape.layers; ++i) {
        const std::string prefix = "model.layers." + std::to_string(i) + ".";
        for (const char *norm : {"input_layernorm", "post_attention_layernorm"})
            tensors.push_back({prefix + norm + ".weight", {shape.hidden}});
        for (const char *name : {"q_proj", "k_proj", "v_proj", "o_proj"})
            tensors.push_back({prefix + "self_attn." + name + ".weight", {shape.hidden, shape.hidden}});
        for (const char *name : {"gate_proj", "up_proj"})
            tensors.push_back({prefix + "mlp." + name + ".weight", {shape.mlp, shape.hidden}});
        tensors.push_back({prefix + "mlp.down_proj.weight", {shape.hidden, shape.mlp}});
    }
    tensors.push_back({"model.norm.weight", {shape.hidden}});
    return tensors;
}

// BF16, the same random weights over and over: it is their number that counts here.
void writeModel(const fs::path &folder, const Shape &shape) {
    nlohmann::ordered_json header;
    std::uint64_t end = 0;
    for (const Tensor &tensor : tensorsOf(shape)) {
        std::uint64_t bytes = 2;
        for (const std::uint64_t side : tensor.shape)
            bytes *= side;
        header[tensor.name] = {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {end, end + bytes}}};
        end += bytes;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 0.02F);
    std::vector<std::uint16_t> block(1 << 20);
    for (std::uint16_t &weight : block)
        weight = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(normal(random)) >> 16);
    fs::create_directories(folder);
    std::ofstream out(folder / "model.safetensors", std::ios::binary);
    const std::uint64_t length = text.size();
    out.write(reinterpret_cast<const char *>(&length), sizeof length);
    out << text;
    for (std::uint64_t done = 0; done < end; done += 2 * block.size())
        out.write(reinterpret_cast<const char *>(block.data()),
                  static_cast<std::streamsize>(std::min<std::uint64_t>(2 * block.size(), end - done)));
    const nlohmann::ordered_json config{{"architectures", {"LlamaForCausalLM"}},
                                        {"model_type", "llama"},
                                        {"hidden_size", shape.hidden},
                                        {"intermediate_size", shape.mlp},
                                        {"num_hidden_layers", shape.layers},
                                        {"num_attention_heads", Shape::heads},
                                        {"num_key_value_heads", Shape::heads},
                                        {"vocab_size", shape.vocabulary},
                                        {"rms_norm_eps", 1e-5},
                                        {"bos_token_id", 1},
                                        {"tie_word_embeddings", true}};
    std::ofstream(folder / "config.json") << config;
}

void writeIds(const fs::path &path) {
    std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (200,), }";
    header.resize(117, ' ');
    std::ofstream out(path, std::ios::binary);
    out << "\x93NUMPY\x01" << '\0' << static_cast<char>(118) << '\0' << header << '\n';
    for (int i = 0; i < 200; ++i)
        out << static_cast<char>(i * 37 % 251);
}

struct Outcome {
    int status = -1;
    std::uint64_t peakBytes = 0;
    double seconds = 0;
};

// The command line in a process of its own, whose largest resident size the system keeps.
Outcome run(std::vector<std::string> words) {
    words.insert(words.begin(), test_paths::commandLineProgram);
    std::vector<char *> arguments;
    for (std::string &word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    QElapsedTimer timer;
    timer.start();
    pid_t child = 0;
    Outcome outcome;
    if (posix_spawn(&child, arguments.front(), nullptr, nullptr, arguments.data(), environ) != 0)
        return outcome;
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) == child && WIFEXITED(status))
        outcome.status = WEXITSTATUS(status);
    outcome.peakBytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    outcome.seconds = static_cast<double>(timer.elapsed()) / 1000;
    return outcome;
}

} // namespace

class LargeModelSlowTest : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    fs::path m_model = fs::path(m_folder.path().toStdString()) / "model";
    fs::path m_ids = fs::path(m_folder.path().toStdString()) / "ids.npy";

    std::vector<std::string> command(const char *name) const {
        return {name,        m_model.string(),        "--tokens",  m_ids.string(),
                "--context", std::to_string(context), "--windows", std::to_string(windows)};
    }
    static void report(const char *what, const Outcome &outcome, std::uint64_t allowed) {
        qInfo("%s: peak %.0f MB of %.0f MB allowed, %.1f s", what, static_cast<double>(outcome.peakBytes) / megabyte,
              static_cast<double>(allowed) / megabyte, outcome.seconds);
    }

private slots:
    void init() {
        QVERIFY(m_folder.isValid());
        writeIds(m_ids);
    }
    void cleanup() { fs::remove_all(m_model); }

    void evaluatingTakesOneLayer_data() {
        QTest::addColumn<QStringList>("recipe");
        QTest::newRow("unquantized") << QStringList();
        QTest::newRow("rtn") << QStringList{"--format", "nf4"};
        QTest::newRow("clip search") << QStringList{"--format", "int4-asym", "--method", "mse"};
        QTest::newRow("sensitivity") << QStringList{"--format", "int4", "--sensitivity", "layers"};
        QTest::newRow("flat groups") << QStringList{"--format", "nf4", "--blocks", "flat"};
        QTest::newRow("fitted") << QStringList{"--format", "fitted"};
        QTest::newRow("packed") << QStringList{"--format", "nf4", "--products", "packed-int8"};
        QTest::newRow("rounded activations") << QStringList{"--activations", "int8", "--format", "int4"};
    }
    void evaluatingTakesOneLayer() {
        QFETCH(QStringList, recipe);
        const Shape shape{4, 2048, 22528};
        writeModel(m_model, shape);
        QVERIFY(shape.fileBytes() > 1200 * megabyte);
        std::vector<std::string> words = command("evaluate");
        for (const QString &word : recipe)
            words.push_back(word.toStdString());
        const Outcome outcome = run(words);
        const std::uint64_t allowed = shape.layerBytes() + shape.activationBytes() + allowance;
        report(QTest::currentDataTag(), outcome, allowed);
        QCOMPARE(outcome.status, 0);
        QVERIFY(outcome.peakBytes < allowed);
    }

    // An embedding beyond all layers is read by rows and as the head by blocks; only where it is quantized itself is it
    // the largest layer.
    void aLargeVocabularyIsNotHeld_data() {
        QTest::addColumn<bool>("quantized");
        QTest::newRow("left alone") << false;
        QTest::newRow("quantized") << true;
    }
    void aLargeVocabularyIsNotHeld() {
        QFETCH(bool, quantized);
        const Shape shape{2, 2048, 2048, 200'000};
        writeModel(m_model, shape);
        std::vector<std::string> words = command("evaluate");
        words.insert(words.end(), {"--format", "nf4"});
        if (quantized)
            words.insert(words.end(), {"--include", "*embed_tokens*"});
        const Outcome outcome = run(words);
        const std::uint64_t allowed =
            (quantized ? shape.vocabularyBytes() : shape.layerBytes()) + shape.activationBytes() + allowance;
        report(QTest::currentDataTag(), outcome, allowed);
        QCOMPARE(outcome.status, 0);
        QVERIFY(outcome.peakBytes < allowed);
    }

    void calibratingTakesOneLayerAndItsGrams() {
        const Shape shape{5, 2048, 4096};
        writeModel(m_model, shape);
        std::vector<std::string> words = command("calibrate");
        words.insert(words.end(), {"--out", (m_model / "c.h5").string()});
        const Outcome outcome = run(words);
        const std::uint64_t allowed = shape.layerBytes() + shape.activationBytes() + shape.gramBytes() + allowance;
        report("calibrate", outcome, allowed);
        QCOMPARE(outcome.status, 0);
        QVERIFY(outcome.peakBytes < allowed);
        QVERIFY(fs::file_size(m_model / "c.h5") > 1000 * megabyte); // of all layers
    }
};

} // namespace nibblescope

QTEST_GUILESS_MAIN(nibblescope::LargeModelSlowTest)
#include "large_model_slow_test.moc"
