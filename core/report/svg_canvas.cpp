// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/svg_canvas.h"

#include "core/report/clip_shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace nibblescope {
namespace {

constexpr double hatchPitch = 5;

// Advance widths of Inter, U+0020 ... U+007E, in thousandths of the size (measured).
constexpr std::array<std::uint16_t, 95> regularWidths{
    281, 278, 403, 631, 638, 813, 639, 222, 362, 362, 500, 659, 280, 460, 276, 357, 625, 464, 605,
    636, 642, 608, 624, 571, 616, 624, 276, 280, 659, 659, 659, 507, 936, 676, 651, 727, 719, 598,
    587, 743, 740, 264, 543, 652, 563, 889, 753, 761, 635, 761, 639, 638, 642, 741, 676, 949, 642,
    665, 625, 362, 357, 362, 469, 452, 497, 564, 621, 558, 621, 582, 361, 609, 591, 237, 237, 544,
    237, 869, 585, 597, 609, 609, 372, 523, 364, 581, 557, 813, 540, 557, 541, 362, 327, 362, 659};
constexpr std::array<std::uint16_t, 95> semiboldWidths{
    248, 309, 396, 643, 649, 844, 663, 213, 393, 393, 543, 673, 295, 466, 290, 379, 667, 481,  621,
    652, 666, 632, 648, 587, 646, 648, 290, 295, 673, 673, 673, 544, 999, 724, 657, 744, 724,  608,
    586, 755, 744, 275, 561, 677, 566, 906, 741, 775, 643, 776, 651, 649, 660, 734, 724, 1007, 690,
    705, 653, 393, 379, 393, 481, 468, 497, 575, 630, 577, 630, 593, 377, 625, 613, 261, 261,  569,
    261, 898, 610, 608, 625, 625, 397, 549, 380, 608, 576, 837, 563, 576, 562, 393, 358, 393,  673};
constexpr double otherWidth = 659; // mathematical signs; letters beyond ASCII are near it
constexpr double noBreakSpaceWidth = 281;

void attribute(std::string &out, const char *name, const std::string &value) {
    out += ' ';
    out += name;
    out += "=\"";
    out += value;
    out += '"';
}

void attribute(std::string &out, const char *name, double value) { attribute(out, name, svgNumber(value)); }

void strokeAttributes(std::string &out, const Stroke &stroke, double width) {
    attribute(out, "stroke", hexText(stroke.colour));
    if (width != 1)
        attribute(out, "stroke-width", width);
    if (stroke.opacity < 1)
        attribute(out, "stroke-opacity", stroke.opacity);
    if (stroke.line == LineStyle::Dashed)
        attribute(out, "stroke-dasharray", std::string("4 3"));
    else if (stroke.line == LineStyle::Dotted)
        attribute(out, "stroke-dasharray", std::string("2 2"));
}

void fillAttributes(std::string &out, const std::optional<Fill> &fill) {
    if (!fill || fill->hatched) {
        attribute(out, "fill", std::string("none"));
        return;
    }
    attribute(out, "fill", hexText(fill->colour));
    if (fill->opacity < 1)
        attribute(out, "fill-opacity", fill->opacity);
}

std::string pathOf(std::span<const Point> points, double shift) {
    std::string path;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const Point &point = points[i];
        const bool sameX = i > 0 && point.x == points[i - 1].x;
        const bool sameY = i > 0 && point.y == points[i - 1].y;
        if (sameX && sameY)
            continue;
        if (i == 0)
            path += "M" + svgNumber(point.x + shift) + " " + svgNumber(point.y + shift);
        else if (sameX)
            path += "V" + svgNumber(point.y + shift);
        else if (sameY)
            path += "H" + svgNumber(point.x + shift);
        else
            path += "L" + svgNumber(point.x + shift) + " " + svgNumber(point.y + shift);
    }
    return path;
}

// The middle of the pixels that a line of this width covers.
double crispShift(double width) { return std::fmod(width, 2.0) == 1 ? 0.5 : 0; }

} // namespace

std::string svgNumber(double value) {
    if (!std::isfinite(value))
        return "0";
    const long long hundredths = std::llround(std::clamp(value, -1e9, 1e9) * 100);
    const long long magnitude = std::llabs(hundredths);
    std::string text = std::to_string(magnitude / 100);
    if (const long long rest = magnitude % 100; rest != 0) {
        text += rest < 10 ? ".0" : ".";
        text += std::to_string(rest % 10 == 0 ? rest / 10 : rest);
    }
    return hundredths < 0 ? "-" + text : text;
}

