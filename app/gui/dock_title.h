// SPDX-License-Identifier: GPL-3.0-or-later
// The title bar of a dock: its name, what it is about in the second text colour, float and close.
#pragma once

#include <QWidget>

class QDockWidget;
class QLabel;

namespace nibblescope {

class DockTitle : public QWidget {
    Q_OBJECT
public:
    explicit DockTitle(QDockWidget *dock);
    void setSubject(const QString &subject); // "layers.0.mlp.down_proj"; elided where it has no room

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    QDockWidget *m_dock;
    QString m_subject;
};

} // namespace nibblescope
