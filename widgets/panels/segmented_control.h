// SPDX-License-Identifier: GPL-3.0-or-later
// A few choices side by side, one of them on: "Along rows | Flat". Single choices can be disabled with a reason.
#pragma once

#include <QAbstractButton>
#include <QButtonGroup>
#include <QWidget>

namespace nibblescope {

class SegmentedControl : public QWidget {
    Q_OBJECT
public:
    explicit SegmentedControl(const QStringList &choices, QWidget *parent = nullptr);

    int count() const { return static_cast<int>(m_group.buttons().size()); }
    int current() const { return m_group.checkedId(); }
    void setCurrent(int choice); // emits nothing
    // Empty: it can be chosen. Otherwise why not, which becomes its tooltip.
    void setProblem(int choice, const QString &reason);
    QString problem(int choice) const;
    QAbstractButton *button(int choice) const { return m_group.button(choice); }

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

Q_SIGNALS:
    void chosen(int choice); // by the user, another one than before

protected:
    void resizeEvent(QResizeEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    void arrange();

    QButtonGroup m_group;
    int m_last = 0;
};

} // namespace nibblescope
