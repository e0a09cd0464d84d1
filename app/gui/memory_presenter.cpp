// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/memory_presenter.h"

#include "core/report/number_text.h"

namespace nibblescope {

MemoryPresenter::MemoryPresenter(Session &session, QObject *parent)
    : Presenter(session, "memory", parent), m_page(new MemoryPage) {
    connectOptions(*m_page);
}

// All of it follows from shapes: nothing is measured, nothing waits.
void MemoryPresenter::refresh() {
    const Session &state = session();
    if (!state.model())
        return;
    const auto &results = state.described();
    const ModelGeometry geometry = modelGeometry(state.model()->config);
    const MemoryOptions options = m_page->memoryOptions();
    Recipe recipe = state.recipe();
    if (state.isStored())
        for (const TensorResult &result : results)
            if (result.quantized)
                recipe = result.recipe;
    MemoryPage::Content content;
    content.bars = memoryBars(results, recipe, state.isStored() ? std::nullopt : state.baseline(), geometry, options);
    const MemoryBreakdown memory = memoryOf(results, geometry, options);
    content.parts = memoryParts(memory, results, recipe, m_page->deviceGiB());
    content.rules = memoryRules(results, recipe);
    content.recipe = QString::fromStdString(shortForm(recipe));
    content.cacheReason = QString::fromStdString(memory.kvCacheReason);
    content.context = memory.context;
    m_page->setPlaceholder({});
    m_page->setSubject(QString::fromStdString(state.model()->name));
    m_page->setContent(content);
    const MemoryBreakdown fp32 = memoryAsFloat(results, 32, geometry, options);
    m_page->setReading(memoryReading(memory, fp32, recipe, results));
}

} // namespace nibblescope
