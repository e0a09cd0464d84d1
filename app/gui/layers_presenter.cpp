// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/layers_presenter.h"

namespace nibblescope {

namespace {

constexpr int updateMilliseconds = 100;

} // namespace

LayersPresenter::LayersPresenter(Session &session, QObject *parent)
    : Presenter(session, "layers", parent), m_page(new LayersPage) {
    connectOptions(*m_page);
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &LayersPresenter::update);
}

void LayersPresenter::refresh() {
    if (session().run().isRunning()) {
        if (!m_timer.isActive())
            m_timer.start(updateMilliseconds);
        return;
    }
    m_timer.stop();
    update();
}

void LayersPresenter::update() {
    const Session &state = session();
    if (!state.model())
        return;
    if (state.isStored()) {
        m_page->setPlaceholder(tr("The original is not open: a quantized file alone has no errors to show."));
        return;
    }
    const std::size_t expected = state.quantizedCount();
    if (expected == 0) {
        m_page->setPlaceholder(tr("No tensor is quantized. Recipe > Which Tensors... says which ones are."));
        return;
    }
    LayersInput input;
    input.results = state.results();
    input.recipe = shortForm(state.recipe());
    input.format = state.recipe().format;
    input.running = state.run().isRunning();
    if (state.baseline()) {
        input.baseline = state.baselineResults();
        input.baselineRecipe = shortForm(*state.baseline());
        input.baselineFormat = state.baseline()->format;
    }
    const auto nameOf = [&state](int tensor) { return state.model()->tensors[static_cast<std::size_t>(tensor)].name; };
    Selection &selection = session().selection();
    if (selection.tensor() >= 0)
        input.selected.push_back(nameOf(selection.tensor()));
    for (const int tensor : selection.tensors())
        if (tensor != selection.tensor())
            input.selected.push_back(nameOf(tensor));

    std::vector<TensorResult> done;
    for (const TensorResult &result : input.results)
        if (result.metrics)
            done.push_back(result);
    if (done.empty() && !input.running) {
        m_page->setPlaceholder(tr("Nothing measured with %1 yet: press Run whole model (Ctrl+R).")
                                   .arg(QString::fromStdString(input.recipe)));
        return;
    }
    m_page->setPlaceholder({});
    const bool running = input.running;
    m_page->setInput(std::move(input));
    LayersReadingInput reading;
    reading.results = &done;
    reading.expected = expected;
    reading.running = running;
    if (!done.empty())
        m_page->setReading(layersReading(reading));
}

} // namespace nibblescope
