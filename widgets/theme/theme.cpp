// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/theme.h"

#include "widgets/theme/icons.h"

#include <QApplication>
#include <QFontDatabase>
#include <QStyleFactory>
#include <QToolTip>
#include <QVariant>

#include <algorithm>
#include <array>

namespace nibblescope {
namespace {

constexpr const char *themeProperty = "nibblescopeTheme";
constexpr const char *systemPaletteProperty = "nibblescopeSystemPalette";

struct Row {
    QRgb light;
    QRgb dark;
};

// In the order of UiColour.
constexpr std::array<Row, 23> uiColours{{
    {0xFFECEEF1, 0xFF1F2329}, // window
    {0xFFFFFFFF, 0xFF16191D}, // base
    {0xFFF6F7F9, 0xFF1B1F24}, // alternate base
    {0xFF1A1E24, 0xFFE7EAEE}, // text
    {0xFF565E69, 0xFFA3ABB6}, // text2
    {0xFF8A919B, 0xFF6C747F}, // disabled text
    {0xFF7A828D, 0xFF7D8691}, // control edge
    {0xFFC3C8CF, 0xFF3A414A}, // divider
    {0xFFE4E7EB, 0xFF2A2F36}, // grid
    {0xFF1B5FB8, 0xFF6FA8F5}, // accent
    {0xFFFFFFFF, 0xFF0E1115}, // accent text
    {0xFFCFE0F7, 0xFF27456E}, // highlight
    {0xFF1A1E24, 0xFFE7EAEE}, // highlight text
    {0xFF1E6B3A, 0xFF7FD19B}, // good
    {0xFFB3261E, 0xFFFF8A80}, // error
    {0xFFE3EDFA, 0xFF1D2C42}, // info ground
    {0xFFFFF4D6, 0xFF3A3117}, // warning ground
    {0xFFFDE8E6, 0xFF42211F}, // error ground
    {0xFF1B5FB8, 0xFF6FA8F5}, // info icon
    {0xFF8A5A00, 0xFFF0C05A}, // warning icon
    {0xFFB3261E, 0xFFFF8A80}, // error icon
    {0xFFDDE1E6, 0xFF2A2F36}, // title
    {0xFFF3F4F6, 0xFF23272E}, // bar
}};

struct FontSize {
    double pixels;
    bool semibold;
};

constexpr std::array<FontSize, 7> fontSizes{
    {{11, false}, {12, false}, {12, true}, {13, false}, {15, true}, {20, true}, {11.5, false}}};

// A desktop's own font is kept where a platform theme sets one; elsewhere Inter, whose look the sizes are made for.
QString textFamily() {
    const bool desktop = QGuiApplication::platformName() != QLatin1String("offscreen") &&
                         !qEnvironmentVariableIsEmpty("XDG_CURRENT_DESKTOP");
    if (desktop)
        return QFontDatabase::systemFont(QFontDatabase::GeneralFont).family();
    // Asked once: the question goes through all of fontconfig, and every label of the window comes here.
    static const QString family =
        QFontDatabase::hasFamily(QStringLiteral("Inter")) ? QStringLiteral("Inter") : QStringLiteral("DejaVu Sans");
    return family;
}

bool isDarkPalette(const QPalette &palette) {
    return palette.color(QPalette::Window).lightness() < palette.color(QPalette::WindowText).lightness();
}

FigureTheme resolved(ThemeChoice choice, const QPalette &system) {
    switch (choice) {
    case ThemeChoice::Light:
        return FigureTheme::Light;
    case ThemeChoice::Dark:
        return FigureTheme::Dark;
    case ThemeChoice::HighContrast:
        return isDarkPalette(system) ? FigureTheme::HighContrastDark : FigureTheme::HighContrastLight;
    case ThemeChoice::System:
        break;
    }
    return isDarkPalette(system) ? FigureTheme::Dark : FigureTheme::Light;
}

} // namespace

QColor toColour(Rgb colour) { return {colour.red, colour.green, colour.blue}; }

Theme::Theme(ThemeChoice choice, int textSize, const QPalette &system)
    : m_figure(resolved(choice, system)), m_textSize(std::clamp(textSize, 100, 200)) {}

Theme Theme::of(FigureTheme figure, int textSize) {
    Theme theme;
    theme.m_figure = figure;
    theme.m_textSize = std::clamp(textSize, 100, 200);
    return theme;
}

int Theme::scaled(int pixels) const { return qRound(pixels * scale()); }

QColor Theme::colour(UiColour role) const {
    const QColor black(Qt::black);
    const QColor white(Qt::white);
    if (highContrast()) {
        switch (role) {
        case UiColour::Window:
        case UiColour::Base:
        case UiColour::AlternateBase:
        case UiColour::Title:
        case UiColour::Bar:
            return dark() ? black : white;
        case UiColour::Text:
        case UiColour::Text2:
        case UiColour::HighlightText:
            return dark() ? white : black;
        case UiColour::Divider:
            return colour(UiColour::ControlEdge);
        default:
            break;
        }
    }
    const Row &row = uiColours.at(static_cast<std::size_t>(role));
    return QColor::fromRgb(dark() ? row.dark : row.light);
}

QColor Theme::colour(ColourRole role) const { return toColour(figureColour(role, m_figure)); }

QFont Theme::font(FontRole role) const {
    const FontSize &size = fontSizes.at(static_cast<std::size_t>(role));
    QFont font(role == FontRole::Mono ? QStringLiteral("DejaVu Sans Mono") : textFamily());
    font.setPixelSize(qRound(size.pixels * scale()));
    if (size.semibold)
        font.setWeight(QFont::DemiBold);
    if (role == FontRole::Mono)
        font.setStyleHint(QFont::Monospace);
    return font;
}

QPalette Theme::palette() const {
    QPalette palette;
    const auto set = [&](QPalette::ColorRole role, UiColour normal) { palette.setColor(role, colour(normal)); };
    set(QPalette::Window, UiColour::Window);
    set(QPalette::WindowText, UiColour::Text);
    set(QPalette::Base, UiColour::Base);
    set(QPalette::AlternateBase, UiColour::AlternateBase);
    set(QPalette::Text, UiColour::Text);
    set(QPalette::PlaceholderText, UiColour::Text2);
    set(QPalette::Button, UiColour::Window);
    set(QPalette::ButtonText, UiColour::Text);
    set(QPalette::BrightText, UiColour::AccentText);
    set(QPalette::Highlight, UiColour::Highlight);
    set(QPalette::HighlightedText, UiColour::HighlightText);
    set(QPalette::ToolTipBase, UiColour::Base);
    set(QPalette::ToolTipText, UiColour::Text);
    set(QPalette::Link, UiColour::Accent);
    set(QPalette::LinkVisited, UiColour::Accent);
    set(QPalette::Mid, UiColour::Divider);
    set(QPalette::Dark, UiColour::ControlEdge);
    const QColor window = colour(UiColour::Window);
    palette.setColor(QPalette::Light, dark() ? window.lighter(125) : QColor(Qt::white));
    palette.setColor(QPalette::Midlight, dark() ? window.lighter(112) : window.lighter(104));
    palette.setColor(QPalette::Shadow, dark() ? QColor(Qt::black) : colour(UiColour::ControlEdge));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText})
        palette.setColor(QPalette::Disabled, role, colour(UiColour::DisabledText));
    palette.setColor(QPalette::Disabled, QPalette::Base, colour(UiColour::Window));
    return palette;
}

void applyTheme(QApplication &application, const Theme &theme) {
    if (!application.property(systemPaletteProperty).isValid()) {
        application.setProperty(systemPaletteProperty, QApplication::palette());
        QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    }
    useIconResources();
    application.setProperty(themeProperty, QVariant::fromValue(theme));
    QApplication::setFont(theme.font(FontRole::Body));
    QApplication::setPalette(theme.palette());
    QToolTip::setPalette(theme.palette());
    QToolTip::setFont(theme.font(FontRole::Body));
    application.setStyleSheet(theme.styleSheet());
}

Theme currentTheme() {
    const QVariant stored = qApp ? qApp->property(themeProperty) : QVariant();
    return stored.canConvert<Theme>() ? stored.value<Theme>() : Theme::light();
}

QPalette systemPalette() {
    const QVariant stored = qApp->property(systemPaletteProperty);
    return stored.isValid() ? stored.value<QPalette>() : QApplication::palette();
}

} // namespace nibblescope
