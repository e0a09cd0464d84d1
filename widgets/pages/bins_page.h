// SPDX-License-Identifier: GPL-3.0-or-later
// Levels and boundaries over the weights, shares of each code, the group size sweep, and one group down to its bytes.
#pragma once

#include "core/report/figures_bins.h"
#include "widgets/pages/page_widget.h"

class QComboBox;

namespace nibblescope {

class GroupPanel;
class SegmentedControl;

class BinsPage : public PageWidget {
    Q_OBJECT
public:
    explicit BinsPage(QWidget *parent = nullptr);

    void setData(std::shared_ptr<const BinsData> data);
    // Null: still being computed.
    void setSweep(std::shared_ptr<const Sweep> sweep, const Recipe &current);
    void setSelectedCode(std::optional<unsigned> code);
    GroupPanel &group() { return *m_group; }

    BinsScale scale() const;
    // nullopt: the usual one; Format::None: nothing.
    std::optional<Format> comparison() const { return m_comparison; }
    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

private:
    void buildBar();
    void redraw();

    std::shared_ptr<const BinsData> m_data;
    std::optional<unsigned> m_code;
    std::optional<Format> m_comparison;
    QComboBox *m_compare = nullptr;
    SegmentedControl *m_scale = nullptr;
    PlotView *m_density = nullptr;
    PlotView *m_shares = nullptr;
    PlotView *m_sweep = nullptr;
    GroupPanel *m_group = nullptr;
};

} // namespace nibblescope
