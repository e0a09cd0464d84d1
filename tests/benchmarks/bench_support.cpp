// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench_support.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include "core/base/half.h"
#include "core/bench/machine.h"
#include "core/bench/pinned_team.h"
#include "core/bench/read_probe.h"

namespace nibblescope::benchmarks {
namespace {

void pin(unsigned thread) {
    const auto processors = allowedProcessors();
    static const std::vector<unsigned> all = processors; // before any thread was pinned
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(all[all.size() - 1 - thread % all.size()], &set);
    sched_setaffinity(0, sizeof(set), &set);
}

Arena makeWeights() {
    Arena arena(coldBytes);
    constexpr std::size_t drawn = std::size_t{1} << 20;
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0.0F, 0.02F);
    auto *const values = reinterpret_cast<float *>(arena.data());
    std::generate_n(values, drawn, [&] { return normal(random); });
    for (std::size_t i = drawn; i < coldBytes / sizeof(float); i += drawn)
        std::memcpy(values + i, values, drawn * sizeof(float));
    return arena;
}

Arena makeHalves(InputType type) {
    Arena arena(coldBytes / 2);
    const Kernels &kernels = kernelsFor(supportedIsas().back());
    const auto narrow = type == InputType::F16 ? kernels.f32ToF16 : kernels.f32ToBf16;
    narrow(reinterpret_cast<const float *>(coldWeights().data()), reinterpret_cast<std::uint16_t *>(arena.data()),
           coldBytes / sizeof(float));
    return arena;
}

} // namespace

const Arena &coldHalves(InputType type) {
    static const Arena f16 = makeHalves(InputType::F16);
    static const Arena bf16 = makeHalves(InputType::Bf16);
    return type == InputType::F16 ? f16 : bf16;
}

const Arena &coldScales() {
    static const Arena arena = [] {
        Arena made(std::size_t{128} << 20);
        std::fill_n(reinterpret_cast<std::uint16_t *>(made.data()), made.size() / 2, f16FromF32(0.01F));
        return made;
    }();
    return arena;
}

const Arena &coldWeights() {
    static const Arena arena = makeWeights();
    return arena;
}

const Arena &outputs() {
    static const Arena arena = [] {
        Arena made(std::size_t{256} << 20);
        std::memset(made.data(), 1, made.size());
        return made;
    }();
    return arena;
}

double readBandwidth(unsigned threads) {
    static std::map<unsigned, double> known;
    const auto found = known.find(threads);
    if (found != known.end())
        return found->second;
    PinnedTeam team(threads);
    const std::size_t each = (std::size_t{64} << 20) / threads;
    std::vector<double> rates;
    for (std::size_t i = 0; i < 9; ++i) {
        const PinnedTeam::Time time = team.run([&](unsigned worker) {
            benchmark::DoNotOptimize(
                readOneStream(coldWeights().data() + (i * threads + worker) * each % (coldBytes - each), each));
        });
        rates.push_back(static_cast<double>(each * threads) / time.seconds);
    }
    std::nth_element(rates.begin(), rates.begin() + 4, rates.end());
    return known[threads] = rates[4];
}

std::vector<unsigned> threadCounts() {
    static const auto cores = static_cast<unsigned>(allowedProcessors().size());
    return cores > 1 ? std::vector<unsigned>{1, cores} : std::vector<unsigned>{1};
}

void registerPass(const Pass &pass) {
    const auto body = [pass](benchmark::State &state) {
        const auto thread = static_cast<unsigned>(state.thread_index());
        const auto threads = static_cast<unsigned>(state.threads());
        pin(thread);
        const std::size_t part = coldBytes / threads / pass.bytes * pass.bytes;
        std::size_t at = 0;
        pass.run(thread * part, thread); // makes what is made when it is first needed
        for (auto _ : state) {
            pass.run(thread * part + at, thread);
            at = at + 2 * pass.bytes <= part ? at + pass.bytes : 0;
        }
        const auto counted = static_cast<double>(state.iterations()) * static_cast<double>(pass.counted);
        state.SetBytesProcessed(static_cast<std::int64_t>(counted));
        state.counters["share"] = benchmark::Counter(counted / readBandwidth(threads), benchmark::Counter::kIsRate);
    };
    for (const unsigned threads : threadCounts()) {
        readBandwidth(threads);
        benchmark::RegisterBenchmark((pass.name + "/" + std::string(idOf(pass.isa))).c_str(), body)
            ->Threads(static_cast<int>(threads))
            ->UseRealTime();
    }
}

} // namespace nibblescope::benchmarks
