// SPDX-License-Identifier: GPL-3.0-or-later
// What figures are drawn on. The window's canvas is a painter, the report's writes SVG; the drawing itself
// (figure_draw.h) exists once. Coordinates are pixels at 96 dpi, y downwards; lines along an axis and rectangles come
// at whole pixels and are drawn without antialiasing.
#pragma once

#include "core/report/figure_colours.h"

#include <optional>
#include <span>
#include <string_view>

namespace nibblescope {

struct Point {
    double x = 0;
    double y = 0;
};

struct Box {
    double x = 0;
    double y = 0;
    double width = 0;
    double height = 0;
    double right() const { return x + width; }
    double bottom() const { return y + height; }
    bool contains(Point point) const {
        return point.x >= x && point.x <= right() && point.y >= y && point.y <= bottom();
    }
};

struct Stroke {
    Rgb colour;
    double width = 1;
    double opacity = 1;
    LineStyle line = LineStyle::Solid;
};

struct Fill {
    Rgb colour;
    double opacity = 1;
    bool hatched = false; // strokes at 45 degrees in place of the plain colour
};

enum class TextAlign { Left, Centre, Right };

struct TextStyle {
    Rgb colour;
    double size = 11; // pixels
    bool bold = false;
    TextAlign align = TextAlign::Left;
    bool upright = false;    // turned by 90 degrees, read from below
    std::optional<Rgb> halo; // a 3 px edge of this colour around the letters
};

class Canvas {
public:
    virtual ~Canvas() = default;

    virtual double textWidth(std::string_view text, double size, bool bold) const = 0;

    virtual void line(Point from, Point to, const Stroke &stroke) = 0;
    // `crisp`: all parts run along the axes.
    virtual void polyline(std::span<const Point> points, const Stroke &stroke, bool crisp) = 0;
    virtual void polygon(std::span<const Point> points, const Fill &fill, bool crisp) = 0;
    virtual void rectangle(const Box &box, const std::optional<Fill> &fill, const std::optional<Stroke> &stroke,
                           double radius = 0) = 0;
    virtual void circle(Point centre, double radius, const std::optional<Fill> &fill,
                        const std::optional<Stroke> &stroke) = 0;
    // `place`: on the baseline, at the edge that `align` names (for upright text: the centre of its height).
    virtual void text(Point place, std::string_view text, const TextStyle &style) = 0;
    virtual void pushClip(const Box &box) = 0;
    virtual void popClip() = 0;
};

} // namespace nibblescope
