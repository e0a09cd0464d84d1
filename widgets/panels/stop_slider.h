// SPDX-License-Identifier: GPL-3.0-or-later
// A slider over named stops: the ticks and, where they have room, the names stand under it. A value between stops is
// drawn there with a hollow handle.
#pragma once

#include <optional>

#include <QSlider>
#include <QStringList>

namespace nibblescope {

class StopSlider : public QSlider {
    Q_OBJECT
public:
    // `always`: names that are written in any case, the others where there is room for all.
    StopSlider(const QStringList &stops, const QList<int> &always, QWidget *parent = nullptr);

    void setStop(int stop);           // emits nothing
    void setBetween(double position); // 2.5: half way between the third and the fourth stop

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

Q_SIGNALS:
    void stopChosen(int stop); // by the user

protected:
    void paintEvent(QPaintEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mouseReleaseEvent(QMouseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void wheelEvent(QWheelEvent *event) override;

private:
    double xOf(double stop) const;
    int nearest(double x) const;
    void choose(int stop);

    QStringList m_stops;
    QList<int> m_always;
    std::optional<double> m_between;
};

} // namespace nibblescope
