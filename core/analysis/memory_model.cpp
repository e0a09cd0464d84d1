// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/memory_model.h"

#include <algorithm>
#include <initializer_list>

#include "core/base/checked.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

struct CacheTypeRow {
    CacheType type;
    std::string_view id;
    std::string_view name;
    unsigned bits;
};
constexpr std::array<CacheTypeRow, 4> cacheTypes = {{{CacheType::F32, "f32", "F32", 32},
                                                     {CacheType::F16, "f16", "F16", 16},
                                                     {CacheType::Int8, "int8", "INT8", 8},
                                                     {CacheType::Int4, "int4", "INT4", 4}}};

const CacheTypeRow &row(CacheType type) { return cacheTypes.at(static_cast<std::size_t>(type)); }

constexpr std::uint64_t usualContext = 4096;
// No model is near it, and products of a few such sizes are checked anyway.
constexpr std::uint64_t largestSize = 1ULL << 32;

// What stops the reading of a geometry; caught in modelGeometry().
struct Unknown {
    std::string reason;
};

const Json *find(const Json &config, std::initializer_list<const char *> names) {
    for (const char *name : names) {
        const auto at = config.find(name);
        if (at != config.end() && !at->is_null())
            return &*at;
    }
    return nullptr;
}

// Models name the same size in several ways; the first that is there decides.
std::optional<std::uint64_t> sizeNamed(const Json &config, std::initializer_list<const char *> names) {
    const Json *value = find(config, names);
    if (value == nullptr)
        return std::nullopt;
    if (!value->is_number_integer() || *value <= 0 || *value > largestSize)
        throw Unknown{"config.json gives no sensible " + std::string(*names.begin())};
    return value->get<std::uint64_t>();
}

std::uint64_t requiredSize(const Json &config, std::initializer_list<const char *> names) {
    if (const auto size = sizeNamed(config, names))
        return *size;
    throw Unknown{"config.json has no " + std::string(*names.begin())};
}

