// SPDX-License-Identifier: GPL-3.0-or-later
// "Baseline INT4 64 x" in the tool bar: a click swaps recipe and baseline, x clears it.
#pragma once

#include <QWidget>

#include "core/quant/recipe.h"

class QToolButton;

namespace nibblescope {

class BaselineChip : public QWidget {
    Q_OBJECT
public:
    BaselineChip(QAction *swap, QAction *clear, QWidget *parent = nullptr);
    void setBaseline(const Recipe &recipe);

protected:
    void changeEvent(QEvent *event) override;

private:
    void refresh();

    QToolButton *m_swap;
    QToolButton *m_clear;
    Recipe m_recipe;
};

} // namespace nibblescope
