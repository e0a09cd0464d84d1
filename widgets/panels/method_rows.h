// SPDX-License-Identifier: GPL-3.0-or-later
// What belongs to the method in the recipe's editor: its parameters as indented rows, and the calibration that methods
// with statistics need.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include <QWidget>

#include "core/quant/method_parameters.h"

class QAction;
class QCheckBox;
class QLabel;
class QLineEdit;
class QToolButton;

namespace nibblescope {

// What is known of the model's calibration.
struct CalibrationState {
    QString file;         // its name; empty: none
    QString about;        // "128 windows of 256 tokens", for the tooltip
    QString reasonNotRun; // why this model cannot be run; empty: it can
    bool making = false;

    bool operator==(const CalibrationState &) const = default;
};

class MethodRows : public QWidget {
    Q_OBJECT
public:
    explicit MethodRows(int labelWidth, QWidget *parent = nullptr);

    void setRecipe(const Recipe &recipe); // emits nothing
    void setCalibration(const CalibrationState &state);
    const CalibrationState &calibration() const { return m_state; }
    // Why a method cannot be chosen for want of a calibration or of a model that runs; empty: it can.
    QString reasonNot(const Recipe &recipe) const;
    // The help of a field of these rows; empty: not one of them.
    QString helpOf(const QWidget *field) const;
    std::vector<QWidget *> fields() const;

Q_SIGNALS:
    void edited(const nibblescope::Recipe &recipe);
    void calibrateRequested();
    void importRequested();
    void chooseRequested();
    void forgetRequested();

private:
    struct Row {
        const MethodParameter *parameter = nullptr;
        QLabel *label = nullptr;
        QCheckBox *flag = nullptr;
        QLineEdit *number = nullptr;
    };
    void addParameter(const MethodParameter &parameter);
    void addCalibration();
    void submitNumber(const Row &row);
    void refresh();

    int m_labelWidth;
    Recipe m_recipe;
    CalibrationState m_state;
    std::vector<Row> m_rows;
    QLabel *m_calibrationLabel = nullptr;
    QToolButton *m_calibration = nullptr;
    QAction *m_make = nullptr;
    QAction *m_import = nullptr;
    QAction *m_forget = nullptr;
    std::map<const QWidget *, QString> m_helps;
};

} // namespace nibblescope
