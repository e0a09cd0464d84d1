// SPDX-License-Identifier: GPL-3.0-or-later
// Workers for timing: each pinned to a processor of its own, started together. What counts is the time on the clock
// from the first worker's start to the last one's end. Whether the system took a processor away meanwhile is told
// beside it, so that such a sample can be taken again. The barrier yields: on a small virtual machine two spinning
// threads can share a processor, and one that spins without yielding makes the other wait for a whole time slice.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nibblescope {

class PinnedTeam {
public:
    struct Time {
        double seconds = 0;
        bool disturbed = false; // another program had one of the processors for a part of it
    };

    explicit PinnedTeam(unsigned threads);
    ~PinnedTeam();
    PinnedTeam(const PinnedTeam &) = delete;
    PinnedTeam &operator=(const PinnedTeam &) = delete;

    unsigned size() const { return static_cast<unsigned>(m_workers.size()); }
    // Runs task(0) ... task(size - 1), one a worker. The caller sleeps. Tasks must not throw, sleep or wait.
    Time run(const std::function<void(unsigned worker)> &task);

private:
    void work(unsigned index, unsigned processor);
    void meet();

    std::mutex m_mutex;
    std::condition_variable m_start;
    std::condition_variable m_finish;
    unsigned m_round = 0;
    unsigned m_finished = 0;
    bool m_quit = false;
    double m_begin = 0; // of the present round
    double m_end = 0;
    bool m_disturbed = false;
    const std::function<void(unsigned)> *m_task = nullptr;
    std::atomic<unsigned> m_arrived{0};
    std::vector<std::thread> m_workers;
};

} // namespace nibblescope
