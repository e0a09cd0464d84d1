// SPDX-License-Identifier: GPL-3.0-or-later
// Kernels timed on this machine: times and speed-up, roofline, errors, what they would make of the whole model, and the
// table of all that was measured. A run can be saved, and a saved one laid over the present.
#pragma once

#include "core/bench/bench.h"
#include "core/report/figures_speed.h"
#include "core/tensor/tensor_info.h"
#include "widgets/pages/page_widget.h"

class QAction;
class QComboBox;
class QPushButton;

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
    // All processors, and the instruction sets that this machine has, the chosen one among them.
    void setMachine(unsigned threads, std::vector<Isa> isas, Isa chosen);
    void setMeasuring(bool measuring);
    void setProgress(double share);
    // Without results the plots say what to press. `input.reference` is the page's own choice.
    void setReport(SpeedInput input);

    // What the controls ask for. Without formats; those follow from the recipe.
    KernelRequest request() const;
    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;

Q_SIGNALS:
    void measureRequested();
    void cancelRequested();
    void saveRequested();
    void overlayRequested(); // a saved run is to be chosen
    void overlayCleared();

private:
    enum class View { Times, Roofline, Errors, Tokens };

    void buildBar();
    QWidget *buildChoices();
    void buildBody();
    QComboBox *makeChoice(const QString &label, const QStringList &items, const QString &tip, bool editable);
    void redraw();
    void showView();
    void fillTable();

    QComboBox *m_shape = nullptr;
    QComboBox *m_cache = nullptr;
    QComboBox *m_threads = nullptr;
    QComboBox *m_batch = nullptr;
    QPushButton *m_measure = nullptr;
    QComboBox *m_kernel = nullptr;
    QComboBox *m_isa = nullptr;
    SegmentedControl *m_view = nullptr;
    QComboBox *m_reference = nullptr;
    QAction *m_save = nullptr;
    QAction *m_clearOverlay = nullptr;
    PlotView *m_times = nullptr;
    PlotView *m_ratio = nullptr;
    PlotView *m_roofline = nullptr;
    PlotView *m_errors = nullptr;
    PlotView *m_tokens = nullptr;
    FittedTable *m_table = nullptr;
    ThemedLabel *m_notes = nullptr;
    std::optional<MatrixShape> m_tensor;
    std::vector<Isa> m_isas;
    SpeedInput m_input;
    unsigned m_allThreads = 1;
    bool m_measuring = false;
};

} // namespace nibblescope
