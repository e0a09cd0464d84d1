// SPDX-License-Identifier: GPL-3.0-or-later
// Measures many tensors of a model in the background, one after another, and says how far it is. Used for the
// whole-model run and for filling in statistics.
#pragma once

#include <QElapsedTimer>
#include <QObject>

#include <memory>
#include <optional>
#include <vector>

#include "app/jobs/job_runner.h"
#include "app/session/calibration.h"
#include "app/session/result_store.h"
#include "app/session/run_queue.h"
#include "core/analysis/analyze.h"

namespace nibblescope {

class ModelRun : public QObject {
    Q_OBJECT

public:
    // `slot` names the job.
    ModelRun(JobRunner &runner, QString slot, QObject *parent = nullptr);

    struct Request {
        std::shared_ptr<const Model> model;
        ModelPlan plan;
        std::vector<std::size_t> tensors;    // what is still to be measured, in this order
        std::vector<std::size_t> afterwards; // with the baseline's plan, once all others are done
        std::optional<ModelPlan> afterwardsPlan;
        PreparePlan prepare;         // of `plan`; empty: it is ready
        std::size_t alreadyDone = 0; // counted in what is said of the progress
    };
    // A running one is replaced; its finished tensors have been delivered.
    void start(Request request);
    void stop(); // keeps what is finished; `ended(false)` follows
    void drop(); // at once and silently

    bool isRunning() const { return m_running; }
    void prefer(std::size_t tensor); // next
    void skip(std::size_t tensor);   // measured elsewhere: counts as done
    const ModelPlan &plan() const { return m_plan; }

    struct Status {
        std::size_t done = 0;
        std::size_t total = 0;
        std::uint64_t bytesDone = 0;
        std::uint64_t bytes = 0;
        double elapsedSeconds = 0;
        std::size_t doneHere = 0; // since the start, for the time left
    };
    Status status() const;

Q_SIGNALS:
    void resultReady(int tensor, nibblescope::SharedResult result);
    void progressed();
    void prepared(const nibblescope::ModelPlan &plan);
    // `complete` is false after a stop or an error; `problems` are sentences, one a tensor that could not be measured.
    void ended(bool complete, const std::vector<std::string> &problems);

private:
    void finish(bool complete, std::vector<std::string> problems);

    JobRunner &m_runner;
    QString m_slot;
    bool m_running = false;
    ModelPlan m_plan;
    std::shared_ptr<RunQueue> m_queue;
    std::shared_ptr<const Model> m_model;
    QElapsedTimer m_elapsed;
    Status m_status;
    std::uint64_t m_tensorBytesDone = 0; // of the tensor under way
};

} // namespace nibblescope
