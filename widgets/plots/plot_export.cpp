// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/plot_export.h"

#include "core/report/figure_draw.h"
#include "core/report/figure_table.h"
#include "core/report/svg_writer.h"
#include "widgets/plots/painter_canvas.h"

#include <QBuffer>
#include <QImage>
#include <QMimeData>
#include <QPainter>
#include <QPdfWriter>

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double pixelsPerInch = 96;
constexpr double millimetresPerInch = 25.4;
constexpr int pdfResolution = 1200;

double toPixels(double millimetres) { return millimetres / millimetresPerInch * pixelsPerInch; }

QImage picture(const Figure &figure, const PlotExport &options) {
    const double width = toPixels(options.widthMm);
    const double height = toPixels(options.heightMm);
    const double ratio = std::clamp(options.ratio, 0.5, 8.0);
    QImage image(std::max(1, qRound(width * ratio)), std::max(1, qRound(height * ratio)), QImage::Format_RGB32);
    const int dotsPerMetre = qRound(pixelsPerInch * ratio / millimetresPerInch * 1000);
    image.fill(options.theme.colour(UiColour::Base));
    QPainter painter(&image);
    painter.scale(ratio, ratio);
    paintFigure(painter, QRectF(0, 0, width, height), figure, options.theme, options.view);
    painter.end();
    image.setDotsPerMeterX(dotsPerMetre);
    image.setDotsPerMeterY(dotsPerMetre);
    return image;
}

QByteArray png(const Figure &figure, const PlotExport &options) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    picture(figure, options).save(&buffer, "PNG");
    return bytes;
}

QByteArray pdf(const Figure &figure, const PlotExport &options) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QPdfWriter writer(&buffer);
    writer.setPageSize(
        QPageSize(QSizeF(options.widthMm, options.heightMm), QPageSize::Millimeter, QString(), QPageSize::ExactMatch));
    writer.setPageMargins(QMarginsF(0, 0, 0, 0));
    writer.setResolution(pdfResolution);
    writer.setTitle(QString::fromStdString(figure.title));
    QPainter painter(&writer);
    painter.scale(pdfResolution / pixelsPerInch, pdfResolution / pixelsPerInch);
    paintFigure(painter, QRectF(0, 0, toPixels(options.widthMm), toPixels(options.heightMm)), figure, options.theme,
                options.view);
    painter.end();
    return bytes;
}

QByteArray svg(const Figure &figure, const PlotExport &options) {
    SvgOptions how;
    how.width = toPixels(options.widthMm);
    how.height = toPixels(options.heightMm);
    how.theme = options.theme.figureTheme();
    how.scale = options.theme.scale();
    how.standalone = true;
    how.view = options.view;
    return QByteArray::fromStdString(toSvg(figure, how));
}

} // namespace

QString suffixOf(PlotFormat format) {
    switch (format) {
    case PlotFormat::Png:
        return QStringLiteral("png");
    case PlotFormat::Svg:
        return QStringLiteral("svg");
    case PlotFormat::Pdf:
        return QStringLiteral("pdf");
    case PlotFormat::Csv:
        return QStringLiteral("csv");
    }
    return {};
}

QByteArray exported(const Figure &figure, PlotFormat format, const PlotExport &options) {
    switch (format) {
    case PlotFormat::Png:
        return png(figure, options);
    case PlotFormat::Svg:
        return svg(figure, options);
    case PlotFormat::Pdf:
        return pdf(figure, options);
    case PlotFormat::Csv:
        return QByteArray::fromStdString(toCsv(tableOf(figure)));
    }
    return {};
}

void paintFigure(QPainter &painter, const QRectF &target, const Figure &figure, const Theme &theme,
                 const std::optional<FigureView> &view) {
    painter.save();
    painter.fillRect(target, theme.colour(UiColour::Base));
    painter.translate(target.topLeft());
    // Measured without the device: its own resolution is in the painter's scale.
    PainterCanvas canvas(&painter, theme.font(FontRole::Small).family());
    const Box whole{0, 0, target.width(), target.height()};
    const FigureLayout layout = layoutFigure(figure, view.value_or(ownView(figure)), whole, theme.scale(), canvas);
    drawFigure(canvas, figure, layout, theme.figureTheme());
    painter.restore();
}

std::unique_ptr<QMimeData> clipboardData(const Figure &figure, const PlotExport &options) {
    auto data = std::make_unique<QMimeData>();
    data->setImageData(picture(figure, options));
    data->setData(QStringLiteral("image/png"), png(figure, options));
    data->setData(QStringLiteral("image/svg+xml"), svg(figure, options));
    const QByteArray csv = exported(figure, PlotFormat::Csv, options);
    data->setData(QStringLiteral("text/csv"), csv);
    data->setText(QString::fromUtf8(csv));
    return data;
}

} // namespace nibblescope
