// SPDX-License-Identifier: GPL-3.0-or-later
// The content of the dock *Numbers*: the error numbers of one tensor, or of several together, and their differences
// from the baseline.
#pragma once

#include <optional>
#include <vector>

#include <QAbstractTableModel>
#include <QWidget>

#include "core/analysis/results.h"

class QLabel;
class QTableView;

namespace nibblescope {

// One column of numbers: of a tensor, or joint ones (one sum of signal and one of error, never a mean of dB).
struct NumbersSource {
    QString title;  // "layers.0.mlp.down_proj", "5 tensors"
    QString recipe; // short form; empty where nothing is quantized
    std::optional<ErrorMetrics> metrics;
    QString noMetrics; // why there are none: "rank 1", "the original is not open", "computing"
    std::optional<double> bpw;
    std::uint64_t bytes = 0; // as stored with this recipe
    std::optional<double> kurtosis;
    std::uint64_t weights = 0;
    std::uint64_t groups = 0;
    std::uint64_t zeroGroups = 0; // groups of zeros only, told in a tooltip
    unsigned codes = 16;          // that the format has
    bool sample = false;
    std::uint64_t sampled = 0;

    bool operator==(const NumbersSource &) const = default;
};
NumbersSource numbersOf(const TensorResult &result);
// Totals over the quantized ones that have metrics.
NumbersSource numbersOf(const std::vector<TensorResult> &results);

class NumbersModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Row {
        Sqnr,
        RelativeError,
        Rmse,
        Mse,
        Cosine,
        MaxError,
        Clipped,
        UsedCodes,
        Entropy,
        Bpw,
        Size,
        Kurtosis,
        Rows
    };
    enum Role { MutedRole = Qt::UserRole, BetterRole /* int: 1 better, -1 worse, 0 neither */, StrongRole };

    explicit NumbersModel(QObject *parent = nullptr);
    // Whether they are others than before.
    bool setNumbers(std::optional<NumbersSource> current, std::optional<NumbersSource> baseline);
    const std::optional<NumbersSource> &current() const { return m_current; }
    const std::optional<NumbersSource> &baseline() const { return m_baseline; }
    QString csv() const;            // all rows, C locale
    QString rowText(int row) const; // "SQNR 20.75 dB, +1.42 dB vs INT4 64"

    int rowCount(const QModelIndex &parent = {}) const override;
    int columnCount(const QModelIndex &parent = {}) const override; // 2, 3 with a baseline
    QVariant data(const QModelIndex &index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    QString differenceOf(int row) const;

    std::optional<NumbersSource> m_current;
    std::optional<NumbersSource> m_baseline;
};

class NumbersPanel : public QWidget {
    Q_OBJECT
public:
    explicit NumbersPanel(QWidget *parent = nullptr);

    // nullopt: no model open, or nothing selected (`emptyText` says which).
    void setNumbers(std::optional<NumbersSource> current, std::optional<NumbersSource> baseline = std::nullopt);
    void setEmptyText(const QString &text);
    // For the dock's title, beside the word "Numbers": the tensor, "sample, 1 in 64".
    QString title() const;
    const NumbersModel &model() const { return *m_model; }

Q_SIGNALS:
    void titleChanged(const QString &title);

protected:
    void changeEvent(QEvent *event) override;
    void showEvent(QShowEvent *event) override;

private:
    void showNumbers();
    void showContextMenu(const QPoint &position);
    void updateFootnote();
    void fitColumns();
    void applyRowHeight();

    NumbersModel *m_model;
    QTableView *m_table;
    QLabel *m_footnote;
    QLabel *m_empty;
};

} // namespace nibblescope
