// SPDX-License-Identifier: GPL-3.0-or-later
// Between the session and one page: takes what the page shows out of the session, has the expensive part of it computed
// by a job, and hands the result over.
#pragma once

#include <QObject>

#include "app/session/session.h"
#include "widgets/pages/page_widget.h"

namespace nibblescope {

class Presenter : public QObject {
    Q_OBJECT
public:
    Presenter(Session &session, std::string pageId, QObject *parent = nullptr)
        : QObject(parent), m_session(session), m_pageId(std::move(pageId)) {}

    virtual PageWidget &page() = 0;
    // Shows the present state; called whenever it changed while the page is seen, and when it comes to be seen.
    virtual void refresh() = 0;
    virtual bool isComputing() const { return false; }
    // A job that a person may want to stop.
    virtual bool canBeCancelled() const { return false; }
    virtual void cancel() {}
    // A link of a plot or of the reading that only this page understands. False: not its own.
    virtual bool follow(const QString & /*link*/) { return false; }

Q_SIGNALS:
    void computingChanged();
    void messageRaised(const nibblescope::Message &message);

protected:
    Session &session() { return m_session; }
    const Session &session() const { return m_session; }
    const std::string &pageId() const { return m_pageId; }
    QString slot() const { return QStringLiteral("page.") + QString::fromStdString(m_pageId); }

    // Options of the page travel through the session: undo covers them.
    void connectOptions(PageWidget &page);
    // What pages of one tensor show while there is no view of it: a placeholder, or a pending reading. True: there is.
    bool tensorIsThere(PageWidget &page);
    std::vector<ReadingLabel::Link> keptLinks(const TensorResult &result) const;

private:
    Session &m_session;
    std::string m_pageId;
};

} // namespace nibblescope
