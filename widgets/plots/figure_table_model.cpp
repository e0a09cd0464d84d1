// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/figure_table_model.h"

#include "core/report/number_text.h"

#include <QLocale>

#include <algorithm>
#include <cmath>
#include <limits>

namespace nibblescope {
namespace {

QString toText(const std::string &text) { return QString::fromStdString(text); }

// Whole numbers are counts and shown exactly.
QString numberText(double value) {
    constexpr double exactLimit = 9007199254740992.0;
    if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < exactLimit) {
        const std::string text = countText(static_cast<std::uint64_t>(std::abs(value)));
        return toText(value < 0 ? "\u2212" + text : text);
    }
    return toText(valueText(value));
}

} // namespace

FigureTableModel::FigureTableModel(QObject *parent) : QAbstractTableModel(parent) {}

void FigureTableModel::setTable(FigureTable table) {
    beginResetModel();
    m_table = std::move(table);
    endResetModel();
}

int FigureTableModel::rowCount(const QModelIndex &parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_table.rows.size());
}

int FigureTableModel::columnCount(const QModelIndex &parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_table.columns.size());
}

const FigureTable::Cell *FigureTableModel::cell(const QModelIndex &index) const {
    if (!index.isValid() || index.row() < 0 || static_cast<std::size_t>(index.row()) >= m_table.rows.size())
        return nullptr;
    const auto &row = m_table.rows[static_cast<std::size_t>(index.row())];
    const auto column = static_cast<std::size_t>(index.column());
    return column < row.size() ? &row[column] : nullptr;
}

bool FigureTableModel::isNumeric(int column) const {
    return std::any_of(m_table.rows.begin(), m_table.rows.end(), [column](const auto &row) {
        return static_cast<std::size_t>(column) < row.size() && row[static_cast<std::size_t>(column)].number;
    });
}

QVariant FigureTableModel::data(const QModelIndex &index, int role) const {
    const FigureTable::Cell *what = cell(index);
    if (what == nullptr)
        return {};
    switch (role) {
    case Qt::DisplayRole:
        return what->number ? numberText(*what->number) : toText(what->text);
    case Qt::ToolTipRole:
        return what->number
                   ? QVariant(QLocale().toString(*what->number, 'g', std::numeric_limits<double>::max_digits10))
                   : QVariant();
    case Qt::TextAlignmentRole:
        return QVariant::fromValue((what->number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case sortRole:
        return what->number ? QVariant(*what->number) : QVariant(toText(what->text));
    default:
        return {};
    }
}

QVariant FigureTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || static_cast<std::size_t>(section) >= m_table.columns.size())
        return {};
    if (role == Qt::DisplayRole)
        return toText(m_table.columns[static_cast<std::size_t>(section)]);
    if (role == Qt::TextAlignmentRole)
        return QVariant::fromValue((isNumeric(section) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    return {};
}

} // namespace nibblescope
