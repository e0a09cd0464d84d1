// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/pages/distribution_page.h"

#include <QCheckBox>
#include <QToolBar>
#include <QVBoxLayout>

#include "widgets/panels/segmented_control.h"
#include "widgets/plots/plot_splitter.h"

namespace nibblescope {

namespace {

constexpr const char *rangeIds[] = {"robust", "full", "four-sigma"};
constexpr int weightsShare = 58; // of the height, in per cent

} // namespace

DistributionPage::DistributionPage(QWidget *parent) : PageWidget(tr("Distribution"), parent) {
    buildBar();
    auto *splitter = new PlotSplitter(Qt::Vertical);
    m_weights = adopt(splitter->addPlot(weightsShare));
    m_error = adopt(splitter->addPlot(100 - weightsShare));
    body().addWidget(splitter);
}

void DistributionPage::buildBar() {
    addLabel(tr("Range"));
    m_range = new SegmentedControl({tr("Robust"), tr("Full"), tr("±4 σ")});
    m_range->setAccessibleName(tr("Range"));
    m_range->button(0)->setToolTip(tr("The middle 99.9 % of the weights: one outlier does not ruin the picture"));
    m_range->button(1)->setToolTip(tr("From the smallest to the largest weight"));
    m_range->button(2)->setToolTip(tr("Four standard deviations to each side"));
    m_range->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    bar().addWidget(m_range);
    connect(m_range, &SegmentedControl::chosen, this, [this] { edited(); });
    const auto box = [this](const QString &text, const QString &tip, bool on) {
        auto *check = new QCheckBox(text);
        check->setToolTip(tip);
        check->setChecked(on);
        bar().addWidget(check);
        connect(check, &QCheckBox::clicked, this, [this] {
            redraw();
            edited();
        });
        return check;
    };
    m_log = box(tr("Log"), tr("Counts on a logarithmic axis"), false);
    m_dequantized = box(tr("Dequantized"), tr("What the weights decode to"), true);
    m_normal = box(tr("Normal"), tr("The normal distribution with the same mean and standard deviation"), true);
    m_levels = box(tr("Levels"), tr("Where the 16 levels lie over the groups"), true);
    m_baseline = box(tr("Baseline"), tr("The pinned recipe, dashed"), true);
    finishBar();
}

void DistributionPage::setData(std::shared_ptr<const DistributionData> data) {
    m_data = std::move(data);
    redraw();
}

void DistributionPage::setSelectedCode(std::optional<unsigned> code) {
    m_code = code;
    redraw();
}

DistributionRange DistributionPage::range() const { return static_cast<DistributionRange>(m_range->current()); }

DistributionLook DistributionPage::look() const {
    DistributionLook look;
    look.logarithmic = m_log->isChecked();
    look.dequantized = m_dequantized->isChecked();
    look.normal = m_normal->isChecked();
    look.levels = m_levels->isChecked();
    look.baseline = m_baseline->isChecked();
    look.selectedCode = m_code;
    return look;
}

void DistributionPage::redraw() {
    if (!m_data)
        return;
    m_baseline->setEnabled(m_data->baseline.has_value());
    m_dequantized->setEnabled(m_data->current.has_value());
    m_levels->setEnabled(!m_data->levels.empty());
    show(m_weights, weightsFigure(*m_data, look()));
    m_error->setVisible(m_data->current.has_value());
    if (m_data->current)
        show(m_error, errorFigure(*m_data, look()));
}

nlohmann::ordered_json DistributionPage::options() const {
    return {{"range", rangeIds[m_range->current()]},     {"log", m_log->isChecked()},
            {"dequantized", m_dequantized->isChecked()}, {"normal", m_normal->isChecked()},
            {"levels", m_levels->isChecked()},           {"baseline", m_baseline->isChecked()}};
}

void DistributionPage::setOptions(const nlohmann::ordered_json &options) {
    const std::string range = options.value("range", std::string(rangeIds[0]));
    for (int i = 0; i < 3; ++i)
        if (range == rangeIds[i])
            m_range->setCurrent(i);
    m_log->setChecked(options.value("log", false));
    m_dequantized->setChecked(options.value("dequantized", true));
    m_normal->setChecked(options.value("normal", true));
    m_levels->setChecked(options.value("levels", true));
    m_baseline->setChecked(options.value("baseline", true));
    redraw();
}

} // namespace nibblescope
