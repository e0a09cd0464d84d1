// SPDX-License-Identifier: GPL-3.0-or-later
// What the program is given by its terminal: interrupts come in as stop requests, progress goes out to standard error.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "core/base/progress.h"

namespace nibblescope::cli {

// Turns SIGINT and SIGTERM into a stop request for as long as it lives, so that destructors run and nothing is left
// half written. One a program.
class InterruptWatch {
public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch &) = delete;
    InterruptWatch &operator=(const InterruptWatch &) = delete;

    std::stop_token token() const { return m_source.get_token(); }

private:
    std::stop_source m_source;
    std::jthread m_thread;
};

// A bar on standard error where that is a terminal, else nothing. Begins to show after half a second.
ProgressSink terminalProgress();
// Wipes the bar before other text is written.
void clearProgress();

} // namespace nibblescope::cli
