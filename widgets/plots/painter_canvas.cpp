// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/painter_canvas.h"

#include "widgets/plots/text_cache.h"
#include "widgets/theme/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <array>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double hatchPitch = 5;

QColor withOpacity(Rgb colour, double opacity) {
    QColor result = toColour(colour);
    result.setAlphaF(static_cast<float>(std::clamp(opacity, 0.0, 1.0)));
    return result;
}

struct Dash {
    double on;
    double off;
};

Dash dashOf(LineStyle style) {
    switch (style) {
    case LineStyle::Dashed:
        return {4, 3};
    case LineStyle::Dotted:
        return {1.5, 2.5};
    case LineStyle::None:
    case LineStyle::Solid:
        break;
    }
    return {0, 0};
}

QPen penOf(const Stroke &stroke) {
    QPen pen(withOpacity(stroke.colour, stroke.opacity), stroke.width);
    pen.setCapStyle(Qt::FlatCap);
    pen.setJoinStyle(Qt::RoundJoin);
    const Dash dash = dashOf(stroke.line);
    if (dash.on > 0)
        pen.setDashPattern({dash.on / stroke.width, dash.off / stroke.width});
    return pen;
}

QPainterPath pathOf(std::span<const Point> points) {
    QPainterPath path;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const QPointF point(points[i].x, points[i].y);
        if (i == 0)
            path.moveTo(point);
        else
            path.lineTo(point);
    }
    path.closeSubpath();
    return path;
}

QRectF rectOf(const Box &box) { return {box.x, box.y, box.width, box.height}; }

QString toText(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

} // namespace

PainterCanvas::PainterCanvas(QPainter *painter, QString family, TextCache *cache)
    : m_painter(painter), m_family(std::move(family)), m_cache(cache) {}

const PainterCanvas::Face &PainterCanvas::face(double size, bool bold) const {
    const int pixels = std::max(1, qRound(size));
    const auto found = m_faces.find({pixels, bold});
    if (found != m_faces.end())
        return found->second;
    QFont font(m_family);
    font.setPixelSize(pixels);
    if (bold)
        font.setWeight(QFont::DemiBold);
    const QPaintDevice *device = m_painter ? m_painter->device() : nullptr;
    const QFontMetricsF metrics = device ? QFontMetricsF(font, device) : QFontMetricsF(font);
    return m_faces.emplace(std::pair{pixels, bold}, Face{font, metrics}).first->second;
}

double PainterCanvas::textWidth(std::string_view text, double size, bool bold) const {
    return text.empty() ? 0 : widthOf(toText(text), size, bold);
}

double PainterCanvas::widthOf(const QString &words, double size, bool bold) const {
    const Face &used = face(size, bold);
    return m_cache ? m_cache->width({used.font, used.font.pixelSize(), bold}, words)
                   : used.metrics.horizontalAdvance(words);
}

bool PainterCanvas::drawnFromCache(QPointF at, const QString &words, const TextStyle &style) {
    if (!m_cache || style.upright)
        return false;
    const Face &used = face(style.size, style.bold);
    const TextCache::Face named{used.font, used.font.pixelSize(), style.bold};
    at.ry() -= std::round(used.metrics.ascent());
    if (style.halo) {
        const QPixmap &picture = m_cache->haloed(named, words, toColour(style.colour), toColour(*style.halo),
                                                 m_painter->device()->devicePixelRatioF());
        m_painter->drawPixmap(at - QPointF(TextCache::margin, TextCache::margin), picture);
    } else {
        m_painter->setFont(used.font);
        m_painter->setPen(toColour(style.colour));
        m_painter->drawStaticText(at, m_cache->shaped(named, words));
    }
    return true;
}

void PainterCanvas::line(Point from, Point to, const Stroke &stroke) {
    if (from.x == to.x || from.y == to.y) {
        const std::array<Point, 2> points{from, to};
        crispLine(points, stroke);
        return;
    }
    m_painter->setRenderHint(QPainter::Antialiasing, true);
    m_painter->setPen(penOf(stroke));
    m_painter->drawLine(QPointF(from.x, from.y), QPointF(to.x, to.y));
}

// Rectangles of the stroke's width over each part, with dashes that run on around the corners.
void PainterCanvas::crispLine(std::span<const Point> points, const Stroke &stroke) {
    m_painter->setRenderHint(QPainter::Antialiasing, false);
    const QColor colour = withOpacity(stroke.colour, stroke.opacity);
    const double width = std::max(1.0, std::round(stroke.width));
    const double before = std::floor((width - 1) / 2);
    Dash dash = dashOf(stroke.line);
    dash = {std::round(dash.on + 0.01), std::round(dash.off)};
    const double period = dash.on + dash.off;
    double travelled = 0;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const Point a = points[i - 1];
        const Point b = points[i];
        const bool vertical = a.x == b.x;
        const double begin = vertical ? a.y : a.x;
        const double end = vertical ? b.y : b.x;
        const double length = std::abs(end - begin);
        const double sign = end < begin ? -1 : 1;
        const auto piece = [&](double from, double to) { // along the part, `to` exclusive but for its last pixel
            const double low = std::min(begin + sign * from, begin + sign * to);
            const double extent = std::abs(to - from) + (to >= length ? 1 : 0);
            const double start = sign < 0 && to < length ? low + 1 : low;
            m_painter->fillRect(vertical ? QRectF(a.x - before, start, width, extent)
                                         : QRectF(start, a.y - before, extent, width),
                                colour);
        };
        if (period <= 0) {
            piece(0, length);
            continue;
        }
        for (double at = -std::fmod(travelled, period); at < length; at += period) {
            const double from = std::max(0.0, at);
            const double to = std::min(length, at + dash.on);
            if (to > from)
                piece(from, to);
        }
        travelled += length;
    }
}

