// SPDX-License-Identifier: GPL-3.0-or-later
// Every quantized tensor as a bar, and a heat map of layers and modules.
#pragma once

#include <memory>

#include "core/report/figures_layers.h"
#include "core/report/figures_sensitivity.h"
#include "widgets/pages/page_widget.h"

class QComboBox;
class QLabel;
class QPushButton;

namespace nibblescope {

class PlotSplitter;
class SegmentedControl;

class LayersPage : public PageWidget {
    Q_OBJECT
public:
    explicit LayersPage(QWidget *parent = nullptr);

    // Quantity and order are the page's own; `scope` is kept only if the page shows the selected ones.
    void setInput(LayersInput input);
    LayersQuantity quantity() const;
    // Why there are no output errors to show; said in the plots' place where they are asked for.
    void setOutputReason(const QString &reason);
    // Sensitivity is measured on request: a quantity of its own, with figures of its own.
    bool showsSensitivity() const;
    // Null: none yet, and `hint` says what to do; `possible`: the button of it works.
    void setSensitivity(std::shared_ptr<const SensitivityInput> sensitivity, const QString &hint, bool possible);
    void setMeasuring(bool measuring, double share = 0);

    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

Q_SIGNALS:
    void sensitivityRequested();
    void cancelRequested();

private:
    void buildBar();
    void showSensitivity();
    void setOrderPossible(bool possible);
    void redraw();

    LayersInput m_input;
    QString m_outputReason;
    QComboBox *m_quantity = nullptr;
    SegmentedControl *m_order = nullptr;
    SegmentedControl *m_scope = nullptr;
    PlotView *m_bars = nullptr;
    PlotView *m_map = nullptr;
    PlotView *m_depth = nullptr;
    PlotSplitter *m_splitter = nullptr;
    QWidget *m_nothing = nullptr; // in the plots' place: why, and what to do
    QLabel *m_reason = nullptr;
    QPushButton *m_measure = nullptr;
    std::shared_ptr<const SensitivityInput> m_sensitivity;
    bool m_measuring = false;
    QLabel *m_noMap = nullptr;
};

} // namespace nibblescope
