// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/document_jobs.h"

#include <QFileInfo>

#include <numeric>
#include <span>
#include <utility>

#include "app/gui/pdf_report.h"
#include "app/gui/plot_files.h"
#include "app/session/claim_evidence.h"
#include "core/io/atomic_file.h"
#include "core/io/export.h"
#include "core/report/number_text.h"

namespace nibblescope {

namespace {

const QString slot = QStringLiteral("document");

std::vector<std::size_t> indicesOf(const Model &model, const std::vector<int> &tensors) {
    if (!tensors.empty())
        return {tensors.begin(), tensors.end()};
    std::vector<std::size_t> all(model.tensors.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
}

std::string summaryText(const ExportSummary &summary) {
    std::string text = bytesText(static_cast<double>(summary.fileBytes)) + ", " + countText(summary.quantizedTensors) +
                       (summary.quantizedTensors == 1 ? " tensor" : " tensors");
    if (summary.quantizedParams > 0)
        text +=
            " at " +
            withUnit(bpwText(static_cast<double>(summary.bits.total()) / static_cast<double>(summary.quantizedParams)),
                     "bpw");
    return text;
}

void writeText(const QString &path, const std::string &text) {
    AtomicFile file(path.toStdString());
    file.write(std::as_bytes(std::span(text)));
    file.commit();
}

} // namespace

DocumentJobs::DocumentJobs(Session &session, QObject *parent) : QObject(parent), m_session(session) {}

void DocumentJobs::write(const QString &path, Write work) {
    if (const QString reason = m_session.reasonNotWhole(); !reason.isEmpty()) {
        Q_EMIT messageRaised({Severity::Warning, reason, {}, {}, false});
        return;
    }
    m_busy = true;
    m_name = tr("Writing %1").arg(QFileInfo(path).fileName());
    m_progress = {};
    m_session.runner().start(
        slot, Queue::Batch,
        [work = std::move(work)](const Work &surroundings, const Post &) { return work(surroundings); },
        JobHandlers<std::string>{[this, path](const std::shared_ptr<const std::string> &text) {
                                     end(path, true, QString::fromStdString(*text));
                                 },
                                 [this, path](const JobFailure &failure) {
                                     end(path, false,
                                         failure.stopped() ? QString() : QString::fromStdString(failure.text));
                                 },
                                 [this](const Progress &progress) {
                                     m_progress = progress;
                                     Q_EMIT changed();
                                 }});
    Q_EMIT changed();
}

void DocumentJobs::end(const QString &path, bool written, const QString &text) {
    m_busy = false;
    const QString file = QFileInfo(path).fileName();
    if (written)
        Q_EMIT messageRaised(writtenMessage(path, text));
    else if (text.isEmpty())
        Q_EMIT messageRaised({Severity::Info, tr("`%1` was not written: stopped.").arg(file), {}, {}, false});
    else
        Q_EMIT messageRaised({Severity::Error, text, {}, {}, false});
    Q_EMIT changed();
    Q_EMIT finished(path, written);
}

void DocumentJobs::cancel() { m_session.runner().requestStop(slot); }

void DocumentJobs::exportQuantized(const QString &path, const std::vector<int> &tensors) {
    const auto model = m_session.model();
    write(path, [model, plan = m_session.plan(), prepare = m_session.calibration().preparation(),
                 path = path.toStdString(), indices = indicesOf(*model, tensors)](const Work &work) {
        return summaryText(nibblescope::exportQuantized(*model, indices, prepare(plan, work), path, work)) +
               ", read back and equal";
    });
}

void DocumentJobs::exportDequantized(const QString &path, const QString &dequantType) {
    const auto model = m_session.model();
    std::optional<DType> type;
    if (!dequantType.isEmpty())
        type = dtypeFromName(dequantType.toStdString());
    write(path, [model, plan = m_session.plan(), prepare = m_session.calibration().preparation(),
                 path = path.toStdString(), type, indices = indicesOf(*model, {})](const Work &work) {
        return summaryText(nibblescope::exportDequantized(*model, indices, prepare(plan, work), path, type, work));
    });
}

// Everything that a report or a table says: the missing tensors are measured first, in the same job.
DocumentJobs::Write DocumentJobs::withReport(std::function<std::string(const Report &, const Work &)> then) const {
    const auto model = m_session.model();
    std::vector<std::optional<TensorResult>> known;
    for (std::size_t i = 0; i < model->tensors.size(); ++i) {
        const SharedResult result = m_session.result(static_cast<int>(i));
        known.push_back(result ? std::optional(*result) : std::nullopt);
    }
    ReportRequest request;
    request.plan = m_session.plan();
    request.warnings = model->warnings;
    if (!m_session.isStored()) {
        AccuracyInput accuracy;
        if (const auto text = m_session.accuracy().lastText())
            accuracy = accuracyInput(m_session, *text);
        request.evidence = claimEvidence(m_session, accuracy); // what weights alone tell, the report adds
        if (!accuracy.results.empty() || !accuracy.others.empty())
            request.accuracy = std::move(accuracy);
    }
    return [model, known = std::move(known), request, then = std::move(then),
            prepare = m_session.calibration().preparation()](const Work &work) mutable {
        std::vector<TensorResult> results;
        std::uint64_t done = 0;
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < known.size(); ++i)
            total += known[i] ? 0 : model->tensors[i].bytes;
        if (total > 0)
            request.plan = prepare(request.plan, work);
        Work quiet = work;
        quiet.progress = {};
        for (std::size_t i = 0; i < known.size(); ++i) {
            if (known[i]) {
                results.push_back(*known[i]);
                continue;
            }
            results.push_back(analyzeTensor(*model, i, request.plan, quiet));
            done += model->tensors[i].bytes;
            work.report({done, total, model->tensors[i].name});
        }
        return then(makeReport(*model, std::move(results), request, quiet), quiet);
    };
}

void DocumentJobs::writeTable(const QString &path) {
    write(path, withReport([path](const Report &report, const Work &) {
              const bool json = path.endsWith(QLatin1String(".json"), Qt::CaseInsensitive);
              writeText(path, json ? jsonText(toJson(report)) : toCsv(report.results));
              return countText(report.results.size()) + " tensors";
          }));
}

void DocumentJobs::writeReport(const QString &path) {
    write(path, withReport([path](const Report &report, const Work &) {
              if (path.endsWith(QLatin1String(".pdf"), Qt::CaseInsensitive))
                  writePdf(report, path);
              else
                  writeText(path, toHtml(report));
              return bytesText(static_cast<double>(QFileInfo(path).size()));
          }));
}

} // namespace nibblescope
