// SPDX-License-Identifier: GPL-3.0-or-later
// Weights before and after, the 16 levels under them, and the error.
#pragma once

#include "core/report/figures_distribution.h"
#include "widgets/pages/page_widget.h"

class QCheckBox;

namespace nibblescope {

class SegmentedControl;

class DistributionPage : public PageWidget {
    Q_OBJECT
public:
    explicit DistributionPage(QWidget *parent = nullptr);

    void setData(std::shared_ptr<const DistributionData> data);
    void setSelectedCode(std::optional<unsigned> code);

    DistributionRange range() const;
    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

private:
    void buildBar();
    void redraw();
    DistributionLook look() const;

    std::shared_ptr<const DistributionData> m_data;
    std::optional<unsigned> m_code;
    SegmentedControl *m_range = nullptr;
    QCheckBox *m_log = nullptr;
    QCheckBox *m_dequantized = nullptr;
    QCheckBox *m_normal = nullptr;
    QCheckBox *m_levels = nullptr;
    QCheckBox *m_baseline = nullptr;
    PlotView *m_weights = nullptr;
    PlotView *m_error = nullptr;
};

} // namespace nibblescope
