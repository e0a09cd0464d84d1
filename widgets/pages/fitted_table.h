// SPDX-License-Identifier: GPL-3.0-or-later
// A small table that is as high as its rows: part of a page, without scroll bars of its own.
#pragma once

#include <QTableWidget>

#include <vector>

namespace nibblescope {

struct FittedColumn {
    QString title;
    bool number = false;  // right-aligned, digits of equal width
    bool stretch = false; // takes what is left
    bool muted = false;   // in the second text colour
};

class FittedTable : public QTableWidget {
    Q_OBJECT
public:
    FittedTable(const QString &name, std::vector<FittedColumn> columns, QWidget *parent = nullptr);

    struct Cell {
        QString text;
        QString toolTip;
        int mark = 0; // 1: good, with a tick; -1: not good, with a cross
    };
    // `bold`: the row of a sum.
    void setRows(const std::vector<std::vector<Cell>> &rows, int boldRow = -1);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void changeEvent(QEvent *event) override;

private:
    class Filling;
    void setResizeModes();
    void restyle();

    std::vector<FittedColumn> m_columns;
    int m_boldRow = -1;
};

} // namespace nibblescope