void PainterCanvas::polyline(std::span<const Point> points, const Stroke &stroke, bool crisp) {
    if (points.size() < 2)
        return;
    if (crisp) {
        crispLine(points, stroke);
        return;
    }
    QPolygonF polygon;
    polygon.reserve(static_cast<qsizetype>(points.size()));
    for (const Point &point : points)
        polygon << QPointF(point.x, point.y);
    m_painter->setRenderHint(QPainter::Antialiasing, true);
    m_painter->setPen(penOf(stroke));
    m_painter->drawPolyline(polygon);
}

void PainterCanvas::hatch(const QPainterPath &path, const Fill &fill) {
    const QRectF bounds = path.boundingRect();
    m_painter->save();
    m_painter->setClipPath(path, Qt::IntersectClip);
    m_painter->setRenderHint(QPainter::Antialiasing, true);
    m_painter->setPen(QPen(withOpacity(fill.colour, fill.opacity * 0.75), 1));
    // On one grid for the whole picture, so that neighbours continue each other.
    const double first = std::floor((bounds.left() + bounds.top()) / hatchPitch) * hatchPitch;
    for (double sum = first; sum <= bounds.right() + bounds.bottom(); sum += hatchPitch)
        m_painter->drawLine(QPointF(sum - bounds.top(), bounds.top()), QPointF(sum - bounds.bottom(), bounds.bottom()));
    m_painter->restore();
}

void PainterCanvas::fill(const QPainterPath &path, const Fill &fill, bool crisp) {
    if (fill.hatched) {
        hatch(path, fill);
        return;
    }
    m_painter->setRenderHint(QPainter::Antialiasing, !crisp);
    m_painter->fillPath(path, withOpacity(fill.colour, fill.opacity));
}

void PainterCanvas::polygon(std::span<const Point> points, const Fill &area, bool crisp) {
    if (points.size() > 2)
        fill(pathOf(points), area, crisp);
}

void PainterCanvas::rectangle(const Box &box, const std::optional<Fill> &area, const std::optional<Stroke> &stroke,
                              double radius) {
    const QRectF rect = rectOf(box);
    if (radius > 0) {
        QPainterPath path;
        path.addRoundedRect(stroke ? rect.adjusted(0.5, 0.5, -0.5, -0.5) : rect, radius, radius);
        if (area)
            fill(path, *area, false);
        if (stroke) {
            m_painter->setRenderHint(QPainter::Antialiasing, true);
            m_painter->strokePath(path, penOf(*stroke));
        }
        return;
    }
    if (area && area->hatched) {
        QPainterPath path;
        path.addRect(rect);
        hatch(path, *area);
    } else if (area) {
        m_painter->setRenderHint(QPainter::Antialiasing, false);
        m_painter->fillRect(rect, withOpacity(area->colour, area->opacity));
    }
    if (!stroke)
        return;
    // The edge lies inside the box.
    const double width = std::max(1.0, std::round(stroke->width));
    const double before = std::floor((width - 1) / 2);
    const double left = box.x + before;
    const double top = box.y + before;
    const double right = std::max(left, box.right() - width + before);
    const double bottom = std::max(top, box.bottom() - width + before);
    const double over = width - 1 - before; // so that corners close
    const std::array<Point, 4> across{
        {{left - before, top}, {right + over, top}, {left - before, bottom}, {right + over, bottom}}};
    line(across[0], across[1], *stroke);
    line(across[2], across[3], *stroke);
    line({left, top}, {left, bottom}, *stroke);
    line({right, top}, {right, bottom}, *stroke);
}

void PainterCanvas::circle(Point centre, double radius, const std::optional<Fill> &area,
                           const std::optional<Stroke> &stroke) {
    QPainterPath path;
    path.addEllipse(QPointF(centre.x, centre.y), radius, radius);
    if (area)
        fill(path, *area, false);
    if (stroke) {
        m_painter->setRenderHint(QPainter::Antialiasing, true);
        m_painter->strokePath(path, penOf(*stroke));
    }
}

void PainterCanvas::text(Point place, std::string_view text, const TextStyle &style) {
    if (text.empty())
        return;
    const QString words = toText(text);
    const Face &used = face(style.size, style.bold);
    const double width = widthOf(words, style.size, style.bold);
    double shift = 0;
    if (style.align == TextAlign::Centre)
        shift = -width / 2;
    else if (style.align == TextAlign::Right)
        shift = -width;
    QPointF at(place.x + std::round(shift), place.y);
    if (drawnFromCache(at, words, style))
        return;
    m_painter->save();
    m_painter->setFont(used.font);
    if (style.upright) {
        m_painter->translate(at.x() - shift, at.y());
        m_painter->rotate(-90);
        at = QPointF(std::round(shift), 0);
    }
    m_painter->setRenderHint(QPainter::Antialiasing, true);
    if (style.halo) {
        QPainterPath path;
        path.addText(at, used.font, words);
        m_painter->strokePath(path, QPen(toColour(*style.halo), 4, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    }
    m_painter->setPen(toColour(style.colour));
    m_painter->drawText(at, words);
    m_painter->restore();
}

void PainterCanvas::pushClip(const Box &box) {
    m_painter->save();
    m_painter->setClipRect(rectOf(box), Qt::IntersectClip);
}

void PainterCanvas::popClip() { m_painter->restore(); }

} // namespace nibblescope
