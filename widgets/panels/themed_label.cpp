// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/themed_label.h"

#include <QEvent>

namespace nibblescope {

ThemedLabel::ThemedLabel(FontRole font, UiColour colour, QWidget *parent) : ThemedLabel({}, font, colour, parent) {}

ThemedLabel::ThemedLabel(const QString &text, FontRole font, UiColour colour, QWidget *parent)
    : QLabel(text, parent), m_font(font), m_colour(colour) {
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

} // namespace nibblescope
