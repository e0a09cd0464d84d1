// SPDX-License-Identifier: GPL-3.0-or-later
// Writing files: quantized and dequantized models, tables, reports. One at a time, in the background; what a file needs
// and is not measured yet is measured first, as part of the same job.
#pragma once

#include <QObject>
#include <QString>

#include "app/session/session.h"
#include "core/report/report.h"

namespace nibblescope {

class DocumentJobs : public QObject {
    Q_OBJECT
public:
    explicit DocumentJobs(Session &session, QObject *parent = nullptr);

    // `tensors` empty: all of the model.
    void exportQuantized(const QString &path, const std::vector<int> &tensors);
    void exportDequantized(const QString &path, const QString &dequantType);
    void writeTable(const QString &path);  // CSV or JSON by its ending
    void writeReport(const QString &path); // HTML; PDF is drawn by the pages
    void cancel();

    bool isBusy() const { return m_busy; }
    const QString &name() const { return m_name; } // "Writing out.h5"
    const Progress &progress() const { return m_progress; }

Q_SIGNALS:
    void changed();
    void messageRaised(const nibblescope::Message &message);
    void finished(const QString &path, bool written);

private:
    using Write = std::function<std::string(const Work &)>; // gives back the sentence of success
    Write withReport(std::function<std::string(const Report &, const Work &)> then) const;
    void write(const QString &path, Write work);
    void end(const QString &path, bool written, const QString &text);

    Session &m_session;
    bool m_busy = false;
    QString m_name;
    Progress m_progress;
};

} // namespace nibblescope
