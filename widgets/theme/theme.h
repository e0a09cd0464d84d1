// SPDX-License-Identifier: GPL-3.0-or-later
// The look of the window: colours, fonts, palette and style sheet, from one table. A Theme is a small value;
// `applyTheme` puts it on the application, `currentTheme` gives it to whoever paints. After a change every widget gets
// QEvent::PaletteChange and asks again.
#pragma once

#include "core/report/figure_colours.h"

#include <QColor>
#include <QFont>
#include <QMetaType>
#include <QPalette>
#include <QString>

class QApplication;

namespace nibblescope {

enum class ThemeChoice { System, Light, Dark, HighContrast };

// Colours of the window that figures do not use.
enum class UiColour {
    Window, // docks and bars
    Base,   // plots, trees, tables
    AlternateBase,
    Text,
    Text2, // never on Highlight
    DisabledText,
    ControlEdge,
    Divider,
    Grid,
    Accent, // default button, focus, links
    AccentText,
    Highlight,
    HighlightText,
    Good,
    Error,
    InfoGround,
    WarningGround,
    ErrorGround,
    InfoIcon,
    WarningIcon,
    ErrorIcon,
    Title, // ground of dock titles
    Bar,   // ground of menu, tool and status bar
};

enum class FontRole {
    Small,   // 11: ticks, help, badges
    Body,    // 12: body, tables
    Title,   // 12 semibold: titles of plots and docks
    Control, // 13: menus, tabs, buttons
    Reading, // 15 semibold
    Large,   // 20 semibold: empty window, bpw readout
    Mono,    // 11.5: bytes
};

class Theme {
public:
    Theme() = default;
    // `system`: the palette of the desktop, by whose lightness System (and High Contrast) choose dark or light.
    // `textSize` in percent, 100 to 200.
    Theme(ThemeChoice choice, int textSize, const QPalette &system);
    static Theme light() { return {}; }
    static Theme of(FigureTheme figure, int textSize = 100);

    FigureTheme figureTheme() const { return m_figure; }
    bool dark() const { return isDark(m_figure); }
    bool highContrast() const { return isHighContrast(m_figure); }
    int textSize() const { return m_textSize; }
    double scale() const { return m_textSize / 100.0; }
    int scaled(int pixels) const; // a length that grows with the text
    int focusWidth() const { return highContrast() ? 3 : 2; }

    QColor colour(UiColour role) const;
    QColor colour(ColourRole role) const;
    QFont font(FontRole role) const;

    QPalette palette() const;
    QString styleSheet() const; // for Fusion

    friend bool operator==(const Theme &, const Theme &) = default;

private:
    FigureTheme m_figure = FigureTheme::Light;
    int m_textSize = 100;
};

// Fusion with palette, font and style sheet of the theme; remembers it for currentTheme(). Safe to call again.
void applyTheme(QApplication &application, const Theme &theme);
Theme currentTheme();     // the one last applied, else light
QPalette systemPalette(); // the desktop's, as it was before the first applyTheme

QColor toColour(Rgb colour);

} // namespace nibblescope

Q_DECLARE_METATYPE(nibblescope::Theme)
