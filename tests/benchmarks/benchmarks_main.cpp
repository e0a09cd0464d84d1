// SPDX-License-Identifier: GPL-3.0-or-later
// nibblescope-benchmarks [--benchmark_filter=quantize/nf4 ...]: bytes a second and the share of the read bandwidth.
#include "bench_support.h"
#include "core/bench/machine.h"

int main(int argc, char **argv) {
    using namespace nibblescope;
    const MachineInfo machine = describeMachine();
    benchmark::AddCustomContext("cpu", machine.cpu);
    for (const unsigned threads : benchmarks::threadCounts())
        benchmark::AddCustomContext("read_gb_s_" + std::to_string(threads),
                                    std::to_string(benchmarks::readBandwidth(threads) * 1e-9));
    benchmarks::registerKernels();
    benchmarks::registerProducts();
    benchmarks::registerMethods();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
