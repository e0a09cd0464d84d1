// SPDX-License-Identifier: GPL-3.0-or-later
// One group of weights: which one, its scale and SQNR, and the table of its weights down to the bytes.
#pragma once

#include <QWidget>

#include "core/report/figures_bins.h"

class QLabel;
class QPushButton;
class QSpinBox;
class QStackedWidget;
class QTableView;
class QToolButton;

namespace nibblescope {

class GroupTableModel;

class GroupPanel : public QWidget {
    Q_OBJECT
public:
    explicit GroupPanel(QWidget *parent = nullptr);

    // The bar of errors is drawn in the format's colour.
    void setTable(const GroupTable &table, Format format);
    // In place of the table: why there is none.
    void setNote(const QString &note, std::uint64_t groups, std::uint64_t group);
    void setSelectedCode(std::optional<unsigned> code);
    const GroupTable &table() const;

Q_SIGNALS:
    void groupChosen(quint64 group);
    void worstRequested();
    void codeChosen(unsigned nibble);
    void readoutChanged(const QString &text);

private:
    void buildRow();
    void showGroup(std::uint64_t group, std::uint64_t groups);
    void selectedRowChanged(int row);

    GroupTableModel *m_model;
    QWidget *m_row = nullptr;
    QToolButton *m_previous = nullptr;
    QSpinBox *m_number = nullptr;
    QToolButton *m_next = nullptr;
    QLabel *m_of = nullptr;
    QLabel *m_text = nullptr;
    QPushButton *m_worst = nullptr;
    QTableView *m_view = nullptr;
    QLabel *m_note = nullptr;
    QStackedWidget *m_stack = nullptr;
    Format m_format = Format::None;
};

} // namespace nibblescope
