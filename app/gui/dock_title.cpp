// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dock_title.h"

#include <QDockWidget>
#include <QHBoxLayout>
#include <QPainter>
#include <QToolButton>

#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int leftMargin = 10;
constexpr int buttonSide = 24;

QToolButton *makeButton(const QString &icon, const QString &name, QWidget *parent) {
    auto *button = new QToolButton(parent);
    button->setIcon(themeIcon(icon));
    button->setIconSize({14, 14});
    button->setFixedSize(buttonSide, buttonSide);
    button->setToolTip(name);
    button->setAccessibleName(name);
    button->setFocusPolicy(Qt::NoFocus);
    button->setAutoRaise(true);
    return button;
}

} // namespace

DockTitle::DockTitle(QDockWidget *dock) : QWidget(dock), m_dock(dock) {
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(leftMargin, 1, 4, 1);
    layout->setSpacing(0);
    layout->addStretch();
    auto *floatButton = makeButton(QStringLiteral("float"), tr("Float %1").arg(dock->windowTitle()), this);
    auto *closeButton = makeButton(QStringLiteral("close"), tr("Close %1").arg(dock->windowTitle()), this);
    layout->addWidget(floatButton);
    layout->addWidget(closeButton);
    connect(floatButton, &QToolButton::clicked, dock, [dock] { dock->setFloating(!dock->isFloating()); });
    connect(closeButton, &QToolButton::clicked, dock, &QWidget::close);
}

void DockTitle::setSubject(const QString &subject) {
    m_subject = subject;
    setToolTip(subject);
    update();
}

QSize DockTitle::sizeHint() const { return {120, currentTheme().scaled(26)}; }

QSize DockTitle::minimumSizeHint() const { return sizeHint(); }

void DockTitle::paintEvent(QPaintEvent *) {
    const Theme theme = currentTheme();
    QPainter painter(this);
    painter.fillRect(rect(), theme.colour(UiColour::Title));
    painter.fillRect(0, height() - 1, width(), 1, theme.colour(UiColour::Divider));
    painter.setFont(theme.font(FontRole::Title));
    painter.setPen(theme.colour(UiColour::Text));
    QRect area = rect().adjusted(leftMargin, 0, -2 * buttonSide - 6, -1);
    painter.drawText(area, Qt::AlignVCenter | Qt::AlignLeft, m_dock->windowTitle());
    area.setLeft(area.left() + painter.fontMetrics().horizontalAdvance(m_dock->windowTitle()) + 10);
    painter.setFont(theme.font(FontRole::Body));
    painter.setPen(theme.colour(UiColour::Text2));
    painter.drawText(area, Qt::AlignVCenter | Qt::AlignLeft,
                     painter.fontMetrics().elidedText(m_subject, Qt::ElideMiddle, area.width()));
}

} // namespace nibblescope
