// SPDX-License-Identifier: GPL-3.0-or-later
// gptq/4096: one layer of 4096 x 4096, groups of 128, all processors. Beside its time stands what the BLAS would need
// for its arithmetic, at the rates that its products reach in the same run: 4/3 C^3 operations in F64 for the two
// Cholesky factors and the inverse, R C^2 in F32 for the updates. The rest of the profile: `factor_s`, and `rows_s`
// (updates, choosing codes, packing, error sums).
#include <chrono>
#include <cmath>
#include <random>

#include "bench_support.h"
#include "core/kernels/cholesky.h"
#include "core/kernels/dense.h"
#include "core/quant/quantize.h"

namespace nibblescope::benchmarks {
namespace {

constexpr std::size_t side = 4096;

double secondsOf(const std::function<void()> &body) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Operations a second of square products, one on each thread at a time.
template <typename Value>
double blasRate(const Work &work) {
    constexpr std::size_t size = 1024;
    const std::vector<Value> a(size * size, Value(0.5));
    std::vector<std::vector<Value>> c(work.pool.threads(), std::vector<Value>(size * size));
    const auto products = [&] {
        work.parallelFor(c.size(), [&](std::size_t i) {
            multiply(DenseProduct<Value>{size,
                                         size,
                                         size,
                                         {a.data(), size, Transposed::No},
                                         {a.data(), size, Transposed::No},
                                         c[i].data(),
                                         size,
                                         1,
                                         0});
        });
    };
    products();
    double best = secondsOf(products);
    for (int i = 0; i < 4; ++i)
        best = std::min(best, secondsOf(products));
    return 2.0 * size * size * size * static_cast<double>(c.size()) / best;
}

// Neighbouring channels go together: exp(-|i - j| / 64), positive definite.
InputStatistics correlated() {
    InputStatistics statistics;
    statistics.positions = 1;
    statistics.cols = side;
    statistics.gram.resize(side * side);
    for (std::size_t i = 0; i < side; ++i)
        for (std::size_t j = 0; j < side; ++j)
            statistics.gram[i * side + j] = std::exp(-std::fabs(static_cast<double>(i) - static_cast<double>(j)) / 64);
    statistics.meanAbs.assign(side, 1);
    statistics.maxAbs.assign(side, 1);
    return statistics;
}

void gptq(benchmark::State &state) {
    WorkerPool pool;
    const Work work{pool, selectKernels(), Priority::Batch, {}, {}};
    const double c = side;
    const double blas = 4.0 / 3 * c * c * c / blasRate<double>(work) + c * c * c / blasRate<float>(work);
    const InputStatistics statistics = correlated();
    std::vector<float> weights(side * side);
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 0.02F);
    for (float &weight : weights)
        weight = normal(random);
    Recipe recipe = defaultRecipe(Format::Int4Asym);
    recipe.groupSize = GroupSize::of(128);
    recipe.method = "gptq";
    std::vector<double> damped = statistics.gram;
    for (std::size_t i = 0; i < side; ++i)
        damped[i * (side + 1)] += recipe.damp;
    double total = 0;
    for (auto _ : state)
        total += secondsOf([&] {
            const QuantizeOutcome outcome = quantize({weights, {side, side}, recipe, nullptr, &statistics}, work);
            benchmark::DoNotOptimize(outcome.sums.error);
        });
    const double each = total / static_cast<double>(state.iterations());
    const double factor = secondsOf([&] { benchmark::DoNotOptimize(inverseFactor(damped, side, work).data()); });
    state.counters["blas_s"] = blas;
    state.counters["factor_s"] = factor;
    state.counters["rows_s"] = each - factor;
    state.counters["times_blas"] = each / blas;
}

} // namespace

void registerMethods() {
    benchmark::RegisterBenchmark("gptq/4096", gptq)->Unit(benchmark::kSecond)->UseRealTime()->Iterations(1);
}

} // namespace nibblescope::benchmarks
