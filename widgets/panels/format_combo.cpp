// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/format_combo.h"

#include <algorithm>
#include <cmath>

#include <QAbstractItemView>
#include <QPainter>
#include <QStandardItemModel>
#include <QStylePainter>
#include <QStyledItemDelegate>
#include <QWheelEvent>

#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int ticksWidth = 88;
constexpr int popupRow = 28;

QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

Format formatAt(const QModelIndex &index) { return static_cast<Format>(index.data(Qt::UserRole).toInt()); }

class FormatDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override {
        const Theme theme = currentTheme();
        const bool enabled = index.flags().testFlag(Qt::ItemIsEnabled);
        const bool marked = option.state.testFlag(QStyle::State_Selected) && enabled;
        painter->save();
        painter->fillRect(option.rect, theme.colour(marked ? UiColour::Highlight : UiColour::Base));
        painter->setFont(theme.font(FontRole::Body));
        painter->setPen(theme.colour(!enabled ? UiColour::DisabledText
                                     : marked ? UiColour::HighlightText
                                              : UiColour::Text));
        QRect text = option.rect.adjusted(8, 0, -8, 0);
        painter->drawText(text, Qt::AlignLeft | Qt::AlignVCenter, qs(traits(formatAt(index)).name));
        const QRectF ticks(text.right() - ticksWidth, option.rect.top(), ticksWidth, option.rect.height());
        drawLevels(*painter, ticks, formatAt(index), enabled);
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem &, const QModelIndex &) const override {
        const Theme theme = currentTheme();
        const QFontMetrics metrics(theme.font(FontRole::Body));
        return {metrics.horizontalAdvance(QStringLiteral("INT4 asymmetric")) + ticksWidth + 36, theme.scaled(popupRow)};
    }
};

} // namespace

void drawLevels(QPainter &painter, const QRectF &area, Format format, bool enabled) {
    if (format == Format::None)
        return;
    const Theme theme = currentTheme();
    const QColor colour = enabled ? theme.colour(formatLook(format).colour) : theme.colour(UiColour::DisabledText);
    const double height = 12;
    const double top = std::round(area.center().y() - height / 2);
    if (format == Format::Int8) {
        QColor band = colour;
        band.setAlphaF(0.8F);
        painter.fillRect(QRectF(area.left(), top, area.width(), height), band);
        return;
    }
    const auto levels = nibblescope::levels(format);
    const auto [lowest, highest] = std::minmax_element(levels.begin(), levels.end());
    const double low = static_cast<double>(*lowest);
    const double range = static_cast<double>(*highest) - low;
    for (std::size_t code = 0; code < levels.size(); ++code) {
        const double at = (static_cast<double>(levels[code]) - low) / range;
        const double x = std::round(area.left() + at * (area.width() - 2));
        const bool idle = format == Format::Int4 && code == 0; // -8 with a scale of max/7
        const double inset = idle ? 3 : 0;
        painter.fillRect(QRectF(x, top + inset, idle ? 1 : 1.5, height - 2 * inset),
                         idle ? theme.colour(UiColour::ControlEdge) : colour);
    }
}

FormatCombo::FormatCombo(QWidget *parent) : QComboBox(parent) {
    // The yardstick and the statistics stand last, after the formats that this is about.
    for (const FormatTraits &row : allFormats()) {
        if (row.format != Format::None)
            addItem(qs(row.shortName), static_cast<int>(row.format));
    }
    addItem(qs(traits(Format::None).name), static_cast<int>(Format::None));
    for (int i = 0; i < count(); ++i)
        setItemData(i, qs(traits(static_cast<Format>(itemData(i).toInt())).help), Qt::ToolTipRole);
    setItemDelegate(new FormatDelegate(this));
    view()->setMinimumWidth(view()->sizeHintForColumn(0) + 4);
    setMaxVisibleItems(count());
    connect(this, &QComboBox::activated, this, [this] { Q_EMIT formatChosen(format()); });
}

Format FormatCombo::format() const { return static_cast<Format>(currentData().toInt()); }

void FormatCombo::setFormat(Format format) { setCurrentIndex(findData(static_cast<int>(format))); }

void FormatCombo::setProblem(Format format, const QString &reason) {
    const int at = findData(static_cast<int>(format));
    QStandardItem *item = static_cast<QStandardItemModel *>(model())->item(at);
    item->setEnabled(reason.isEmpty());
    item->setToolTip(reason.isEmpty() ? qs(traits(format).help) : reason);
}

void FormatCombo::wheelEvent(QWheelEvent *event) {
    if (hasFocus())
        QComboBox::wheelEvent(event);
    else
        event->ignore();
}

void FormatCombo::paintEvent(QPaintEvent *) {
    QStylePainter painter(this);
    QStyleOptionComboBox option;
    initStyleOption(&option);
    painter.drawComplexControl(QStyle::CC_ComboBox, option);
    const QRectF field =
        QRectF(style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, this));
    painter.drawControl(QStyle::CE_ComboBoxLabel, option);
    const double left = field.left() + painter.fontMetrics().horizontalAdvance(currentText()) + 14;
    const double room = field.right() - 4 - left;
    if (room < 24)
        return;
    const double width = std::min(room, static_cast<double>(ticksWidth));
    drawLevels(painter, QRectF(field.right() - 4 - width, field.top(), width, field.height()), format(), isEnabled());
}

} // namespace nibblescope
