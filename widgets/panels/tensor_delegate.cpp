// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/tensor_delegate.h"

#include <QApplication>
#include <QPainter>
#include <QTreeView>

#include "core/report/number_text.h"
#include "widgets/models/tensor_tree_model.h"
#include "widgets/theme/icons.h"
#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int rowHeight = 22;
constexpr int warningPixels = 14;

} // namespace

QString fittingName(const QString &name, int width, const QFontMetrics &metrics) {
    if (metrics.horizontalAdvance(name) <= width)
        return name;
    if (name.contains(QLatin1Char('.'))) {
        const std::string whole = name.toStdString();
        const auto last = static_cast<std::size_t>(name.size() - name.lastIndexOf(QLatin1Char('.')) - 1);
        for (auto most = static_cast<std::size_t>(name.size() - 1); most > last + 2; --most) {
            const QString shorter = QString::fromStdString(elidedName(whole, most));
            if (metrics.horizontalAdvance(shorter) <= width)
                return shorter;
        }
    }
    // Within a part the beginning says most: "post_att…norm".
    constexpr qsizetype tail = 4;
    for (qsizetype head = name.size() - tail - 1; head > tail; --head) {
        const QString shorter = name.left(head) + QChar(0x2026) + name.right(tail);
        if (metrics.horizontalAdvance(shorter) <= width)
            return shorter;
    }
    return metrics.elidedText(name, Qt::ElideMiddle, width);
}

void TensorDelegate::initStyleOption(QStyleOptionViewItem *option, const QModelIndex &index) const {
    NumberDelegate::initStyleOption(option, index);
    const Theme theme = currentTheme();
    const bool stale = index.data(TensorTreeModel::StaleRole).toBool();
    if (stale || index.data(TensorTreeModel::MutedRole).toBool()) {
        const QColor muted = theme.colour(stale ? UiColour::DisabledText : UiColour::Text2);
        for (const auto group : {QPalette::Active, QPalette::Inactive})
            option->palette.setColor(group, QPalette::Text, muted);
    }
    option->font.setStrikeOut(stale);
    if (index.data(TensorTreeModel::WarningRole).toBool()) {
        option->features |= QStyleOptionViewItem::HasDecoration;
        option->icon = themeIcon(QStringLiteral("warning"), UiColour::WarningIcon);
        option->decorationSize = QSize(warningPixels, warningPixels);
    }
    // Inactive windows keep the colours of a selection: it is the tensor that everything else shows.
    option->state |= QStyle::State_Active;
    const auto *view = qobject_cast<const QTreeView *>(option->widget);
    const bool current = view && view->currentIndex().siblingAtColumn(0) == index.siblingAtColumn(0);
    if (index.column() == TensorTreeModel::Name && current && option->state.testFlag(QStyle::State_Selected))
        option->font.setBold(true);
    option->fontMetrics = QFontMetrics(option->font);
    option->state &= ~QStyle::State_HasFocus;
}

void TensorDelegate::paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const {
    if (index.column() >= TensorTreeModel::Params) {
        NumberDelegate::paint(painter, option, index);
        return;
    }
    QStyleOptionViewItem item = option;
    initStyleOption(&item, index);
    const QString text = std::exchange(item.text, QString());
    const QStyle *style = item.widget ? item.widget->style() : QApplication::style();
    style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);
    item.text = text; // the rectangle of a text is that beside its tick and icon
    QRect cell = style->subElementRect(QStyle::SE_ItemViewItemText, &item, item.widget);
    cell.setRight(item.rect.right() - 2);
    cell.setLeft(cell.left() + (index.column() == TensorTreeModel::Name ? 2 : 4));
    painter->save();
    painter->setFont(item.font);
    const auto role = item.state.testFlag(QStyle::State_Selected) ? QPalette::HighlightedText : QPalette::Text;
    painter->setPen(item.palette.color(QPalette::Active, role));
    const QFontMetrics metrics(item.font);
    const QString shown = index.column() == TensorTreeModel::Name
                              ? fittingName(text, cell.width(), metrics)
                              : metrics.elidedText(text, Qt::ElideRight, cell.width());
    painter->drawText(cell, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, shown);
    painter->restore();
}

QSize TensorDelegate::sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const {
    QSize size = NumberDelegate::sizeHint(option, index);
    size.setHeight(currentTheme().scaled(rowHeight));
    return size;
}

} // namespace nibblescope
