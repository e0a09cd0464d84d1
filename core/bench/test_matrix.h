// SPDX-License-Identifier: GPL-3.0-or-later
// A matrix of made-up weights in the form that a kernel reads, copied as often as memory is given for it.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/work.h"
#include "core/bench/arena.h"
#include "core/bench/bench.h"
#include "core/bench/copy_cycle.h"
#include "core/kernels/products.h"
#include "core/quant/quantized_tensor.h"

namespace nibblescope {

// Normal weights, the same in every run. Like all here, stops soon after a request with Error{Fault::Interrupted}.
std::vector<float> benchWeights(std::uint64_t rows, std::uint64_t cols, const std::stop_token &stop);

// One copy after another in `memory`; each starts at a cache line.
class TestMatrix : public CopyCycle {
public:
    // Throws Error{Fault::Call} for a format that has no product.
    TestMatrix(const ProductFormat &format, const std::vector<float> &weights, std::uint64_t rows, std::uint64_t cols,
               const Work &work);

    // Bytes of one copy, and the matrix copied over `memory` (at least one copy must fit).
    std::size_t copyBytes() const { return m_copyBytes; }
    void fill(std::uint8_t *memory, std::size_t bytes, const std::stop_token &stop);
    ProductWeights copy(std::size_t index) const;

    // The exact weights of one row, as F32.
    std::vector<float> row(std::uint64_t index) const;
    const ProductFormat &format() const { return m_format; }

private:
    void makePlain(const std::vector<float> &weights, const Work &work);
    void makeQuantized(const std::vector<float> &weights, const Work &work);

    ProductFormat m_format;
    std::uint64_t m_rows;
    std::uint64_t m_cols;
    ProductWeights m_view; // without pointers
    LargeArray<std::uint8_t> m_data;
    std::vector<std::uint16_t> m_scales;
    QuantizedTensor m_tensor; // of quantized formats, without codes
    std::size_t m_scalesAt = 0;
    std::size_t m_blocksAt = 0;
    std::size_t m_copyBytes = 0;
    const std::uint8_t *m_memory = nullptr;
};

} // namespace nibblescope
