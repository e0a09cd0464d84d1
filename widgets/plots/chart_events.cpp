// SPDX-License-Identifier: GPL-3.0-or-later
// Mouse, wheel, keys and focus of a chart.
#include "widgets/plots/chart.h"

#include "core/report/figure_draw.h"
#include "widgets/plots/painter_canvas.h"

#include <QApplication>
#include <QPainter>
#include <QWindow>

#include <algorithm>
#include <cmath>

namespace nibblescope {
namespace {

constexpr double keyStep = 0.8;
constexpr double panStep = 0.1;
constexpr int manySteps = 10;

} // namespace

bool Chart::event(QEvent *event) {
    switch (event->type()) {
    case QEvent::ShortcutOverride: // single keys are the plot's while it has the focus
        if (handlesKey(*static_cast<QKeyEvent *>(event))) {
            event->accept();
            return true;
        }
        break;
    case QEvent::NativeGesture: {
        const auto *gesture = static_cast<QNativeGestureEvent *>(event);
        if (gesture->gestureType() == Qt::ZoomNativeGesture) {
            zoomBy(1 / std::clamp(1 + gesture->value(), 0.5, 2.0));
            return true;
        }
        break;
    }
    case QEvent::Gesture:
        if (auto *gesture = static_cast<QGestureEvent *>(event)->gesture(Qt::PinchGesture)) {
            zoomBy(1 / std::clamp(static_cast<QPinchGesture *>(gesture)->scaleFactor(), 0.5, 2.0));
            return true;
        }
        break;
    case QEvent::ScreenChangeInternal:
        adoptRatio();
        break;
    default:
        break;
    }
    return QCustomPlot::event(event);
}

// QCustomPlot takes the ratio of the screen when it is made and never again.
void Chart::adoptRatio() {
    if (bufferDevicePixelRatio() != devicePixelRatioF()) {
        setBufferDevicePixelRatio(devicePixelRatioF());
        replot(rpQueuedReplot);
    }
}

void Chart::showEvent(QShowEvent *event) {
    QCustomPlot::showEvent(event);
    adoptRatio();
    if (QWindow *window = this->window()->windowHandle())
        connect(window, &QWindow::screenChanged, this, &Chart::adoptRatio, Qt::UniqueConnection);
}

void Chart::mousePressEvent(QMouseEvent *event) {
    m_pressed = event->position();
    m_dragged = false;
    if (event->button() == Qt::RightButton) {
        event->accept();
        return;
    }
    Qt::Orientations drag;
    drag.setFlag(Qt::Horizontal, zoomsX() && event->button() == Qt::LeftButton);
    drag.setFlag(Qt::Vertical, zoomsY() && event->button() == Qt::LeftButton);
    setInteraction(QCP::iRangeDrag, drag != Qt::Orientations());
    axisRect()->setRangeDrag(drag);
    QCustomPlot::mousePressEvent(event);
}

void Chart::mouseMoveEvent(QMouseEvent *event) {
    const QPointF position = event->position();
    if (m_pressed && (position - *m_pressed).manhattanLength() > QApplication::startDragDistance())
        m_dragged = true;
    if (m_pressed && event->buttons().testFlag(Qt::RightButton)) {
        const Box &plot = m_layout.plot;
        if (m_dragged && m_figure) {
            QRectF box = QRectF(*m_pressed, position).normalized() & QRectF(plot.x, plot.y, plot.width, plot.height);
            if (!zoomsY()) {
                box.setTop(plot.y);
                box.setBottom(plot.bottom());
            }
            m_zoomBox = box;
            layer(QStringLiteral("overlay"))->replot();
        }
        return;
    }
    if (m_pressed && !m_dragged)
        return; // a click that trembles does not pan
    QCustomPlot::mouseMoveEvent(event);
    if (m_pressed || !m_figure)
        return;
    setCursorPlace(FigureCursor(*m_figure, m_layout).under({position.x(), position.y()}), false);
    updateMouseCursor(position);
}

void Chart::updateMouseCursor(const QPointF &position) {
    if (linkAt(position).isEmpty())
        unsetCursor();
    else
        setCursor(Qt::PointingHandCursor);
}

void Chart::mouseReleaseEvent(QMouseEvent *event) {
    const bool clicked = m_pressed && !m_dragged;
    m_pressed.reset();
    if (event->button() == Qt::RightButton) {
        if (m_zoomBox)
            finishZoomBox();
        else if (clicked)
            Q_EMIT menuRequested(event->globalPosition().toPoint());
        return;
    }
    QCustomPlot::mouseReleaseEvent(event);
    if (!clicked || event->button() != Qt::LeftButton)
        return;
    const QString link = linkAt(event->position());
    if (!link.isEmpty())
        Q_EMIT linkActivated(link);
}

void Chart::finishZoomBox() {
    const QRectF box = *m_zoomBox;
    m_zoomBox.reset();
    if (zoomsX() && box.width() > 4 && box.height() > 4) {
        FigureView view = m_view;
        view.xLower = m_layout.x.toValue(box.left());
        view.xUpper = m_layout.x.toValue(box.right());
        if (zoomsY()) {
            view.yLower = m_layout.y.toValue(box.bottom());
            view.yUpper = m_layout.y.toValue(box.top());
        }
        setView(view);
    }
    layer(QStringLiteral("overlay"))->replot();
}

void Chart::mouseDoubleClickEvent(QMouseEvent *event) {
    if (event->button() != Qt::LeftButton)
        return;
    m_pressed.reset();
    const QString link = linkAt(event->position());
    if (!link.isEmpty())
        Q_EMIT linkDoubleClicked(link);
    else
        resetView();
    event->accept();
}

void Chart::wheelEvent(QWheelEvent *event) {
    const bool onlyX = event->modifiers().testFlag(Qt::ShiftModifier);
    const bool onlyY = event->modifiers().testFlag(Qt::ControlModifier);
    Qt::Orientations zoom;
    zoom.setFlag(Qt::Horizontal, zoomsX() && !onlyY);
    zoom.setFlag(Qt::Vertical, zoomsY() && !onlyX);
    if (zoom == Qt::Orientations() || !m_layout.plot.contains({event->position().x(), event->position().y()})) {
        event->ignore(); // a page that scrolls takes it
        return;
    }
    setInteraction(QCP::iRangeZoom, true);
    axisRect()->setRangeZoom(zoom);
    QCustomPlot::wheelEvent(event);
    event->accept();
}

void Chart::leaveEvent(QEvent *event) {
    QCustomPlot::leaveEvent(event);
    if (!m_cursorByKeys)
        setCursorPlace(std::nullopt, false);
}

void Chart::focusInEvent(QFocusEvent *event) {
    QCustomPlot::focusInEvent(event);
    layer(QStringLiteral("overlay"))->replot();
}

void Chart::focusOutEvent(QFocusEvent *event) {
    QCustomPlot::focusOutEvent(event);
    layer(QStringLiteral("overlay"))->replot();
}

bool Chart::handlesKey(const QKeyEvent &event) const {
    const Qt::KeyboardModifiers modifiers = event.modifiers() & ~Qt::KeypadModifier;
    switch (event.key()) {
    case Qt::Key_Left:
    case Qt::Key_Right:
        return modifiers == Qt::NoModifier || modifiers == Qt::ControlModifier || modifiers == Qt::ShiftModifier;
    case Qt::Key_Up:
    case Qt::Key_Down:
        return modifiers == Qt::NoModifier || modifiers == Qt::ShiftModifier;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
    case Qt::Key_Minus:
        return !modifiers.testFlag(Qt::ControlModifier) && !modifiers.testFlag(Qt::AltModifier);
    case Qt::Key_Home:
    case Qt::Key_Return:
    case Qt::Key_Enter:
    case Qt::Key_T:
    case Qt::Key_Menu:
        return modifiers == Qt::NoModifier;
    default:
        return event.matches(QKeySequence::Copy);
    }
}

bool Chart::moveByKey(const QKeyEvent &event) {
    const bool shift = event.modifiers().testFlag(Qt::ShiftModifier);
    const bool control = event.modifiers().testFlag(Qt::ControlModifier);
    const int direction = event.key() == Qt::Key_Left || event.key() == Qt::Key_Up ? -1 : 1;
    const bool sideways = event.key() == Qt::Key_Left || event.key() == Qt::Key_Right;
    if (shift) {
        panBy(sideways ? direction * panStep : 0, sideways ? 0 : -direction * panStep);
        return true;
    }
    const FigureCursor cursor(*m_figure, m_layout);
    if (!m_cursor) {
        setCursorPlace(cursor.first(), true);
    } else if (sideways) {
        setCursorPlace(cursor.moved(*m_cursor, direction * (control ? manySteps : 1)), true);
    } else {
        // Rows of a heat map count from below.
        setCursorPlace(cursor.otherGroup(*m_cursor, m_figure->heatMap ? -direction : direction), true);
    }
    return true;
}

void Chart::keyPressEvent(QKeyEvent *event) {
    if (!m_figure || !handlesKey(*event)) {
        QCustomPlot::keyPressEvent(event);
        return;
    }
    switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Right:
    case Qt::Key_Up:
    case Qt::Key_Down:
        moveByKey(*event);
        break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoomBy(keyStep);
        break;
    case Qt::Key_Minus:
        zoomBy(1 / keyStep);
        break;
    case Qt::Key_Home:
        resetView();
        break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        activate(false);
        break;
    case Qt::Key_T:
        Q_EMIT tableRequested();
        break;
    case Qt::Key_Menu:
        Q_EMIT menuRequested(mapToGlobal(rect().center()));
        break;
    default:
        Q_EMIT copyRequested();
        break;
    }
    event->accept();
}

// A plot without room (hidden in a splitter) has nothing to draw on; QCustomPlot would complain.
void Chart::resizeEvent(QResizeEvent *event) {
    if (!event->size().isEmpty())
        QCustomPlot::resizeEvent(event);
}

} // namespace nibblescope
