// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/worker_pool.h"

#include <sys/resource.h>

#include <algorithm>
#include <exception>

#include "core/base/progress.h"

namespace nibblescope {

struct WorkerPool::Loop {
    std::size_t count = 0;
    const std::function<void(std::size_t)> *body = nullptr;
    Priority priority = Priority::Interactive;
    std::stop_token stop;
    std::size_t next = 0;    // first index that nobody has taken
    std::size_t running = 0; // indices being worked on
    std::exception_ptr error;
    std::condition_variable_any finished;

    bool hasWork() const { return next < count && !error && !stop.stop_requested(); }
};

void enterBackground() {
    constexpr int niceness = 5; // more: a third of the share of a thread that draws
    // Of the thread alone, on Linux; where it is refused all stay equal.
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + niceness);
}

WorkerPool::WorkerPool(unsigned threads, ThreadShare share) {
    if (threads == 0)
        threads = std::max(1U, std::thread::hardware_concurrency());
    m_workers.reserve(threads - 1);
    for (unsigned i = 1; i < threads; ++i)
        m_workers.emplace_back([this, share](std::stop_token stop) { work(std::move(stop), share); });
}

WorkerPool::~WorkerPool() {
    for (auto &worker : m_workers)
        worker.request_stop();
    m_workers.clear();
}

WorkerPool::Loop *WorkerPool::nextLoop() {
    const auto found = std::find_if(m_loops.begin(), m_loops.end(), [](const Loop *loop) { return loop->hasWork(); });
    return found == m_loops.end() ? nullptr : *found;
}

// Takes one index of the loop and runs it without the lock.
void WorkerPool::runOne(std::unique_lock<std::mutex> &lock, Loop &loop) {
    const std::size_t index = loop.next++;
    ++loop.running;
    lock.unlock();
    std::exception_ptr error;
    try {
        (*loop.body)(index);
    } catch (...) {
        error = std::current_exception();
    }
    lock.lock();
    --loop.running;
    if (error && !loop.error)
        loop.error = error;
    if (loop.running == 0 && !loop.hasWork())
        loop.finished.notify_all();
}

void WorkerPool::work(std::stop_token stop, ThreadShare share) {
    if (share == ThreadShare::Background)
        enterBackground();
    std::unique_lock lock(m_mutex);
    while (m_wake.wait(lock, stop, [this] { return nextLoop() != nullptr; }))
        runOne(lock, *nextLoop());
}

void WorkerPool::parallelFor(std::size_t count, const std::function<void(std::size_t)> &body, Priority priority,
                             std::stop_token stop) {
    Loop loop;
    loop.count = count;
    loop.body = &body;
    loop.priority = priority;
    loop.stop = std::move(stop);
    std::unique_lock lock(m_mutex);
    const auto place = priority == Priority::Interactive
                           ? std::find_if(m_loops.begin(), m_loops.end(),
                                          [](const Loop *other) { return other->priority == Priority::Batch; })
                           : m_loops.end();
    const auto self = m_loops.insert(place, &loop);
    if (count > 1)
        m_wake.notify_all();
    while (loop.hasWork())
        runOne(lock, loop);
    loop.finished.wait(lock, [&loop] { return loop.running == 0; });
    m_loops.erase(self);
    const bool complete = loop.next == count;
    lock.unlock();
    if (loop.error)
        std::rethrow_exception(loop.error);
    if (!complete)
        throwIfStopped(loop.stop);
}

} // namespace nibblescope
