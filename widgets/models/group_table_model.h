// SPDX-License-Identifier: GPL-3.0-or-later
// The weights of one group as a table: weight, weight / scale, code, byte, level, dequantized, error.
#pragma once

#include <QAbstractTableModel>

#include <optional>

#include "core/report/figures_bins.h"

namespace nibblescope {

class GroupTableModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Index, Weight, Normalised, Code, Byte, Level, Dequantized, Error, ColumnCount };
    enum Role {
        ByteRole = Qt::UserRole, // unsigned
        HighNibbleRole,          // 1: the high one is this weight's, 0: the low one, -1: the whole byte
        ErrorShareRole,          // double, -1 ... 1: of the largest in the group
        SelectedCodeRole,        // bool
    };

    explicit GroupTableModel(QObject *parent = nullptr) : QAbstractTableModel(parent) {}
    void setTable(GroupTable table, bool wholeBytes);
    void setSelectedCode(std::optional<unsigned> code);
    const GroupTable &table() const { return m_table; }

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override;
    QVariant data(const QModelIndex &index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
    GroupTable m_table;
    bool m_wholeBytes = false;
    std::optional<unsigned> m_code;
};

} // namespace nibblescope
