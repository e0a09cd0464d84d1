// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers in columns. Inter's digits are not of equal width and Qt 6.4 cannot switch tabular figures on, so every digit
// is set on the width of "0" here.
#pragma once

#include <QFontMetricsF>
#include <QStyledItemDelegate>

class QPainter;

namespace nibblescope {

qreal numberWidth(const QString &number, const QFontMetricsF &metrics);

// With the painter's font and pen, right-aligned in `cell`, centred vertically. `decimals` >= 0: room is kept at the
// right for as many digits after the point as the column has, so that the points stand under each other.
void drawNumber(QPainter &painter, const QRectF &cell, const QString &number, int decimals = -1);

// Draws the display text of its cells by drawNumber, with foreground, font and ground of the item; 4 px padding. Cells
// whose model aligns them to the left are words and drawn as usual.
class NumberDelegate : public QStyledItemDelegate {
    Q_OBJECT
public:
    explicit NumberDelegate(QObject *parent = nullptr, int decimals = -1);
    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override;
    QSize sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const override;

private:
    int m_decimals;
};

} // namespace nibblescope
