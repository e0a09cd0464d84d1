// SPDX-License-Identifier: GPL-3.0-or-later
// The style sheet over Fusion: heights, corners, focus frames, tabs. Colours come from the theme's table by name.
#include "widgets/theme/theme.h"

#include <utility>

namespace nibblescope {
namespace {

const char *const sheet = R"css(
QMainWindow::separator { background: @window@; width: 2px; height: 2px; border: 1px solid @divider@; }
QMainWindow::separator:hover { background: @accent@; }
QMenuBar { background: @bar@; font-size: @px13@; padding: 0 4px; }
QMenuBar::item { padding: 3px 8px; border-radius: 3px; background: transparent; }
QMenuBar::item:selected { background: @highlight@; color: @highlightText@; }
QMenu { background: @base@; border: 1px solid @edge@; padding: 4px 0; font-size: @px13@; }
QMenu::item { padding: 4px 28px 4px 28px; }
QMenu::item:selected { background: @highlight@; color: @highlightText@; }
QMenu::item:disabled { color: @disabled@; }
QMenu::separator { height: 1px; background: @divider@; margin: 4px 0; }
QMenu::icon { left: 6px; }
QMenu::indicator { width: 14px; height: 14px; left: 6px; }
QMenu::indicator:non-exclusive { border: 1px solid @edge@; border-radius: 3px; background: @base@; }
QMenu::indicator:non-exclusive:checked { background: @accent@; border-color: @accent@; image: url(@check@); }
QToolBar { background: @bar@; border: 0; spacing: 2px; padding: 3px 6px; }
QToolBar::separator { background: @divider@; width: 1px; margin: 5px 6px; }
QToolBar#pageBar { qproperty-iconSize: 16px 16px; background: @base@; border-bottom: 1px solid @divider@; padding: 3px 12px; spacing: 6px; }
QToolButton { font-size: @px13@; border: 1px solid transparent; border-radius: 3px; padding: 3px 6px; }
QToolButton:hover { background: @hover@; }
QToolButton:pressed, QToolButton:checked { background: @highlight@; color: @highlightText@; }
QToolButton:checked { border-color: @accent@; }
QToolButton:focus { border: @focus@ solid @accent@; padding: @focusPad@; }
QToolButton[popupMode="1"] { padding-right: 6px; }
QToolButton[popupMode="2"] { padding-right: 10px; }
QToolButton::menu-button { border: 0; width: 16px; }
QToolButton::menu-arrow, QToolButton::menu-indicator { image: url(@arrowDown@); width: 10px; height: 10px; }
QToolButton::menu-indicator { subcontrol-position: right center; subcontrol-origin: padding; right: 4px; }
QToolButton[primary="true"], QPushButton:default {
  background: @accent@; color: @accentText@; border: 1px solid @accent@; }
QToolButton[primary="true"]:hover, QPushButton:default:hover { background: @accentHover@; }
QToolButton[primary="true"]:disabled, QPushButton:default:disabled {
  background: transparent; color: @disabled@; border-color: transparent; }
QToolButton[framed="true"] {
  background: @control@; border: 1px solid @edge@; min-height: @framed@; padding: 2px 8px; }
QToolButton[framed="true"]:checked { background: @highlight@; border-color: @accent@; }
QToolButton[framed="true"]:focus { border: @focus@ solid @accent@; padding: 1px 7px; }
QPushButton { font-size: @px13@; background: @control@; border: 1px solid @edge@; border-radius: 3px;
  min-height: @inner@; padding: 0 12px; }
QPushButton:hover { background: @hover@; }
QPushButton:pressed, QPushButton:checked { background: @highlight@; border-color: @accent@; color: @highlightText@; }
QPushButton:disabled { color: @disabled@; background: @window@; border-color: @divider@; }
QPushButton:focus { border: @focus@ solid @accent@; padding: 0 11px; min-height: @innerFocus@; }
QPushButton:default:focus { border: 2px solid @text@; }
QPushButton:flat { background: transparent; border-color: transparent; }
QComboBox, QLineEdit, QAbstractSpinBox { background: @field@; border: 1px solid @edge@; border-radius: 3px;
  min-height: @inner@; padding: 0 6px; selection-background-color: @highlight@;
  selection-color: @highlightText@; }
QLineEdit { background: @base@; }
QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus { border: @focus@ solid @accent@; padding: 0 5px;
  min-height: @innerFocus@; }
QComboBox:disabled, QLineEdit:disabled, QAbstractSpinBox:disabled {
  color: @disabled@; background: @window@; border-color: @divider@; }
QLineEdit[invalid="true"], QComboBox[invalid="true"], QAbstractSpinBox[invalid="true"] { border-color: @error@; }
QComboBox::drop-down { border: 0; width: 22px; }
QComboBox::down-arrow { image: url(@arrowDown@); width: 10px; height: 10px; }
QComboBox::down-arrow:disabled { image: url(@arrowDownOff@); }
QComboBox QLineEdit, QAbstractSpinBox QLineEdit { border: 0; padding: 0; min-height: 0; background: transparent; }
QComboBox QAbstractItemView { background: @base@; border: 1px solid @edge@; outline: 0;
  selection-background-color: @highlight@; selection-color: @highlightText@; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: 0; background: transparent; width: 18px; }
QAbstractSpinBox::up-arrow { image: url(@arrowUp@); width: 10px; height: 10px; }
QAbstractSpinBox::down-arrow { image: url(@arrowDown@); width: 10px; height: 10px; }
QAbstractSpinBox::up-arrow:disabled, QAbstractSpinBox::up-arrow:off { image: url(@arrowUpOff@); }
QAbstractSpinBox::down-arrow:disabled, QAbstractSpinBox::down-arrow:off { image: url(@arrowDownOff@); }
QCheckBox, QRadioButton { spacing: 6px; min-height: 24px; border: @focus@ solid transparent; border-radius: 3px;
  padding: 0 2px; }
QCheckBox:focus, QRadioButton:focus { border-color: @accent@; }
QCheckBox:disabled, QRadioButton:disabled { color: @disabled@; }
QCheckBox::indicator, QAbstractItemView::indicator { width: 12px; height: 12px; border: 1px solid @edge@;
  border-radius: 3px; background: @base@; }
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {
  background: @accent@; border-color: @accent@; image: url(@check@); }
QCheckBox::indicator:indeterminate, QAbstractItemView::indicator:indeterminate {
  background: @accent@; border-color: @accent@; image: url(@part@); }
QCheckBox::indicator:disabled { border-color: @divider@; background: @window@; }
QCheckBox::indicator:checked:disabled { background: @disabled@; border-color: @disabled@; }
QRadioButton::indicator { width: 12px; height: 12px; border: 1px solid @edge@; border-radius: 7px;
  background: @base@; }
QRadioButton::indicator:checked { width: 6px; height: 6px; border: 4px solid @accent@; background: @base@; }
QRadioButton::indicator:disabled { border-color: @divider@; background: @window@; }
QTabWidget::pane { border: 0; }
QTabBar { font-size: @px13@; background: @window@; }
QTabBar::tab { background: transparent; color: @text2@; padding: 0 14px; min-height: @tab@;
  border: 1px solid transparent; border-bottom: 1px solid @divider@; border-top: 2px solid transparent; }
QTabBar::tab:selected { background: @base@; color: @text@; font-weight: 600; border: 1px solid @divider@;
  border-top: 2px solid @accent@; border-bottom: 1px solid @base@; border-top-left-radius: 3px;
  border-top-right-radius: 3px; }
QTabBar::tab:hover:!selected { color: @text@; background: @hover@; }
QTabBar::tab:focus { color: @text@; text-decoration: underline; }
QTabBar::tab:disabled { color: @disabled@; }
QHeaderView { background: @header@; border: 0; }
QHeaderView::section { background: @header@; color: @text@; border: 0; border-right: 1px solid @divider@;
  border-bottom: 1px solid @divider@; padding: 0 4px; min-height: @row@; }
QHeaderView::section:last { border-right: 0; }
QHeaderView::up-arrow { image: url(@arrowUp@); width: 8px; height: 8px; subcontrol-position: right center; }
QHeaderView::down-arrow { image: url(@arrowDown@); width: 8px; height: 8px; subcontrol-position: right center; }
QTableCornerButton::section { background: @header@; border: 0; }
QAbstractItemView { background: @base@; alternate-background-color: @alternate@; border: 0;
  gridline-color: @grid@; selection-background-color: @highlight@; selection-color: @highlightText@; outline: 0; }
QAbstractItemView:focus { border: 0; }
QTreeView::item, QListView::item { min-height: @row@; }
QTreeView::branch { background: transparent; }
QTreeView::branch:selected { background: @highlight@; }
QTreeView::branch:has-children:closed { image: url(@branchClosed@); }
QTreeView::branch:has-children:open { image: url(@branchOpen@); }
QDockWidget { icon-size: 14px; font-size: @px12@; font-weight: 600; titlebar-close-icon: url(@dockClose@);
  titlebar-normal-icon: url(@dockFloat@); }
QDockWidget::close-button, QDockWidget::float-button { border: 1px solid transparent; border-radius: 3px; padding: 1px; }
QDockWidget::close-button:hover, QDockWidget::float-button:hover { background: @hover@; }
QDockWidget::title { background: @title@; padding: 5px 10px; border-bottom: 1px solid @divider@; }
QStatusBar { background: @bar@; border-top: 1px solid @divider@; }
QStatusBar::item { border: 0; }
QProgressBar { background: @base@; border: 1px solid @edge@; border-radius: 3px; max-height: 8px; min-height: 8px;
  text-align: right; }
QProgressBar::chunk { background: @accent@; border-radius: 2px; }
QSlider::groove:horizontal { height: 4px; background: @divider@; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent@; border-radius: 2px; }
QSlider::handle:horizontal { width: 12px; height: 12px; margin: -5px 0; border-radius: 7px; background: @base@;
  border: 1px solid @edge@; }
QSlider::handle:horizontal:hover { border-color: @accent@; }
QSlider::handle:horizontal:focus { border: @focus@ solid @accent@; }
QSlider::sub-page:horizontal:disabled { background: @divider@; }
QScrollBar:vertical { background: @window@; width: 12px; margin: 0; border: 0; }
QScrollBar:horizontal { background: @window@; height: 12px; margin: 0; border: 0; }
QScrollBar::handle { background: @thumb@; border-radius: 3px; margin: 3px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: @edge@; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: @divider@; }
QSplitter::handle:vertical { height: 1px; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:hover { background: @accent@; }
QToolTip { background: @base@; color: @text@; border: 1px solid @edge@; padding: 4px 6px; }
QGroupBox { border: 0; }
QScrollArea { border: 0; background: transparent; }
)css";

QString pixels(int n) { return QStringLiteral("%1px").arg(n); }

QString image(const char *name, const Theme &theme) {
    return QStringLiteral(":/icons/style/%1-%2.svg")
        .arg(QLatin1String(name), theme.dark() ? QLatin1String("dark") : QLatin1String("light"));
}

QColor blended(const QColor &over, const QColor &ground, qreal opacity) {
    const auto mix = [opacity](int top, int bottom) { return qRound(top * opacity + bottom * (1 - opacity)); };
    return {mix(over.red(), ground.red()), mix(over.green(), ground.green()), mix(over.blue(), ground.blue())};
}

} // namespace

QString Theme::styleSheet() const {
    const auto name = [this](UiColour role) { return colour(role).name(); };
    const QColor window = colour(UiColour::Window);
    const QColor text = colour(UiColour::Text);
    const QColor control = dark() ? blended(text, window, 0.06) : QColor(Qt::white);
    const auto growing = [this](int length) { return pixels(qRound(length * (1 + (scale() - 1) * 0.9))); };
    const std::pair<const char *, QString> values[] = {
        {"window", name(UiColour::Window)},
        {"base", name(UiColour::Base)},
        {"alternate", name(UiColour::AlternateBase)},
        {"text", name(UiColour::Text)},
        {"text2", name(UiColour::Text2)},
        {"disabled", name(UiColour::DisabledText)},
        {"edge", name(UiColour::ControlEdge)},
        {"divider", name(UiColour::Divider)},
        {"grid", name(UiColour::Grid)},
        {"accent", name(UiColour::Accent)},
        {"accentText", name(UiColour::AccentText)},
        {"accentHover", (dark() ? colour(UiColour::Accent).lighter(108) : colour(UiColour::Accent).darker(112)).name()},
        {"highlight", name(UiColour::Highlight)},
        {"highlightText", name(UiColour::HighlightText)},
        {"error", name(UiColour::Error)},
        {"title", name(UiColour::Title)},
        {"bar", name(UiColour::Bar)},
        {"control", highContrast() ? name(UiColour::Base) : control.name()},
        {"field", highContrast() ? name(UiColour::Base) : control.name()},
        {"hover", blended(text, window, 0.09).name()},
        {"header", blended(text, colour(UiColour::Base), 0.025).name()},
        {"thumb", blended(text, window, 0.32).name()},
        {"focus", pixels(focusWidth())},
        {"focusPad", highContrast() ? QStringLiteral("1px 4px") : QStringLiteral("2px 5px")},
        {"px12", pixels(scaled(12))},
        {"px13", pixels(scaled(13))},
        {"inner", growing(24)},
        {"innerFocus", growing(22)},
        {"framed", growing(18)},
        {"tab", growing(27)},
        {"row", growing(22)},
        {"check", image("mark-check", *this)},
        {"part", image("mark-part", *this)},
        {"arrowDown", image("arrow-down", *this)},
        {"arrowUp", image("arrow-up", *this)},
        {"arrowDownOff", image("arrow-down-disabled", *this)},
        {"arrowUpOff", image("arrow-up-disabled", *this)},
        {"branchClosed", image("branch-closed", *this)},
        {"branchOpen", image("branch-open", *this)},
        {"dockClose", image("dock-close", *this)},
        {"dockFloat", image("dock-float", *this)},
    };
    QString result = QString::fromLatin1(sheet);
    for (const auto &[key, value] : values) {
        result.replace(QLatin1Char('@') + QLatin1String(key) + QLatin1Char('@'), value);
    }
    return result;
}

} // namespace nibblescope
