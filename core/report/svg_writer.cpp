// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/svg_writer.h"

#include "core/report/figure_draw.h"
#include "core/report/svg_canvas.h"

#include <algorithm>

namespace nibblescope {
namespace {

constexpr double millimetresPerPixel = 25.4 / 96;

} // namespace

std::string xmlEscaped(std::string_view text) { return svgEscaped(text); }

std::string toSvg(const Figure &figure, const SvgOptions &options) {
    SvgCanvas canvas;
    const Box whole{0, 0, std::max(1.0, options.width), std::max(1.0, options.height)};
    const FigureLayout layout =
        layoutFigure(figure, options.view.value_or(ownView(figure)), whole, options.scale, canvas);
    drawFigure(canvas, figure, layout, options.theme);

    std::string svg;
    if (options.standalone)
        svg += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    const std::string unit = options.standalone ? "mm" : "";
    const double factor = options.standalone ? millimetresPerPixel : 1;
    svg += "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"" + svgNumber(whole.width * factor) + unit +
           "\" height=\"" + svgNumber(whole.height * factor) + unit + "\" viewBox=\"0 0 " + svgNumber(whole.width) +
           " " + svgNumber(whole.height) + "\" font-family=\"Inter, 'DejaVu Sans', sans-serif\">\n";
    svg += "<title>" + svgEscaped(figure.title) + "</title>\n";
    if (options.ground)
        svg += "<rect width=\"" + svgNumber(whole.width) + "\" height=\"" + svgNumber(whole.height) + "\" fill=\"" +
               hexText(figureGround(options.theme)) + "\"/>\n";
    svg += canvas.elements();
    svg += "</svg>\n";
    return svg;
}

} // namespace nibblescope
