// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/text_cache.h"

#include <QFontMetricsF>
#include <QPainter>
#include <QPainterPath>

#include <cmath>

namespace nibblescope {
namespace {

constexpr qsizetype mostEntries = 1000; // then numbers that are no longer shown are dropped with the rest

template <typename Entries, typename Key, typename Make>
const auto &kept(Entries &entries, const Key &key, Make make) {
    const auto found = entries.constFind(key);
    if (found != entries.constEnd())
        return found.value();
    if (entries.size() >= mostEntries)
        entries.clear();
    return entries.insert(key, make()).value();
}

} // namespace

double TextCache::width(const Face &face, const QString &words) {
    return kept(m_widths, Key{words, face.bold ? -face.pixels : face.pixels},
                [&] { return QFontMetricsF(face.font).horizontalAdvance(words); });
}

const QStaticText &TextCache::shaped(const Face &face, const QString &words) {
    return kept(m_shaped, Key{words, face.bold ? -face.pixels : face.pixels}, [&] {
        QStaticText text(words);
        text.setTextFormat(Qt::PlainText);
        text.setPerformanceHint(QStaticText::AggressiveCaching);
        text.prepare({}, face.font);
        return text;
    });
}

const QPixmap &TextCache::haloed(const Face &face, const QString &words, const QColor &colour, const QColor &halo,
                                 double pixelRatio) {
    const PixmapKey key{Key{words, face.bold ? -face.pixels : face.pixels}, colour.rgba(), halo.rgba(),
                        qRound(pixelRatio * 100)};
    return kept(m_haloed, key, [&] {
        const QFontMetricsF metrics(face.font);
        const QSizeF size(std::ceil(width(face, words)) + 2 * margin, std::ceil(metrics.height()) + 2 * margin);
        QPixmap pixmap((size * pixelRatio).toSize());
        pixmap.setDevicePixelRatio(pixelRatio);
        pixmap.fill(Qt::transparent);
        const QPointF base(margin, margin + std::round(metrics.ascent()));
        QPainter painter(&pixmap);
        painter.setRenderHint(QPainter::Antialiasing, true);
        QPainterPath path;
        path.addText(base, face.font, words);
        painter.strokePath(path, QPen(halo, 4, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.setFont(face.font);
        painter.setPen(colour);
        painter.drawText(base, words);
        return pixmap;
    });
}

} // namespace nibblescope
