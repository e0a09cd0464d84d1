// SPDX-License-Identifier: GPL-3.0-or-later
// What a quantized model takes in memory: its stored parts, counted bit by bit, and the KV cache of a context, from the
// geometry that config.json declares. Nothing is measured here; all of it follows from shapes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/analysis/results.h"

namespace nibblescope {

// How one number of the KV cache is stored. INT8 and INT4 are counted without the scales that a runtime adds.
enum class CacheType : std::uint8_t { F32, F16, Int8, Int4 };
inline constexpr std::array<CacheType, 4> allCacheTypes = {CacheType::F16, CacheType::F32, CacheType::Int8,
                                                           CacheType::Int4};
std::string_view idOf(CacheType type);        // "f16", as on the command line
std::string_view displayName(CacheType type); // "F16", "INT8"
std::optional<CacheType> cacheTypeFromId(std::string_view id);
unsigned bitsOf(CacheType type);

// The attention of a decoder: what one token leaves in the cache.
struct CacheGeometry {
    std::uint64_t layers = 0;  // that keep keys and values
    std::uint64_t kvHeads = 0; // grouped-query attention: fewer than query heads
    std::uint64_t headDim = 0;
    std::uint64_t windowedLayers = 0; // of `layers`: those that keep the last `window` tokens only
    std::uint64_t window = 0;

    bool operator==(const CacheGeometry &) const = default;
};

struct ModelGeometry {
    std::optional<CacheGeometry> cache;
    std::string reason;                        // why `cache` is not known: "needs config.json"
    std::optional<std::uint64_t> contextLimit; // tokens that the model was made for
};
// Reads what Hugging Face's config.json declares (null means absent): layers, key/value heads, a declared head_dim
// before hidden_size / heads, sliding windows by layer, a nested text_config. Never throws: what does not make sense
// is a reason.
ModelGeometry modelGeometry(const std::optional<nlohmann::ordered_json> &config);

struct MemoryOptions {
    std::optional<std::uint64_t> context; // absent: min(4096, the model's limit)
    std::uint64_t batch = 1;
    CacheType cacheType = CacheType::F16;

    bool operator==(const MemoryOptions &) const = default;
};

// Bytes. Each part is rounded up by itself, so that the parts add up to the total.
struct MemoryParts {
    std::uint64_t codes = 0;
    std::uint64_t scales = 0;
    std::uint64_t zeroPoints = 0;
    std::uint64_t secondLevel = 0;
    std::uint64_t leftAlone = 0; // tensors that are not quantized

    std::uint64_t total() const { return codes + scales + zeroPoints + secondLevel + leftAlone; }
    bool operator==(const MemoryParts &) const = default;
};

struct MemoryBreakdown {
    std::uint64_t context = 0;
    std::uint64_t batch = 1;
    CacheType cacheType = CacheType::F16;
    MemoryParts parts;
    std::uint64_t params = 0;                  // of the whole model
    std::uint64_t quantizedParams = 0;         // that `codes` stands for
    std::optional<std::uint64_t> kvCacheBytes; // absent: `kvCacheReason` says why
    std::string kvCacheReason;
    std::optional<CacheGeometry> geometry;

    std::uint64_t weightsBytes() const { return parts.total(); }
    std::uint64_t totalBytes() const { return weightsBytes() + kvCacheBytes.value_or(0); }
    // Stored bits a weight of the whole model; 0 for a model without weights.
    double bpw() const;
};

// 2 (keys and values) x batch x tokens x layers x kvHeads x headDim; windowed layers hold min(context, window) tokens.
// nullopt: more than 64 bits hold.
std::optional<std::uint64_t> kvCacheBytes(const CacheGeometry &geometry, std::uint64_t context, std::uint64_t batch,
                                          CacheType type);

// Of a model as its results say: each tensor with its own recipe, the others as stored.
MemoryBreakdown memoryOf(std::span<const TensorResult> results, const ModelGeometry &geometry,
                         const MemoryOptions &options);
// The same selection of tensors, quantized with another recipe.
MemoryBreakdown memoryWith(std::span<const TensorResult> results, const Recipe &recipe, const ModelGeometry &geometry,
                           const MemoryOptions &options);
// Every floating point tensor with `bits` (32 or 16) a weight: `codes` holds those that would be quantized, `leftAlone`
// the others; integer tensors stay as stored.
MemoryBreakdown memoryAsFloat(std::span<const TensorResult> results, unsigned bits, const ModelGeometry &geometry,
                              const MemoryOptions &options);

// Whether weights and cache fit into a device, and the share of it that they use.
struct MemoryFit {
    bool fits = false;
    double share = 0;
};
MemoryFit fitIn(const MemoryBreakdown &memory, double deviceGiB);

// Keys: context, batch, cache_type, kv_cache_bytes or kv_cache_unknown (the reason), weights_bytes, parts, total_bytes.
nlohmann::ordered_json toJson(const MemoryBreakdown &memory);

} // namespace nibblescope
