// SPDX-License-Identifier: GPL-3.0-or-later
// Draws the cells of the tensor tree: names elided in the middle, numbers on digits of equal width, muted and stale
// values, the warning sign.
#pragma once

#include "widgets/theme/draw_number.h"

namespace nibblescope {

class TensorDelegate : public NumberDelegate {
    Q_OBJECT
public:
    using NumberDelegate::NumberDelegate;
    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override;
    QSize sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const override;

protected:
    void initStyleOption(QStyleOptionViewItem *option, const QModelIndex &index) const override;
};

// The longest form of a tensor's name that fits: whole, shortened by parts ("layers.0…down_proj"), or within the part
// ("input_…norm").
QString fittingName(const QString &name, int width, const QFontMetrics &metrics);

} // namespace nibblescope
