// SPDX-License-Identifier: GPL-3.0-or-later
// Matrix products timed on this machine: times, speed-up over INT8, the table of all that was measured.
#pragma once

#include "core/bench/bench.h"
#include "core/report/figures_speed.h"
#include "core/tensor/tensor_info.h"
#include "widgets/pages/page_widget.h"

class QComboBox;
class QPushButton;
class QScrollArea;

namespace nibblescope {

class FittedTable;
class SegmentedControl;
class ThemedLabel;

class SpeedPage : public PageWidget {
    Q_OBJECT
public:
    explicit SpeedPage(QWidget *parent = nullptr);

    // The shape of the selected tensor, for "this tensor"; nullopt: none.
    void setTensor(std::optional<MatrixShape> shape);
    void setThreads(unsigned all);
    void setMeasuring(bool measuring);
    void setProgress(double share);
    void setReport(const SpeedInput &input); // without results: the line that says what to press

    // What the controls ask for. Without formats; those follow from the recipe.
    KernelRequest request() const;
    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

Q_SIGNALS:
    void measureRequested();
    void cancelRequested();

private:
    void buildBar();
    void fillTable(const BenchReport &report);

    QComboBox *m_shape = nullptr;
    QComboBox *m_cache = nullptr;
    SegmentedControl *m_threads = nullptr;
    QComboBox *m_batch = nullptr;
    QPushButton *m_measure = nullptr;
    QScrollArea *m_scroll = nullptr;
    PlotView *m_times = nullptr;
    PlotView *m_ratio = nullptr;
    FittedTable *m_table = nullptr;
    ThemedLabel *m_notes = nullptr;
    std::optional<MatrixShape> m_tensor;
    unsigned m_allThreads = 1;
    bool m_measuring = false;
};

} // namespace nibblescope
