// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/chart.h"

#include "core/report/figure_draw.h"
#include "widgets/plots/figure_view.h"
#include "widgets/plots/painter_canvas.h"

#include <QAccessible>
#include <QApplication>
#include <QPainter>
#include <QWindow>

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double sameShare = 0.02; // a sample's ranges are kept if the exact ones differ by less
constexpr double panStep = 0.1;

QString toText(const std::string &text) { return QString::fromStdString(text); }

} // namespace

class Chart::FigureLayer : public QCPLayerable {
public:
    explicit FigureLayer(Chart *chart) : QCPLayerable(chart, QStringLiteral("main")), m_chart(chart) {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *) const override {}
    void draw(QCPPainter *painter) override { m_chart->paintFigure(*painter); }

private:
    const Chart *m_chart;
};

class Chart::CursorLayer : public QCPLayerable {
public:
    explicit CursorLayer(Chart *chart) : QCPLayerable(chart, QStringLiteral("overlay")), m_chart(chart) {}

protected:
    void applyDefaultAntialiasingHint(QCPPainter *) const override {}
    void draw(QCPPainter *painter) override { m_chart->paintCursor(*painter); }

private:
    const Chart *m_chart;
};

Chart::Chart(QWidget *parent) : QCustomPlot(parent), m_theme(currentTheme()) {
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    grabGesture(Qt::PinchGesture);
    setContextMenuPolicy(Qt::PreventContextMenu); // the right button may draw a zoom box first
    setAutoAddPlottableToLegend(false);
    setPlottingHint(QCP::phImmediateRefresh, false); // what else has changed comes to the screen with it, once
    axisRect()->setupFullAxesBox(false);
    axisRect()->setAutoMargins(QCP::msNone);
    axisRect()->setMinimumSize(0, 0);
    plotLayout()->setAutoMargins(QCP::msNone);
    for (QCPAxis *axis : {xAxis, yAxis, xAxis2, yAxis2}) {
        axis->setVisible(false);
        axis->grid()->setVisible(false);
    }
    layer(QStringLiteral("overlay"))->setMode(QCPLayer::lmBuffered);
    new FigureLayer(this);
    new CursorLayer(this);
    connect(this, &QCustomPlot::beforeReplot, this, [this] { relayout(); });
    connect(xAxis, qOverload<const QCPRange &>(&QCPAxis::rangeChanged), this, [this] { takeAxes(); });
    connect(yAxis, qOverload<const QCPRange &>(&QCPAxis::rangeChanged), this, [this] { takeAxes(); });
    setTheme(m_theme);
}

Chart::~Chart() = default;

void Chart::setTheme(const Theme &theme) {
    m_theme = theme;
    setBackground(QBrush(theme.colour(UiColour::Base)));
    replot(rpQueuedReplot);
}

void Chart::setPlaceholder(const QString &text) {
    m_placeholder = text;
    replot(rpQueuedReplot);
}

