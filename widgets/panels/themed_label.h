// SPDX-License-Identifier: GPL-3.0-or-later
// A label with a role of the theme for its font and its colour, which follows changes of the theme.
#pragma once

#include <QLabel>

#include "widgets/theme/theme.h"

namespace nibblescope {

class ThemedLabel : public QLabel {
    Q_OBJECT
public:
    explicit ThemedLabel(FontRole font, UiColour colour, QWidget *parent = nullptr);
    ThemedLabel(const QString &text, FontRole font, UiColour colour, QWidget *parent = nullptr);
    void setRoles(FontRole font, UiColour colour);

protected:
    void changeEvent(QEvent *event) override;

private:
    void apply();

    FontRole m_font;
    UiColour m_colour;
};

// A line of one pixel in the divider's colour.
class DividerLine : public QWidget {
    Q_OBJECT
public:
    explicit DividerLine(Qt::Orientation orientation, QWidget *parent = nullptr);

protected:
    void paintEvent(QPaintEvent *event) override;
};

} // namespace nibblescope
