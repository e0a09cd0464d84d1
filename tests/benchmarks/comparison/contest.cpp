// SPDX-License-Identifier: GPL-3.0-or-later
#include "contest.h"

#include <algorithm>

#include "core/bench/bench_memory.h"
#include "core/bench/bench_run.h"

namespace nibblescope::benchmarks {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t roomEach = 128 * mebibyte;

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double timesOf(const BenchItem &item, const BenchItem &first) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < item.seconds.size(); ++round)
        ratios.push_back(item.seconds[round] / first.seconds[round]);
    return median(std::move(ratios));
}

// Outputs wander over more memory than the caches hold.
std::size_t scratchBytes(const ContestCase &what) {
    switch (what.work) {
    case Work::Quantize:
    case Work::ClipSearch:
        return std::max<std::size_t>(2 * what.rows * what.cols, 64 * mebibyte);
    case Work::Dequantize:
        return std::max<std::size_t>(2 * what.rows * what.cols * sizeof(float), 128 * mebibyte);
    default:
        return 4096;
    }
}

} // namespace

std::vector<Standing> holdContest(const ContestCase &what, const std::vector<Contestant> &contestants) {
    const std::stop_token never;
    const ProgressSink silent;
    std::vector<std::string> notes;
    BenchMatrices matrices(what.rows, what.cols, never);
    const auto matrixOf = [&matrices](const Contestant &one) {
        return matrices.get(one.format.value_or(ProductFormat{"fp32", {}, false}));
    };
    for (const Contestant &one : contestants)
        matrixOf(one);
    const BenchMemory memory(matrices, scratchBytes(what), true, notes, never);
    const auto weights = benchWeights(what.rows, what.cols, never);
    const Field field{what, weights, matrices.get({"fp32", {}, false}), memory.scratch(), roomEach, never};
    BenchRun run(memory.probe(), never, silent);
    for (const Contestant &one : contestants) {
        BenchItem item = one.make(field, matrixOf(one));
        item.timing.threads = what.threads;
        item.timing.cache = CacheState::Cold;
        run.add(std::move(item));
    }
    BenchPlan plan;
    plan.seconds = what.seconds;
    plan.sampleSeconds = std::min(plan.sampleSeconds, plan.seconds / 1000);
    run.measure(plan);
    const auto timings = run.timings();
    std::vector<Standing> standings;
    for (std::size_t i = 0; i < timings.size(); ++i)
        standings.push_back({timings[i], timesOf(run.items()[i], run.items().front())});
    return standings;
}

} // namespace nibblescope::benchmarks
