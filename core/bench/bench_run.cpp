// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench_run.h"

#include <algorithm>
#include <chrono>

#include "core/bench/read_probe.h"

namespace nibblescope {
namespace {

constexpr std::size_t probeBytes = std::size_t{32} << 20; // a thread and reading
constexpr double sampleSeconds = 0.008;

double quantile(std::vector<double> values, double q) {
    std::sort(values.begin(), values.end());
    const double place = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

} // namespace

BenchRun::BenchRun(std::shared_ptr<const Arena> probe, const std::stop_token &stop, const ProgressSink &progress)
    : m_probe(std::move(probe)), m_stop(stop), m_progress(progress) {}

PinnedTeam &BenchRun::team(unsigned threads) {
    auto &team = m_teams[threads];
    if (!team)
        team = std::make_unique<PinnedTeam>(threads);
    return *team;
}

// Bytes a second of all workers together, each on a part of its own.
double BenchRun::probe(PinnedTeam &team, bool fourStreams) {
    const std::size_t each = std::min(probeBytes, m_probe->size() / team.size() / 4096 * 4096);
    const std::size_t bytes = each * team.size();
    if (m_probeAt + bytes > m_probe->size())
        m_probeAt = 0;
    const std::uint8_t *const from = m_probe->data() + m_probeAt;
    m_probeAt += bytes;
    std::atomic<unsigned> used{0};
    const double seconds = team.run([&](unsigned worker) {
        const auto read = fourStreams ? readFourStreams : readOneStream;
        used.fetch_add(read(from + worker * each, each), std::memory_order_relaxed);
    });
    return static_cast<double>(bytes) / seconds;
}

double BenchRun::sample(PinnedTeam &team, BenchItem &item, const BenchPlan &plan) {
    const std::size_t first = item.nextCopy;
    const std::size_t passes = item.passesASample;
    const unsigned workers = team.size();
    const bool cold = plan.cache == CacheState::Cold;
    const double seconds = team.run([&](unsigned worker) {
        for (std::size_t i = 0; i < passes; ++i)
            item.pass(worker, workers, cold ? first + i : 0);
    });
    item.nextCopy = first + passes;
    throwIfStopped(m_stop);
    return seconds / static_cast<double>(passes);
}

// Enough passes for a sample to be much longer than starting it.
void BenchRun::calibrate(PinnedTeam &team, BenchItem &item, const BenchPlan &plan) {
    const double once = std::max(1e-7, std::min(sample(team, item, plan), sample(team, item, plan)));
    item.passesASample = static_cast<std::size_t>(std::clamp(sampleSeconds / once, 1.0, 100000.0));
}

void BenchRun::measure(const BenchPlan &plan) {
    Progress progress;
    progress.total = 1000;
    const double begin = now();
    for (BenchItem &item : m_items) {
        item.timing.cache = plan.cache;
        calibrate(team(item.timing.threads), item, plan);
    }
    for (std::size_t round = 0; round < plan.mostSamples; ++round) {
        const double used = now() - begin;
        if (round >= plan.fewestSamples &&
            used > plan.seconds * static_cast<double>(round) / static_cast<double>(round + 1))
            break;
        for (BenchItem &item : m_items) {
            PinnedTeam &workers = team(item.timing.threads);
            const double read = probe(workers, false);
            const double seconds = sample(workers, item, plan);
            m_read[item.timing.threads].push_back(read * 1e-9);
            item.seconds.push_back(seconds);
            item.shares.push_back(static_cast<double>(item.timing.bytes) / seconds / read);
            if (m_progress) {
                const double byTime = (now() - begin) / plan.seconds;
                const double byCount = static_cast<double>(round) / static_cast<double>(plan.mostSamples);
                progress.done = static_cast<std::uint64_t>(std::clamp(std::max(byTime, byCount), 0.0, 1.0) * 999);
                progress.label = std::string(idOf(item.timing.operation)) + " " + displayFormat(item.timing);
                m_progress(progress);
            }
        }
        for (const auto &[threads, workers] : m_teams)
            m_read4[threads].push_back(probe(*workers, true) * 1e-9);
    }
}

std::vector<KernelTiming> BenchRun::timings() const {
    std::vector<KernelTiming> all;
    for (const BenchItem &item : m_items) {
        KernelTiming timing = item.timing;
        timing.medianSeconds = quantile(item.seconds, 0.5);
        timing.q25Seconds = quantile(item.seconds, 0.25);
        timing.q75Seconds = quantile(item.seconds, 0.75);
        timing.share = quantile(item.shares, 0.5);
        all.push_back(timing);
    }
    return all;
}

void BenchRun::bandwidthTo(MachineInfo &machine) const {
    for (const auto &[threads, values] : m_read)
        machine.readGbPerSecond[threads] = quantile(values, 0.5);
    for (const auto &[threads, values] : m_read4)
        machine.readGbPerSecond4[threads] = quantile(values, 0.5);
}

} // namespace nibblescope
