// SPDX-License-Identifier: GPL-3.0-or-later
// What a calibration is to be made from: a non-modal window of one page.
#pragma once

#include <QWidget>

class QCheckBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace nibblescope {

class CalibratePanel : public QWidget {
    Q_OBJECT
public:
    explicit CalibratePanel(QWidget *parent = nullptr);

    void setText(const QString &path);
    void setTarget(const QString &path);
    void setContext(int tokens);
    QString text() const;
    QString target() const;
    int context() const;
    int windows() const;
    bool fromEnd() const;
    // Why it cannot be started; empty: it can.
    void setProblem(const QString &reason);

Q_SIGNALS:
    void textRequested();
    void targetRequested();
    void calibrateRequested();

private:
    QLineEdit *addFile(class QFormLayout *form, const QString &label, const QString &tip,
                       void (CalibratePanel::*asked)());
    void refresh();

    QLineEdit *m_text = nullptr;
    QLineEdit *m_target = nullptr;
    QSpinBox *m_context = nullptr;
    QSpinBox *m_windows = nullptr;
    QCheckBox *m_fromEnd = nullptr;
    QLabel *m_note = nullptr;
    QPushButton *m_start = nullptr;
    QString m_problem;
};

} // namespace nibblescope
