// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/clip_shapes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace nibblescope {
namespace {

// Liang and Barsky, "A new concept and method for line clipping", ACM TOG 3(1), 1984.
std::optional<std::pair<Point, Point>> clippedSegment(Point a, Point b, const Box &clip) {
    const double dx = b.x - a.x;
    const double dy = b.y - a.y;
    const std::array<std::pair<double, double>, 4> edges{
        {{-dx, a.x - clip.x}, {dx, clip.right() - a.x}, {-dy, a.y - clip.y}, {dy, clip.bottom() - a.y}}};
    double enter = 0;
    double leave = 1;
    for (const auto &[direction, distance] : edges) {
        if (direction == 0) {
            if (distance < 0)
                return std::nullopt;
        } else if (direction < 0) {
            enter = std::max(enter, distance / direction);
        } else {
            leave = std::min(leave, distance / direction);
        }
    }
    if (enter > leave)
        return std::nullopt;
    // Ends inside stay exactly where they are.
    const Point from = enter > 0 ? Point{a.x + dx * enter, a.y + dy * enter} : a;
    const Point to = leave < 1 ? Point{a.x + dx * leave, a.y + dy * leave} : b;
    return std::pair{from, to};
}

} // namespace

std::vector<std::vector<Point>> clippedLine(std::span<const Point> points, const Box &clip) {
    std::vector<std::vector<Point>> parts;
    bool open = false; // the last part may go on
    for (std::size_t i = 1; i < points.size(); ++i) {
        const auto inside = clippedSegment(points[i - 1], points[i], clip);
        if (!inside) {
            open = false;
            continue;
        }
        const bool continues =
            open && parts.back().back().x == inside->first.x && parts.back().back().y == inside->first.y;
        if (!continues)
            parts.push_back({inside->first});
        parts.back().push_back(inside->second);
        open = true;
    }
    return parts;
}

// Sutherland and Hodgman, "Reentrant polygon clipping", CACM 17(1), 1974.
std::vector<Point> clippedPolygon(std::span<const Point> points, const Box &clip) {
    std::vector<Point> shape(points.begin(), points.end());
    for (int edge = 0; edge < 4 && !shape.empty(); ++edge) {
        const bool vertical = edge < 2;
        const double at = edge == 0 ? clip.x : edge == 1 ? clip.right() : edge == 2 ? clip.y : clip.bottom();
        const double sign = edge % 2 == 0 ? 1 : -1;
        const auto depth = [&](Point point) { return sign * ((vertical ? point.x : point.y) - at); };
        std::vector<Point> kept;
        for (std::size_t i = 0; i < shape.size(); ++i) {
            const Point a = shape[i];
            const Point b = shape[(i + 1) % shape.size()];
            const double depthA = depth(a);
            const double depthB = depth(b);
            if (depthA >= 0)
                kept.push_back(a);
            if ((depthA >= 0) != (depthB >= 0)) {
                const double share = depthA / (depthA - depthB);
                kept.push_back({a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share});
            }
        }
        shape = std::move(kept);
    }
    return shape;
}

Box intersection(const Box &one, const Box &other) {
    const double left = std::max(one.x, other.x);
    const double top = std::max(one.y, other.y);
    return {left, top, std::max(0.0, std::min(one.right(), other.right()) - left),
            std::max(0.0, std::min(one.bottom(), other.bottom()) - top)};
}

} // namespace nibblescope
