// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/segmented_control.h"

#include <algorithm>

#include <QEvent>
#include <QPainter>
#include <QPainterPath>

#include "widgets/theme/theme.h"

namespace nibblescope {
namespace {

constexpr int controlHeight = 26;
constexpr int radius = 3;

QColor laidOver(const QColor &over, const QColor &ground, qreal opacity) {
    const auto mix = [&](int top, int bottom) { return qRound(top * opacity + bottom * (1 - opacity)); };
    return {mix(over.red(), ground.red()), mix(over.green(), ground.green()), mix(over.blue(), ground.blue())};
}

class Segment : public QAbstractButton {
public:
    enum class Place { Only, First, Middle, Last };

    Segment(const QString &text, Place place, QWidget *parent) : QAbstractButton(parent), m_place(place) {
        setText(text);
        setCheckable(true);
        setFocusPolicy(Qt::StrongFocus);
        setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        setAttribute(Qt::WA_Hover);
    }

    QSize sizeHint() const override {
        const Theme theme = currentTheme();
        const QFontMetrics metrics(theme.font(FontRole::Body));
        return {metrics.horizontalAdvance(text()) + 16, theme.scaled(controlHeight)};
    }
    QSize minimumSizeHint() const override {
        return {QFontMetrics(currentTheme().font(FontRole::Body)).horizontalAdvance(text()) + 8, sizeHint().height()};
    }

protected:
    void changeEvent(QEvent *event) override {
        QAbstractButton::changeEvent(event);
        if (event->type() == QEvent::FontChange)
            updateGeometry();
    }

    // Neighbours share an edge: each draws its own and lies half a pixel over the next.
    void paintEvent(QPaintEvent *) override {
        const Theme theme = currentTheme();
        const QColor window = theme.colour(UiColour::Window);
        const QColor text = theme.colour(UiColour::Text);
        const QColor control = theme.highContrast() ? theme.colour(UiColour::Base)
                               : theme.dark()       ? laidOver(text, window, 0.06)
                                                    : QColor(Qt::white);
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        QColor ground = control;
        QColor edge = theme.colour(UiColour::ControlEdge);
        QColor ink = text;
        if (!isEnabled()) {
            ground = isChecked() ? laidOver(text, window, 0.07) : window;
            edge = theme.colour(UiColour::Divider);
            ink = theme.colour(UiColour::DisabledText);
        } else if (isChecked()) {
            ground = theme.colour(UiColour::Highlight);
            edge = theme.colour(UiColour::Accent);
            ink = theme.colour(UiColour::HighlightText);
        } else if (underMouse()) {
            ground = laidOver(text, window, 0.09);
        }
        const bool focused = hasFocus() && isEnabled();
        const qreal pen = focused ? theme.focusWidth() : 1;
        if (focused)
            edge = theme.colour(UiColour::Accent);
        painter.setPen(QPen(edge, pen));
        painter.setBrush(ground);
        painter.drawPath(outline(QRectF(rect()).adjusted(pen / 2, pen / 2, -pen / 2, -pen / 2)));
        painter.setPen(ink);
        painter.setFont(theme.font(FontRole::Body));
        painter.drawText(rect(), Qt::AlignCenter, this->text());
    }

private:
    QPainterPath outline(const QRectF &area) const {
        QPainterPath path;
        path.addRoundedRect(area, radius, radius);
        QPainterPath square;
        const qreal middle = area.center().x();
        if (m_place == Place::First || m_place == Place::Middle)
            square.addRect(QRectF(QPointF(middle, area.top()), area.bottomRight()));
        if (m_place == Place::Last || m_place == Place::Middle)
            square.addRect(QRectF(area.topLeft(), QPointF(middle, area.bottom())));
        return path.united(square);
    }

    Place m_place;
};

} // namespace

SegmentedControl::SegmentedControl(const QStringList &choices, QWidget *parent) : QWidget(parent) {
    for (int i = 0; i < choices.size(); ++i) {
        const auto place = choices.size() == 1       ? Segment::Place::Only
                           : i == 0                  ? Segment::Place::First
                           : i + 1 == choices.size() ? Segment::Place::Last
                                                     : Segment::Place::Middle;
        auto *segment = new Segment(choices[i], place, this);
        m_group.addButton(segment, i);
        // The chosen one's edge lies over its neighbours'.
        connect(segment, &QAbstractButton::toggled, segment, [segment](bool on) {
            if (on)
                segment->raise();
        });
    }
    m_group.setExclusive(true);
    setCurrent(0);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    connect(&m_group, &QButtonGroup::idClicked, this, [this](int id) {
        if (id == m_last)
            return;
        m_last = id;
        Q_EMIT chosen(id);
    });
}

// Equal widths; neighbours share the pixel of their edges.
void SegmentedControl::arrange() {
    for (int i = 0; i < count(); ++i) {
        const int left = i * (width() - 1) / count();
        const int right = (i + 1) * (width() - 1) / count() + 1;
        m_group.button(i)->setGeometry(left, 0, right - left, height());
    }
}

void SegmentedControl::resizeEvent(QResizeEvent *) { arrange(); }

void SegmentedControl::changeEvent(QEvent *event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange)
        updateGeometry();
}

QSize SegmentedControl::sizeHint() const {
    int widest = 0;
    for (int i = 0; i < count(); ++i)
        widest = std::max(widest, m_group.button(i)->sizeHint().width());
    return {widest * count(), m_group.button(0)->sizeHint().height()};
}

QSize SegmentedControl::minimumSizeHint() const {
    int widest = 0;
    for (int i = 0; i < count(); ++i)
        widest = std::max(widest, m_group.button(i)->minimumSizeHint().width());
    return {widest * count(), sizeHint().height()};
}

void SegmentedControl::setCurrent(int choice) {
    m_last = choice;
    m_group.button(choice)->setChecked(true);
    setFocusProxy(m_group.button(choice));
}

void SegmentedControl::setProblem(int choice, const QString &reason) {
    QAbstractButton *segment = m_group.button(choice);
    segment->setEnabled(reason.isEmpty());
    segment->setToolTip(reason);
    segment->setProperty("reason", reason);
}

QString SegmentedControl::problem(int choice) const { return m_group.button(choice)->property("reason").toString(); }

} // namespace nibblescope
