// SPDX-License-Identifier: GPL-3.0-or-later
// Runs of elements of an array, as the boxes that HDF5 wants to read and write them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include <hdf5.h>

namespace nibblescope::hdf5 {

// Cuts a flat range of an array (rank 1 or more, no side 0) into boxes, each of which is one run in C order.
class Boxes {
public:
    using Body = std::function<void(const std::vector<hsize_t> &start, const std::vector<hsize_t> &count)>;

    Boxes(const std::vector<std::uint64_t> &dims, const Body &body)
        : m_dims(dims), m_body(body), m_start(dims.size(), 0), m_count(dims.size(), 1), m_inner(dims.size(), 1) {
        for (std::size_t i = dims.size(); i-- > 1;)
            m_inner[i - 1] = m_inner[i] * dims[i];
    }

    void split(std::size_t axis, std::uint64_t first, std::uint64_t count) {
        const std::uint64_t inner = m_inner[axis];
        if (const std::uint64_t skipped = first % inner; skipped != 0 && count > 0) {
            const std::uint64_t head = std::min(count, inner - skipped);
            descend(axis, first, head);
            first += head;
            count -= head;
        }
        if (count >= inner) {
            const std::uint64_t rows = count / inner;
            m_start[axis] = first / inner;
            m_count[axis] = rows;
            for (std::size_t i = axis + 1; i < m_dims.size(); ++i) {
                m_start[i] = 0;
                m_count[i] = m_dims[i];
            }
            m_body(m_start, m_count);
            first += rows * inner;
            count -= rows * inner;
        }
        if (count > 0)
            descend(axis, first, count);
    }

private:
    void descend(std::size_t axis, std::uint64_t first, std::uint64_t count) {
        m_start[axis] = first / m_inner[axis];
        m_count[axis] = 1;
        split(axis + 1, first % m_inner[axis], count);
    }

    const std::vector<std::uint64_t> &m_dims;
    const Body &m_body;
    std::vector<hsize_t> m_start;
    std::vector<hsize_t> m_count;
    std::vector<std::uint64_t> m_inner; // elements below one step of an axis
};

} // namespace nibblescope::hdf5
