// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench_run.h"

#include <algorithm>
#include <chrono>

#include "core/bench/peak_probe.h"
#include "core/bench/read_probe.h"

namespace nibblescope {
namespace {

constexpr std::size_t probeBytes = std::size_t{32} << 20; // a thread and reading
constexpr int mostTries = 3;                              // of a sample that another program disturbs

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
    std::atomic<unsigned> used{0};
    PinnedTeam::Time time;
    for (int tries = 0; tries < mostTries; ++tries) {
        if (m_probeAt + bytes > m_probe->size())
            m_probeAt = 0;
        const std::uint8_t *const from = m_probe->data() + m_probeAt;
        m_probeAt += bytes;
        time = team.run([&](unsigned worker) {
            const auto read = fourStreams ? readFourStreams : readOneStream;
            used.fetch_add(read(from + worker * each, each), std::memory_order_relaxed);
        });
        if (!time.disturbed)
            break;
    }
    return static_cast<double>(bytes) / time.seconds;
}

// Cold: each copy once. Warm: the first copy, once before the clock starts.
double BenchRun::sample(PinnedTeam &team, BenchItem &item) {
    const bool cold = item.timing.cache == CacheState::Cold;
    const std::size_t passes = cold ? std::min(item.passesASample, item.copies->copies()) : item.passesASample;
    const unsigned workers = team.size();
    PinnedTeam::Time time;
    ++m_samples;
    for (int tries = 0; tries < mostTries; ++tries) {
        const std::size_t first = cold ? item.copies->takeCopies(passes) : 0;
        if (!cold)
            team.run([&](unsigned worker) { item.pass(worker, workers, 0); });
        time = team.run([&](unsigned worker) {
            for (std::size_t i = 0; i < passes; ++i)
                item.pass(worker, workers, cold ? first + i : 0);
        });
        throwIfStopped(m_stop);
        if (!time.disturbed)
            break;
        if (tries + 1 == mostTries)
            ++m_disturbed;
    }
    return time.seconds / static_cast<double>(passes);
}

// Enough passes for a sample to be much longer than starting it.
void BenchRun::calibrate(PinnedTeam &team, BenchItem &item, double sampleSeconds) {
    const double once = std::max(1e-7, std::min(sample(team, item), sample(team, item)));
    item.passesASample = static_cast<std::size_t>(std::clamp(sampleSeconds / once, 1.0, 100000.0));
}

void BenchRun::measureOnce(BenchItem &item) {
    PinnedTeam &workers = team(item.timing.threads);
    const double read = probe(workers, false);
    const double seconds = sample(workers, item);
    m_read[item.timing.threads].push_back(read * 1e-9);
    item.seconds.push_back(seconds);
    item.shares.push_back(static_cast<double>(item.timing.bytes) / seconds / read);
}

void BenchRun::measureFourStreams() {
    for (const auto &[threads, workers] : m_teams)
        m_read4[threads].push_back(probe(*workers, true) * 1e-9);
}

void BenchRun::measurePeaks() {
    Isa best = Isa::Scalar;
    for (const BenchItem &item : m_items)
        best = std::max(best, item.timing.isa);
    for (const auto &[threads, workers] : m_teams) {
        const auto rate = [&workers = *workers](double operations, double (*probe)(Isa), Isa isa) {
            const PinnedTeam::Time time = workers.run([&](unsigned) { probe(isa); });
            return operations * workers.size() / time.seconds * 1e-9;
        };
        m_peak[threads].push_back(rate(f32Operations(best), f32Operations, best));
        if (const double operations = int8Operations(best); operations > 0)
            m_peak8[threads].push_back(rate(operations, int8Operations, best));
    }
}

void BenchRun::measure(const BenchPlan &plan) {
    Progress progress;
    progress.total = 1000;
    const double begin = now();
    for (BenchItem &item : m_items)
        calibrate(team(item.timing.threads), item, plan.sampleSeconds);
    m_samples = m_disturbed = 0;
    for (std::size_t round = 0; round < plan.mostSamples; ++round) {
        const double used = now() - begin;
        if (round >= plan.fewestSamples &&
            used > plan.seconds * static_cast<double>(round) / static_cast<double>(round + 1))
            break;
        for (std::size_t i = 0; i < m_items.size(); ++i) {
            // Each is the first of a round once in a while: that place, after the peaks, costs up to a tenth.
            BenchItem &item = m_items[(i + round) % m_items.size()];
            measureOnce(item);
            if (m_progress) {
                const double byTime = (now() - begin) / plan.seconds;
                const double byCount = static_cast<double>(round) / static_cast<double>(plan.mostSamples);
                progress.done = static_cast<std::uint64_t>(std::clamp(std::max(byTime, byCount), 0.0, 1.0) * 999);
                progress.label = std::string(idOf(item.timing.operation)) + " " + displayFormat(item.timing);
                m_progress(progress);
            }
        }
        measureFourStreams();
        measurePeaks();
    }
}

double BenchRun::disturbedShare() const {
    return m_samples == 0 ? 0 : static_cast<double>(m_disturbed) / static_cast<double>(m_samples);
}

std::vector<KernelTiming> BenchRun::timings() const {
    std::vector<KernelTiming> all;
    for (const BenchItem &item : m_items) {
        KernelTiming timing = item.timing;
        timing.samples = item.seconds.size();
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
    // The best: a roof is what can be reached.
    for (const auto &[threads, values] : m_peak)
        machine.peakGflops[threads] = quantile(values, 1);
    for (const auto &[threads, values] : m_peak8)
        machine.peakInt8Gops[threads] = quantile(values, 1);
}

} // namespace nibblescope
