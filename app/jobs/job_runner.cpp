// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/jobs/job_runner.h"

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QEvent>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <optional>

namespace nibblescope {

namespace {

constexpr unsigned interactiveThreads = 2;
constexpr auto progressInterval = std::chrono::milliseconds(50);
// How long results are handed out in one go before the event loop gets its turn.
constexpr qint64 drainMilliseconds = 8;

QEvent::Type bellType() {
    static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
    return type;
}

// Lets through one state every 50 ms, and the last one.
class Throttle {
public:
    bool lets(const Progress &state) {
        const std::lock_guard lock(m_mutex);
        const auto now = std::chrono::steady_clock::now();
        const bool complete = state.total > 0 && state.done >= state.total;
        if (m_last && now - *m_last < progressInterval && !complete)
            return false;
        m_last = now;
        return true;
    }

private:
    std::mutex m_mutex;
    std::optional<std::chrono::steady_clock::time_point> m_last;
};

// The core's errors are clauses that the command line sets behind its name; a message stands alone. A first word that
// is a file's or a tensor's name stays as it is.
std::string asSentence(std::string text) {
    if (text.empty())
        return text;
    const std::string firstWord = text.substr(0, text.find(' '));
    const bool plainWord = std::all_of(firstWord.begin(), firstWord.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (plainWord)
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
    if (std::string(".!?").find(text.back()) == std::string::npos)
        text += '.';
    return text;
}

JobFailure failureFromCurrentException() {
    try {
        throw;
    } catch (const Error &error) {
        return {error.fault(), asSentence(error.what())};
    } catch (const std::bad_alloc &) {
        return {Fault::Machine,
                "There is not enough memory for this. Close other programs or choose a smaller tensor."};
    } catch (const std::exception &error) {
        return {Fault::Machine, error.what()};
    }
}

std::shared_ptr<WorkerPool> makePool(unsigned threads) {
    return std::make_shared<WorkerPool>(threads, ThreadShare::Background);
}

} // namespace

struct JobRunner::Job {
    QString slot;
    std::uint64_t generation = 0;
    Priority priority = Priority::Interactive;
    std::shared_ptr<WorkerPool> pool;
    const Kernels *kernels = nullptr;
    Task task;
    std::stop_source stop;
    Throttle throttle;
};

// The threads of one queue.
struct JobRunner::Lane {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::deque<std::shared_ptr<Job>> waiting;
    std::vector<std::jthread> threads;
};

JobRunner::JobRunner(unsigned threads, const Kernels &kernels, QObject *parent)
    : QObject(parent), m_pool(makePool(threads)), m_kernels(&kernels) {
    bellType(); // registered before any other thread asks
    for (const unsigned count : {interactiveThreads, 1U}) {
        m_lanes.push_back(std::make_unique<Lane>());
        Lane &lane = *m_lanes.back();
        for (unsigned i = 0; i < count; ++i)
            lane.threads.emplace_back([this, &lane](const std::stop_token &stop) { runLane(lane, stop); });
    }
}

JobRunner::~JobRunner() {
    for (const auto &[slot, job] : m_slots)
        job->stop.request_stop();
    for (const auto &lane : m_lanes)
        for (auto &thread : lane->threads)
            thread.request_stop();
    m_lanes.clear(); // joins
}

void JobRunner::enqueue(const QString &slot, Queue queue, Task task) {
    const auto existing = m_slots.find(slot);
    const bool wasActive = existing != m_slots.end();
    if (wasActive)
        existing->second->stop.request_stop();
    auto job = std::make_shared<Job>();
    job->slot = slot;
    job->generation = ++m_lastGeneration;
    job->priority = queue == Queue::Interactive ? Priority::Interactive : Priority::Batch;
    job->pool = m_pool;
    job->kernels = m_kernels;
    job->task = std::move(task);
    m_slots[slot] = job;
    Lane &lane = *m_lanes[static_cast<std::size_t>(queue)];
    {
        const std::lock_guard lock(lane.mutex);
        lane.waiting.push_back(std::move(job));
    }
    lane.wake.notify_one();
    if (!wasActive)
        Q_EMIT activityChanged(slot, true);
}

void JobRunner::requestStop(const QString &slot) {
    if (const auto found = m_slots.find(slot); found != m_slots.end())
        found->second->stop.request_stop();
}

void JobRunner::drop(const QString &slot) {
    const auto found = m_slots.find(slot);
    if (found == m_slots.end())
        return;
    found->second->stop.request_stop();
    m_slots.erase(found);
    Q_EMIT activityChanged(slot, false);
}

void JobRunner::dropAll() {
    while (!m_slots.empty())
        drop(m_slots.begin()->first);
}

bool JobRunner::isActive(const QString &slot) const { return m_slots.count(slot) != 0; }

void JobRunner::setThreads(unsigned threads) { m_pool = makePool(threads); }

void JobRunner::runLane(Lane &lane, const std::stop_token &stop) {
    enterBackground();
    std::unique_lock lock(lane.mutex);
    while (lane.wake.wait(lock, stop, [&lane] { return !lane.waiting.empty(); }) && !stop.stop_requested()) {
        const std::shared_ptr<Job> job = std::move(lane.waiting.front());
        lane.waiting.pop_front();
        lock.unlock();
        execute(job);
        lock.lock();
    }
}

Work JobRunner::workFor(const std::shared_ptr<Job> &job) {
    Work work{*job->pool, *job->kernels, job->priority, job->stop.get_token(), {}};
    if (job->task.progress)
        work.progress = [this, job](const Progress &state) {
            if (job->throttle.lets(state))
                deliver({job, [job, state] { job->task.progress(state); }});
        };
    return work;
}

void JobRunner::execute(const std::shared_ptr<Job> &job) {
    std::function<void()> last;
    try {
        throwIfStopped(job->stop.get_token());
        const Work work = workFor(job);
        last = job->task.body(work, [this, job](std::function<void()> call) { deliver({job, std::move(call)}); });
    } catch (...) {
        last = [job, failure = failureFromCurrentException()] {
            if (job->task.failed)
                job->task.failed(failure);
        };
    }
    deliver({job, std::move(last), true});
}

void JobRunner::deliver(Delivery delivery) {
    {
        const std::lock_guard lock(m_inboxMutex);
        m_inbox.push_back(std::move(delivery));
        if (m_rung)
            return;
        m_rung = true;
    }
    ring();
}

void JobRunner::ring() { QCoreApplication::postEvent(this, new QEvent(bellType()), Qt::LowEventPriority); }

void JobRunner::customEvent(QEvent *event) {
    if (event->type() == bellType())
        drain();
}

bool JobRunner::isCurrent(const Job &job) const {
    const auto found = m_slots.find(job.slot);
    return found != m_slots.end() && found->second->generation == job.generation;
}

void JobRunner::drain() {
    QElapsedTimer timer;
    timer.start();
    while (true) {
        Delivery delivery;
        {
            const std::lock_guard lock(m_inboxMutex);
            if (m_inbox.empty()) {
                m_rung = false;
                return;
            }
            if (timer.elapsed() >= drainMilliseconds)
                break;
            delivery = std::move(m_inbox.front());
            m_inbox.pop_front();
        }
        if (!isCurrent(*delivery.job))
            continue;
        if (delivery.last) // free before the call, which may start the next job of the slot
            m_slots.erase(delivery.job->slot);
        delivery.call();
        if (delivery.last && !isActive(delivery.job->slot))
            Q_EMIT activityChanged(delivery.job->slot, false);
    }
    ring();
}

} // namespace nibblescope
