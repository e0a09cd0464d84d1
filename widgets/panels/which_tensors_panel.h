// SPDX-License-Identifier: GPL-3.0-or-later
// The rule that decides which tensors are quantized: in words, with globs over it, and a live count.
#pragma once

#include <vector>

#include <QFrame>

#include "core/analysis/selection_rule.h"

class QLabel;
class QLineEdit;
class QTimer;
class QToolButton;

namespace nibblescope {

class WhichTensorsPanel : public QFrame {
    Q_OBJECT
public:
    explicit WhichTensorsPanel(QWidget *parent = nullptr);
    void setTensors(std::vector<TensorInfo> tensors);
    void setRule(const SelectionRule &rule); // emits nothing
    void focusFirst();

Q_SIGNALS:
    void ruleEdited(const nibblescope::SelectionRule &rule);
    void closeRequested();

protected:
    void keyPressEvent(QKeyEvent *event) override;

private:
    SelectionRule typedRule() const;
    void updateCount();
    void submit();

    std::vector<TensorInfo> m_tensors;
    SelectionRule m_rule;
    QLineEdit *m_include;
    QLineEdit *m_exclude;
    QLabel *m_count;
    QLabel *m_byHand;
    QTimer *m_typing;
};

} // namespace nibblescope
