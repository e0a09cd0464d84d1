// SPDX-License-Identifier: GPL-3.0-or-later
// Quantizes a tensor that comes in blocks, with one scale a group: the shared body of round-to-nearest and clip search.
//
// Two passes: observe() every block in order, finishScales(), encode() every block in order. Where a group's scale
// depends on nothing outside a chunk (no double quantization, chunks end where groups end) canFuse() is true and
// encode() alone does it all in one pass over the data. The result is the same either way, for any size of block and
// number of threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/work.h"
#include "core/kernels/kernels.h"
#include "core/quant/quantized_tensor.h"

namespace nibblescope {

// How a group's scale is found.
enum class ScaleChoice : std::uint8_t { Range, ClipSearch };

class GroupQuantizer {
public:
    // `importance` (ClipSearch): a weight for the squared error of each column, or empty. It must outlive the
    // quantizer.
    GroupQuantizer(const Recipe &recipe, MatrixShape shape, ScaleChoice choice = ScaleChoice::Range,
                   std::span<const double> importance = {});

    // Fitted: the levels of this tensor, rising; before anything else.
    void setCodebook(std::span<const float, 16> levels) { m_codebook = sortedLevels(levels); }

    // Blocks begin at multiples of this many weights (the last one may end anywhere).
    std::uint64_t blockAlignment() const;
    // Whether groups may cross the edges of aligned blocks. Clip search then needs the whole tensor in one block.
    bool groupsCrossBlocks() const;
    bool canFuse() const;

    // `weights` are the flat weights [first, first + size) of the matrix.
    void observe(std::uint64_t first, std::span<const float> weights, const Work &work);
    void finishScales();

    // Where a block's output goes; null: not wanted. `codes` points at the byte of the block's first weight.
    struct Output {
        std::uint8_t *codes = nullptr;
        float *decoded = nullptr;
    };
    void encode(std::uint64_t first, std::span<const float> weights, const Output &output, const Work &work);

    const GroupGrid &grid() const { return m_grid; }
    const ErrorSums &sums() const { return m_sums; }
    const std::vector<std::uint64_t> &codeCounts() const { return m_codeCounts; }
    const ScaleCounts &scaleCounts() const { return m_scaleCounts; }
    // The constants, with no codes yet.
    QuantizedTensor takeConstants() &&;

private:
    struct Chunk;
    std::vector<Chunk> chunksOf(std::uint64_t first, std::uint64_t count) const;
    std::uint64_t codeBytesBefore(std::uint64_t weight) const;
    void rangesOfChunk(const Chunk &chunk, const Kernels &kernels, GroupRange *head);
    void scalesOfGroups(std::uint64_t firstGroup, std::uint64_t count, const Kernels &kernels, ScaleCounts &counts);
    void searchGroups(std::uint64_t first, std::span<const float> weights, const Work &work);
    // `output` is that of the chunk.
    void quantizeChunk(const Chunk &chunk, const Kernels &kernels, const Output &output, ErrorSums &sums,
                       std::uint32_t *counts, ScaleCounts &scaleCounts);
    void encodeChunk(const Chunk &chunk, const Kernels &kernels, const Output &output, ErrorSums &sums,
                     std::uint32_t *counts) const;

    Recipe m_recipe;
    MatrixShape m_shape;
    GroupGrid m_grid;
    ScaleChoice m_choice;
    std::span<const double> m_importance;
    std::optional<SortedLevels> m_codebook;
    bool m_scalesReady = false;
    std::vector<GroupRange> m_ranges;
    std::vector<float> m_encodeScales;
    std::vector<float> m_decodeScales; // empty: the same as encodeScales
    std::vector<std::uint8_t> m_zeroPoints;
    SecondLevel m_secondLevel;
    ErrorSums m_sums;
    std::vector<std::uint64_t> m_codeCounts;
    ScaleCounts m_scaleCounts;
};

} // namespace nibblescope
