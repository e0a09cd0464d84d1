// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/message_bar.h"

#include <algorithm>

#include <QAccessible>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>
#include <QTextLayout>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include "widgets/panels/message_bar_row.h"

namespace nibblescope {

MessageArea::MessageArea(QWidget *parent) : QWidget(parent), m_layout(new QVBoxLayout(this)), m_more(new QToolButton) {
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(0);
    m_more->setAutoRaise(true);
    m_more->hide();
    m_layout->addWidget(m_more, 0, Qt::AlignLeft);
    connect(m_more, &QToolButton::clicked, this, [this] {
        m_all = !m_all;
        arrange();
    });
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    setAccessibleName(tr("Messages"));
}

int MessageArea::show(Message message) {
    const int id = m_nextId++;
    const QString topic = message.topic;
    auto *bar = new MessageBar(std::move(message), id, this);
    connect(bar, &MessageBar::closed, this, &MessageArea::close);
    const auto same = std::find_if(m_bars.begin(), m_bars.end(), [&](const MessageBar *old) {
        return !topic.isEmpty() && old->message().topic == topic;
    });
    if (same != m_bars.end()) {
        m_layout->removeWidget(*same);
        (*same)->hide();
        (*same)->deleteLater();
        *same = bar;
    } else {
        m_bars.insert(m_bars.begin(), bar);
    }
    arrange();
    bar->start(m_infoMilliseconds);
    QAccessibleEvent alert(bar, QAccessible::Alert);
    QAccessible::updateAccessibility(&alert);
    Q_EMIT countChanged(count());
    return id;
}

void MessageArea::close(int id) {
    const auto at = std::find_if(m_bars.begin(), m_bars.end(), [&](const MessageBar *bar) { return bar->id() == id; });
    if (at == m_bars.end())
        return;
    MessageBar *bar = *at;
    m_bars.erase(at);
    m_layout->removeWidget(bar);
    bar->hide();
    bar->deleteLater(); // it may be the sender
    arrange();
    Q_EMIT countChanged(count());
}

void MessageArea::closeTopic(const QString &topic) {
    std::vector<int> ids;
    for (const MessageBar *bar : m_bars) {
        if (bar->message().topic == topic)
            ids.push_back(bar->id());
    }
    for (const int id : ids)
        close(id);
}

void MessageArea::clear() {
    while (!m_bars.empty())
        close(m_bars.front()->id());
}

QStringList MessageArea::texts() const {
    QStringList texts;
    for (const MessageBar *bar : m_bars)
        texts << bar->plainText();
    return texts;
}

void MessageArea::setInfoMilliseconds(int milliseconds) { m_infoMilliseconds = milliseconds; }

// Newest on top; beyond three the rest is told as a number, which a click opens.
void MessageArea::arrange() {
    const int rest = count() - shownAtOnce;
    m_all = m_all && rest > 0;
    for (int i = 0; i < count(); ++i) {
        MessageBar *bar = m_bars[static_cast<std::size_t>(i)];
        m_layout->insertWidget(i, bar);
        bar->setVisible(m_all || i < shownAtOnce);
    }
    m_more->setVisible(rest > 0);
    m_more->setText(m_all ? tr("Show three") : tr("%1 more").arg(rest));
    m_more->setAccessibleDescription(tr("Older messages"));
    updateGeometry();
}

} // namespace nibblescope
