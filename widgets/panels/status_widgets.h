// SPDX-License-Identifier: GPL-3.0-or-later
// What stands in the status bar: the job that runs, and the machine.
#pragma once

#include <cstdint>
#include <optional>

#include <QWidget>

class QLabel;
class QProgressBar;
class QPushButton;

namespace nibblescope {

// Name, a bar of 160 px, "21 of 35 · 4 s left", Cancel. Hidden while nothing runs.
class JobStatus : public QWidget {
    Q_OBJECT
public:
    explicit JobStatus(QWidget *parent = nullptr);

    void start(const QString &name);
    // `done` of `total` in units that fill the bar; `text` is what is said of it ("21 of 35"). The time left appears
    // once it is known (see TimeLeft).
    void setProgress(std::uint64_t done, std::uint64_t total, const QString &text, std::optional<double> secondsLeft);
    void finish();
    QString text() const;

Q_SIGNALS:
    void cancelRequested();

private:
    QLabel *m_name;
    QProgressBar *m_bar;
    QLabel *m_text;
    QPushButton *m_cancel;
};

// The time left of a run, from bytes done: known after 3 tensors and 1 s.
class TimeLeft {
public:
    std::optional<double> seconds(double elapsed, int tensorsDone, std::uint64_t bytesDone, std::uint64_t bytes) const;
};

// "AVX2 · 2 threads" and the process's memory, "84 MiB".
class MachineStatus : public QWidget {
    Q_OBJECT
public:
    explicit MachineStatus(QWidget *parent = nullptr);
    void setMachine(const QString &instructionSet, int threads, const QString &toolTip);
    void setMemory(std::uint64_t bytes);

private:
    QLabel *m_machine;
    QLabel *m_memory;
};

} // namespace nibblescope
