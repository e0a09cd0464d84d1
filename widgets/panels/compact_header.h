// SPDX-License-Identifier: GPL-3.0-or-later
// A table header for columns as narrow as their numbers: 4 px of padding, the sort arrow above the text rather than
// beside it.
#pragma once

#include <QHeaderView>

namespace nibblescope {

class CompactHeader : public QHeaderView {
    Q_OBJECT
public:
    explicit CompactHeader(QWidget *parent = nullptr);
    // Room beside the text of the first and the last section, where a table has a margin.
    void setSideMargin(int pixels) { m_sideMargin = pixels; }

    QSize sizeHint() const override;

protected:
    void paintSection(QPainter *painter, const QRect &rect, int section) const override;

private:
    int m_sideMargin = 4;
};

} // namespace nibblescope