// Control characters are not allowed in XML at all; bytes that are not UTF-8 become U+FFFD.
std::string svgEscaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte < 0x80) {
            switch (text[i]) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                if (byte >= 0x20 && byte != 0x7F)
                    out += text[i];
                else if (byte == '\t' || byte == '\n')
                    out += ' ';
            }
            ++i;
            continue;
        }
        const std::size_t length = byte >= 0xF0 && byte <= 0xF4 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 0;
        bool valid = length > 0 && byte <= 0xF4 && i + length <= text.size();
        std::uint32_t code = length == 4 ? byte & 7U : length == 3 ? byte & 15U : byte & 31U;
        for (std::size_t k = 1; valid && k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            valid = (next & 0xC0) == 0x80;
            code = code << 6 | (next & 0x3FU);
        }
        valid = valid && !(code >= 0xD800 && code <= 0xDFFF) && code <= 0x10FFFF && (code & 0xFFFE) != 0xFFFE &&
                !(length == 3 && code < 0x800) && !(length == 4 && code < 0x10000);
        out += valid ? std::string(text.substr(i, length)) : "\uFFFD";
        i += valid ? length : 1;
    }
    return out;
}

double SvgCanvas::textWidth(std::string_view text, double size, bool bold) const {
    const auto &widths = bold ? semiboldWidths : regularWidths;
    double thousandths = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte < 0x7F)
            thousandths += widths[byte - 0x20U];
        else if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) == 0xA0)
            thousandths += noBreakSpaceWidth;
        else if (byte >= 0xC2) // the first byte of a character
            thousandths += otherWidth;
    }
    // A little more, for the fonts that stand in where Inter is missing.
    return thousandths * size / 1000 * (bold ? 1.1 : 1.03);
}

void SvgCanvas::line(Point from, Point to, const Stroke &stroke) {
    const std::array<Point, 2> points{from, to};
    polyline(points, stroke, from.x == to.x || from.y == to.y);
}

void SvgCanvas::polyline(std::span<const Point> points, const Stroke &stroke, bool crisp) {
    if (clip() == nullptr) {
        writeLine(points, stroke, crisp);
        return;
    }
    for (const std::vector<Point> &part : clippedLine(points, *clip()))
        writeLine(part, stroke, crisp);
}

void SvgCanvas::writeLine(std::span<const Point> points, const Stroke &stroke, bool crisp) {
    if (points.size() < 2)
        return;
    const double width = crisp ? std::max(1.0, std::round(stroke.width)) : stroke.width;
    m_out += "<path";
    attribute(m_out, "d", pathOf(points, crisp ? crispShift(width) : 0));
    attribute(m_out, "fill", std::string("none"));
    strokeAttributes(m_out, stroke, width);
    if (crisp)
        attribute(m_out, "shape-rendering", std::string("crispEdges"));
    else
        attribute(m_out, "stroke-linejoin", std::string("round"));
    m_out += "/>\n";
}

// Lines at 45 degrees cut to the outline, on one grid for the whole picture: no pattern, which some readers lack.
void SvgCanvas::hatch(std::span<const Point> outline, const Fill &fill) {
    double low = outline.front().x + outline.front().y;
    double high = low;
    for (const Point &point : outline) {
        low = std::min(low, point.x + point.y);
        high = std::max(high, point.x + point.y);
    }
    std::string path;
    std::vector<Point> cuts;
    for (double sum = std::floor(low / hatchPitch) * hatchPitch; sum <= high; sum += hatchPitch) {
        cuts.clear();
        for (std::size_t i = 0; i < outline.size(); ++i) {
            const Point a = outline[i];
            const Point b = outline[(i + 1) % outline.size()];
            const double sumA = a.x + a.y - sum;
            const double sumB = b.x + b.y - sum;
            if ((sumA < 0) == (sumB < 0))
                continue;
            const double share = sumA / (sumA - sumB);
            cuts.push_back({a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share});
        }
        std::sort(cuts.begin(), cuts.end(), [](const Point &a, const Point &b) { return a.x < b.x; });
        for (std::size_t i = 0; i + 1 < cuts.size(); i += 2)
            path += "M" + svgNumber(cuts[i].x) + " " + svgNumber(cuts[i].y) + "L" + svgNumber(cuts[i + 1].x) + " " +
                    svgNumber(cuts[i + 1].y);
    }
    if (path.empty())
        return;
    m_out += "<path";
    attribute(m_out, "d", path);
    strokeAttributes(m_out, {fill.colour, 1, fill.opacity * 0.75, LineStyle::Solid}, 1);
    m_out += "/>\n";
}