// The view stays where the figure shows the same thing: zoomed ones, and a sample's ranges when the exact ones come.
void Chart::setFigure(std::shared_ptr<const Figure> figure) {
    const std::shared_ptr<const Figure> before = std::exchange(m_figure, std::move(figure));
    if (!m_figure) {
        m_cursor.reset();
        unsetCursor();
        Q_EMIT cursorTextChanged(QString());
        replot(rpQueuedReplot);
        return;
    }
    const FigureView own = ownView(*m_figure);
    const bool same = before && before->id == m_figure->id && before->x.logarithmic == m_figure->x.logarithmic &&
                      before->y.logarithmic == m_figure->y.logarithmic && nearlySame(m_own, own, sameShare);
    const bool exactNow = before && !before->badge.empty() && m_figure->badge.empty();
    const bool zoomed = before && isZoomed();
    m_limit = viewLimit(*m_figure);
    if (!same)
        m_view = own;
    else if (!zoomed && !exactNow)
        m_view = own;
    m_own = same && exactNow ? m_own : own;
    m_view = keptWithin(m_view, m_limit, m_own, *m_figure);
    m_adopting = true; // another scale changes an axis' range by itself
    xAxis->setScaleType(m_figure->x.logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    yAxis->setScaleType(m_figure->y.logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    m_adopting = false;
    giveAxes();
    relayout();
    if (m_cursor && !FigureCursor(*m_figure, m_layout).view(*m_cursor))
        setCursorPlace(std::nullopt, false);
    else if (m_cursor && !(before && before->id == m_figure->id))
        setCursorPlace(std::nullopt, false);
    replot(rpQueuedReplot);
}

void Chart::setMinimumLeft(double pixels) {
    if (m_minimumLeft == pixels)
        return;
    m_minimumLeft = pixels;
    replot(rpQueuedReplot);
}

void Chart::relayout() {
    if (!m_figure)
        return;
    const PainterCanvas measure(nullptr, m_theme.font(FontRole::Small).family(), &m_texts);
    const Box whole{0, 0, static_cast<double>(width()), static_cast<double>(height())};
    const FigureLayout own = layoutFigure(*m_figure, m_view, whole, m_theme.scale(), measure);
    if (std::exchange(m_neededLeft, own.plot.x) != own.plot.x)
        Q_EMIT neededLeftChanged();
    m_layout = m_minimumLeft > m_neededLeft
                   ? layoutFigure(*m_figure, m_view, whole, m_theme.scale(), measure, m_minimumLeft)
                   : own;
    const Box &plot = m_layout.plot;
    axisRect()->setMargins(QMargins(qRound(plot.x), qRound(plot.y), qRound(whole.right() - plot.right()),
                                    qRound(whole.bottom() - plot.bottom())));
}

bool Chart::zoomsX() const { return m_figure && !m_figure->heatMap; }
bool Chart::zoomsY() const { return zoomsX() && m_figure->stackedBars.empty() && m_layout.y.gap == 0; }

bool Chart::isZoomed() const { return m_figure && !(m_view == m_own); }

void Chart::setView(const FigureView &view) {
    if (!m_figure)
        return;
    FigureView wanted = keptWithin(view, m_limit, m_own, *m_figure);
    if (!zoomsX()) {
        wanted.xLower = m_own.xLower;
        wanted.xUpper = m_own.xUpper;
    }
    if (!zoomsY()) {
        wanted.yLower = m_own.yLower;
        wanted.yUpper = m_own.yUpper;
    }
    if (wanted == m_view)
        return;
    m_view = wanted;
    giveAxes();
    relayout();
    replot(rpQueuedReplot);
    Q_EMIT viewChanged();
}

void Chart::resetView() { setView(m_own); }

void Chart::giveAxes() {
    m_adopting = true;
    xAxis->setRange(m_view.xLower, m_view.xUpper);
    yAxis->setRange(m_view.yLower, m_view.yUpper);
    m_adopting = false;
}

// QCustomPlot drags and zooms its axes; what it sets is brought within the data and given back.
void Chart::takeAxes() {
    if (m_adopting || !m_figure)
        return;
    setView({xAxis->range().lower, xAxis->range().upper, yAxis->range().lower, yAxis->range().upper});
    giveAxes();
}

void Chart::zoomBy(double factor, double share) {
    if (!m_figure)
        return;
    const auto zoomed = [factor, share](double lower, double upper, bool logarithmic) {
        if (logarithmic) {
            lower = std::log(lower);
            upper = std::log(upper);
        }
        const double centre = lower + (upper - lower) * share;
        const double low = centre - (centre - lower) * factor;
        const double high = centre + (upper - centre) * factor;
        return logarithmic ? std::pair{std::exp(low), std::exp(high)} : std::pair{low, high};
    };
    const auto x = zoomed(m_view.xLower, m_view.xUpper, m_figure->x.logarithmic);
    const auto y = zoomed(m_view.yLower, m_view.yUpper, m_figure->y.logarithmic);
    setView({x.first, x.second, y.first, y.second});
}

void Chart::panBy(double xShare, double yShare) {
    if (!m_figure)
        return;
    const auto panned = [](const AxisMap &axis, double share) {
        const double by = (axis.to - axis.from) * share;
        return std::pair{axis.toValue(axis.from + by), axis.toValue(axis.to + by)};
    };
    const auto x = panned(m_layout.x, xShare);
    const auto y = zoomsY() ? panned(m_layout.y, yShare) : std::pair{m_view.yLower, m_view.yUpper};
    setView({x.first, x.second, y.first, y.second});
}

void Chart::setCursorPlace(std::optional<CursorPlace> place, bool byUser) {
    if (m_cursor == place)
        return;
    m_cursor = place;
    m_cursorByKeys = byUser;
    if (byUser)
        keepCursorInSight();
    layer(QStringLiteral("overlay"))->replot();
    const QString text = cursorText();
    QStringList lines = text.split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    Q_EMIT cursorTextChanged(lines.mid(0, 2).join(QStringLiteral(": ")));
    Q_EMIT cursorMoved(place ? place->group : -1, place ? place->index : -1);
    if (QAccessible::isActive()) {
        QAccessibleValueChangeEvent changed(this, text);
        QAccessible::updateAccessibility(&changed);
    }
}

QString Chart::cursorText() const {
    if (!m_figure || !m_cursor)
        return {};
    const auto view = FigureCursor(*m_figure, m_layout).view(*m_cursor);
    return view ? toText(view->text) : QString();
}

void Chart::keepCursorInSight() {
    if (!m_cursor || !m_figure)
        return;
    const auto view = FigureCursor(*m_figure, m_layout).view(*m_cursor);
    if (!view || !view->mark)
        return;
    const Box &plot = m_layout.plot;
    double x = 0;
    double y = 0;
    if (view->mark->x < plot.x)
        x = (view->mark->x - plot.x) / plot.width - panStep;
    else if (view->mark->x > plot.right())
        x = (view->mark->x - plot.right()) / plot.width + panStep;
    if (isZoomed() && view->mark->y < plot.y)
        y = (plot.y - view->mark->y) / plot.height + panStep;
    else if (isZoomed() && view->mark->y > plot.bottom())
        y = (plot.bottom() - view->mark->y) / plot.height - panStep;
    if (x != 0 || y != 0)
        panBy(x, y);
}

QString Chart::linkAt(const QPointF &position) const {
    if (!m_figure)
        return {};
    const Point point{position.x(), position.y()};
    const PainterCanvas measure(nullptr, m_theme.font(FontRole::Small).family(), &m_texts);
    for (const Mark &mark : m_figure->marks) {
        if (mark.link.empty())
            continue;
        const auto box = markTextBox(mark, m_layout, measure);
        if (box && Box{box->x - 4, box->y - 5, box->width + 8, box->height + 10}.contains(point))
            return toText(mark.link);
    }
    const FigureCursor cursor(*m_figure, m_layout);
    const auto place = cursor.under(point);
    const auto view = place ? cursor.view(*place) : std::nullopt;
    return view ? toText(view->link) : QString();
}

void Chart::activate(bool twice) {
    if (!m_figure || !m_cursor)
        return;
    const auto view = FigureCursor(*m_figure, m_layout).view(*m_cursor);
    if (!view || view->link.empty())
        return;
    if (twice)
        Q_EMIT linkDoubleClicked(toText(view->link));
    else
        Q_EMIT linkActivated(toText(view->link));
}

} // namespace nibblescope
