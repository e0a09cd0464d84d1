// SPDX-License-Identifier: GPL-3.0-or-later
// nibblescope-comparison [--rows=N --cols=N] [--seconds=S] [--tiny] [--benchmark_filter=matvec_4096 ...]
//
// Our kernels beside what users would take instead: compare/WORK_ROWSxCOLS/threads:N/NAME. All rows of one work, shape
// and number of threads are measured in turn, weights cold, when the first of them is asked for. The time is the median
// of one pass over the matrix; `times` is it over that of the first row, round by round (6.5: ours is 6.5 x as fast);
// `share` of the read bandwidth measured beside each sample; products: `error` of the result. NIBBLESCOPE_ISA chooses
// our instruction set. Status 1 where a result is wrong.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
#include <cblas.h>
#endif

#include "contestants.h"
#include "core/base/error.h"
#include "core/bench/machine.h"

namespace nibblescope::benchmarks {
namespace {

// Held when the first of its results is asked for.
class Contest {
public:
    explicit Contest(const ContestCase &what) : m_what(what), m_contestants(contestantsFor(what.work)) {}

    const std::vector<Contestant> &contestants() const { return m_contestants; }
    const Standing &standing(std::size_t index) {
        if (m_standings.empty())
            m_standings = holdContest(m_what, m_contestants);
        return m_standings[index];
    }

private:
    ContestCase m_what;
    std::vector<Contestant> m_contestants;
    std::vector<Standing> m_standings;
};

void showStanding(benchmark::State &state, const Standing &standing, const Contestant &contestant) {
    const KernelTiming &timing = standing.timing;
    for (auto _ : state)
        state.SetIterationTime(timing.medianSeconds);
    state.SetBytesProcessed(static_cast<std::int64_t>(timing.bytes));
    state.counters["times"] = standing.times;
    state.counters["share"] = timing.share;
    state.counters["q25_ms"] = timing.q25Seconds * 1e3;
    state.counters["q75_ms"] = timing.q75Seconds * 1e3;
    if (contestant.tolerance > 0)
        state.counters["error"] = timing.maxRelativeError.value_or(1);
}

bool isRight(const Standing &standing, const Contestant &contestant) {
    return contestant.tolerance == 0 || standing.timing.maxRelativeError.value_or(1) <= contestant.tolerance;
}

std::string nameOf(const ContestCase &what) {
    constexpr const char *names[] = {"matvec", "matmul_512", "quantize", "clip_search", "dequantize"};
    return std::string("compare/") + names[static_cast<std::size_t>(what.work)] + "_" + std::to_string(what.rows) +
           "x" + std::to_string(what.cols) + "/threads:" + std::to_string(what.threads) + "/";
}

void registerContest(const ContestCase &what, const std::shared_ptr<bool> &allRight) {
    const auto contest = std::make_shared<Contest>(what);
    for (std::size_t i = 0; i < contest->contestants().size(); ++i) {
        const Contestant &contestant = contest->contestants()[i];
        const auto body = [contest, i, &contestant, allRight](benchmark::State &state) {
            try {
                const Standing &standing = contest->standing(i);
                showStanding(state, standing, contestant);
                if (isRight(standing, contestant))
                    return;
                state.SkipWithError("the result is wrong");
            } catch (const Error &error) {
                state.SkipWithError(error.what());
            }
            *allRight = false;
        };
        benchmark::RegisterBenchmark((nameOf(what) + contestant.name).c_str(), body)
            ->UseManualTime()
            ->Iterations(1)
            ->Unit(benchmark::kMillisecond);
    }
}

struct Options {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> shapes{{4096, 4096}, {11008, 4096}};
    double seconds = 15;
};

// Takes our own arguments out of argv.
Options optionsFrom(int &argc, char **argv) {
    Options options;
    std::uint64_t rows = 0;
    std::uint64_t cols = 0;
    int kept = 1;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto valueOf = [&](std::string_view key) -> const char * {
            return argument.starts_with(key) ? argv[i] + key.size() : nullptr;
        };
        if (const char *const text = valueOf("--rows="))
            rows = std::strtoull(text, nullptr, 10);
        else if (const char *const number = valueOf("--cols="))
            cols = std::strtoull(number, nullptr, 10);
        else if (const char *const seconds = valueOf("--seconds="))
            options.seconds = std::strtod(seconds, nullptr);
        else if (argument == "--tiny")
            rows = cols = 256, options.seconds = 0.02;
        else
            argv[kept++] = argv[i];
    }
    argc = kept;
    if (rows != 0 || cols != 0)
        options.shapes = {{rows != 0 ? rows : 4096, cols != 0 ? cols : 4096}};
    return options;
}

void describe() {
    benchmark::AddCustomContext("cpu", describeMachine().cpu);
    benchmark::AddCustomContext("isa", std::string(idOf(selectKernels().isa)));
#if defined(NIBBLESCOPE_HAVE_OPENBLAS)
    benchmark::AddCustomContext("openblas", openblas_get_corename());
    if (std::getenv("OPENBLAS_CORETYPE"))
        benchmark::AddCustomContext("note", "OPENBLAS_CORETYPE is set: OpenBLAS did not pick its kernel itself");
#endif
#if defined(NIBBLESCOPE_HAVE_GGML)
    benchmark::AddCustomContext("ggml", ggmlName());
#endif
}

int run(int argc, char **argv) {
    const Options options = optionsFrom(argc, argv);
    const auto cores = static_cast<unsigned>(allowedProcessors().size());
    const auto allRight = std::make_shared<bool>(true);
    describe();
    for (const auto &[rows, cols] : options.shapes)
        for (const Work work : {Work::Matvec, Work::Matmul, Work::Quantize, Work::ClipSearch, Work::Dequantize})
            for (unsigned threads = 1; threads <= cores; threads += std::max(1U, cores - 1))
                registerContest({work, rows, cols, threads, options.seconds}, allRight);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return *allRight ? 0 : 1;
}

} // namespace
} // namespace nibblescope::benchmarks

int main(int argc, char **argv) {
    try {
        return nibblescope::benchmarks::run(argc, argv);
    } catch (const nibblescope::Error &error) {
        std::fprintf(stderr, "nibblescope-comparison: %s\n", error.what());
        return 2;
    }
}
