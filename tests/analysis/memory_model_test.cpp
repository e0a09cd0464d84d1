// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/memory_model.h"

#include <QtTest>

using namespace nibblescope;
using Json = nlohmann::ordered_json;

namespace {

Json llama() {
    return Json::parse(R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 5,
        "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 8, "max_position_embeddings": 512})");
}

TensorResult tensor(const char *name, std::uint64_t rows, std::uint64_t cols, bool quantized, const Recipe &recipe) {
    TensorResult result;
    result.info.name = name;
    result.info.dtype = DType::F32;
    result.info.shape = {rows, cols};
    result.info.params = rows * cols;
    result.info.bytes = rows * cols * 4;
    result.shape = {rows, cols};
    result.quantized = quantized;
    if (quantized) {
        result.recipe = recipe;
        result.bits = storedBits(result.shape, recipe);
    }
    return result;
}

// The shapes of a tiny Llama: 35 matrices that are quantized, an embedding and norms that are not.
std::vector<TensorResult> tinyLlama(const Recipe &recipe) {
    std::vector<TensorResult> results = {tensor("embed_tokens", 512, 64, false, recipe)};
    for (int layer = 0; layer < 5; ++layer) {
        for (const char *name : {"q", "o"})
            results.push_back(tensor(name, 64, 64, true, recipe));
        for (const char *name : {"k", "v"})
            results.push_back(tensor(name, 32, 64, true, recipe));
        for (const char *name : {"gate", "up"})
            results.push_back(tensor(name, 172, 64, true, recipe));
        results.push_back(tensor("down", 64, 172, true, recipe));
        results.push_back(tensor("norm", 1, 64, false, recipe));
        results.push_back(tensor("norm", 1, 64, false, recipe));
    }
    results.push_back(tensor("norm", 1, 64, false, recipe));
    return results;
}

} // namespace

class MemoryModelTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void groupedQueryCache() {
        const ModelGeometry geometry = modelGeometry(llama());
        QVERIFY(geometry.cache);
        QCOMPARE(geometry.cache->kvHeads, std::uint64_t(4));
        // 5 layers x 4 heads x 8 x 2 x 512 tokens of 2 bytes
        QCOMPARE(*kvCacheBytes(*geometry.cache, 512, 1, CacheType::F16), std::uint64_t(320 * 1024));
        QCOMPARE(*kvCacheBytes(*geometry.cache, 512, 3, CacheType::Int4), std::uint64_t(240 * 1024));
        QCOMPARE(*geometry.contextLimit, std::uint64_t(512));
    }

    void nullMeansAbsent() {
        Json config = llama();
        config["head_dim"] = nullptr;
        config["num_key_value_heads"] = nullptr;
        config["sliding_window"] = nullptr;
        const ModelGeometry geometry = modelGeometry(config);
        QVERIFY(geometry.cache);
        QCOMPARE(geometry.cache->headDim, std::uint64_t(8));
        QCOMPARE(geometry.cache->kvHeads, std::uint64_t(8));
        QCOMPARE(geometry.cache->windowedLayers, std::uint64_t(0));
    }

    void windows_data() {
        QTest::addColumn<QByteArray>("patch");
        QTest::addColumn<quint64>("windowed");
        QTest::newRow("mistral") << QByteArray(R"({"model_type": "mistral", "sliding_window": 100})") << quint64(5);
        QTest::newRow("off") << QByteArray(R"({"sliding_window": 100, "use_sliding_window": false})") << quint64(0);
        QTest::newRow("qwen2, off by default")
            << QByteArray(R"({"model_type": "qwen2", "sliding_window": 100})") << quint64(0);
        QTest::newRow("qwen2, on") << QByteArray(
                                          R"({"model_type": "qwen2", "sliding_window": 100, "use_sliding_window": true,
                                              "max_window_layers": 2})")
                                   << quint64(3);
        QTest::newRow("layer types")
            << QByteArray(R"({"sliding_window": 100, "layer_types": ["sliding_attention", "full_attention",
                   "sliding_attention", "full_attention", "sliding_attention"]})")
            << quint64(3);
        QTest::newRow("pattern") << QByteArray(R"({"sliding_window": 100, "sliding_window_pattern": 3})") << quint64(4);
    }
    void windows() {
        QFETCH(QByteArray, patch);
        QFETCH(quint64, windowed);
        Json config = llama();
        config.update(Json::parse(patch.toStdString()));
        const ModelGeometry geometry = modelGeometry(config);
        QVERIFY2(geometry.cache, geometry.reason.c_str());
        QCOMPARE(quint64(geometry.cache->windowedLayers), windowed);
        QCOMPARE(quint64(*kvCacheBytes(*geometry.cache, 512, 1, CacheType::F16)),
                 ((5 - windowed) * 512 + windowed * 100) * 4 * 8 * 2 * 2);
    }

    void unknown_data() {
        QTest::addColumn<QByteArray>("patch");
        QTest::addColumn<QString>("reason");
        QTest::newRow("latent") << QByteArray(R"({"kv_lora_rank": 32})")
                                << QStringLiteral(
                                       "with multi-head latent attention the runtime decides what is cached");
        QTest::newRow("negative") << QByteArray(R"({"num_hidden_layers": -3})")
                                  << QStringLiteral("config.json gives no sensible num_hidden_layers");
        QTest::newRow("huge") << QByteArray(R"({"head_dim": 1e30})")
                              << QStringLiteral("config.json gives no sensible head_dim");
        QTest::newRow("text") << QByteArray(R"({"num_key_value_heads": "four"})")
                              << QStringLiteral("config.json gives no sensible num_key_value_heads");
        QTest::newRow("missing") << QByteArray(R"({"num_attention_heads": null})")
                                 << QStringLiteral("config.json has no num_attention_heads");
        QTest::newRow("encoder") << QByteArray(R"({"model_type": "bert"})")
                                 << QStringLiteral("an encoder (bert) keeps no KV cache");
    }
    void unknown() {
        QFETCH(QByteArray, patch);
        QFETCH(QString, reason);
        Json config = llama();
        config.update(Json::parse(patch.toStdString()));
        const ModelGeometry geometry = modelGeometry(config);
        QVERIFY(!geometry.cache);
        QCOMPARE(QString::fromStdString(geometry.reason), reason);
    }

    void oddDocuments() {
        QCOMPARE(modelGeometry(std::nullopt).reason, std::string("needs config.json"));
        QCOMPARE(modelGeometry(Json::array()).reason, std::string("needs config.json"));
        QVERIFY(modelGeometry(Json{{"model_type", "llava"}, {"text_config", llama()}}).cache);
        Json gpt2 = Json::parse(R"({"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "n_ctx": 1024})");
        const ModelGeometry geometry = modelGeometry(gpt2);
        QVERIFY(geometry.cache);
        QCOMPARE(geometry.cache->headDim, std::uint64_t(64));
        QCOMPARE(*geometry.contextLimit, std::uint64_t(1024));
    }

    void overflowIsAReason() {
        CacheGeometry geometry{1ULL << 30, 1ULL << 30, 1ULL << 30, 0, 0};
        QVERIFY(!kvCacheBytes(geometry, 4096, 1, CacheType::F16));
        Json config = llama();
        config["num_hidden_layers"] = 1ULL << 31;
        config["head_dim"] = 1ULL << 31;
        const MemoryBreakdown memory = memoryOf({}, modelGeometry(config), {});
        QVERIFY(!memory.kvCacheBytes);
        QVERIFY(!memory.kvCacheReason.empty());
    }

    void partsOfATinyLlama() {
        Recipe recipe = defaultRecipe(Format::Nf4);
        const auto results = tinyLlama(recipe);
        const ModelGeometry geometry = modelGeometry(llama());
        const MemoryBreakdown memory = memoryOf(results, geometry, {});
        QCOMPARE(memory.context, std::uint64_t(512));
        QCOMPARE(memory.parts.codes, std::uint64_t(113280));
        QCOMPARE(memory.parts.scales, std::uint64_t(3640 * 2));
        QCOMPARE(memory.parts.leftAlone, std::uint64_t((512 + 11) * 64 * 4));
        QCOMPARE(*memory.kvCacheBytes, std::uint64_t(327680));
        QCOMPARE(qRound(memory.bpw() * 1000), 7828);
        QCOMPARE(memory.totalBytes(), memory.weightsBytes() + 327680);
        const MemoryBreakdown fp32 = memoryAsFloat(results, 32, geometry, {});
        QCOMPARE(fp32.weightsBytes(), std::uint64_t(260032 * 4));
        QCOMPARE(memoryAsFloat(results, 16, geometry, {}).weightsBytes(), std::uint64_t(260032 * 2));
        const MemoryBreakdown int8 = memoryWith(results, defaultRecipe(Format::Int8), geometry, {});
        QCOMPARE(qRound(int8.bpw() * 1000), 11274);
        const MemoryFit fit = fitIn(memory, 2);
        QVERIFY(fit.fits);
        QCOMPARE(qRound(fit.share * 1e6), 271);
        QVERIFY(!fitIn(memory, 0.0001).fits);
    }

    void json() {
        const Json known = toJson(memoryOf(tinyLlama(defaultRecipe(Format::Nf4)), modelGeometry(llama()), {}));
        QCOMPARE(known.dump(),
                 std::string(R"({"context":512,"batch":1,"cache_type":"f16","kv_cache_bytes":327680,)"
                             R"("weights_bytes":254448,"parts":{"codes":113280,"scales":7280,"zero_points":0,)"
                             R"("second_level":0,"left_alone":133888},"total_bytes":582128})"));
        const Json unknown = toJson(memoryOf({}, modelGeometry(std::nullopt), {}));
        QVERIFY(!unknown.contains("kv_cache_bytes"));
        QCOMPARE(unknown["kv_cache_unknown"], "needs config.json");
        QCOMPARE(unknown["context"], 4096);
    }
};

QTEST_GUILESS_MAIN(MemoryModelTest)
#include "memory_model_test.moc"
