// SPDX-License-Identifier: GPL-3.0-or-later
// Programs that do the same work on the same weights, timed in turn so that a slow phase of the machine meets them
// alike: their times are held against each other round by round.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bench/bench_items.h"

namespace nibblescope::benchmarks {

enum class Work { Matvec, Matmul, Quantize, ClipSearch, Dequantize };

struct ContestCase {
    Work work = Work::Matvec;
    std::uint64_t rows = 4096;
    std::uint64_t cols = 4096;
    unsigned threads = 1;
    double seconds = 15; // for samples, about
    std::uint32_t batch() const { return work == Work::Matmul ? 512 : 1; }
};

// What those who take part are given.
struct Field {
    ContestCase what;
    const std::vector<float> &weights;      // [rows, cols]
    std::shared_ptr<const TestMatrix> fp32; // the same, as many copies as there is room for
    std::shared_ptr<const Arena> scratch;   // for outputs of the quantizers
    std::size_t roomForCopies;              // bytes that one should fill who keeps weights in a form of its own
    const std::stop_token &stop;
};

struct Contestant {
    std::string name;
    std::optional<ProductFormat> format; // of the matrix that `make` is given; absent: F32
    double tolerance = 0;                // largest max_relative_error; 0: it has none
    std::function<BenchItem(const Field &field, const std::shared_ptr<const TestMatrix> &matrix)> make;
};

struct Standing {
    KernelTiming timing;
    double times = 1; // its time over that of the first contestant, median of the rounds
};

// In the order of the contestants. Throws Error{Fault::Machine} if there is not enough memory.
std::vector<Standing> holdContest(const ContestCase &what, const std::vector<Contestant> &contestants);

// Ours first, then Eigen and OpenBLAS, then ggml where the program was built with it.
std::vector<Contestant> contestantsFor(Work work);

} // namespace nibblescope::benchmarks
