// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/themed_label.h"

#include <QEvent>
#include <QPainter>

namespace nibblescope {

ThemedLabel::ThemedLabel(FontRole font, UiColour colour, QWidget *parent) : ThemedLabel({}, font, colour, parent) {}

ThemedLabel::ThemedLabel(const QString &text, FontRole font, UiColour colour, QWidget *parent)
    : QLabel(text, parent), m_font(font), m_colour(colour) {
    setForegroundRole(QPalette::WindowText); // on a ground of the role Base it would become Text
    apply();
}

void ThemedLabel::setRoles(FontRole font, UiColour colour) {
    m_font = font;
    m_colour = colour;
    apply();
}

void ThemedLabel::changeEvent(QEvent *event) {
    QLabel::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange)
        apply();
    // A rich text keeps the link's colour that it was laid out with; the same text again would be ignored.
    const QString shown = text();
    if (event->type() == QEvent::PaletteChange && shown.contains(QLatin1String("<a "))) {
        setText({});
        setText(shown);
    }
}

// Setting what is set already ends the chain of change events.
void ThemedLabel::apply() {
    const Theme theme = currentTheme();
    QPalette own = palette();
    const QColor colour = theme.colour(m_colour);
    if (own.color(QPalette::Active, QPalette::WindowText) != colour) {
        own.setColor(QPalette::Active, QPalette::WindowText, colour);
        own.setColor(QPalette::Inactive, QPalette::WindowText, colour);
        setPalette(own);
    }
    if (own.color(QPalette::Link) != theme.colour(UiColour::Accent)) {
        own.setColor(QPalette::Link, theme.colour(UiColour::Accent));
        setPalette(own);
    }
    if (const QFont wanted = theme.font(m_font); font() != wanted)
        setFont(wanted);
}

DividerLine::DividerLine(Qt::Orientation orientation, QWidget *parent) : QWidget(parent) {
    if (orientation == Qt::Horizontal)
        setFixedHeight(1);
    else
        setFixedWidth(1);
}

void DividerLine::paintEvent(QPaintEvent *) {
    QPainter(this).fillRect(rect(), currentTheme().colour(UiColour::Divider));
}

} // namespace nibblescope
