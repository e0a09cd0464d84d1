// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/llama_config.h"

#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/io/shown.h"

namespace nibblescope {
namespace {

using Json = nlohmann::ordered_json;

// Far beyond any model, and small enough that products of two stay in 64 bits.
constexpr std::uint64_t largestSize = 1ULL << 24;

enum class Family : std::uint8_t { Llama, Mistral, Qwen2 };

struct FamilyName {
    std::string_view architecture;
    std::string_view modelType;
    Family family;
};
constexpr std::array<FamilyName, 3> families{{{"LlamaForCausalLM", "llama", Family::Llama},
                                              {"MistralForCausalLM", "mistral", Family::Mistral},
                                              {"Qwen2ForCausalLM", "qwen2", Family::Qwen2}}};

[[noreturn]] void refuse(const std::string &what) { throw Error(Fault::Input, "config.json: " + what + "."); }

class Reader {
public:
    explicit Reader(const Json &json) : m_json(json) {}

    const Json *find(const char *key) const {
        const auto found = m_json.find(key);
        return found == m_json.end() || found->is_null() ? nullptr : &*found;
    }
    std::string text(const char *key) const {
        const Json *value = find(key);
        return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
    }
    bool flag(const char *key, bool fallback) const {
        const Json *value = find(key);
        if (value == nullptr)
            return fallback;
        if (!value->is_boolean())
            refuse(std::string(key) + " is " + shown(value->dump()) + ", not true or false");
        return value->get<bool>();
    }
    std::optional<std::uint64_t> size(const char *key) const {
        const Json *value = find(key);
        if (value == nullptr)
            return std::nullopt;
        const double number = value->is_number() ? value->get<double>() : -1;
        if (!(number >= 1) || number > static_cast<double>(largestSize) || number != std::floor(number))
            refuse(std::string(key) + " is " + shown(value->dump()) + ", not a size");
        return static_cast<std::uint64_t>(number);
    }
    std::uint64_t needed(const char *key) const {
        const auto value = size(key);
        if (!value)
            refuse(std::string(key) + " is missing");
        return *value;
    }
    double number(const char *key, double fallback) const {
        const Json *value = find(key);
        if (value == nullptr)
            return fallback;
        const double number = value->is_number() ? value->get<double>() : std::nan("");
        if (!(number > 0) || !std::isfinite(number))
            refuse(std::string(key) + " is " + shown(value->dump()) + ", not a positive number");
        return number;
    }

private:
    const Json &m_json;
};

std::string nameOf(const Reader &config) {
    const Json *list = config.find("architectures");
    if (list != nullptr && list->is_array() && !list->empty() && list->front().is_string())
        return list->front().get<std::string>();
    return {};
}

FamilyName familyOf(const Reader &config) {
    const std::string architecture = nameOf(config);
    const std::string type = config.text("model_type");
    for (const FamilyName &row : families)
        if (architecture.empty() ? type == row.modelType : architecture == row.architecture)
            return row;
    if (architecture.empty() && type.empty())
        throw Error(Fault::Input,
                    "config.json names no architecture: only Llama, Mistral and Qwen2 models can be run.");
    const std::string name = architecture.empty() ? type : architecture + (type.empty() ? "" : " (" + type + ")");
    throw Error(Fault::Input, "The architecture " + shown(name) +
                                  " cannot be run; Llama, Mistral and Qwen2 can. Its weights can be analysed.");
}

void readScaling(const Reader &scaling, RotaryConfig &rotary) {
    std::string type = scaling.text("rope_type");
    if (type.empty())
        type = scaling.text("type");
    rotary.theta = scaling.number("rope_theta", rotary.theta);
    if (scaling.number("partial_rotary_factor", 1) != 1)
        refuse("a partial rotary embedding is not supported");
    if (type.empty() || type == "default")
        return;
    if (type != "linear" && type != "llama3")
        refuse("the rotary scaling '" + shown(type) + "' is not supported; linear and llama3 are");
    rotary.scaling = type == "linear" ? RotaryConfig::Scaling::Linear : RotaryConfig::Scaling::Llama3;
    rotary.factor = scaling.number("factor", 1);
    rotary.lowFactor = scaling.number("low_freq_factor", rotary.lowFactor);
    rotary.highFactor = scaling.number("high_freq_factor", rotary.highFactor);
    rotary.originalContext = scaling.number("original_max_position_embeddings", rotary.originalContext);
    if (type == "llama3" && rotary.lowFactor >= rotary.highFactor)
        refuse("low_freq_factor is not below high_freq_factor");
}

RotaryConfig rotaryOf(const Reader &config) {
    RotaryConfig rotary;
    rotary.theta = config.number("rope_theta", rotary.theta);
    if (config.number("partial_rotary_factor", 1) != 1)
        refuse("a partial rotary embedding is not supported");
    for (const char *key : {"rope_scaling", "rope_parameters"})
        if (const Json *scaling = config.find(key)) {
            if (!scaling->is_object())
                refuse(std::string(key) + " is not an object");
            for (const auto &[name, member] : scaling->items())
                if (member.is_object())
                    refuse("a rotary embedding of its own for " + shown(name) + " is not supported");
            readScaling(Reader(*scaling), rotary);
        }
    return rotary;
}

// One window a layer. Qwen2 begins with full attention and switches at max_window_layers; layer_types decides over it.
std::vector<std::uint64_t> windowsOf(const Reader &config, Family family, std::uint64_t layers) {
    std::vector<std::uint64_t> windows(layers, 0);
    const std::uint64_t window = config.size("sliding_window").value_or(0);
    if (window == 0 || family == Family::Llama || !config.flag("use_sliding_window", family == Family::Mistral))
        return windows;
    const Json *types = config.find("layer_types");
    if (types != nullptr && (!types->is_array() || types->size() != layers))
        refuse("layer_types does not list every layer");
    const Json *first = config.find("max_window_layers");
    const std::uint64_t from =
        family == Family::Qwen2 && first != nullptr && first->is_number_unsigned() ? first->get<std::uint64_t>() : 0;
    for (std::uint64_t layer = 0; layer < layers; ++layer) {
        bool slides = layer >= from;
        if (types != nullptr) {
            const Json &type = (*types)[layer];
            slides = type == "sliding_attention";
            if (!slides && type != "full_attention")
                refuse("the attention " + shown(type.dump()) + " is not supported");
        }
        windows[layer] = slides ? window : 0;
    }
    return windows;
}

void checkSizes(const LlamaConfig &config) {
    if (config.heads % config.kvHeads != 0)
        refuse("num_attention_heads " + std::to_string(config.heads) + " is no multiple of num_key_value_heads " +
               std::to_string(config.kvHeads));
    if (config.headDim % 2 != 0)
        refuse("head_dim " + std::to_string(config.headDim) + " is odd: it cannot be rotated in halves");
    if (config.heads * config.headDim > largestSize || config.layers > 100000)
        refuse("the sizes are beyond any model");
}

} // namespace

LlamaConfig llamaConfig(const Model &model) {
    if (!model.config || !model.config->is_object())
        throw Error(Fault::Input, shownName(model.path) +
                                      " has no readable config.json: a model can be run from a folder that holds "
                                      "config.json beside the weights.")
            .inFile(model.path.string());
    const Reader json(*model.config);
    const FamilyName family = familyOf(json);
    LlamaConfig config;
    config.architecture = family.architecture;
    config.layers = json.needed("num_hidden_layers");
    config.hidden = json.needed("hidden_size");
    config.mlp = json.needed("intermediate_size");
    config.heads = json.needed("num_attention_heads");
    config.kvHeads = json.size("num_key_value_heads").value_or(config.heads);
    config.vocabulary = json.needed("vocab_size");
    const auto headDim = json.size("head_dim");
    if (!headDim && config.hidden % config.heads != 0)
        refuse("hidden_size is no multiple of num_attention_heads, and head_dim is not given");
    config.headDim = headDim.value_or(config.hidden / config.heads);
    config.normEpsilon = json.number("rms_norm_eps", config.normEpsilon);
    const std::string activation = json.text("hidden_act");
    if (!activation.empty() && activation != "silu" && activation != "swish")
        refuse("the activation '" + shown(activation) + "' is not supported; silu is");
    config.rotary = rotaryOf(json);
    config.tied = json.flag("tie_word_embeddings", false);
    config.qkvBias =
        family.family == Family::Qwen2 || (family.family == Family::Llama && json.flag("attention_bias", false));
    config.outputBias = family.family == Family::Llama && json.flag("attention_bias", false);
    config.mlpBias = family.family == Family::Llama && json.flag("mlp_bias", false);
    const Json *bos = json.find("bos_token_id");
    if (bos != nullptr && bos->is_number_integer())
        config.bos = bos->get<std::int64_t>();
    config.contextLimit = json.size("max_position_embeddings");
    checkSizes(config);
    config.windows = windowsOf(json, family.family, config.layers);
    return config;
}

} // namespace nibblescope
