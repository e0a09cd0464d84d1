// SPDX-License-Identifier: GPL-3.0-or-later
// One message: stripe and icon of its severity, text of two lines at most, up to two buttons, close.
#pragma once

#include <QWidget>

#include "widgets/panels/message_bar.h"

class QLabel;
class QTimer;
class QToolButton;

namespace nibblescope {

class MessageBar : public QWidget {
    Q_OBJECT
public:
    MessageBar(Message message, int id, QWidget *parent = nullptr);
    int id() const { return m_id; }
    const Message &message() const { return m_message; }
    QString plainText() const;
    void start(int infoMilliseconds); // from now an info closes by itself, unless hovered or focused

Q_SIGNALS:
    void closed(int id);

protected:
    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;
    void enterEvent(QEnterEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    void applyTheme();
    void fitText();

    Message m_message;
    int m_id;
    QLabel *m_text;
    QTimer *m_timer;
};

} // namespace nibblescope
