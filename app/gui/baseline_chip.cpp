// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/baseline_chip.h"

#include <QAction>
#include <QEvent>
#include <QHBoxLayout>
#include <QPainter>
#include <QToolButton>

#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr QSize swatchSize{18, 14};

// The dashed line that the baseline is drawn with in every plot.
QPixmap swatch(Format format, qreal ratio) {
    QPixmap pixmap(swatchSize * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    QPen pen(currentTheme().colour(formatLook(format).colour), 2);
    pen.setDashPattern({2, 1.5});
    pen.setCapStyle(Qt::FlatCap);
    painter.setPen(pen);
    painter.drawLine(1, swatchSize.height() / 2, swatchSize.width() - 1, swatchSize.height() / 2);
    return pixmap;
}

} // namespace

BaselineChip::BaselineChip(QAction *swap, QAction *clear, QWidget *parent)
    : QWidget(parent), m_swap(new QToolButton(this)), m_clear(new QToolButton(this)) {
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 4, 0);
    layout->setSpacing(0);
    m_swap->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_swap->setIconSize(swatchSize);
    m_clear->setIcon(themeIcon(QStringLiteral("close")));
    m_clear->setIconSize({12, 12});
    for (QToolButton *button : {m_swap, m_clear}) {
        button->setProperty("framed", true);
        layout->addWidget(button);
    }
    m_clear->setToolTip(tr("Clear Baseline"));
    m_clear->setAccessibleName(tr("Clear Baseline"));
    connect(m_swap, &QToolButton::clicked, swap, &QAction::trigger);
    connect(m_clear, &QToolButton::clicked, clear, &QAction::trigger);
}

void BaselineChip::setBaseline(const Recipe &recipe) {
    m_recipe = recipe;
    refresh();
}

void BaselineChip::refresh() {
    const QString name = QString::fromStdString(shortForm(m_recipe));
    m_swap->setText(tr("Baseline %1").arg(name));
    m_swap->setToolTip(tr("Swap %1 with the recipe").arg(name));
    m_swap->setAccessibleName(tr("Baseline %1, swap with the recipe").arg(name));
    m_swap->setIcon(QIcon(swatch(m_recipe.format, devicePixelRatioF())));
}

void BaselineChip::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange)
        refresh();
}

} // namespace nibblescope
