// SPDX-License-Identifier: GPL-3.0-or-later
// A tensor of a file as a matrix of F32 weights [rows = out, cols = in], read in parts.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/work.h"
#include "core/io/model.h"

namespace nibblescope {

// Tensors up to this size as F32 may be held in memory whole; larger ones go by row blocks, or are looked at through a
// sample. One tensor is in memory at a time.
inline constexpr std::uint64_t wholeTensorLimitBytes = 256ULL << 20;

class MatrixReader {
public:
    // The model must outlive the reader. Throws std::logic_error for a dtype that is not decodable.
    MatrixReader(const Model &model, std::size_t tensor, Layout layout);

    MatrixShape shape() const { return m_shape; }
    // Flat ranges of the matrix can start and end anywhere if true; else only at rows.
    bool anyRange() const { return m_layout == Layout::OutIn; }

    // Weights [first, first + out.size()) of the flat matrix, on the pool.
    void read(std::uint64_t first, std::span<float> out, const Work &work) const;

private:
    void readStored(std::uint64_t first, std::span<float> out, const Work &work) const;
    void readTransposed(std::uint64_t firstRow, std::uint64_t rows, float *out, const Work &work) const;
    void readElements(std::uint64_t first, std::uint64_t count, float *out, const Work &work) const;

    const Model &m_model;
    std::size_t m_tensor;
    Layout m_layout;
    MatrixShape m_shape;
};

} // namespace nibblescope
