// SPDX-License-Identifier: GPL-3.0-or-later
// What a chart paints on its two layers: the figure, and over it the cursor, the zoom box and the focus frame.
#include "widgets/plots/chart.h"

#include "core/report/figure_draw.h"
#include "widgets/plots/painter_canvas.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <array>
#include <cmath>

namespace nibblescope {
namespace {

QRectF rectOf(const Box &box) { return {box.x, box.y, box.width, box.height}; }

} // namespace

void Chart::paintFigure(QPainter &painter) const {
    painter.save();
    if (m_figure) {
        PainterCanvas canvas(&painter, m_theme.font(FontRole::Small).family(), &m_texts);
        drawFigure(canvas, *m_figure, m_layout, m_theme.figureTheme());
    } else if (!m_placeholder.isEmpty()) {
        painter.setFont(m_theme.font(FontRole::Control));
        painter.setPen(m_theme.colour(UiColour::Text2));
        painter.drawText(QRectF(rect()).adjusted(16, 8, -16, -8), Qt::AlignCenter | Qt::TextWordWrap, m_placeholder);
    }
    painter.restore();
}

void Chart::paintCursor(QPainter &painter) const {
    painter.save();
    PainterCanvas canvas(&painter, m_theme.font(FontRole::Small).family(), &m_texts);
    const Rgb text = figureColour(ColourRole::Text, m_theme.figureTheme());
    const Rgb ground = figureGround(m_theme.figureTheme());
    const auto view = m_figure && m_cursor ? FigureCursor(*m_figure, m_layout).view(*m_cursor) : std::nullopt;
    if (view) {
        const Box &plot = m_layout.plot;
        if (view->hairX && *view->hairX >= plot.x && *view->hairX <= plot.right())
            canvas.line({*view->hairX, plot.y}, {*view->hairX, plot.bottom()}, {text});
        if (view->frame) {
            canvas.pushClip({plot.x - 2, plot.y - 2, plot.width + 4, m_layout.whole.bottom() - plot.y});
            canvas.rectangle({view->frame->x - 1, view->frame->y - 1, view->frame->width + 2, view->frame->height + 2},
                             std::nullopt, Stroke{text, 2, 1, LineStyle::Solid}, 0);
            canvas.popClip();
        } else if (view->mark && plot.contains(*view->mark)) {
            canvas.circle(*view->mark, 3.5, Fill{ground, 1, false}, Stroke{text, 1.5, 1, LineStyle::Solid});
        }
        paintReadout(painter, *view);
    }
    if (m_zoomBox) {
        QColor accent = m_theme.colour(UiColour::Accent);
        painter.setRenderHint(QPainter::Antialiasing, false);
        painter.setPen(QPen(accent, 1));
        accent.setAlphaF(0.12F);
        painter.setBrush(accent);
        painter.drawRect(m_zoomBox->adjusted(0, 0, -1, -1));
    }
    if (hasFocus()) {
        const Rgb accent = figureColour(ColourRole::Accent, m_theme.figureTheme());
        canvas.rectangle({0, 0, static_cast<double>(width()), static_cast<double>(height())}, std::nullopt,
                         Stroke{accent, static_cast<double>(m_theme.focusWidth()), 1, LineStyle::Solid}, 0);
    }
    painter.restore();
}

// A box beside the mark, on the side with room, that never covers it.
void Chart::paintReadout(QPainter &painter, const CursorView &view) const {
    const QStringList lines = QString::fromStdString(view.text).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    if (lines.isEmpty())
        return;
    const QFont font = m_theme.font(FontRole::Small);
    const QFontMetricsF metrics(font);
    const double lineHeight = m_layout.px(15);
    double wide = 0;
    for (const QString &line : lines)
        wide = std::max(wide, metrics.horizontalAdvance(line));
    const QSizeF size(std::ceil(wide) + 2 * m_layout.px(9),
                      lineHeight * static_cast<double>(lines.size()) + m_layout.px(10));
    // In the plot if there is room, else anywhere below the title.
    const QRectF plot = rectOf(m_layout.plot).adjusted(2, 2, -2, -2);
    const bool roomy = plot.width() > 2 * size.width() + 40 && plot.height() > size.height();
    const QRectF inside = roomy ? plot : rectOf(m_layout.whole).adjusted(4, m_layout.px(26), -4, -4);
    QRectF keep; // not to be covered
    if (view.frame)
        keep = rectOf(*view.frame).adjusted(-4, -4, 4, 4);
    else if (view.mark)
        keep = QRectF(view.mark->x - 8, view.mark->y - 8, 16, 16);
    // A tall frame or the hair line is kept free over its whole height.
    if (view.hairX)
        keep = QRectF(*view.hairX - 8, keep.top(), 16, keep.height());
    const double gap = m_layout.px(6);
    const double level =
        std::clamp(keep.center().y() - size.height() - gap, inside.top(), inside.bottom() - size.height());
    const std::array<QPointF, 4> places{{{keep.left() - gap - size.width(), level},
                                         {keep.right() + gap, level},
                                         {std::clamp(keep.center().x() - size.width() / 2, inside.left(),
                                                     std::max(inside.left(), inside.right() - size.width())),
                                          keep.top() - gap - size.height()},
                                         {std::clamp(keep.center().x() - size.width() / 2, inside.left(),
                                                     std::max(inside.left(), inside.right() - size.width())),
                                          keep.bottom() + gap}}};
    QRectF box(places.front(), size);
    for (const QPointF &place : places) {
        box = QRectF(QPointF(std::round(place.x()), std::round(place.y())), size);
        if (inside.contains(box))
            break;
    }
    if (!inside.contains(box))
        box.moveTopLeft({std::clamp(box.x(), inside.left(), std::max(inside.left(), inside.right() - box.width())),
                         std::clamp(box.y(), inside.top(), std::max(inside.top(), inside.bottom() - box.height()))});
    painter.setRenderHint(QPainter::Antialiasing, true);
    painter.setPen(QPen(m_theme.colour(UiColour::ControlEdge), 1));
    painter.setBrush(m_theme.colour(UiColour::Base));
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
    painter.setFont(font);
    double baseline = box.top() + m_layout.px(5) + std::round((lineHeight + metrics.ascent() - metrics.descent()) / 2);
    for (qsizetype i = 0; i < lines.size(); ++i) {
        painter.setPen(m_theme.colour(i < 2 ? UiColour::Text : UiColour::Text2));
        painter.drawText(QPointF(std::round(box.left() + m_layout.px(9)), std::round(baseline)), lines.at(i));
        baseline += lineHeight;
    }
}

} // namespace nibblescope
