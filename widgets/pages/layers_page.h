// SPDX-License-Identifier: GPL-3.0-or-later
// Every quantized tensor as a bar, and a heat map of layers and modules.
#pragma once

#include "core/report/figures_layers.h"
#include "widgets/pages/page_widget.h"

class QComboBox;
class QLabel;

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

    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

private:
    void buildBar();
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
    QLabel *m_reason = nullptr;
    QLabel *m_noMap = nullptr;
};

} // namespace nibblescope
