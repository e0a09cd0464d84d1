// SPDX-License-Identifier: GPL-3.0-or-later
// Messages above the pages: up to three bars, newest on top, then "2 more". Never a modal box.
#pragma once

#include <functional>
#include <vector>

#include <QWidget>

class QTimer;
class QToolButton;
class QVBoxLayout;

namespace nibblescope {

enum class Severity { Info, Warning, Error };

struct MessageAction {
    QString text;
    std::function<void()> run; // the message is closed after it
};

struct Message {
    Severity severity = Severity::Info;
    // What happened, which file and tensor, what to do. `Back-quoted` names are set in bold; everything else is plain.
    QString text;
    std::vector<MessageAction> actions = {}; // at most two are shown
    QString topic = {};                      // a message with the same topic, unless it is empty, is replaced in place
    bool lasting = false;                    // an info that stays until it is closed (it asks something)
};

class MessageBar;

class MessageArea : public QWidget {
    Q_OBJECT
public:
    static constexpr int shownAtOnce = 3;
    static constexpr int infoMilliseconds = 8000;

    explicit MessageArea(QWidget *parent = nullptr);

    using QWidget::show;
    int show(Message message); // a number to close it by
    void close(int id);
    void closeTopic(const QString &topic);
    void clear();
    int count() const { return static_cast<int>(m_bars.size()); }
    QStringList texts() const; // newest first, without the back quotes

    void setInfoMilliseconds(int milliseconds); // for tests

Q_SIGNALS:
    void countChanged(int count);

private:
    void arrange();

    std::vector<MessageBar *> m_bars; // newest first
    QVBoxLayout *m_layout;
    QToolButton *m_more;
    int m_nextId = 1;
    int m_infoMilliseconds = infoMilliseconds;
    bool m_all = false; // "2 more" was pressed
};

} // namespace nibblescope
