// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/layers_page.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QToolBar>
#include <QVBoxLayout>

#include <string_view>

#include "widgets/panels/segmented_control.h"
#include "widgets/panels/themed_label.h"
#include "widgets/plots/plot_splitter.h"
#include "widgets/theme/icons.h"

namespace nibblescope {

namespace {

struct QuantityRow {
    LayersQuantity quantity;
    const char *id;
    const char *text;
};
constexpr const char *sensitivityId = "sensitivity";
constexpr QuantityRow quantities[] = {{LayersQuantity::Sqnr, "sqnr", QT_TR_NOOP("SQNR")},
                                      {LayersQuantity::RelativeError, "relative-error", QT_TR_NOOP("Relative error")},
                                      {LayersQuantity::MaxAbsError, "max-error", QT_TR_NOOP("Max |error|")},
                                      {LayersQuantity::Kurtosis, "kurtosis", QT_TR_NOOP("Kurtosis")},
                                      {LayersQuantity::OutputError, "output-error", QT_TR_NOOP("Output error")},
                                      {LayersQuantity::Sqnr, sensitivityId, QT_TR_NOOP("Sensitivity")}};

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
    m_measure = new QPushButton;
    m_measure->setAutoDefault(false);
    connect(m_measure, &QPushButton::clicked, this, [this] {
        if (m_measuring)
            Q_EMIT cancelRequested();
        else
            Q_EMIT sensitivityRequested();
    });
    m_nothing = new QWidget;
    auto *nothing = new QVBoxLayout(m_nothing);
    nothing->setContentsMargins(0, 0, 0, 0);
    nothing->setSpacing(16);
    nothing->addStretch(1);
    nothing->addWidget(m_reason);
    nothing->addWidget(m_measure, 0, Qt::AlignHCenter);
    nothing->addStretch(1);
    m_nothing->hide();
    body().addWidget(m_nothing, 1);
    setMeasuring(false);
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
    if (showsSensitivity()) {
        showSensitivity();
        return;
    }
    setOrderPossible(true);
    m_measure->hide();
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
    m_nothing->setVisible(nothing);
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

bool LayersPage::showsSensitivity() const {
    return std::string_view(quantities[m_quantity->currentIndex()].id) == sensitivityId;
}

void LayersPage::setSensitivity(std::shared_ptr<const SensitivityInput> sensitivity, const QString &hint,
                                bool possible) {
    m_sensitivity = std::move(sensitivity);
    if (!showsSensitivity())
        return;
    m_reason->setText(hint);
    m_measure->setEnabled(possible || m_measuring);
    showSensitivity();
}

void LayersPage::setMeasuring(bool measuring, double share) {
    m_measuring = measuring;
    m_measure->setText(measuring ? tr("Cancel, %1 %").arg(qRound(100 * share)) : tr("Measure sensitivity"));
    m_measure->setIcon(themeIcon(measuring ? QStringLiteral("stop") : QStringLiteral("run")));
}

// Sensitivity is of layers and kinds, not of tensors.
void LayersPage::setOrderPossible(bool possible) {
    for (SegmentedControl *control : {m_order, m_scope}) {
        control->setEnabled(possible);
        control->setToolTip(possible ? QString() : tr("Sensitivity is of layers and kinds of matrices"));
    }
}

void LayersPage::showSensitivity() {
    setOrderPossible(false);
    const bool there = m_sensitivity && !m_measuring;
    m_splitter->setVisible(there);
    m_nothing->setVisible(!there);
    m_measure->show();
    m_depth->hide();
    m_noMap->hide();
    if (!there)
        return;
    show(m_bars, sensitivityFigure(m_sensitivity->layers, m_sensitivity->recipe));
    m_map->setVisible(!m_sensitivity->kinds.parts.empty());
    if (!m_sensitivity->kinds.parts.empty())
        show(m_map, sensitivityFigure(m_sensitivity->kinds, m_sensitivity->recipe));
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
