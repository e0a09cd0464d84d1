// SPDX-License-Identifier: GPL-3.0-or-later
// A measurement as text. ASCII: it is read in pipes and in logs too.
#include <array>
#include <cstdio>

#include "core/bench/timing.h"

namespace nibblescope {
namespace {

template <typename... Args>
std::string formatted(const char *pattern, Args... args) {
    std::array<char, 256> line{};
    std::snprintf(line.data(), line.size(), pattern, args...);
    return line.data();
}

// 4 significant digits below 10,000 and all digits above: "447.2", "2950", "98765".
std::string micros(double seconds) {
    const double us = seconds * 1e6;
    return formatted(us < 10 ? "%.3f" : us < 100 ? "%.2f" : us < 1000 ? "%.1f" : "%.0f", us);
}

bool isProduct(Operation operation) { return operation == Operation::Matvec || operation == Operation::Matmul; }

const char *headingOf(Operation operation) {
    switch (operation) {
    case Operation::Quantize:
        return "quantize: GB/s of the weights that are read";
    case Operation::Dequantize:
        return "dequantize: GB/s of the F32 that is written";
    case Operation::Histogram:
        return "histogram of values: GB/s of the weights that are read";
    case Operation::Matvec:
        return "matrix x vector: GB/s of packed weights with their scales";
    case Operation::Matmul:
        return "matrix x matrix: GB/s of packed weights with their scales";
    }
    return "";
}

// What sets lines of one operation apart, besides the format.
std::string detailOf(const KernelTiming &t) {
    if (t.operation == Operation::Matvec)
        return t.activations ? "x " + std::string(idOf(*t.activations)) : "";
    if (t.operation == Operation::Matmul)
        return std::to_string(t.batch.value_or(1)) + " x " + std::string(t.activations ? idOf(*t.activations) : "");
    std::string text = t.input.empty() ? "" : "from " + t.input;
    if (t.fused)
        text += ", sums";
    if (t.histogramBins)
        text += (t.operation == Operation::Quantize ? ", " : "; ") + std::to_string(*t.histogramBins) + " bins";
    return text;
}

std::string lineOf(const KernelTiming &t) {
    std::string line = formatted("%-12s %-25s %-10s %3u %-5s %9s %8s-%-8s %6.1f %5.2f", displayFormat(t).c_str(),
                                 detailOf(t).c_str(), std::string(idOf(t.isa)).c_str(), t.threads,
                                 std::string(idOf(t.cache)).c_str(), micros(t.medianSeconds).c_str(),
                                 micros(t.q25Seconds).c_str(), micros(t.q75Seconds).c_str(), t.gbPerSecond(), t.share);
    if (t.maxRelativeError) // products have short details: the error stands in their room
        line = formatted("%-12s %-13s %-11.1e %-10s %3u %-5s %9s %8s-%-8s %6.1f %5.2f", displayFormat(t).c_str(),
                         detailOf(t).c_str(), *t.maxRelativeError, std::string(idOf(t.isa)).c_str(), t.threads,
                         std::string(idOf(t.cache)).c_str(), micros(t.medianSeconds).c_str(),
                         micros(t.q25Seconds).c_str(), micros(t.q75Seconds).c_str(), t.gbPerSecond(), t.share);
    return line + "\n";
}

std::string machineOf(const BenchReport &report) {
    const MachineInfo &machine = report.machine;
    std::string text = machine.cpu + ", " + std::to_string(machine.cores) + (machine.cores == 1 ? " core" : " cores") +
                       ", " + std::string(displayName(machine.isa));
    if (!machine.blas.empty())
        text += "; F32 batches by " + machine.blas;
    text += "\n";
    for (const auto &[threads, value] : machine.readGbPerSecond) {
        text += formatted("reads %.1f GB/s with %u thread%s", value, threads, threads == 1 ? "" : "s");
        if (const auto four = machine.readGbPerSecond4.find(threads); four != machine.readGbPerSecond4.end())
            text += formatted(" (%.1f in four streams each)", four->second);
        text += "\n";
    }
    return text;
}

} // namespace

std::string benchTable(const BenchReport &report) {
    std::string text = machineOf(report);
    if (!report.results.empty())
        text += formatted("%llu x %llu weights; medians in microseconds on the clock, and their quartiles; share of "
                          "the bandwidth\nthat as many threads read with just before\n",
                          static_cast<unsigned long long>(report.results.front().rows),
                          static_cast<unsigned long long>(report.results.front().cols));
    for (const Operation operation :
         {Operation::Quantize, Operation::Dequantize, Operation::Histogram, Operation::Matvec, Operation::Matmul}) {
        bool first = true;
        for (const KernelTiming &timing : report.results) {
            if (timing.operation != operation)
                continue;
            if (first)
                text += "\n" + std::string(headingOf(operation)) + "\n" +
                        formatted("%-12s %-13s %-11s %-10s %3s %-5s %9s %17s %6s %5s\n", "format",
                                  isProduct(operation) ? "activations" : "", isProduct(operation) ? "rel. error" : "",
                                  "set", "thr", "cache", "median", "quartiles", "GB/s", "share");
            first = false;
            text += lineOf(timing);
        }
    }
    for (const std::string &note : report.notes)
        text += note + "\n";
    return text;
}

} // namespace nibblescope
