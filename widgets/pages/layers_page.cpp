// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/layers_page.h"

#include <QComboBox>
#include <QLabel>
#include <QToolBar>
#include <QVBoxLayout>

#include "widgets/panels/segmented_control.h"
#include "widgets/panels/themed_label.h"
#include "widgets/plots/plot_splitter.h"

namespace nibblescope {

namespace {

struct QuantityRow {
    LayersQuantity quantity;
    const char *id;
    const char *text;
};
constexpr QuantityRow quantities[] = {{LayersQuantity::Sqnr, "sqnr", QT_TR_NOOP("SQNR")},
                                      {LayersQuantity::RelativeError, "relative-error", QT_TR_NOOP("Relative error")},
                                      {LayersQuantity::MaxAbsError, "max-error", QT_TR_NOOP("Max |error|")},
                                      {LayersQuantity::Kurtosis, "kurtosis", QT_TR_NOOP("Kurtosis")},
                                      {LayersQuantity::OutputError, "output-error", QT_TR_NOOP("Output error")}};

} // namespace

LayersPage::LayersPage(QWidget *parent) : PageWidget(tr("Layers"), parent) {
    buildBar();
    auto *splitter = m_splitter = new PlotSplitter(Qt::Vertical);
    m_bars = adopt(splitter->addPlot(46));
    m_map = adopt(new PlotView);
    m_noMap = new QLabel(tr("No layer numbers in these names"));
    m_noMap->setAlignment(Qt::AlignCenter);
    auto *lower = new QWidget;
    auto *layout = new QVBoxLayout(lower);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_map);
    layout->addWidget(m_noMap);
    m_noMap->hide();
    splitter->addPart(lower, 54);
    splitter->align(m_map);
    m_depth = adopt(splitter->addPlot(34));
    m_depth->hide();
    body().addWidget(splitter);
    m_reason = new ThemedLabel(FontRole::Body, UiColour::Text2);
    m_reason->setAlignment(Qt::AlignCenter);
    m_reason->setWordWrap(true);
    m_reason->setContentsMargins(48, 0, 48, 0);
    m_reason->hide();
    body().addWidget(m_reason, 1);
}

void LayersPage::buildBar() {
    addLabel(tr("Quantity"));
    m_quantity = new QComboBox;
    m_quantity->setAccessibleName(tr("Quantity"));
    for (const QuantityRow &row : quantities)
        m_quantity->addItem(tr(row.text));
    bar().addWidget(m_quantity);
    addLabel(tr("Order"));
    m_order = new SegmentedControl({tr("Worst first"), tr("Model order")});
    m_order->setAccessibleName(tr("Order"));
    m_order->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    bar().addWidget(m_order);
    addLabel(tr("Scope"));
    m_scope = new SegmentedControl({tr("All"), tr("Selected")});
    m_scope->setAccessibleName(tr("Scope"));
    m_scope->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    bar().addWidget(m_scope);
    const auto change = [this] {
        redraw();
        edited();
    };
    connect(m_quantity, &QComboBox::activated, this, change);
    connect(m_order, &SegmentedControl::chosen, this, change);
    connect(m_scope, &SegmentedControl::chosen, this, change);
    finishBar();
}

void LayersPage::setInput(LayersInput input) {
    m_input = std::move(input);
    redraw();
}

void LayersPage::redraw() {
    if (m_input.results.empty())
        return;
    LayersInput input = m_input;
    input.quantity = quantity();
    input.order = m_order->current() == 0 ? LayersOrder::WorstFirst : LayersOrder::ModelOrder;
    if (m_scope->current() == 1)
        input.scope = input.selected;
    const bool outputs = input.quantity == LayersQuantity::OutputError;
    const bool nothing = outputs && input.outputErrors.empty();
    m_reason->setText(m_outputReason);
    m_reason->setVisible(nothing);
    m_splitter->setVisible(!nothing);
    const auto depth = outputs ? depthFigure(input) : std::nullopt;
    m_depth->setVisible(depth.has_value());
    if (depth)
        show(m_depth, *depth);
    show(m_bars, layersFigure(input));
    const auto map = layersHeatMap(input);
    m_map->setVisible(map.has_value());
    m_noMap->setVisible(!map);
    if (map)
        show(m_map, *map);
}

LayersQuantity LayersPage::quantity() const { return quantities[m_quantity->currentIndex()].quantity; }

void LayersPage::setOutputReason(const QString &reason) {
    m_outputReason = reason;
    m_reason->setText(reason);
}

nlohmann::ordered_json LayersPage::options() const {
    return {{"quantity", quantities[m_quantity->currentIndex()].id},
            {"order", m_order->current() == 0 ? "worst-first" : "model"},
            {"scope", m_scope->current() == 0 ? "all" : "selected"}};
}

void LayersPage::setOptions(const nlohmann::ordered_json &options) {
    const std::string quantity = options.value("quantity", std::string("sqnr"));
    for (int i = 0; i < static_cast<int>(std::size(quantities)); ++i)
        if (quantity == quantities[i].id)
            m_quantity->setCurrentIndex(i);
    m_order->setCurrent(options.value("order", std::string("worst-first")) == "model" ? 1 : 0);
    m_scope->setCurrent(options.value("scope", std::string("all")) == "selected" ? 1 : 0);
    redraw();
}

} // namespace nibblescope
