// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/compact_header.h"

#include <QPainter>
#include <QPainterPath>

#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int headerHeight = 24;
constexpr int padding = 4;

} // namespace

CompactHeader::CompactHeader(QWidget *parent) : QHeaderView(Qt::Horizontal, parent) { setAttribute(Qt::WA_Hover); }

QSize CompactHeader::sizeHint() const { return {QHeaderView::sizeHint().width(), currentTheme().scaled(headerHeight)}; }

void CompactHeader::paintSection(QPainter *painter, const QRect &rect, int section) const {
    const Theme theme = currentTheme();
    const bool hovered =
        sectionsClickable() && underMouse() && rect.contains(viewport()->mapFromGlobal(QCursor::pos()));
    QColor ground = theme.colour(UiColour::Base);
    if (!theme.highContrast()) {
        const QColor text = theme.colour(UiColour::Text);
        const qreal share = hovered ? 0.09 : 0.03;
        const auto mix = [share](int over, int under) { return qRound(over * share + under * (1 - share)); };
        ground =
            QColor(mix(text.red(), ground.red()), mix(text.green(), ground.green()), mix(text.blue(), ground.blue()));
    }
    painter->save();
    painter->fillRect(rect, ground);
    painter->setPen(theme.colour(UiColour::Divider));
    painter->drawLine(rect.bottomLeft(), rect.bottomRight());
    const int visual = visualIndex(section);
    bool last = true;
    for (int i = visual + 1; i < count(); ++i)
        last = last && isSectionHidden(logicalIndex(i));
    if (!last)
        painter->drawLine(rect.topRight() + QPoint(0, 3), rect.bottomRight() - QPoint(0, 3));

    const bool sorted = isSortIndicatorShown() && sortIndicatorSection() == section;
    const QVariant alignment = model()->headerData(section, Qt::Horizontal, Qt::TextAlignmentRole);
    QRect text = rect.adjusted(visual == 0 ? m_sideMargin : padding, 0, last ? -m_sideMargin : -padding, -1);
    painter->setFont(theme.font(sorted ? FontRole::Title : FontRole::Body));
    painter->setPen(theme.colour(UiColour::Text));
    const QString title = model()->headerData(section, Qt::Horizontal).toString();
    painter->drawText(
        text, (alignment.isValid() ? alignment.toInt() : int(Qt::AlignLeft | Qt::AlignVCenter)) | Qt::TextSingleLine,
        painter->fontMetrics().elidedText(title, Qt::ElideRight, text.width() + 2));
    if (sorted) {
        const bool down = sortIndicatorOrder() == Qt::DescendingOrder;
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(QPen(theme.colour(UiColour::Accent), 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        const QPointF centre(rect.center().x() + 0.5, rect.top() + 3.5);
        const qreal sign = down ? 1 : -1;
        QPainterPath path(centre + QPointF(-3, -1.5 * sign));
        path.lineTo(centre + QPointF(0, 1.5 * sign));
        path.lineTo(centre + QPointF(3, -1.5 * sign));
        painter->drawPath(path);
    }
    painter->restore();
}

} // namespace nibblescope