void SvgCanvas::polygon(std::span<const Point> outline, const Fill &fill, bool crisp) {
    std::vector<Point> points(outline.begin(), outline.end());
    if (clip() != nullptr)
        points = clippedPolygon(points, *clip());
    if (points.size() < 3)
        return;
    if (fill.hatched) {
        hatch(points, fill);
        return;
    }
    m_out += "<path";
    attribute(m_out, "d", pathOf(points, 0) + "Z");
    fillAttributes(m_out, fill);
    if (crisp)
        attribute(m_out, "shape-rendering", std::string("crispEdges"));
    m_out += "/>\n";
}

void SvgCanvas::rectangle(const Box &whole, const std::optional<Fill> &fill, const std::optional<Stroke> &stroke,
                          double radius) {
    const Box box = clip() != nullptr ? intersection(whole, *clip()) : whole;
    if (box.width <= 0 || box.height <= 0)
        return;
    if (fill && fill->hatched) {
        const std::array<Point, 4> corners{
            {{box.x, box.y}, {box.right(), box.y}, {box.right(), box.bottom()}, {box.x, box.bottom()}}};
        hatch(corners, *fill);
    }
    const bool filled = fill && !fill->hatched;
    if (!filled && !stroke)
        return;
    // An edge lies inside the box; with a fill below it, the fill is seen up to the edge's middle, which it covers.
    const double width = stroke ? std::max(1.0, std::round(stroke->width)) : 0;
    m_out += "<rect";
    attribute(m_out, "x", box.x + width / 2);
    attribute(m_out, "y", box.y + width / 2);
    attribute(m_out, "width", std::max(0.0, box.width - width));
    attribute(m_out, "height", std::max(0.0, box.height - width));
    if (radius > 0)
        attribute(m_out, "rx", radius);
    fillAttributes(m_out, fill);
    if (stroke)
        strokeAttributes(m_out, *stroke, width);
    if (radius <= 0)
        attribute(m_out, "shape-rendering", std::string("crispEdges"));
    m_out += "/>\n";
}

void SvgCanvas::circle(Point centre, double radius, const std::optional<Fill> &fill,
                       const std::optional<Stroke> &stroke) {
    if (clip() != nullptr && !clip()->contains(centre))
        return;
    m_out += "<circle";
    attribute(m_out, "cx", centre.x);
    attribute(m_out, "cy", centre.y);
    attribute(m_out, "r", radius);
    fillAttributes(m_out, fill);
    if (stroke)
        strokeAttributes(m_out, *stroke, stroke->width);
    m_out += "/>\n";
}

void SvgCanvas::text(Point place, std::string_view text, const TextStyle &style) {
    if (text.empty())
        return;
    const auto element = [&](bool halo) {
        m_out += "<text";
        attribute(m_out, "x", place.x);
        attribute(m_out, "y", place.y);
        attribute(m_out, "font-size", style.size);
        if (style.bold)
            attribute(m_out, "font-weight", std::string("600"));
        if (style.align != TextAlign::Left)
            attribute(m_out, "text-anchor", std::string(style.align == TextAlign::Centre ? "middle" : "end"));
        if (style.upright)
            attribute(m_out, "transform", "rotate(-90 " + svgNumber(place.x) + " " + svgNumber(place.y) + ")");
        attribute(m_out, "fill", hexText(halo ? *style.halo : style.colour));
        if (halo) { // below the letters, and not read out twice
            attribute(m_out, "stroke", hexText(*style.halo));
            attribute(m_out, "stroke-width", std::string("4"));
            attribute(m_out, "stroke-linejoin", std::string("round"));
            attribute(m_out, "aria-hidden", std::string("true"));
        }
        m_out += ">" + svgEscaped(text) + "</text>\n";
    };
    if (style.halo)
        element(true);
    element(false);
}

void SvgCanvas::pushClip(const Box &box) {
    m_clips.push_back(m_clips.empty() ? box : intersection(m_clips.back(), box));
}

void SvgCanvas::popClip() { m_clips.pop_back(); }

} // namespace nibblescope
