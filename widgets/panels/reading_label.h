// SPDX-License-Identifier: GPL-3.0-or-later
// The reading: one or two computed sentences above each plot area, 15 px semibold, at most two lines.
#pragma once

#include <vector>

#include <QStringList>
#include <QWidget>

namespace nibblescope {

class ThemedLabel;

class ReadingLabel : public QWidget {
    Q_OBJECT
public:
    static constexpr int lines = 2;

    explicit ReadingLabel(QWidget *parent = nullptr);

    struct Link {
        QString text; // "Quantize it anyway"
        QString id;   // what linkActivated() is emitted with
    };
    // Clauses in the order of their weight: as many as fit into two lines are shown (the first one always), the whole
    // is the tooltip and the accessible description.
    void setReading(const QStringList &clauses, const std::vector<Link> &links = {});
    // While the next one is computed the last stays, in the second text colour.
    void setPending(bool pending);
    bool pending() const { return m_pending; }
    QString text() const;                         // all clauses
    QString shownText() const { return m_shown; } // those that fit

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

Q_SIGNALS:
    void linkActivated(const QString &id);

protected:
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    void fit();
    int linesOf(const QString &text, int width) const;

    ThemedLabel *m_body;
    QStringList m_clauses;
    std::vector<Link> m_links;
    QString m_shown;
    bool m_pending = false;
};

} // namespace nibblescope
