// SPDX-License-Identifier: GPL-3.0-or-later
// One pool of workers a process, and its parallel loop. Results do not depend on the number of workers as long as each
// index writes to a place of its own: callers reduce in index order afterwards.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace nibblescope {

// Interactive work overtakes batch work at the granularity of one index.
enum class Priority { Interactive, Batch };

// How threads share the processors with others of the machine. Those in the background give way to one that draws a
// window, which would otherwise wait for the end of somebody's time slice.
enum class ThreadShare { Equal, Background };

// Gives the calling thread, and threads and processes that it starts from now on, less of the processors. For good: the
// system lets nobody but its administrator take it back.
void enterBackground();

class WorkerPool {
public:
    // `threads` counts the caller of parallelFor, which works too; 0 means one per processor.
    explicit WorkerPool(unsigned threads = 0, ThreadShare share = ThreadShare::Equal);
    ~WorkerPool();
    WorkerPool(const WorkerPool &) = delete;
    WorkerPool &operator=(const WorkerPool &) = delete;

    unsigned threads() const { return static_cast<unsigned>(m_workers.size()) + 1; }

    // Runs body(0) ... body(count - 1), each once, on the workers and the calling thread, and returns when all are
    // done. The first exception of a body ends the loop and is thrown here. After a stop request no new index is
    // started and Error{Fault::Interrupted} is thrown. May be called from several threads at once and from inside a
    // body.
    void parallelFor(std::size_t count, const std::function<void(std::size_t)> &body,
                     Priority priority = Priority::Interactive, std::stop_token stop = {});

private:
    struct Loop;
    void work(std::stop_token stop, ThreadShare share);
    void runOne(std::unique_lock<std::mutex> &lock, Loop &loop);
    Loop *nextLoop();

    std::mutex m_mutex;
    std::condition_variable_any m_wake;
    std::list<Loop *> m_loops; // interactive loops stand before batch loops
    std::vector<std::jthread> m_workers;
};

} // namespace nibblescope
