// SPDX-License-Identifier: GPL-3.0-or-later
// The inputs of the linears: channels of the selected one before and behind smoothing, all inputs of the model, what
// rounding them costs on the output and on KL, and smoothing over its alpha. The page collects nothing itself: it says
// what was asked for.
#pragma once

#include <array>

#include "core/report/figures_activations.h"
#include "widgets/pages/page_widget.h"

class QAction;
class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QToolBar;

namespace nibblescope {

class SegmentedControl;
class PlotSplitter;
class StopSlider;

class ActivationsPage : public PageWidget {
    Q_OBJECT
public:
    explicit ActivationsPage(QWidget *parent = nullptr);

    // What the controls ask for.
    ActivationOrigin source() const;
    ActivationQuant quant() const;
    double alpha() const;
    ChannelOrder order() const;
    InputQuantity quantity() const;
    ActivationEffect effect() const;
    std::uint64_t windows() const;
    SyntheticActivations synthetic() const;         // but for the channels, which are those of the tensor
    QString textPath() const { return m_textPath; } // empty: the usual one
    QString folderPath() const { return m_folderPath; }
    void setTextPath(const QString &path);
    void setFolderPath(const QString &path);

    nlohmann::ordered_json options() const override;
    void setOptions(const nlohmann::ordered_json &options) override;
    // `alpha:0.55`, `activations:int4 token`: what plots ask for. False: not this page's.
    bool choose(const QString &link);

    // Quantities that the controls hold (quant, alpha, order, quantity, effect) are taken from them. `reason`: why
    // there is nothing of the selected tensor, in place of its three plots; empty: it is on its way, or there.
    void setView(ActivationsView view, const QString &reason = {});
    void setUsualText(const QString &name); // of the text that is run where none was chosen; empty: there is none

    enum class Collecting { Idle, Possible, Running };
    void setCollecting(Collecting state); // whether the button starts it, cancels it, or has nothing to do
    void setCollected(double share);      // 0 ... 1
    void setKlRunning(bool running);
    void setKlProblem(const QString &reason); // why KL cannot be measured; empty: it can

Q_SIGNALS:
    void collectRequested();
    void klRequested();
    void cancelRequested(); // of what runs
    void textRequested();   // a file is to be chosen
    void folderRequested(); // a folder is to be chosen

protected:
    void changeEvent(QEvent *event) override;

private:
    void buildBar();
    void giveRoom();
    QToolBar *makeInputRow();
    QWidget *makeSmoothing();
    QWidget *makeModelControls();
    QWidget *makeSyntheticControls();
    QWidget *makeInputs();
    QWidget *makeCosts();
    void showSource();
    void showAlpha();
    void redraw();

    QComboBox *m_source = nullptr;
    SegmentedControl *m_bits = nullptr;
    SegmentedControl *m_scales = nullptr;
    SegmentedControl *m_order = nullptr;
    SegmentedControl *m_quantity = nullptr;
    SegmentedControl *m_effect = nullptr;
    StopSlider *m_alpha = nullptr;
    QLabel *m_alphaText = nullptr;
    QPushButton *m_best = nullptr;
    std::array<QAction *, 3> m_sourceActions{}; // of the controls of each source
    QPushButton *m_text = nullptr;
    QSpinBox *m_windows = nullptr;
    QPushButton *m_folder = nullptr;
    QSpinBox *m_outliers = nullptr;
    QSpinBox *m_magnitude = nullptr;
    QSpinBox *m_seed = nullptr;
    QPushButton *m_collect = nullptr;
    QAction *m_collectAction = nullptr;
    QPushButton *m_kl = nullptr;
    PlotSplitter *m_plots = nullptr;
    PlotView *m_channels = nullptr;
    PlotView *m_inputs = nullptr;
    PlotView *m_costs = nullptr;
    PlotView *m_smoothing = nullptr;

    ActivationsView m_view;
    QString m_reason;
    QString m_textPath;
    QString m_usualText;
    QString m_folderPath;
    Collecting m_collecting = Collecting::Idle;
};

} // namespace nibblescope
