// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/matrix_reader.h"

#include <algorithm>
#include <vector>

#include "core/tensor/decode.h"

namespace nibblescope {
namespace {

// Elements that one worker reads and decodes at a time: 2 to 8 MiB as stored, so that a stop is seen soon.
constexpr std::uint64_t blockElements = 1U << 20;

} // namespace

MatrixReader::MatrixReader(const Model &model, std::size_t tensor, Layout layout)
    : m_model(model), m_tensor(tensor), m_layout(layout), m_shape(matrixShape(model.tensors[tensor], layout)) {
    // One row or one column lies the same way in either layout.
    if (m_shape.rows <= 1 || m_shape.cols <= 1)
        m_layout = Layout::OutIn;
}

void MatrixReader::readElements(std::uint64_t first, std::uint64_t count, float *out, const Work &work) const {
    const DType dtype = m_model.tensors[m_tensor].dtype;
    std::vector<std::byte> stored(count * traits(dtype).bits / 8);
    m_model.reader->readElements(m_tensor, first, count, stored);
    decodeToF32(dtype, stored, out, work.kernels);
}

void MatrixReader::readStored(std::uint64_t first, std::span<float> out, const Work &work) const {
    const std::uint64_t unit = std::max<std::uint64_t>(1, m_model.reader->preferredElements(m_tensor));
    const std::uint64_t step = (blockElements + unit - 1) / unit * unit;
    // Blocks end at multiples of the unit, wherever the first one begins.
    const std::uint64_t origin = first / unit * unit;
    const std::uint64_t blocks = (first + out.size() - origin + step - 1) / step;
    work.parallelFor(blocks, [&](std::size_t block) {
        const std::uint64_t begin = std::max(first, origin + block * step);
        const std::uint64_t end = std::min(first + out.size(), origin + (block + 1) * step);
        if (begin < end)
            readElements(begin, end - begin, out.data() + (begin - first), work);
    });
}

// Rows of the matrix are columns of what is stored: whole stored rows are read where all columns are wanted, else the
// wanted part of each.
void MatrixReader::readTransposed(std::uint64_t firstRow, std::uint64_t rows, float *out, const Work &work) const {
    const std::uint64_t cols = m_shape.cols;
    const bool whole = rows == m_shape.rows;
    const std::uint64_t perBlock = std::clamp<std::uint64_t>(blockElements / rows, 1, cols);
    work.parallelFor((cols + perBlock - 1) / perBlock, [&](std::size_t block) {
        const std::uint64_t begin = block * perBlock;
        const std::uint64_t end = std::min(cols, begin + perBlock);
        std::vector<float> part((end - begin) * rows);
        if (whole)
            readElements(begin * rows, (end - begin) * rows, part.data(), work);
        else
            for (std::uint64_t column = begin; column < end; ++column)
                readElements(column * m_shape.rows + firstRow, rows, part.data() + (column - begin) * rows, work);
        // Tiles keep both sides of the transposition in the cache.
        constexpr std::uint64_t tile = 32;
        for (std::uint64_t r = 0; r < rows; r += tile)
            for (std::uint64_t c = begin; c < end; c += tile)
                for (std::uint64_t row = r; row < std::min(rows, r + tile); ++row)
                    for (std::uint64_t column = c; column < std::min(end, c + tile); ++column)
                        out[row * cols + column] = part[(column - begin) * rows + row];
    });
}

void MatrixReader::read(std::uint64_t first, std::span<float> out, const Work &work) const {
    if (out.empty())
        return;
    if (m_layout == Layout::OutIn)
        readStored(first, out, work);
    else
        readTransposed(first / m_shape.cols, out.size() / m_shape.cols, out.data(), work);
}

} // namespace nibblescope
