// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/result_store.h"

#include <algorithm>

namespace nibblescope {

namespace {

// About 200 MB of results; after that the past is forgotten rather than kept at any price.
constexpr std::size_t mostResults = 100'000;

} // namespace

void ResultStore::insert(std::size_t tensor, SharedResult result) {
    if (result->sample || tensor >= size())
        return;
    if (m_results.size() >= mostResults)
        m_results.clear();
    m_statistics[tensor] = result;
    if (result->quantized)
        m_latest[tensor] = result;
    const Recipe recipe = result->quantized ? result->recipe : Recipe();
    auto known = std::find(m_recipes.begin(), m_recipes.end(), recipe);
    if (known == m_recipes.end())
        known = m_recipes.insert(known, recipe);
    const Key key{tensor, static_cast<std::size_t>(known - m_recipes.begin()), result->layout};
    m_results[key] = std::move(result);
}

void ResultStore::forget(const std::function<bool(const Recipe &)> &which) {
    std::erase_if(m_results, [&](const auto &entry) { return which(m_recipes[entry.first.recipe]); });
    for (SharedResult &latest : m_latest)
        if (latest && which(latest->recipe))
            latest.reset();
}

SharedResult ResultStore::find(std::size_t tensor, const Recipe &recipe, Layout layout) const {
    if (tensor >= size())
        return nullptr;
    const auto known = std::find(m_recipes.begin(), m_recipes.end(), recipe.format == Format::None ? Recipe() : recipe);
    if (known == m_recipes.end())
        return nullptr;
    const auto found = m_results.find({tensor, static_cast<std::size_t>(known - m_recipes.begin()), layout});
    return found == m_results.end() ? nullptr : found->second;
}

} // namespace nibblescope
