// SPDX-License-Identifier: GPL-3.0-or-later
// Exact results of a model's tensors, by tensor and recipe: nothing is measured twice, and a result of another recipe
// is never mistaken for one of this one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/analysis/results.h"

namespace nibblescope {

using SharedResult = std::shared_ptr<const TensorResult>;

class ResultStore {
public:
    explicit ResultStore(std::size_t tensors = 0) : m_latest(tensors), m_statistics(tensors) {}

    std::size_t size() const { return m_latest.size(); }
    // Results of samples are not taken.
    void insert(std::size_t tensor, SharedResult result);
    // Null: not measured yet. Format::None asks for the statistics alone.
    SharedResult find(std::size_t tensor, const Recipe &recipe, Layout layout) const;
    // Those of recipes that `which` names.
    void forget(const std::function<bool(const Recipe &)> &which);
    // The newest result of the tensor where it was quantized, whatever the recipe: shown as stale.
    SharedResult latest(std::size_t tensor) const { return m_latest[tensor]; }
    // Any result of the tensor: statistics do not depend on the recipe.
    SharedResult statistics(std::size_t tensor) const { return m_statistics[tensor]; }

private:
    struct Key {
        std::size_t tensor;
        std::size_t recipe; // index into m_recipes
        Layout layout;
        bool operator==(const Key &) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key &key) const {
            return (key.tensor * 1024 + key.recipe) * 2 + static_cast<std::size_t>(key.layout);
        }
    };

    std::vector<Recipe> m_recipes; // those of which there are results; few
    std::unordered_map<Key, SharedResult, KeyHash> m_results;
    std::vector<SharedResult> m_latest;
    std::vector<SharedResult> m_statistics;
};

} // namespace nibblescope
