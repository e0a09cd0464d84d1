// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/bench/bench_run.h"

namespace nibblescope {
namespace {

constexpr std::array<std::string_view, 10> formatIds{"fp32",     "fp16",      "bf16", "int8", "int4",
                                                     "int4-max", "int4-asym", "nf4",  "fp4",  "mxfp4"};
constexpr std::array<std::string_view, 5> usualFormats{"fp32", "fp16", "int8", "int4", "nf4"};
constexpr std::uint64_t wholeMemory = std::uint64_t{1} << 30;

bool isPlain(std::string_view id) { return id == "fp32" || id == "fp16" || id == "bf16"; }
bool hasProduct(std::string_view id) { return id != "int4-asym"; }

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

// Memory of a run, cut into a piece for each matrix, one for outputs and one to read for the bandwidth.
class Memory {
public:
    Memory(std::vector<std::shared_ptr<TestMatrix>> &matrices, std::size_t scratchBytes, CacheState cache,
           std::vector<std::string> &notes) {
        std::size_t least = scratchBytes;
        for (const auto &matrix : matrices)
            least += matrix->copyBytes();
        const std::uint64_t available = availableMemory();
        std::uint64_t budget = wholeMemory;
        if (available != 0 && available / 2 < budget) {
            budget = available / 2;
            notes.push_back("Only " + std::to_string(budget >> 20) +
                            " MiB were taken for copies, since little memory is free: figures of cold products may be "
                            "too good.");
        }
        probe = std::make_shared<const Arena>(
            std::clamp<std::size_t>(budget / 4, std::size_t{32} << 20, std::size_t{256} << 20));
        scratch = std::make_shared<const Arena>(std::max<std::size_t>(scratchBytes, 4096));
        std::fill_n(probe->data(), probe->size(), std::uint8_t{1});
        std::fill_n(scratch->data(), scratch->size(), std::uint8_t{1});
        const std::size_t shared = budget > least + probe->size() ? budget - least - probe->size() : 0;
        for (const auto &matrix : matrices) {
            const std::size_t more = cache == CacheState::Cold ? shared / matrices.size() : 0;
            const std::size_t bytes = matrix->copyBytes() + more / matrix->copyBytes() * matrix->copyBytes();
            m_pieces.push_back(std::make_shared<const Arena>(bytes + 8192)); // a prefetch may look beyond the end
            matrix->fill(m_pieces.back()->data(), bytes);
        }
    }

    std::shared_ptr<const Arena> probe;
    std::shared_ptr<const Arena> scratch;

private:
    std::vector<std::shared_ptr<const Arena>> m_pieces;
};

// The matrices that a run needs, each once.
class Matrices {
public:
    Matrices(std::uint64_t rows, std::uint64_t cols)
        : m_rows(rows), m_cols(cols), m_weights(benchWeights(rows, cols)) {}

    std::shared_ptr<TestMatrix> get(const ProductFormat &format) {
        for (const auto &matrix : all)
            if (matrix->format() == format)
                return matrix;
        WorkerPool pool;
        const Work work{pool, kernelsFor(supportedIsas().back()), Priority::Interactive, {}, {}};
        all.push_back(std::make_shared<TestMatrix>(format, m_weights, m_rows, m_cols, work));
        return all.back();
    }
    void forgetWeights() { m_weights = {}; }

