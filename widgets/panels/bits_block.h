// SPDX-License-Identifier: GPL-3.0-or-later
// What a recipe costs, at the foot of the dock *Recipe*: bits per weight as a number, as a bar of its parts, and for
// the current tensor; which tensors it applies to; the help line.
#pragma once

#include <optional>

#include <QWidget>

#include "core/quant/quantized_tensor.h"

class QLabel;

namespace nibblescope {

class ThemedLabel;

class BitsBlock : public QWidget {
    Q_OBJECT
public:
    explicit BitsBlock(QWidget *parent = nullptr);

    struct Content {
        Format format = Format::None;
        StoredBits bits;           // over all tensors that are quantized
        std::uint64_t weights = 0; // in them
        std::size_t quantized = 0;
        std::size_t tensors = 0;
        std::optional<double> baselineBpw;
        QString baseline;   // its short form
        QString tensor;     // "layers.0.mlp.down_proj"; empty: none, or it is kept
        QString tensorBits; // "4.279, short last groups of 44"
        bool stored = false;
    };
    void setContent(const Content &content);
    void setHelp(const QString &text, bool wrong = false);
    QString help() const;
    double bitsPerWeight() const;

Q_SIGNALS:
    void whichTensorsRequested();

protected:
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    class Bar;
    void fitTensor();
    void fitApplies();
    void fitHelp();

    Content m_content;
    QLabel *m_bpw;
    QLabel *m_over;
    QLabel *m_difference;
    Bar *m_bar;
    QWidget *m_legend;
    QLabel *m_tensor;
    QLabel *m_applies;
    QLabel *m_which;
    ThemedLabel *m_help;
};

} // namespace nibblescope
