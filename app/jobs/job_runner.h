// SPDX-License-Identifier: GPL-3.0-or-later
// Runs long pieces of work on threads of its own and brings their results to the GUI thread, which never waits.
//
// A job is a function of (inputs, Work). It belongs to a slot, which is named after the view or the task it is for: a
// newer job in a slot cancels the older one, and whatever an older one still delivers is dropped by its generation
// number. Interactive jobs have threads of their own; batch jobs run one after another. Inside a job, loops run on the
// core's one pool with the matching priority.
#pragma once

#include <QObject>
#include <QString>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "core/base/error.h"
#include "core/base/work.h"

namespace nibblescope {

enum class Queue { Interactive, Batch };

// Why a job gave no result. Errors arrive as values: a job never lets an exception out.
struct JobFailure {
    Fault fault = Fault::Machine;
    std::string text; // a sentence that a user can act on, with its full stop
    bool stopped() const { return fault == Fault::Interrupted; }
};

// Hands a closure to the GUI thread while the job goes on: for partial results. Dropped if the job has been replaced
// or dropped by then. May be called from any thread as long as the job runs.
using Post = std::function<void(std::function<void()>)>;

// What happens on the GUI thread. Any may be empty. Exactly one of `done` and `failed` is called for a job that is
// still current; none for one that was replaced or dropped.
template <typename Result>
struct JobHandlers {
    std::function<void(std::shared_ptr<const Result>)> done;
    std::function<void(const JobFailure &)> failed;
    std::function<void(const Progress &)> progress; // at most 20 times a second, the last state always
};

class JobRunner : public QObject {
    Q_OBJECT

public:
    // `threads` as for WorkerPool.
    explicit JobRunner(unsigned threads, const Kernels &kernels, QObject *parent = nullptr);
    ~JobRunner() override; // asks all jobs to stop and joins; nothing is delivered afterwards

    template <typename Body, typename Result = std::invoke_result_t<Body, const Work &, const Post &>>
    void start(const QString &slot, Queue queue, Body body, JobHandlers<Result> handlers = {}) {
        auto done = std::make_shared<std::function<void(std::shared_ptr<const Result>)>>(std::move(handlers.done));
        enqueue(slot, queue,
                {[body = std::move(body), done](const Work &work, const Post &post) -> std::function<void()> {
                     auto result = std::make_shared<const Result>(body(work, post));
                     return [result, done] {
                         if (*done)
                             (*done)(result);
                     };
                 },
                 std::move(handlers.failed), std::move(handlers.progress)});
    }

    // Asks the slot's job to stop; what it has delivered still arrives, then `failed` with Fault::Interrupted.
    void requestStop(const QString &slot);
    // The same, and nothing of it arrives any more.
    void drop(const QString &slot);
    // Before the receivers of results are destroyed while the runner lives on.
    void dropAll();
    bool isActive(const QString &slot) const;
    bool isIdle() const { return m_slots.empty(); }

    unsigned threads() const { return m_pool->threads(); }
    void setThreads(unsigned threads); // for jobs that start from now on
    const Kernels &kernels() const { return *m_kernels; }
    void setKernels(const Kernels &kernels) { m_kernels = &kernels; }

Q_SIGNALS:
    void activityChanged(const QString &slot, bool active);

protected:
    void customEvent(QEvent *event) override;

private:
    struct Job;
    struct Task {
        std::function<std::function<void()>(const Work &, const Post &)> body;
        std::function<void(const JobFailure &)> failed;
        std::function<void(const Progress &)> progress;
    };
    struct Delivery {
        std::shared_ptr<Job> job;
        std::function<void()> call;
        bool last = false;
    };
    struct Lane;

    void enqueue(const QString &slot, Queue queue, Task task);
    void runLane(Lane &lane, const std::stop_token &stop);
    void execute(const std::shared_ptr<Job> &job);
    Work workFor(const std::shared_ptr<Job> &job);
    void deliver(Delivery delivery);
    void ring();
    void drain();
    bool isCurrent(const Job &job) const;

    std::shared_ptr<WorkerPool> m_pool;
    const Kernels *m_kernels;
    std::map<QString, std::shared_ptr<Job>> m_slots; // GUI thread only
    std::uint64_t m_lastGeneration = 0;

    // Results wait here under our own mutex; the event that wakes the GUI thread carries no data.
    std::mutex m_inboxMutex;
    std::deque<Delivery> m_inbox;
    bool m_rung = false;

    std::vector<std::unique_ptr<Lane>> m_lanes; // by Queue
};

} // namespace nibblescope
