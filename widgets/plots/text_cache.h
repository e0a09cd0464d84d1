// SPDX-License-Identifier: GPL-3.0-or-later
// What a chart keeps of its words between two pictures: most of them stay, and shaping letters and stroking their halos
// is most of the work of a picture.
#pragma once

#include <QColor>
#include <QFont>
#include <QHash>
#include <QPixmap>
#include <QStaticText>
#include <QString>

#include <utility>

namespace nibblescope {

class TextCache {
public:
    struct Face {
        QFont font;
        int pixels;
        bool bold;
    };
    // Width of the words, from their first letter's origin on.
    double width(const Face &face, const QString &words);
    // Laid out for drawing; its first line's base lies `ascent` below its top.
    const QStaticText &shaped(const Face &face, const QString &words);
    // The words in one colour with an edge of another around the letters, `margin` wider on each side.
    const QPixmap &haloed(const Face &face, const QString &words, const QColor &colour, const QColor &halo,
                          double pixelRatio);
    static constexpr int margin = 3;

private:
    using Key = std::pair<QString, int>; // words; pixels of the letters, negative where bold
    struct PixmapKey {
        Key words;
        QRgb colour;
        QRgb halo;
        int ratioPercent;
        bool operator==(const PixmapKey &) const = default;
    };
    friend size_t qHash(const PixmapKey &key, size_t seed) {
        return qHashMulti(seed, key.words, key.colour, key.halo, key.ratioPercent);
    }

    QHash<Key, double> m_widths;
    QHash<Key, QStaticText> m_shaped;
    QHash<PixmapKey, QPixmap> m_haloed;
};

} // namespace nibblescope
