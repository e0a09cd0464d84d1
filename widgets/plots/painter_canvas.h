// SPDX-License-Identifier: GPL-3.0-or-later
// Figures on a QPainter: window, PNG, PDF. Lines along the axes are filled rectangles, so that they are equally sharp
// at every ratio of screen pixels and never go through Qt's slow stroker (a 2-px pen over 10,000 points takes a
// second).
#pragma once

#include "core/report/figure_canvas.h"

#include <QFont>
#include <QFontMetricsF>
#include <QString>

#include <map>
#include <utility>

class QPainter;
class QPainterPath;

namespace nibblescope {

class TextCache;

class PainterCanvas final : public Canvas {
public:
    // `painter` may be null for measuring only. `cache`: of the window that the picture is painted for again and again;
    // null for others.
    PainterCanvas(QPainter *painter, QString family, TextCache *cache = nullptr);

    double textWidth(std::string_view text, double size, bool bold) const override;
    void line(Point from, Point to, const Stroke &stroke) override;
    void polyline(std::span<const Point> points, const Stroke &stroke, bool crisp) override;
    void polygon(std::span<const Point> points, const Fill &fill, bool crisp) override;
    void rectangle(const Box &box, const std::optional<Fill> &fill, const std::optional<Stroke> &stroke,
                   double radius) override;
    void circle(Point centre, double radius, const std::optional<Fill> &fill,
                const std::optional<Stroke> &stroke) override;
    void text(Point place, std::string_view text, const TextStyle &style) override;
    void pushClip(const Box &box) override;
    void popClip() override;

private:
    struct Face {
        QFont font;
        QFontMetricsF metrics;
    };
    const Face &face(double size, bool bold) const;
    double widthOf(const QString &words, double size, bool bold) const;
    bool drawnFromCache(QPointF at, const QString &words, const TextStyle &style);
    void crispLine(std::span<const Point> points, const Stroke &stroke);
    void fill(const QPainterPath &path, const Fill &fill, bool crisp);
    void hatch(const QPainterPath &path, const Fill &fill);

    QPainter *m_painter;
    QString m_family;
    TextCache *m_cache;
    mutable std::map<std::pair<int, bool>, Face> m_faces;
};

} // namespace nibblescope
