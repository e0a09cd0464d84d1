// SPDX-License-Identifier: GPL-3.0-or-later
// The drawing area of a plot: a figure on QCustomPlot's layers and axes. The only class that knows QCustomPlot; used by
// PlotView.
#pragma once

#include "core/report/figure_layout.h"
#include "widgets/plots/figure_cursor.h"
#include "widgets/plots/qcustomplot_header.h"
#include "widgets/plots/text_cache.h"
#include "widgets/theme/theme.h"

#include <memory>
#include <optional>

namespace nibblescope {

class Chart : public QCustomPlot {
    Q_OBJECT
public:
    explicit Chart(QWidget *parent = nullptr);
    ~Chart() override;

    void setFigure(std::shared_ptr<const Figure> figure);
    const Figure *figure() const { return m_figure.get(); }
    void setPlaceholder(const QString &text);
    void setTheme(const Theme &theme);
    const Theme &theme() const { return m_theme; }

    const FigureLayout &layoutOfFigure() const { return m_layout; }
    FigureView view() const { return m_view; }
    bool isZoomed() const;
    void setView(const FigureView &view); // kept within the data
    void resetView();
    void zoomBy(double factor, double share = 0.5); // below 1: closer; about the middle
    void panBy(double xShare, double yShare);       // of what is seen
    double neededLeft() const { return m_neededLeft; }
    void setMinimumLeft(double pixels);

    std::optional<CursorPlace> cursorPlace() const { return m_cursor; }
    void setCursorPlace(std::optional<CursorPlace> place, bool byUser);
    QString cursorText() const; // all lines
    void activate(bool twice);  // as a click on what the cursor stands on

Q_SIGNALS:
    void cursorMoved(int group, int index); // -1, -1: none
    void cursorTextChanged(const QString &text);
    void linkActivated(const QString &link);
    void linkDoubleClicked(const QString &link);
    void menuRequested(const QPoint &globalPosition);
    void tableRequested();
    void copyRequested();
    void viewChanged();
    void neededLeftChanged();

protected:
    bool event(QEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mouseReleaseEvent(QMouseEvent *event) override;
    void mouseDoubleClickEvent(QMouseEvent *event) override;
    void wheelEvent(QWheelEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void focusInEvent(QFocusEvent *event) override;
    void focusOutEvent(QFocusEvent *event) override;
    void showEvent(QShowEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    class FigureLayer;
    class CursorLayer;

    void relayout();
    void adoptRatio();
    void paintFigure(QPainter &painter) const;
    void paintCursor(QPainter &painter) const;
    void paintReadout(QPainter &painter, const CursorView &view) const;
    bool zoomsX() const;
    bool zoomsY() const;
    void takeAxes();
    void giveAxes();
    void keepCursorInSight();
    QString linkAt(const QPointF &position) const;
    bool handlesKey(const QKeyEvent &event) const;
    bool moveByKey(const QKeyEvent &event);
    void updateMouseCursor(const QPointF &position);
    void finishZoomBox();

    std::shared_ptr<const Figure> m_figure;
    QString m_placeholder;
    Theme m_theme;
    FigureView m_own;   // the figure's ranges
    FigureView m_limit; // never seen beyond
    FigureView m_view;
    FigureLayout m_layout;
    mutable TextCache m_texts;
    double m_minimumLeft = 0;
    double m_neededLeft = 0;
    std::optional<CursorPlace> m_cursor;
    bool m_cursorByKeys = false;
    std::optional<QPointF> m_pressed;
    std::optional<QRectF> m_zoomBox;
    bool m_dragged = false;
    bool m_adopting = false;
};

} // namespace nibblescope
