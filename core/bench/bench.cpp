// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "core/base/error.h"
#include "core/bench/bench_cases.h"
#include "core/bench/bench_memory.h"
#include "core/bench/bench_run.h"

namespace nibblescope {
namespace {

constexpr std::array<std::string_view, 10> formatIds{"fp32",     "fp16",      "bf16", "int8", "int4",
                                                     "int4-max", "int4-asym", "nf4",  "fp4",  "mxfp4"};
constexpr std::array<std::string_view, 5> usualFormats{"fp32", "fp16", "int8", "int4", "nf4"};
constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::uint32_t mostBatch = 4096;

unsigned cores() { return static_cast<unsigned>(allowedProcessors().size()); }

void checkShape(std::uint64_t rows, std::uint64_t cols) {
    if (rows == 0 || cols == 0 || rows > (1U << 20) || cols > (1U << 20) || rows * cols > (1ULL << 30))
        throw Error(Fault::Call, "A matrix of " + std::to_string(rows) + " x " + std::to_string(cols) +
                                     " cannot be measured: 1 to 1,048,576 rows and columns, at most 2^30 weights.");
}

void checkThreads(unsigned threads) {
    if (threads == 0 || threads > cores())
        throw Error(Fault::Call, "--threads: this machine has " + std::to_string(cores()) +
                                     " processors, so that 1 to " + std::to_string(cores()) + " threads can be timed.");
}

std::string presentDate() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local);
    return text.data();
}

BenchReport emptyReport() {
    BenchReport report;
    report.machine = describeMachine();
    report.machine.blas = blasName();
    report.date = presentDate();
    return report;
}

BenchItem itemOf(const BenchCase &one, Isa isa, BenchMatrices &matrices, const BenchMemory &memory,
                 const std::stop_token &stop) {
    const auto matrix = matrices.get(one.format);
    switch (one.what) {
    case BenchCase::What::Quantize:
        return quantizeItem(one.quantize, matrix, isa, memory.scratch(), stop);
    case BenchCase::What::Dequantize:
        return dequantizeItem(matrix, isa, memory.scratch(), stop);
    case BenchCase::What::Histogram:
        return histogramItem(one.bins, matrix, isa, stop);
    case BenchCase::What::Product:
        break;
    }
    return productItem(matrix, isa, one.activations, one.batch, stop);
}

// Outputs wander over more memory than the caches hold.
std::size_t scratchFor(const std::vector<BenchCase> &cases, std::uint64_t rows, std::uint64_t cols) {
    std::size_t bytes = 0;
    for (const BenchCase &one : cases) {
        if (one.what == BenchCase::What::Quantize)
            bytes = std::max(bytes, std::max<std::size_t>(rows * (cols + 1), 64 * mebibyte));
        if (one.what == BenchCase::What::Dequantize)
            bytes = std::max(bytes, std::max<std::size_t>(2 * rows * cols * sizeof(float), 128 * mebibyte));
    }
    return bytes + 8192;
}

struct Setting {
    std::uint64_t rows;
    std::uint64_t cols;
    std::vector<Isa> isas;
    std::vector<unsigned> threads;
    std::vector<CacheState> caches{CacheState::Cold};
};

// A case on every instruction set, with every number of threads, cold and warm.
void addItems(const BenchCase &one, const Setting &setting, BenchMatrices &matrices, const BenchMemory &memory,
              BenchRun &run, const std::stop_token &stop) {
    for (const Isa isa : setting.isas) {
        if (reasonAgainst(one, isa))
            continue;
        BenchItem item = itemOf(one, isa, matrices, memory, stop);
        for (const unsigned threads : setting.threads)
            for (const CacheState cache : setting.caches) {
                item.timing.threads = threads;
                item.timing.cache = cache;
                run.add(item);
            }
    }
}

std::string percent(double share) { return std::to_string(static_cast<int>(share * 100 + 0.5)) + " %"; }

void noteDisturbances(double others, double disturbed, std::vector<std::string> &notes) {
    if (others > 0.2 / cores())
        notes.push_back("The machine is busy (other programs took " + percent(others) +
                        " of it): the spread is large.");
    if (disturbed > 0.01)
        notes.push_back(percent(disturbed) + " of the samples were disturbed by other programs, though each was taken "
                                             "up to three times.");
}

