// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/draw_number.h"

#include "widgets/theme/theme.h"

#include <QApplication>
#include <QPainter>
#include <QStyle>

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr int cellPadding = 4;

// The part of the text right of its decimal point's digits: "32.8 k" has one digit after the point, then " k".
int decimalsOf(const QString &number) {
    const qsizetype point = number.indexOf(QLatin1Char('.'));
    if (point < 0)
        return -1;
    int digits = 0;
    for (qsizetype i = point + 1; i < number.size() && number.at(i).isDigit(); ++i)
        ++digits;
    return digits;
}

} // namespace

qreal numberWidth(const QString &number, const QFontMetricsF &metrics) {
    const qreal digit = metrics.horizontalAdvance(QLatin1Char('0'));
    qreal width = 0;
    for (const QChar character : number)
        width += character.isDigit() ? digit : metrics.horizontalAdvance(character);
    return width;
}

void drawNumber(QPainter &painter, const QRectF &cell, const QString &number, int decimals) {
    const QFontMetricsF metrics(painter.font(), painter.device());
    const qreal digit = metrics.horizontalAdvance(QLatin1Char('0'));
    qreal right = cell.right();
    const int own = decimalsOf(number);
    if (decimals > 0 && own < decimals && !number.isEmpty() && number.back().isDigit())
        right -= own < 0 ? decimals * digit + metrics.horizontalAdvance(QLatin1Char('.')) : (decimals - own) * digit;
    const qreal baseline = std::round(cell.center().y() + (metrics.ascent() - metrics.descent()) / 2);
    qreal x = right - numberWidth(number, metrics);
    for (const QChar character : number) {
        const qreal advance = metrics.horizontalAdvance(character);
        const bool isDigit = character.isDigit();
        painter.drawText(QPointF(isDigit ? x + (digit - advance) / 2 : x, baseline), QString(character));
        x += isDigit ? digit : advance;
    }
}

NumberDelegate::NumberDelegate(QObject *parent, int decimals) : QStyledItemDelegate(parent), m_decimals(decimals) {}

void NumberDelegate::paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const {
    QStyleOptionViewItem item = option;
    initStyleOption(&item, index);
    if (index.data(Qt::TextAlignmentRole).isValid() && !item.displayAlignment.testFlag(Qt::AlignRight)) {
        QStyledItemDelegate::paint(painter, option, index); // words
        return;
    }
    const QString text = std::exchange(item.text, QString());
    const QStyle *style = item.widget ? item.widget->style() : QApplication::style();
    style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);
    painter->save();
    painter->setFont(item.font);
    const bool enabled = item.state.testFlag(QStyle::State_Enabled);
    const auto role = item.state.testFlag(QStyle::State_Selected) ? QPalette::HighlightedText : QPalette::Text;
    painter->setPen(item.palette.color(enabled ? QPalette::Active : QPalette::Disabled, role));
    const QRectF cell = QRectF(item.rect).adjusted(cellPadding, 0, -cellPadding, 0);
    painter->setClipRect(item.rect);
    drawNumber(*painter, cell, text, m_decimals);
    painter->restore();
}

QSize NumberDelegate::sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const {
    QStyleOptionViewItem item = option;
    initStyleOption(&item, index);
    const QFontMetricsF metrics(item.font);
    QSize size = QStyledItemDelegate::sizeHint(option, index);
    size.setWidth(static_cast<int>(std::ceil(numberWidth(item.text, metrics))) + 2 * cellPadding + 1);
    return size;
}

} // namespace nibblescope
