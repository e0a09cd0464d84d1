// SPDX-License-Identifier: GPL-3.0-or-later
// Figures as elements of SVG, cut to the plot here rather than by clip paths. Texts are measured by a table of Inter's
// widths, since there is no font engine here.
#pragma once

#include "core/report/figure_canvas.h"

#include <string>
#include <vector>

namespace nibblescope {

class SvgCanvas final : public Canvas {
public:
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

    const std::string &elements() const { return m_out; }

private:
    void hatch(std::span<const Point> outline, const Fill &fill);

    void writeLine(std::span<const Point> points, const Stroke &stroke, bool crisp);
    const Box *clip() const { return m_clips.empty() ? nullptr : &m_clips.back(); }

    std::string m_out;
    std::vector<Box> m_clips;
};

// At most two decimals, no exponent.
std::string svgNumber(double value);
std::string svgEscaped(std::string_view text);

} // namespace nibblescope
