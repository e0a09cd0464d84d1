// SPDX-License-Identifier: GPL-3.0-or-later
// The matrices of a run, and the memory that their copies lie in.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/bench/arena.h"
#include "core/bench/test_matrix.h"

namespace nibblescope {

// The matrices that a run needs, each once.
class BenchMatrices {
public:
    // All here throw Error{Fault::Interrupted} soon after a stop request.
    BenchMatrices(std::uint64_t rows, std::uint64_t cols, const std::stop_token &stop);

    std::shared_ptr<TestMatrix> get(const ProductFormat &format);
    void forgetWeights() { m_weights = {}; } // once all have been made
    const std::vector<std::shared_ptr<TestMatrix>> &all() const { return m_all; }

private:
    std::uint64_t m_rows;
    std::uint64_t m_cols;
    std::stop_token m_stop;
    std::vector<float> m_weights;
    std::vector<std::shared_ptr<TestMatrix>> m_all;
};

// A piece for each matrix, filled with as many copies as 1 GiB gives room to (`cold`) or one; one piece for outputs,
// and one to read for the bandwidth. Less where less is free, with a note.
class BenchMemory {
public:
    BenchMemory(const BenchMatrices &matrices, std::size_t scratchBytes, bool cold, std::vector<std::string> &notes,
                const std::stop_token &stop);

    const std::shared_ptr<const Arena> &probe() const { return m_probe; }
    const std::shared_ptr<const Arena> &scratch() const { return m_scratch; }

private:
    std::shared_ptr<const Arena> m_probe;
    std::shared_ptr<const Arena> m_scratch;
    std::vector<std::shared_ptr<const Arena>> m_pieces;
};

} // namespace nibblescope
