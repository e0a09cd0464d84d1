// SPDX-License-Identifier: GPL-3.0-or-later
// Takes the samples of a set of items, interleaved, each beside a reading of the memory bandwidth.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/bench/bench_items.h"
#include "core/bench/machine.h"
#include "core/bench/pinned_team.h"

namespace nibblescope {

struct BenchPlan {
    double seconds = 20; // for samples
    double sampleSeconds = 0.008;
    std::size_t fewestSamples = 5; // taken even if the time is over
    std::size_t mostSamples = 41;
};

class BenchRun {
public:
    // `probe`: memory to read for the bandwidth, many times the last-level cache.
    BenchRun(std::shared_ptr<const Arena> probe, const std::stop_token &stop, const ProgressSink &progress);

    void add(BenchItem item) { m_items.push_back(std::move(item)); }
    // Throws Error{Fault::Interrupted}.
    void measure(const BenchPlan &plan);
    // Share of the samples that another program disturbed each time they were tried.
    double disturbedShare() const;
    // In the order of add(); the seconds and shares of an item by round, those of one round taken side by side.
    const std::vector<BenchItem> &items() const { return m_items; }
    std::vector<KernelTiming> timings() const;
    void bandwidthTo(MachineInfo &machine) const;

private:
    double probe(PinnedTeam &team, bool fourStreams);
    double sample(PinnedTeam &team, BenchItem &item);
    void calibrate(PinnedTeam &team, BenchItem &item, double sampleSeconds);
    void measureOnce(BenchItem &item);
    void measureFourStreams();
    void measurePeaks();
    PinnedTeam &team(unsigned threads);

    std::shared_ptr<const Arena> m_probe;
    std::size_t m_probeAt = 0;
    const std::stop_token &m_stop;
    const ProgressSink &m_progress;
    std::vector<BenchItem> m_items;
    std::map<unsigned, std::unique_ptr<PinnedTeam>> m_teams;
    std::map<unsigned, std::vector<double>> m_read;
    std::map<unsigned, std::vector<double>> m_read4;
    std::map<unsigned, std::vector<double>> m_peak;
    std::map<unsigned, std::vector<double>> m_peak8;
    std::size_t m_samples = 0;
    std::size_t m_disturbed = 0;
};

} // namespace nibblescope