void measureCases(const std::vector<BenchCase> &cases, const Setting &setting, const BenchPlan &plan,
                  BenchReport &report, const std::stop_token &stop, const ProgressSink &progress) {
    BenchMatrices matrices(setting.rows, setting.cols, stop);
    for (const BenchCase &one : cases) {
        matrices.get(one.format);
        for (const Isa isa : setting.isas)
            if (const auto reason = reasonAgainst(one, isa))
                if (std::find(report.notes.begin(), report.notes.end(), *reason) == report.notes.end())
                    report.notes.push_back(*reason);
    }
    matrices.forgetWeights();
    const bool cold = std::find(setting.caches.begin(), setting.caches.end(), CacheState::Cold) != setting.caches.end();
    const BenchMemory memory(matrices, scratchFor(cases, setting.rows, setting.cols), cold, report.notes, stop);
    BenchRun run(memory.probe(), stop, progress);
    for (const BenchCase &one : cases)
        addItems(one, setting, matrices, memory, run, stop);
    LoadMeter load;
    run.measure(plan);
    noteDisturbances(load.shareOfOthers(), run.disturbedShare(), report.notes);
    report.results = run.timings();
    run.bandwidthTo(report.machine);
}

std::vector<std::string> formatsOf(const BenchOptions &options) {
    std::vector<std::string> formats = options.formats;
    if (formats.empty())
        formats.assign(usualFormats.begin(), usualFormats.end());
    for (const std::string &id : formats)
        if (std::find(formatIds.begin(), formatIds.end(), id) == formatIds.end()) {
            std::string known;
            for (const std::string_view one : formatIds)
                known.append(known.empty() ? "" : ", ").append(one);
            throw Error(Fault::Call, "--formats: \"" + id + "\" is none of " + known + ".");
        }
    return formats;
}

std::vector<Isa> isasOf(std::vector<Isa> isas) {
    if (isas.empty())
        isas.push_back(selectKernels().isa);
    for (const Isa isa : isas)
        kernelsFor(isa);
    return isas;
}

} // namespace

std::vector<std::string_view> benchFormats() { return {formatIds.begin(), formatIds.end()}; }

BenchReport runBench(const BenchOptions &options, const std::stop_token &stop, const ProgressSink &progress) {
    Setting setting{options.rows.value_or(4096), options.cols.value_or(4096), isasOf(options.isas), options.threads};
    checkShape(setting.rows, setting.cols);
    if (setting.threads.empty()) {
        setting.threads.push_back(1);
        if (cores() > 1)
            setting.threads.push_back(cores());
    }
    for (const unsigned threads : setting.threads)
        checkThreads(threads);
    const auto formats = formatsOf(options);
    BenchReport report = emptyReport();
    BenchPlan plan;
    plan.seconds = options.seconds.value_or(options.quick ? 18 : 100);
    plan.sampleSeconds = std::min(plan.sampleSeconds, plan.seconds / 1000);
    if (options.quick) {
        plan.fewestSamples = 3;
        measureCases(quickCases(formats), setting, plan, report, stop, progress);
        return report;
    }
    plan.mostSamples = 21;
    setting.caches = {CacheState::Cold, CacheState::Warm};
    measureCases(fullCases(formats), setting, plan, report, stop, progress);
    return report;
}

BenchReport measureKernels(const KernelRequest &request, const std::stop_token &stop, const ProgressSink &progress) {
    checkShape(request.rows, request.cols);
    for (const unsigned threads : request.threads)
        checkThreads(threads);
    for (const std::uint32_t batch : request.batches)
        if (batch == 0 || batch > mostBatch)
            throw Error(Fault::Call, "A batch of " + std::to_string(batch) + " cannot be measured: 1 to " +
                                         std::to_string(mostBatch) + " vectors.");
    BenchReport report = emptyReport();
    const auto cases = requestedCases(request, report.notes);
    if (cases.empty() || request.threads.empty() || request.caches.empty())
        throw Error(Fault::Call, "There is nothing to measure: none of the formats has this kernel.");
    Setting setting{request.rows, request.cols, isasOf(request.isas), request.threads, request.caches};
    BenchPlan plan;
    plan.seconds = request.seconds;
    plan.sampleSeconds = std::min(plan.sampleSeconds, plan.seconds / 1000);
    measureCases(cases, setting, plan, report, stop, progress);
    return report;
}

} // namespace nibblescope
