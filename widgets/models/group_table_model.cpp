// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/group_table_model.h"

#include "core/report/number_text.h"
#include "widgets/theme/theme.h"

namespace nibblescope {

namespace {

constexpr int decimals = 4;

QString fixed(double value) { return QString::fromStdString(fixedText(value, decimals)); }

// With a sign, so that columns of errors read well.
QString signedFixed(double value) { return value > 0 ? QStringLiteral("+") + fixed(value) : fixed(value); }

} // namespace

void GroupTableModel::setTable(GroupTable table, bool wholeBytes) {
    beginResetModel();
    m_table = std::move(table);
    m_wholeBytes = wholeBytes;
    endResetModel();
}

void GroupTableModel::setSelectedCode(std::optional<unsigned> code) {
    m_code = code;
    if (rowCount() > 0)
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, ColumnCount - 1));
}

int GroupTableModel::rowCount(const QModelIndex &parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_table.rows.size());
}

int GroupTableModel::columnCount(const QModelIndex &parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant GroupTableModel::data(const QModelIndex &index, int role) const {
    const GroupTable::Row &row = m_table.rows[static_cast<std::size_t>(index.row())];
    switch (role) {
    case Qt::TextAlignmentRole:
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    case ByteRole:
        return row.byte;
    case HighNibbleRole:
        return m_wholeBytes ? -1 : row.highNibble ? 1 : 0;
    case ErrorShareRole:
        return m_table.largestError > 0 ? row.error / m_table.largestError : 0.0;
    case SelectedCodeRole:
        return m_code && *m_code == row.nibble;
    case Qt::FontRole:
        return m_code && *m_code == row.nibble ? QVariant(currentTheme().font(FontRole::Title)) : QVariant();
    case Qt::ToolTipRole:
        return index.column() == Weight || index.column() == Dequantized
                   ? QString::number(static_cast<double>(index.column() == Weight ? row.weight : row.dequantized), 'g',
                                     9)
                   : QVariant();
    case Qt::DisplayRole:
        break;
    default:
        return {};
    }
    switch (index.column()) {
    case Index:
        return QString::number(row.index);
    case Weight:
        return fixed(static_cast<double>(row.weight));
    case Normalised:
        return fixed(row.normalised);
    case Code:
        return QString::number(row.code).replace(QLatin1Char('-'), QChar(0x2212));
    case Byte:
        return QStringLiteral("%1").arg(row.byte, 2, 16, QLatin1Char('0')).toUpper();
    case Level:
        return fixed(row.level);
    case Dequantized:
        return fixed(static_cast<double>(row.dequantized));
    case Error:
        return signedFixed(row.error);
    default:
        return {};
    }
}

QVariant GroupTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole) {
        const QString tips[] = {
            tr("Position in the group"),
            tr("The weight as the file holds it, as F32"),
            tr("Weight divided by the group's scale"),
            tr("The stored code"),
            tr("The stored byte in hex; this weight's half is marked: the first weight of two is in "
               "the high nibble"),
            tr("What the code stands for, in units of the scale"),
            tr("Level times scale: what a program that loads the file computes with"),
            tr("Dequantized less weight")};
        return tips[section];
    }
    if (role != Qt::DisplayRole)
        return {};
    const QString titles[] = {tr("i"),    tr("weight"), tr("weight / scale"), tr("code"),
                              tr("byte"), tr("level"),  tr("dequantized"),    tr("error")};
    return titles[section];
}

} // namespace nibblescope
