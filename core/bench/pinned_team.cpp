// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/pinned_team.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <ctime>
#include <limits>

#include "core/bench/machine.h"

namespace nibblescope {

namespace {

double secondsOf(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// A worker that got less of its processor than this was interrupted by more than timer ticks.
constexpr double lostShare = 0.03;
constexpr double lostSeconds = 20e-6;

} // namespace

PinnedTeam::PinnedTeam(unsigned threads) {
    const auto processors = allowedProcessors();
    for (unsigned i = 0; i < threads; ++i) {
        // From the last processor backwards: the first ones serve interrupts and the window.
        const unsigned processor = processors[processors.size() - 1 - i % processors.size()];
        m_workers.emplace_back([this, i, processor] { work(i, processor); });
    }
}

PinnedTeam::~PinnedTeam() {
    {
        const std::lock_guard lock(m_mutex);
        m_quit = true;
    }
    m_start.notify_all();
    for (std::thread &worker : m_workers)
        worker.join();
}

PinnedTeam::Time PinnedTeam::run(const std::function<void(unsigned)> &task) {
    std::unique_lock lock(m_mutex);
    m_task = &task;
    m_finished = 0;
    m_begin = std::numeric_limits<double>::infinity();
    m_end = 0;
    m_disturbed = false;
    m_arrived.store(0);
    ++m_round;
    m_start.notify_all();
    m_finish.wait(lock, [this] { return m_finished == size(); });
    return {m_end - m_begin, m_disturbed};
}

// Returns when all workers have called it as often.
void PinnedTeam::meet() {
    const unsigned size = static_cast<unsigned>(m_workers.size());
    const unsigned goal = m_arrived.fetch_add(1) / size * size + size;
    for (unsigned spins = 0; m_arrived.load() < goal; ++spins)
        if (spins > 200)
            std::this_thread::yield();
}

void PinnedTeam::work(unsigned index, unsigned processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    for (unsigned round = 0;;) {
        const std::function<void(unsigned)> *task = nullptr;
        {
            std::unique_lock lock(m_mutex);
            m_start.wait(lock, [&] { return m_quit || m_round != round; });
            if (m_quit)
                return;
            round = m_round;
            task = m_task;
        }
        meet();
        const double own = secondsOf(CLOCK_THREAD_CPUTIME_ID);
        const double begin = secondsOf(CLOCK_MONOTONIC);
        (*task)(index);
        const double end = secondsOf(CLOCK_MONOTONIC);
        const double lost = end - begin - (secondsOf(CLOCK_THREAD_CPUTIME_ID) - own);
        const std::lock_guard lock(m_mutex);
        m_begin = std::min(m_begin, begin);
        m_end = std::max(m_end, end);
        m_disturbed = m_disturbed || lost > lostSeconds + lostShare * (end - begin);
        if (++m_finished == size())
            m_finish.notify_one();
    }
}

} // namespace nibblescope
