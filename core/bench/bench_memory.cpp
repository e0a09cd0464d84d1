// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/bench/bench_memory.h"

#include <algorithm>
#include <cstring>

#include "core/base/error.h"
#include "core/bench/machine.h"

namespace nibblescope {
namespace {

constexpr std::uint64_t wholeMemory = std::uint64_t{1} << 30;
constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t behindTheEnd = 8192; // a prefetch may look there

std::shared_ptr<const Arena> touched(std::size_t bytes, const std::stop_token &stop) {
    auto arena = std::make_shared<const Arena>(std::max<std::size_t>(bytes, 4096));
    for (std::size_t done = 0; done < arena->size(); done += 2 * mebibyte) {
        throwIfStopped(stop);
        std::memset(arena->data() + done, 1, std::min(2 * mebibyte, arena->size() - done));
    }
    return arena;
}

} // namespace

BenchMatrices::BenchMatrices(std::uint64_t rows, std::uint64_t cols, const std::stop_token &stop)
    : m_rows(rows), m_cols(cols), m_stop(stop), m_weights(benchWeights(rows, cols, stop)) {}

std::shared_ptr<TestMatrix> BenchMatrices::get(const ProductFormat &format) {
    for (const auto &matrix : m_all)
        if (matrix->format() == format)
            return matrix;
    WorkerPool pool;
    const Work work{pool, kernelsFor(supportedIsas().back()), Priority::Interactive, m_stop, {}};
    m_all.push_back(std::make_shared<TestMatrix>(format, m_weights, m_rows, m_cols, work));
    return m_all.back();
}

BenchMemory::BenchMemory(const BenchMatrices &matrices, std::size_t scratchBytes, bool cold,
                         std::vector<std::string> &notes, const std::stop_token &stop) {
    std::size_t least = scratchBytes;
    for (const auto &matrix : matrices.all())
        least += matrix->copyBytes();
    const std::uint64_t available = availableMemory();
    std::uint64_t budget = wholeMemory;
    if (available != 0 && available / 2 < budget) {
        budget = available / 2;
        notes.push_back("Only " + std::to_string(budget / mebibyte) +
                        " MiB were taken for copies, since little memory is free: figures of cold products may be "
                        "too good.");
    }
    m_probe = touched(std::clamp<std::size_t>(budget / 4, 32 * mebibyte, 256 * mebibyte), stop);
    m_scratch = touched(scratchBytes, stop);
    const std::size_t shared = budget > least + m_probe->size() ? budget - least - m_probe->size() : 0;
    for (const auto &matrix : matrices.all()) {
        const std::size_t more = cold ? shared / matrices.all().size() : 0;
        const std::size_t bytes = matrix->copyBytes() + more / matrix->copyBytes() * matrix->copyBytes();
        m_pieces.push_back(std::make_shared<const Arena>(bytes + behindTheEnd));
        matrix->fill(m_pieces.back()->data(), bytes, stop);
    }
}

} // namespace nibblescope