bool flag(const Json &config, const char *name, bool otherwise) {
    const Json *value = find(config, {name});
    return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

std::string modelType(const Json &config) {
    const Json *value = find(config, {"model_type"});
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// Models of text and pictures keep the decoder's sizes one level down.
const Json &decoderConfig(const Json &config) {
    if (find(config, {"num_hidden_layers", "n_layer", "num_layers", "n_layers"}) != nullptr)
        return config;
    const Json *nested = find(config, {"text_config", "llm_config", "language_config", "decoder"});
    return nested != nullptr && nested->is_object() ? *nested : config;
}

void refuseOtherArchitectures(const Json &config) {
    static constexpr std::array<std::string_view, 10> encoders = {"bert",   "roberta",   "xlm-roberta", "distilbert",
                                                                  "albert", "electra",   "deberta",     "deberta-v2",
                                                                  "vit",    "modernbert"};
    const std::string type = modelType(config);
    if (std::find(encoders.begin(), encoders.end(), type) != encoders.end())
        throw Unknown{"an encoder (" + type + ") keeps no KV cache"};
    if (flag(config, "is_encoder_decoder", false))
        throw Unknown{"the cache of encoder-decoder models is not known here"};
    if (find(config, {"kv_lora_rank"}) != nullptr)
        throw Unknown{"with multi-head latent attention the runtime decides what is cached"};
    if (find(config, {"state_size", "ssm_cfg", "mamba_d_state", "linear_num_key_heads"}) != nullptr)
        throw Unknown{"state-space layers keep a state of fixed size that is not known here"};
}

std::uint64_t keyValueHeads(const Json &config, std::uint64_t heads) {
    if (modelType(config) == "falcon") {
        // Falcon 7B has one key/value head whatever num_kv_heads says; only the new decoder reads it.
        if (!flag(config, "new_decoder_architecture", false))
            return flag(config, "multi_query", true) ? 1 : heads;
        return sizeNamed(config, {"num_kv_heads"}).value_or(heads);
    }
    if (flag(config, "multi_query", false))
        return 1;
    return sizeNamed(config, {"num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num"})
        .value_or(heads);
}

std::uint64_t headDimension(const Json &config, std::uint64_t heads) {
    if (const auto declared = sizeNamed(config, {"head_dim", "kv_channels", "d_kv"}))
        return *declared;
    const std::uint64_t hidden = requiredSize(config, {"hidden_size", "n_embd", "d_model"});
    if (hidden < heads)
        throw Unknown{"config.json gives no sensible hidden_size"};
    return hidden / heads;
}

std::uint64_t windowedByType(const Json &types, CacheGeometry &geometry) {
    if (!types.is_array() || types.size() < geometry.layers)
        throw Unknown{"config.json gives no sensible layer_types"};
    std::uint64_t windowed = 0;
    for (std::size_t i = 0; i < geometry.layers; ++i) {
        if (types[i] == "sliding_attention" || types[i] == "chunked_attention")
            ++windowed;
        else if (types[i] != "full_attention")
            throw Unknown{"config.json has layers of a type whose cache is not known here"};
    }
    return windowed;
}

// How many of the layers keep a window only.
std::uint64_t windowedLayers(const Json &config, CacheGeometry &geometry) {
    const std::string type = modelType(config);
    const bool qwen = type.starts_with("qwen2") || type.starts_with("qwen3");
    if (!flag(config, "use_sliding_window", !qwen))
        return 0;
    if (const Json *types = find(config, {"layer_types"}))
        return windowedByType(*types, geometry);
    if (find(config, {"sliding_window"}) == nullptr)
        throw Unknown{"config.json does not say which layers attend in chunks"};
    if (type == "gemma2") // windowed and full layers take turns
        return (geometry.layers + 1) / 2;
    if (const auto pattern = sizeNamed(config, {"sliding_window_pattern"})) // every n-th layer is full
        return geometry.layers - geometry.layers / *pattern;
    if (qwen) { // the first max_window_layers are full
        const Json *first = find(config, {"max_window_layers"});
        const std::uint64_t full =
            first != nullptr && first->is_number_integer() && *first >= 0 ? first->get<std::uint64_t>() : 0;
        return geometry.layers - std::min(geometry.layers, full);
    }
    return geometry.layers;
}

CacheGeometry readGeometry(const Json &config) {
    refuseOtherArchitectures(config);
    CacheGeometry geometry;
    geometry.layers = requiredSize(config, {"num_hidden_layers", "n_layer", "num_layers", "n_layers"});
    const std::uint64_t heads = requiredSize(config, {"num_attention_heads", "n_head", "n_heads", "num_heads"});
    geometry.kvHeads = keyValueHeads(config, heads);
    geometry.headDim = headDimension(config, heads);
    if (const auto window = sizeNamed(config, {"sliding_window", "attention_chunk_size"})) {
        geometry.windowedLayers = windowedLayers(config, geometry);
        geometry.window = geometry.windowedLayers == 0 ? 0 : *window;
    }
    return geometry;
}

std::uint64_t bytesOf(std::uint64_t bits) { return bits / 8 + (bits % 8 != 0 ? 1 : 0); }

void setParts(MemoryBreakdown &memory, const StoredBits &bits) {
    memory.parts.codes = bytesOf(bits.codes);
    memory.parts.scales = bytesOf(bits.scales);
    memory.parts.zeroPoints = bytesOf(bits.zeroPoints);
    memory.parts.secondLevel = bytesOf(bits.secondLevel);
}

MemoryBreakdown cacheOnly(const ModelGeometry &geometry, const MemoryOptions &options) {
    MemoryBreakdown memory;
    memory.context = options.context.value_or(std::min(usualContext, geometry.contextLimit.value_or(usualContext)));
    memory.batch = options.batch;
    memory.cacheType = options.cacheType;
    memory.geometry = geometry.cache;
    memory.kvCacheReason = geometry.reason;
    if (geometry.cache) {
        memory.kvCacheBytes = kvCacheBytes(*geometry.cache, memory.context, memory.batch, memory.cacheType);
        if (!memory.kvCacheBytes)
            memory.kvCacheReason = "the sizes in config.json are too large to be multiplied";
    }
    return memory;
}

template <typename BitsOf>
MemoryBreakdown quantizedMemory(std::span<const TensorResult> results, const ModelGeometry &geometry,
                                const MemoryOptions &options, BitsOf bitsOfTensor) {
    MemoryBreakdown memory = cacheOnly(geometry, options);
    StoredBits bits;
    for (const TensorResult &result : results) {
        memory.params += result.info.params;
        if (result.quantized) {
            memory.quantizedParams += result.info.params;
            bits += bitsOfTensor(result);
        } else {
            memory.parts.leftAlone += result.info.bytes;
        }
    }
    setParts(memory, bits);
    return memory;
}

} // namespace

std::string_view idOf(CacheType type) { return row(type).id; }
std::string_view displayName(CacheType type) { return row(type).name; }
unsigned bitsOf(CacheType type) { return row(type).bits; }

std::optional<CacheType> cacheTypeFromId(std::string_view id) {
    for (const CacheTypeRow &candidate : cacheTypes) {
        if (candidate.id == id)
            return candidate.type;
    }
    return std::nullopt;
}

ModelGeometry modelGeometry(const std::optional<Json> &config) {
    ModelGeometry result;
    if (!config || !config->is_object()) {
        result.reason = "needs config.json";
        return result;
    }
    const Json &decoder = decoderConfig(*config);
    try {
        result.cache = readGeometry(decoder);
    } catch (const Unknown &unknown) {
        result.reason = unknown.reason;
    }
    try {
        result.contextLimit = sizeNamed(decoder, {"max_position_embeddings", "n_positions", "n_ctx", "max_seq_len",
                                                  "seq_length", "max_sequence_length"});
    } catch (const Unknown &) {
        // Then there is no limit to keep to.
    }
    return result;
}

double MemoryBreakdown::bpw() const {
    return params == 0 ? 0 : static_cast<double>(weightsBytes()) * 8 / static_cast<double>(params);
}

std::optional<std::uint64_t> kvCacheBytes(const CacheGeometry &geometry, std::uint64_t context, std::uint64_t batch,
                                          CacheType type) {
    const std::array<std::uint64_t, 2> full = {geometry.layers - geometry.windowedLayers, context};
    const std::array<std::uint64_t, 2> windowed = {geometry.windowedLayers, std::min(context, geometry.window)};
    const auto fullTokens = checkedProduct(full);
    const auto windowedTokens = checkedProduct(windowed);
    if (!fullTokens || !windowedTokens)
        return std::nullopt;
    const auto tokens = checkedAdd(*fullTokens, *windowedTokens);
    if (!tokens)
        return std::nullopt;
    const std::array<std::uint64_t, 6> factors = {2, batch, *tokens, geometry.kvHeads, geometry.headDim, bitsOf(type)};
    const auto bits = checkedProduct(factors);
    return bits ? std::optional(bytesOf(*bits)) : std::nullopt;
}

MemoryBreakdown memoryOf(std::span<const TensorResult> results, const ModelGeometry &geometry,
                         const MemoryOptions &options) {
    return quantizedMemory(results, geometry, options, [](const TensorResult &result) { return result.bits; });
}

MemoryBreakdown memoryWith(std::span<const TensorResult> results, const Recipe &recipe, const ModelGeometry &geometry,
                           const MemoryOptions &options) {
    return quantizedMemory(results, geometry, options,
                           [&recipe](const TensorResult &result) { return storedBits(result.shape, recipe); });
}

MemoryBreakdown memoryAsFloat(std::span<const TensorResult> results, unsigned bits, const ModelGeometry &geometry,
                              const MemoryOptions &options) {
    MemoryBreakdown memory = cacheOnly(geometry, options);
    for (const TensorResult &result : results) {
        memory.params += result.info.params;
        const std::uint64_t asFloat = result.info.params * (bits / 8);
        if (result.quantized) {
            memory.quantizedParams += result.info.params;
            memory.parts.codes += asFloat;
        } else {
            memory.parts.leftAlone += traits(result.info.dtype).integer ? result.info.bytes : asFloat;
        }
    }
    return memory;
}

MemoryFit fitIn(const MemoryBreakdown &memory, double deviceGiB) {
    const double device = deviceGiB * 1024 * 1024 * 1024;
    const auto used = static_cast<double>(memory.totalBytes());
    return {used <= device, device > 0 ? used / device : 0};
}

Json toJson(const MemoryBreakdown &memory) {
    Json json;
    json["context"] = memory.context;
    json["batch"] = memory.batch;
    json["cache_type"] = idOf(memory.cacheType);
    if (memory.kvCacheBytes)
        json["kv_cache_bytes"] = *memory.kvCacheBytes;
    else
        json["kv_cache_unknown"] = memory.kvCacheReason;
    json["weights_bytes"] = memory.weightsBytes();
    json["parts"] = {{"codes", memory.parts.codes},
                     {"scales", memory.parts.scales},
                     {"zero_points", memory.parts.zeroPoints},
                     {"second_level", memory.parts.secondLevel},
                     {"left_alone", memory.parts.leftAlone}};
    json["total_bytes"] = memory.totalBytes();
    return json;
}

} // namespace nibblescope
