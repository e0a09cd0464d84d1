// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/bins_page.h"

#include <QComboBox>
#include <QToolBar>
#include <QVBoxLayout>

#include "widgets/pages/group_panel.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/plots/plot_splitter.h"

namespace nibblescope {

BinsPage::BinsPage(QWidget *parent) : PageWidget(tr("Bins"), parent) {
    buildBar();
    auto *splitter = new PlotSplitter(Qt::Vertical);
    m_density = adopt(splitter->addPlot(42));
    auto *pair = new PlotSplitter(Qt::Horizontal);
    m_shares = adopt(pair->addPlot(46));
    m_sweep = adopt(pair->addPlot(54));
    splitter->addPart(pair, 31);
    splitter->align(m_shares);
    m_group = new GroupPanel;
    splitter->addPart(m_group, 27);
    body().addWidget(splitter);
    connect(m_group, &GroupPanel::readoutChanged, this, &PageWidget::readoutChanged);
}

void BinsPage::buildBar() {
    addLabel(tr("Compare with"));
    m_compare = new QComboBox;
    m_compare->setAccessibleName(tr("Compare with"));
    m_compare->setToolTip(tr("The second set of levels, below the axis"));
    for (const FormatTraits &format : allFormats())
        m_compare->addItem(format.format == Format::None
                               ? tr("none")
                               : QString::fromUtf8(format.shortName.data(), static_cast<int>(format.shortName.size())));
    bar().addWidget(m_compare);
    addLabel(tr("Scale"));
    m_scale = new SegmentedControl({tr("Each group"), tr("Tensor")});
    m_scale->setAccessibleName(tr("Scale"));
    m_scale->button(0)->setToolTip(tr("Each weight divided by the largest magnitude of its group"));
    m_scale->button(1)->setToolTip(tr("Each weight divided by the largest magnitude of the tensor"));
    m_scale->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    bar().addWidget(m_scale);
    connect(m_compare, &QComboBox::activated, this, [this](int index) {
        m_comparison = allFormats()[static_cast<std::size_t>(index)].format;
        edited();
    });
    connect(m_scale, &SegmentedControl::chosen, this, [this] { edited(); });
    finishBar();
}

BinsScale BinsPage::scale() const { return m_scale->current() == 0 ? BinsScale::EachGroup : BinsScale::Tensor; }

void BinsPage::setData(std::shared_ptr<const BinsData> data) {
    m_data = std::move(data);
    redraw();
}

void BinsPage::setSelectedCode(std::optional<unsigned> code) {
    m_code = code;
    m_group->setSelectedCode(code);
    redraw();
}

void BinsPage::redraw() {
    if (!m_data)
        return;
    const Format compared = m_data->compared ? m_data->compared->recipe.format : Format::None;
    m_compare->setCurrentIndex(static_cast<int>(compared));
    show(m_density, densityFigure(*m_data, m_code));
    const bool quantized = m_data->result.quantized && m_data->result.metrics;
    m_shares->parentWidget()->setVisible(quantized); // with the sweep beside it
    m_group->setVisible(quantized);
    if (quantized)
        show(m_shares, sharesFigure(*m_data, m_code));
}

void BinsPage::setSweep(std::shared_ptr<const Sweep> sweep, const Recipe &current) {
    if (sweep) {
        show(m_sweep, sweepFigure(*sweep, current));
    } else {
        m_sweep->setFigure(nullptr);
        m_sweep->setPlaceholder(tr("Measuring group sizes..."));
    }
}

nlohmann::ordered_json BinsPage::options() const {
    nlohmann::ordered_json json;
    if (m_comparison)
        json["compare"] = std::string(traits(*m_comparison).id);
    json["scale"] = m_scale->current() == 0 ? "group" : "tensor";
    return json;
}

void BinsPage::setOptions(const nlohmann::ordered_json &options) {
    m_comparison.reset();
    if (const auto compare = options.find("compare"); compare != options.end() && compare->is_string())
        m_comparison = formatFromId(compare->get<std::string>());
    m_scale->setCurrent(options.value("scale", std::string("group")) == "tensor" ? 1 : 0);
}

} // namespace nibblescope
