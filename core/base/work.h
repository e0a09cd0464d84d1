// SPDX-License-Identifier: GPL-3.0-or-later
// The surroundings of a computation, passed down by reference so that nothing is global.
#pragma once

#include <stop_token>

#include "core/base/progress.h"
#include "core/base/worker_pool.h"

namespace nibblescope {

struct Kernels;

struct Work {
    WorkerPool &pool;
    const Kernels &kernels;
    Priority priority = Priority::Interactive;
    std::stop_token stop;
    ProgressSink progress; // may be empty

    void report(const Progress &state) const {
        if (progress)
            progress(state);
    }
    void checkStop() const { throwIfStopped(stop); }
    template <typename Body>
    void parallelFor(std::size_t count, Body &&body) const {
        pool.parallelFor(count, body, priority, stop);
    }
};

} // namespace nibblescope
