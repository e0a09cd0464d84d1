// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/terminal.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <unistd.h>

#include <cstdio>

#include "core/report/number_text.h"

namespace nibblescope::cli {
namespace {

using Clock = std::chrono::steady_clock;

// All that a handler can reach. The signals cannot just be blocked and waited for: libraries (OpenBLAS) start threads
// before main(), in which they would end the program.
// The watching thread reads it too: a lock-free atomic serves handler and thread alike.
std::atomic<bool> interruptSeen = false;
static_assert(std::atomic<bool>::is_always_lock_free);
extern "C" void noteInterrupt(int) { interruptSeen.store(true, std::memory_order_relaxed); }

void handleInterrupts(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

struct BarState {
    std::mutex mutex;
    Clock::time_point start = Clock::now();
    Clock::time_point shown;
};

void drawBar(const Progress &progress, double seconds) {
    constexpr std::size_t width = 28;
    const double share = static_cast<double>(progress.done) / static_cast<double>(progress.total);
    const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
    std::string bar(width, '.');
    bar.replace(0, full, full, '#');
    std::string line = "[" + bar + "] " + std::to_string(static_cast<int>(share * 100)) + " %";
    if (share > 0.02 && seconds > 1)
        line += " · " + durationText(seconds / share * (1 - share)) + " left";
    line += "  " + elidedName(shortTensorName(progress.label), 40);
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
}

} // namespace

InterruptWatch::InterruptWatch() {
    handleInterrupts(noteInterrupt);
    m_thread = std::jthread([this](const std::stop_token &done) {
        while (!done.stop_requested()) {
            if (interruptSeen.load(std::memory_order_relaxed))
                m_source.request_stop();
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    });
}

InterruptWatch::~InterruptWatch() { handleInterrupts(SIG_DFL); }

ProgressSink terminalProgress() {
    if (isatty(STDERR_FILENO) == 0)
        return {};
    return [state = std::make_shared<BarState>()](const Progress &progress) {
        const std::lock_guard lock(state->mutex);
        const auto now = Clock::now();
        const std::chrono::duration<double> running = now - state->start;
        if (progress.total == 0 || running.count() < 0.5 || now - state->shown < std::chrono::milliseconds(100))
            return;
        state->shown = now;
        drawBar(progress, running.count());
    };
}

void clearProgress() {
    if (isatty(STDERR_FILENO) != 0)
        std::fputs("\r\033[K", stderr);
}

} // namespace nibblescope::cli
