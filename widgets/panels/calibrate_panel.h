// SPDX-License-Identifier: GPL-3.0-or-later
// What a calibration is to be made from: a non-modal window of one page.
#pragma once

#include <QWidget>

class QCheckBox;
class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace nibblescope {

class CalibratePanel : public QWidget {
    Q_OBJECT
public:
    explicit CalibratePanel(QWidget *parent = nullptr);

    // From inputs that another program wrote, in place of the model on a text.
    void setImports(bool imports);
    bool imports() const;
    void setText(const QString &path);
    void setFolder(const QString &path);
    void setTarget(const QString &path);
    void setContext(int tokens);
    QString text() const;
    QString folder() const;
    QString target() const;
    int context() const;
    int windows() const;
    bool fromEnd() const;
    // Why it cannot be started; empty: it can.
    void setProblem(const QString &reason);
    // Why the model cannot be run on a text; empty: it can.
    void setNotRun(const QString &reason);

Q_SIGNALS:
    void textRequested();
    void folderRequested();
    void targetRequested();
    void calibrateRequested();

private:
    QLineEdit *addFile(const QString &label, const QString &tip, void (CalibratePanel::*asked)());
    void showRows();
    void refresh();

    QFormLayout *m_form = nullptr;
    QComboBox *m_source = nullptr;
    QLineEdit *m_text = nullptr;
    QLineEdit *m_folder = nullptr;
    QLineEdit *m_target = nullptr;
    QSpinBox *m_context = nullptr;
    QSpinBox *m_windows = nullptr;
    QCheckBox *m_fromEnd = nullptr;
    QLabel *m_note = nullptr;
    QPushButton *m_start = nullptr;
    QString m_problem;
    QString m_notRun;
};

} // namespace nibblescope