    std::vector<std::shared_ptr<TestMatrix>> all;

private:
    std::uint64_t m_rows;
    std::uint64_t m_cols;
    std::vector<float> m_weights;
};

struct Case {
    enum class What { Quantize, Dequantize, Histogram, Product } what = What::Product;
    ProductFormat format; // of the matrix that is read
    QuantizeCase quantize;
    Activations activations = Activations::Int8;
    std::uint32_t batch = 1;
};

Case productCase(const std::string &id, std::uint32_t groupSize, std::uint32_t batch = 1, bool doubleQuant = false) {
    Case one;
    one.format.id = id;
    if (groupSize != 0)
        one.format.groupSize = groupSize;
    one.format.doubleQuant = doubleQuant;
    one.activations = isPlain(id) ? Activations::F32 : Activations::Int8;
    one.batch = batch;
    return one;
}

Case quantizeCase(const std::string &id, const char *input, bool fused, std::uint32_t bins = 0) {
    Case one;
    one.what = Case::What::Quantize;
    one.format.id = input;
    one.quantize.format = *formatFromId(id);
    one.quantize.groupSize = id == "int8" ? 0 : id == "mxfp4" ? 32 : 64;
    one.quantize.fused = fused;
    one.quantize.histogramBins = bins;
    return one;
}

std::vector<Case> quickCases(const std::vector<std::string> &formats) {
    std::vector<Case> cases;
    for (const std::string &id : formats)
        if (!isPlain(id)) {
            cases.push_back(quantizeCase(id, "fp32", false));
            cases.push_back(quantizeCase(id, "fp32", true));
        }
    for (const std::string &id : formats) {
        if (!hasProduct(id))
            continue;
        if (isPlain(id) || id == "int8")
            cases.push_back(productCase(id, 0));
        else if (id == "mxfp4")
            cases.push_back(productCase(id, 32));
        else
            for (const std::uint32_t group : {64U, 128U})
                cases.push_back(productCase(id, group));
        if (id == "nf4")
            cases.push_back(productCase(id, 64, 1, true));
    }
    return cases;
}

std::vector<Case> fullCases(const std::vector<std::string> &formats) {
    std::vector<Case> cases = quickCases(formats);
    for (const std::string &id : formats) {
        if (!isPlain(id)) {
            cases.push_back(quantizeCase(id, "fp32", true, 128));
            cases.push_back(quantizeCase(id, "fp16", false));
            cases.push_back(quantizeCase(id, "bf16", false));
        }
        if (!isPlain(id) && hasProduct(id)) {
            Case decode = productCase(id, id == "int8" ? 0 : id == "mxfp4" ? 32 : 64);
            Case product = decode;
            decode.what = Case::What::Dequantize;
            product.activations = Activations::F32;
            cases.push_back(decode);
            cases.push_back(product);
        }
        if (hasProduct(id))
            for (const std::uint32_t batch : {4U, 32U, 512U})
                cases.push_back(productCase(id, isPlain(id) || id == "int8" ? 0 : id == "mxfp4" ? 32 : 128, batch));
    }
    Case values = productCase("fp32", 0);
    values.what = Case::What::Histogram;
    cases.push_back(values);
    return cases;
}

// 4-bit rows hold an even number of weights, and batches without integer panels take seconds.
bool possible(const Case &one, Isa isa, std::uint64_t cols) {
    const bool nibbles = one.what != Case::What::Quantize && !isPlain(one.format.id) && one.format.id != "int8";
    const bool slow = one.batch > 4 && isa == Isa::Scalar;
    return !(nibbles && cols % 2 != 0) && !slow;
}

BenchItem itemOf(const Case &one, Isa isa, Matrices &matrices, const Memory &memory, const std::stop_token &stop) {
    const auto matrix = matrices.get(one.format);
    switch (one.what) {
    case Case::What::Quantize:
        return quantizeItem(one.quantize, matrix, isa, memory.scratch, stop);
    case Case::What::Dequantize:
        return dequantizeItem(matrix, isa, memory.scratch, stop);
    case Case::What::Histogram:
        return histogramItem(256, matrix, isa, stop);
    case Case::What::Product:
        break;
    }
    return productItem(matrix, isa, one.activations, one.batch, stop);
}

std::size_t scratchFor(const std::vector<Case> &cases, std::uint64_t rows, std::uint64_t cols) {
    std::size_t bytes = 0;
    for (const Case &one : cases) {
        if (one.what == Case::What::Quantize)
            bytes = std::max(bytes, std::max<std::size_t>(rows * cols, std::size_t{64} << 20));
        if (one.what == Case::What::Dequantize)
            bytes = std::max(bytes, std::max<std::size_t>(2 * rows * cols * sizeof(float), std::size_t{128} << 20));
    }
    return bytes + 8192;
}

struct Setting {
    std::uint64_t rows;
    std::uint64_t cols;
    std::vector<Isa> isas;
    std::vector<unsigned> threads;
    CacheState cache = CacheState::Cold;
};

void measureCases(const std::vector<Case> &cases, const Setting &setting, BenchPlan plan, BenchReport &report,
                  const std::stop_token &stop, const ProgressSink &progress) {
    Matrices matrices(setting.rows, setting.cols);
    for (const Case &one : cases)
        if (possible(one, setting.isas.back(), setting.cols)) {
            matrices.get(one.format);
            throwIfStopped(stop);
        }
    matrices.forgetWeights();
    const Memory memory(matrices.all, scratchFor(cases, setting.rows, setting.cols), setting.cache, report.notes);
    throwIfStopped(stop);
    BenchRun run(memory.probe, stop, progress);
    for (const Case &one : cases)
        for (const Isa isa : setting.isas)
            for (const unsigned threads : setting.threads) {
                if (!possible(one, isa, setting.cols))
                    continue;
                BenchItem item = itemOf(one, isa, matrices, memory, stop);
                throwIfStopped(stop);
                item.timing.threads = threads;
                run.add(std::move(item));
            }
    plan.cache = setting.cache;
    LoadMeter load;
    run.measure(plan);
    const double others = load.shareOfOthers();
    if (others > 0.2)
        report.notes.push_back("The machine is busy (" + std::to_string(static_cast<int>(others * 100)) +
                               " % of it went to other programs): the spread is large.");
    const auto timings = run.timings();
    report.results.insert(report.results.end(), timings.begin(), timings.end());
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

} // namespace

std::vector<std::string_view> benchFormats() { return {formatIds.begin(), formatIds.end()}; }

BenchReport runBench(const BenchOptions &options, const std::stop_token &stop, const ProgressSink &progress) {
    Setting setting{options.rows.value_or(4096), options.cols.value_or(4096), options.isas, options.threads};
    checkShape(setting.rows, setting.cols);
    if (setting.isas.empty())
        setting.isas.push_back(selectKernels().isa);
    for (const Isa isa : setting.isas)
        kernelsFor(isa);
    if (setting.threads.empty()) {
        setting.threads.push_back(1);
        if (cores() > 1)
            setting.threads.push_back(cores());
    }
    for (const unsigned threads : setting.threads)
        checkThreads(threads);
    const auto formats = formatsOf(options);
    BenchReport report;
    report.machine = describeMachine();
    BenchPlan plan;
    if (options.quick) {
        plan.seconds = 18;
        plan.mostSamples = 25;
        measureCases(quickCases(formats), setting, plan, report, stop, progress);
        return report;
    }
    plan.seconds = 90;
    plan.mostSamples = 21;
    measureCases(fullCases(formats), setting, plan, report, stop, progress);
    setting.cache = CacheState::Warm;
    plan.seconds = 20;
    std::vector<Case> warm = quickCases(formats);
    warm.erase(
        std::remove_if(warm.begin(), warm.end(), [](const Case &one) { return one.what != Case::What::Product; }),
        warm.end());
    measureCases(warm, setting, plan, report, stop, progress);
    return report;
}

BenchReport measureProducts(const ProductRequest &request, const std::stop_token &stop, const ProgressSink &progress) {
    checkShape(request.rows, request.cols);
    checkThreads(request.threads);
    if (request.formats.empty() || request.batch == 0)
        throw Error(Fault::Call, "There is nothing to measure: choose a format and a batch of at least 1.");
    Setting setting{request.rows, request.cols, {request.isa.value_or(selectKernels().isa)}, {request.threads}};
    kernelsFor(setting.isas.front());
    setting.cache = request.cache;
    std::vector<Case> cases;
    for (const ProductFormat &format : request.formats) {
        Case one;
        one.format = format;
        one.activations = isPlain(format.id) ? Activations::F32 : request.activations;
        one.batch = request.batch;
        cases.push_back(one);
    }
    BenchReport report;
    report.machine = describeMachine();
    BenchPlan plan;
    plan.seconds = request.seconds;
    measureCases(cases, setting, plan, report, stop, progress);
    return report;
}

} // namespace nibblescope
