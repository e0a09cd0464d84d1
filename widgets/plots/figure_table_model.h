// SPDX-License-Identifier: GPL-3.0-or-later
// The table twin of a plot: a figure's data as a sortable model.
#pragma once

#include "core/report/figure.h"

#include <QAbstractTableModel>

namespace nibblescope {

class FigureTableModel : public QAbstractTableModel {
    Q_OBJECT
public:
    // The value itself, for sorting: a double, else the text.
    static constexpr int sortRole = Qt::UserRole + 1;

    explicit FigureTableModel(QObject *parent = nullptr);
    void setTable(FigureTable table);

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    const FigureTable::Cell *cell(const QModelIndex &index) const;
    bool isNumeric(int column) const;

    FigureTable m_table;
};

} // namespace nibblescope
