// SPDX-License-Identifier: GPL-3.0-or-later
// A figure as the bytes of a file, with a size in millimetres. Whoever calls writes the file.
#pragma once

#include "core/report/figure_layout.h"
#include "widgets/theme/theme.h"

#include <QByteArray>

#include <memory>
#include <optional>

class QMimeData;
class QPainter;
class QRectF;

namespace nibblescope {

enum class PlotFormat { Png, Svg, Pdf, Csv };

QString suffixOf(PlotFormat format); // "png"

struct PlotExport {
    double widthMm = 160;
    double heightMm = 100;
    double ratio = 2;               // PNG: pixels of a pixel at 96 dpi; written as dots a metre
    Theme theme = Theme::light();   // the window's own where "as on screen" is wanted
    std::optional<FigureView> view; // the visible ranges; empty: the figure's own
};

QByteArray exported(const Figure &figure, PlotFormat format, const PlotExport &options);

// Draws the figure into `target` (in units of 1/96 inch) with its ground: for pages of a PDF report.
void paintFigure(QPainter &painter, const QRectF &target, const Figure &figure, const Theme &theme,
                 const std::optional<FigureView> &view = std::nullopt);

// PNG, SVG and CSV at once, so that a text editor, a drawing program and a spreadsheet all find theirs.
std::unique_ptr<QMimeData> clipboardData(const Figure &figure, const PlotExport &options);

} // namespace nibblescope
