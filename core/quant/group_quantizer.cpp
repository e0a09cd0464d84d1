// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/group_quantizer.h"

#include <algorithm>
#include <array>

#include "core/kernels/encode_rules.h"
#include "core/quant/double_quantization.h"

namespace nibblescope {
namespace {

// Chunks that one worker does in a row: about a quarter of a million weights, a fraction of a millisecond.
constexpr std::size_t chunksPerTask = 64;

GroupRange merged(const GroupRange &first, const GroupRange &second) {
    GroupRange range = first;
    range.min = std::min(first.min, second.min);
    range.max = std::max(first.max, second.max);
    if (second.absmax > first.absmax) {
        range.absmax = second.absmax;
        range.signedMax = second.signedMax;
    }
    return range;
}

} // namespace

// A run of weights that one kernel call takes: part of one grid row, or several whole short rows. Sums are reduced
// chunk by chunk, so what a chunk is depends on the grid alone.
struct GroupQuantizer::Chunk {
    std::uint64_t first = 0; // flat index
    std::uint64_t count = 0;
    std::uint64_t group = 0; // of the first weight
    std::uint64_t firstInGroup = 0;
    const float *weights = nullptr;
    std::uint64_t end() const { return first + count; }
};

GroupQuantizer::GroupQuantizer(const Recipe &recipe, MatrixShape shape, ScaleChoice choice,
                               std::span<const double> importance)
    : m_recipe(recipe), m_shape(shape), m_grid(groupGrid(shape, recipe)), m_choice(choice), m_importance(importance) {
    const std::uint64_t groups = m_grid.groups();
    m_encodeScales.resize(groups);
    if (traits(recipe.format).zeroPoint)
        m_zeroPoints.resize(groups);
    m_codeCounts.resize(traits(recipe.format).codeBits == 8 ? 256 : 16);
}

std::uint64_t GroupQuantizer::blockAlignment() const {
    if (m_grid.rows == 1)
        return chunkWeights;
    return m_grid.cols * std::max<std::uint64_t>(1, chunkWeights / std::max<std::uint64_t>(m_grid.cols, 1));
}

bool GroupQuantizer::groupsCrossBlocks() const {
    return m_grid.rows == 1 && chunkWeights % m_grid.groupSize != 0 && m_grid.size() > chunkWeights;
}

bool GroupQuantizer::canFuse() const {
    const bool chunksEndWithGroups = m_grid.cols <= chunkWeights || chunkWeights % m_grid.groupSize == 0;
    return chunksEndWithGroups && m_recipe.doubleQuant == DoubleQuant::Off;
}

std::vector<GroupQuantizer::Chunk> GroupQuantizer::chunksOf(std::uint64_t first, std::uint64_t count) const {
    std::vector<Chunk> chunks;
    const bool rowsJoin = m_grid.rows > 1 && m_grid.cols <= chunkWeights;
    // Whole short rows make one kernel call only if groups and bytes go on without a gap.
    const bool gapless = m_grid.cols % m_grid.groupSize == 0 && m_grid.cols % 2 == 0;
    for (std::uint64_t at = first; at < first + count;) {
        const std::uint64_t column = at % m_grid.cols;
        std::uint64_t length = std::min(m_grid.cols - column, chunkWeights - column % chunkWeights);
        if (rowsJoin)
            length = gapless ? chunkWeights / m_grid.cols * m_grid.cols : m_grid.cols;
        length = std::min(length, first + count - at);
        Chunk chunk;
        chunk.first = at;
        chunk.count = length;
        chunk.group = m_grid.groupOf(at);
        chunk.firstInGroup = column % m_grid.groupSize;
        chunks.push_back(chunk);
        at += length;
    }
    return chunks;
}

std::uint64_t GroupQuantizer::codeBytesBefore(std::uint64_t weight) const {
    if (traits(m_recipe.format).codeBits == 8)
        return weight;
    return weight / m_grid.cols * ((m_grid.cols + 1) / 2) + weight % m_grid.cols / 2;
}

// Ranges of the groups that begin in the chunk; of a group that began earlier only `head`, to be merged in order.
void GroupQuantizer::rangesOfChunk(const Chunk &chunk, const Kernels &kernels, GroupRange *head) {
    std::uint64_t skipped = 0;
    std::uint64_t group = chunk.group;
    if (chunk.firstInGroup != 0) {
        skipped = std::min(m_grid.length(group) - chunk.firstInGroup, chunk.count);
        kernels.groupRanges(chunk.weights, skipped, skipped, head);
        ++group;
    }
    if (skipped < chunk.count)
        kernels.groupRanges(chunk.weights + skipped, chunk.count - skipped, m_grid.groupSize, m_ranges.data() + group);
}

void GroupQuantizer::observe(std::uint64_t first, std::span<const float> weights, const Work &work) {
    if (m_choice == ScaleChoice::ClipSearch) {
        searchGroups(first, weights, work);
        return;
    }
    m_ranges.resize(m_grid.groups());
    std::vector<Chunk> chunks = chunksOf(first, weights.size());
    std::vector<GroupRange> heads(chunks.size());
    const std::size_t tasks = (chunks.size() + chunksPerTask - 1) / chunksPerTask;
    work.parallelFor(tasks, [&](std::size_t task) {
        for (std::size_t i = task * chunksPerTask; i < std::min(chunks.size(), (task + 1) * chunksPerTask); ++i) {
            chunks[i].weights = weights.data() + (chunks[i].first - first);
            rangesOfChunk(chunks[i], work.kernels, &heads[i]);
        }
    });
    for (std::size_t i = 0; i < chunks.size(); ++i)
        if (chunks[i].firstInGroup != 0)
            m_ranges[chunks[i].group] = merged(m_ranges[chunks[i].group], heads[i]);
}

// Rounds the scales of some groups to their storage type. Double quantization keeps them F32 for choosing codes.
void GroupQuantizer::scalesOfGroups(std::uint64_t firstGroup, std::uint64_t count, const Kernels &kernels,
                                    ScaleCounts &counts) {
    ScaleSpan span;
    span.ranges = m_ranges.data() + firstGroup;
    span.count = count;
    span.rounded = m_recipe.doubleQuant == DoubleQuant::Off;
    span.type = m_recipe.scaleType;
    span.scales = m_encodeScales.data() + firstGroup;
    span.zeroPoints = m_zeroPoints.empty() ? nullptr : m_zeroPoints.data() + firstGroup;
    const ScaleRounding rounding = kernels.groupScales[static_cast<std::size_t>(m_recipe.format)](span);
    counts.underflow += rounding.underflow;
    counts.overflow += rounding.overflow;
}

void GroupQuantizer::searchGroups(std::uint64_t first, std::span<const float> weights, const Work &work) {
    m_ranges.resize(m_grid.groups());
    const std::uint64_t firstGroup = m_grid.groupOf(first);
    const std::uint64_t lastGroup = m_grid.groupOf(first + weights.size() - 1);
    const auto search = work.kernels.clipSearch[static_cast<std::size_t>(m_recipe.format)];
    const std::uint64_t perTask = std::max<std::uint64_t>(1, chunkWeights / m_grid.groupSize);
    const std::uint64_t groups = lastGroup - firstGroup + 1;
    work.parallelFor((groups + perTask - 1) / perTask, [&](std::size_t task) {
        std::vector<double> importance;
        for (std::uint64_t i = task * perTask; i < std::min<std::uint64_t>(groups, (task + 1) * perTask); ++i) {
            const std::uint64_t group = firstGroup + i;
            ClipSearch job;
            job.weights = weights.data() + (m_grid.begin(group) - first);
            job.count = m_grid.length(group);
            job.scaleType = m_recipe.doubleQuant == DoubleQuant::Off ? m_recipe.scaleType : ScaleType::F32;
            job.codebook = m_codebook ? &*m_codebook : nullptr;
            work.kernels.groupRanges(job.weights, job.count, job.count, &job.range);
            if (!m_importance.empty()) {
                importance.resize(job.count);
                for (std::size_t k = 0; k < job.count; ++k)
                    importance[k] = m_importance[(m_grid.begin(group) + k) % m_shape.cols];
                job.importance = importance.data();
            }
            const ClipChoice choice = search(job);
            m_ranges[group] = job.range;
            m_encodeScales[group] = choice.scale;
            if (!m_zeroPoints.empty())
                m_zeroPoints[group] = choice.zeroPoint;
        }
    });
    for (std::uint64_t group = firstGroup; group <= lastGroup; ++group) {
        const float exact = exactScale(m_recipe.format, m_ranges[group]);
        m_scaleCounts.underflow += m_encodeScales[group] == 0.0F && exact != 0.0F ? 1 : 0;
        m_scaleCounts.overflow += overflowsScaleType(exact, m_recipe.scaleType) ? 1 : 0;
    }
}

void GroupQuantizer::finishScales() {
    m_ranges.resize(m_grid.groups());
    if (m_choice == ScaleChoice::Range)
        scalesOfGroups(0, m_grid.groups(), scalarKernels(), m_scaleCounts);
    if (m_recipe.doubleQuant != DoubleQuant::Off) {
        m_secondLevel = quantizeScales(m_encodeScales, m_recipe.doubleQuant);
        m_decodeScales = restoreScales(m_secondLevel, m_recipe.doubleQuant);
    }
    m_scalesReady = true;
}

// Scales and codes of a chunk of whole groups at once.
void GroupQuantizer::quantizeChunk(const Chunk &chunk, const Kernels &kernels, const Output &output, ErrorSums &sums,
                                   std::uint32_t *counts, ScaleCounts &scaleCounts) {
    std::array<std::uint8_t, chunkWeights> unwanted;
    QuantizeSpan span;
    span.weights = chunk.weights;
    span.count = chunk.count;
    span.groupSize = m_grid.groupSize;
    span.scaleType = m_recipe.scaleType;
    span.codebook = m_codebook ? &*m_codebook : nullptr;
    span.scales = m_encodeScales.data() + chunk.group;
    span.zeroPoints = m_zeroPoints.empty() ? nullptr : m_zeroPoints.data() + chunk.group;
    span.codes = output.codes != nullptr ? output.codes : unwanted.data();
    span.decoded = output.decoded;
    span.sums = &sums;
    span.codeCounts = counts;
    const ScaleRounding rounding = kernels.quantize[static_cast<std::size_t>(m_recipe.format)](span);
    scaleCounts.underflow += rounding.underflow;
    scaleCounts.overflow += rounding.overflow;
}

void GroupQuantizer::encodeChunk(const Chunk &chunk, const Kernels &kernels, const Output &output, ErrorSums &sums,
                                 std::uint32_t *counts) const {
    std::array<std::uint8_t, chunkWeights> unwanted;
    EncodeSpan span;
    span.weights = chunk.weights;
    span.count = chunk.count;
    span.groupSize = m_grid.groupSize;
    span.firstInGroup = chunk.firstInGroup;
    span.encodeScales = m_encodeScales.data() + chunk.group;
    span.decodeScales = m_decodeScales.empty() ? span.encodeScales : m_decodeScales.data() + chunk.group;
    span.zeroPoints = m_zeroPoints.empty() ? nullptr : m_zeroPoints.data() + chunk.group;
    span.codebook = m_codebook ? &*m_codebook : nullptr;
    span.codes = output.codes != nullptr ? output.codes : unwanted.data();
    span.decoded = output.decoded;
    span.sums = &sums;
    span.codeCounts = counts;
    kernels.encode[static_cast<std::size_t>(m_recipe.format)](span);
}

void GroupQuantizer::encode(std::uint64_t first, std::span<const float> weights, const Output &output,
                            const Work &work) {
    const bool fuse = !m_scalesReady;
    const bool search = fuse && m_choice == ScaleChoice::ClipSearch;
    if (search)
        searchGroups(first, weights, work);
    std::vector<Chunk> chunks = chunksOf(first, weights.size());
    std::vector<ErrorSums> sums(chunks.size());
    const std::size_t tasks = (chunks.size() + chunksPerTask - 1) / chunksPerTask;
    std::vector<std::uint32_t> counts(tasks * m_codeCounts.size());
    std::vector<ScaleCounts> scaleCounts(tasks);
    const std::uint64_t codeBytes = codeBytesBefore(first);
    work.parallelFor(tasks, [&](std::size_t task) {
        for (std::size_t i = task * chunksPerTask; i < std::min(chunks.size(), (task + 1) * chunksPerTask); ++i) {
            Chunk &chunk = chunks[i];
            chunk.weights = weights.data() + (chunk.first - first);
            Output place = output;
            if (place.decoded != nullptr)
                place.decoded += chunk.first - first;
            if (place.codes != nullptr)
                place.codes += codeBytesBefore(chunk.first) - codeBytes;
            std::uint32_t *const codeCounts = counts.data() + task * m_codeCounts.size();
            if (fuse && !search)
                quantizeChunk(chunk, work.kernels, place, sums[i], codeCounts, scaleCounts[task]);
            else
                encodeChunk(chunk, work.kernels, place, sums[i], codeCounts);
        }
    });
    for (const ErrorSums &part : sums)
        m_sums += part;
    for (std::size_t i = 0; i < counts.size(); ++i)
        m_codeCounts[i % m_codeCounts.size()] += counts[i];
    for (const ScaleCounts &part : scaleCounts) {
        m_scaleCounts.underflow += part.underflow;
        m_scaleCounts.overflow += part.overflow;
    }
}

QuantizedTensor GroupQuantizer::takeConstants() && {
    QuantizedTensor tensor;
    tensor.recipe = m_recipe;
    tensor.shape = m_shape;
    tensor.grid = m_grid;
    tensor.decodeScales = m_decodeScales.empty() ? std::move(m_encodeScales) : std::move(m_decodeScales);
    tensor.zeroPoints = std::move(m_zeroPoints);
    tensor.secondLevel = std::move(m_secondLevel);
    if (m_codebook)
        tensor.codebook.assign(m_codebook->level.begin(), m_codebook->level.end());
    return tensor;
}

} // namespace nibblescope
