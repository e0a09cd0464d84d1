// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/stop_slider.h"

#include <algorithm>
#include <cmath>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QWheelEvent>

#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int grooveTop = 9;
constexpr int groove = 4;
constexpr int handle = 14;
constexpr int side = 9; // half a handle and its focus frame

} // namespace

StopSlider::StopSlider(const QStringList &stops, const QList<int> &always, QWidget *parent)
    : QSlider(Qt::Horizontal, parent), m_stops(stops), m_always(always) {
    setRange(0, static_cast<int>(stops.size()) - 1);
    setPageStep(1);
    setFocusPolicy(Qt::StrongFocus);
    setAttribute(Qt::WA_Hover);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void StopSlider::setStop(int stop) {
    m_between.reset();
    const QSignalBlocker blocker(this);
    setValue(stop);
    update();
}

void StopSlider::setBetween(double position) {
    setStop(static_cast<int>(std::lround(position)));
    m_between = position;
    update();
}

QSize StopSlider::sizeHint() const { return {160, currentTheme().scaled(14) + 20}; }
QSize StopSlider::minimumSizeHint() const { return {100, sizeHint().height()}; }

double StopSlider::xOf(double stop) const { return side + stop * (width() - 2 * side) / std::max(1, maximum()); }

int StopSlider::nearest(double x) const {
    const double stop = (x - side) * maximum() / std::max(1, width() - 2 * side);
    return static_cast<int>(std::lround(std::clamp(stop, 0.0, static_cast<double>(maximum()))));
}

void StopSlider::choose(int stop) {
    stop = std::clamp(stop, minimum(), maximum());
    if (stop == value() && !m_between)
        return;
    setStop(stop);
    Q_EMIT valueChanged(stop); // for assistive technology
    Q_EMIT stopChosen(stop);
}

void StopSlider::mousePressEvent(QMouseEvent *event) {
    if (event->button() == Qt::LeftButton)
        choose(nearest(event->position().x()));
}

void StopSlider::mouseMoveEvent(QMouseEvent *event) {
    if (event->buttons().testFlag(Qt::LeftButton))
        choose(nearest(event->position().x()));
}

void StopSlider::mouseReleaseEvent(QMouseEvent *) {}

// From between two stops a step goes to the neighbour on that side.
void StopSlider::keyPressEvent(QKeyEvent *event) {
    const auto up = [&] { return m_between ? static_cast<int>(std::ceil(*m_between)) : value() + 1; };
    const auto down = [&] { return m_between ? static_cast<int>(std::floor(*m_between)) : value() - 1; };
    switch (event->key()) {
    case Qt::Key_Right:
    case Qt::Key_Up:
    case Qt::Key_PageUp:
        choose(up());
        break;
    case Qt::Key_Left:
    case Qt::Key_Down:
    case Qt::Key_PageDown:
        choose(down());
        break;
    case Qt::Key_Home:
        choose(minimum());
        break;
    case Qt::Key_End:
        choose(maximum());
        break;
    default:
        QSlider::keyPressEvent(event);
    }
}

// A wheel over the dock scrolls the dock; only a slider in focus takes it.
void StopSlider::wheelEvent(QWheelEvent *event) {
    if (!hasFocus()) {
        event->ignore();
        return;
    }
    choose(value() + (event->angleDelta().y() > 0 ? 1 : -1));
    event->accept();
}

void StopSlider::paintEvent(QPaintEvent *) {
    const Theme theme = currentTheme();
    const bool on = isEnabled();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const double position = m_between.value_or(value());
    const QRectF line(xOf(0), grooveTop, xOf(maximum()) - xOf(0), groove);
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.colour(UiColour::Divider));
    painter.drawRoundedRect(line, 2, 2);
    painter.setBrush(theme.colour(on ? UiColour::Accent : UiColour::DisabledText));
    painter.drawRoundedRect(QRectF(line.left(), line.top(), xOf(position) - line.left(), groove), 2, 2);

    painter.setFont(theme.font(FontRole::Small));
    const QFontMetrics metrics = painter.fontMetrics();
    int needed = 0;
    for (const QString &stop : m_stops)
        needed = std::max(needed, metrics.horizontalAdvance(stop) + 6);
    const bool all = needed * maximum() <= width() - 2 * side;
    for (int stop = 0; stop <= maximum(); ++stop) {
        painter.setRenderHint(QPainter::Antialiasing, false);
        painter.setPen(theme.colour(UiColour::ControlEdge));
        const int x = static_cast<int>(std::lround(xOf(stop)));
        painter.drawLine(x, grooveTop + groove + 4, x, grooveTop + groove + 6);
        if (!all && !m_always.contains(stop))
            continue;
        painter.setPen(theme.colour(on ? UiColour::Text2 : UiColour::DisabledText));
        const int width = metrics.horizontalAdvance(m_stops[stop]);
        const int left = std::clamp(x - width / 2, 0, QWidget::width() - width);
        painter.drawText(left, grooveTop + groove + 8 + metrics.ascent(), m_stops[stop]);
    }

    painter.setRenderHint(QPainter::Antialiasing);
    const QPointF centre(xOf(position), grooveTop + groove / 2.0);
    const bool focused = hasFocus();
    painter.setPen(QPen(theme.colour(focused              ? UiColour::Accent
                                     : on || underMouse() ? UiColour::ControlEdge
                                                          : UiColour::Divider),
                        focused ? theme.focusWidth() : 1));
    QColor fill = theme.dark() ? theme.colour(UiColour::ControlEdge) : theme.colour(UiColour::Base);
    if (!on)
        fill = theme.colour(UiColour::Window);
    painter.setBrush(m_between ? QBrush(theme.colour(UiColour::Window)) : QBrush(fill));
    painter.drawEllipse(centre, handle / 2.0 - 0.5, handle / 2.0 - 0.5);
    if (m_between) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(theme.colour(UiColour::Accent));
        painter.drawEllipse(centre, 2.5, 2.5);
    }
}

} // namespace nibblescope
