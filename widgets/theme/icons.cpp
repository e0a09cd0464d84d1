// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/icons.h"

#include <QApplication>
#include <QFile>
#include <QIconEngine>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

#include <utility>

// Registers the resources of a static library, which the linker would otherwise leave out.
static void registerIcons() { Q_INIT_RESOURCE(icons); }

namespace nibblescope {
namespace {

QPixmap rendered(const QString &name, const QColor &colour, QSize pixels) {
    const QString key =
        QStringLiteral("nibblescope/%1/%2/%3x%4").arg(name, colour.name()).arg(pixels.width()).arg(pixels.height());
    QPixmap pixmap;
    if (QPixmapCache::find(key, &pixmap))
        return pixmap;
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    QByteArray svg = file.readAll();
    svg.replace("currentColor", colour.name().toLatin1());
    QSvgRenderer renderer(svg);
    pixmap = QPixmap(pixels);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    const QSizeF fitted = renderer.defaultSize().scaled(pixels, Qt::KeepAspectRatio);
    renderer.render(
        &painter,
        QRectF(QPointF((pixels.width() - fitted.width()) / 2, (pixels.height() - fitted.height()) / 2), fitted));
    painter.end();
    QPixmapCache::insert(key, pixmap);
    return pixmap;
}

class TintedEngine : public QIconEngine {
public:
    TintedEngine(QString name, std::optional<UiColour> colour) : m_name(std::move(name)), m_colour(colour) {}

    void paint(QPainter *painter, const QRect &rect, QIcon::Mode mode, QIcon::State state) override {
        const qreal ratio = painter->device() ? painter->device()->devicePixelRatioF() : 1.0;
        painter->drawPixmap(rect, scaledPixmap(rect.size() * ratio, mode, state, ratio));
    }
    QPixmap pixmap(const QSize &size, QIcon::Mode mode, QIcon::State) override {
        return rendered(m_name, tint(mode), size);
    }
    QPixmap scaledPixmap(const QSize &size, QIcon::Mode mode, QIcon::State state, qreal) override {
        return pixmap(size, mode, state);
    }
    QIconEngine *clone() const override { return new TintedEngine(m_name, m_colour); }
    QString key() const override { return QStringLiteral("nibblescope"); }
    QString iconName() override { return m_name; }
    bool isNull() override { return !QFile::exists(QStringLiteral(":/icons/%1.svg").arg(m_name)); }

private:
    QColor tint(QIcon::Mode mode) const {
        const Theme theme = currentTheme();
        if (mode == QIcon::Disabled)
            return theme.colour(UiColour::DisabledText);
        return theme.colour(m_colour.value_or(UiColour::Text));
    }

    QString m_name;
    std::optional<UiColour> m_colour;
};

} // namespace

void useIconResources() { registerIcons(); }

QIcon themeIcon(const QString &name, std::optional<UiColour> colour) {
    useIconResources();
    return QIcon(new TintedEngine(name, colour));
}

QPixmap themePixmap(const QString &name, int pixels, UiColour colour, qreal ratio) {
    useIconResources();
    const int side = qRound(pixels * ratio);
    QPixmap pixmap = rendered(name, currentTheme().colour(colour), QSize(side, side));
    pixmap.setDevicePixelRatio(ratio);
    return pixmap;
}

QIcon applicationIcon() {
    useIconResources();
    return QIcon(QStringLiteral(":/icons/nibblescope.svg"));
}

} // namespace nibblescope
