// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/gptq.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/kernels/cholesky.h"
#include "core/kernels/dense.h"
#include "core/kernels/encode_rules.h"
#include "core/quant/code_assembly.h"

namespace nibblescope {
namespace {

constexpr std::size_t rowsATask = 32;
constexpr double largestDamping = 1.0;

struct Prepared {
    std::size_t cols = 0;
    std::vector<std::size_t> order; // column of the matrix at each step
    std::vector<bool> dead;         // by column of the matrix
    std::vector<float> factor;      // U, [cols, cols], in the order of steps
    std::string warning;
};

std::vector<std::size_t> orderOf(const InputStatistics &statistics, bool actOrder) {
    std::vector<std::size_t> order(statistics.cols);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto energy = [&](std::size_t i) { return statistics.gram[i * (statistics.cols + 1)]; };
    if (actOrder)
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return energy(a) > energy(b); });
    return order;
}

Prepared prepare(const InputStatistics &statistics, const Recipe &recipe, const Work &work) {
    const std::size_t n = statistics.cols;
    Prepared prepared;
    prepared.cols = n;
    prepared.order = orderOf(statistics, recipe.actOrder);
    prepared.dead.resize(n);
    std::vector<double> h(n * n);
    double trace = 0;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j)
            h[i * n + j] = statistics.gram[prepared.order[i] * n + prepared.order[j]];
        if (h[i * n + i] == 0) {
            h[i * n + i] = 1;
            prepared.dead[prepared.order[i]] = true;
        }
        trace += h[i * n + i];
    }
    const double mean = trace / static_cast<double>(n);
    double added = 0;
    for (double damping = recipe.damp;; damping *= 10) {
        for (std::size_t i = 0; i < n; ++i)
            h[i * n + i] += damping * mean - added;
        added = damping * mean;
        const std::vector<double> factor = inverseFactor(h, n, work);
        if (!factor.empty()) {
            prepared.factor.assign(factor.begin(), factor.end());
            if (damping != recipe.damp) {
                std::array<char, 96> text{};
                std::snprintf(text.data(), text.size(),
                              "its statistics are not positive definite; GPTQ used a damping of %g", damping);
                prepared.warning = text.data();
            }
            return prepared;
        }
        if (damping >= largestDamping || !std::isfinite(mean))
            throw Error(Fault::Input, "its calibration statistics cannot be used: they are not positive definite");
    }
}

struct Group {
    float scale = 0;
    std::uint8_t zeroPoint = 0;
};

template <Format format>
class RowQuantizer {
public:
    RowQuantizer(const QuantizeInput &input, const Prepared &prepared, const GroupGrid &grid, ChosenCodes &chosen,
                 const Work &work)
        : m_input(input), m_prepared(prepared), m_grid(grid), m_chosen(chosen), m_work(work) {
        if (!chosen.codebook.empty())
            m_codebook = sortedLevels(std::span<const float, 16>(chosen.codebook.data(), 16));
    }

    // Rows [first, first + count): each is quantized by itself, together they share the products.
    void run(std::size_t first, std::size_t count, ScaleCounts &counts) const {
        const std::size_t n = m_prepared.cols;
        std::vector<float> weights(count * n);
        for (std::size_t r = 0; r < count; ++r)
            for (std::size_t i = 0; i < n; ++i) {
                const std::size_t column = m_prepared.order[i];
                weights[r * n + i] = m_prepared.dead[column] ? 0.0F : m_input.weights[(first + r) * n + column];
            }
        if (staticGroups())
            for (std::size_t r = 0; r < count; ++r)
                for (std::size_t group = 0; group < m_grid.groupsPerRow(); ++group)
                    setGroup(first + r, group, originalGroup(first + r, group), counts);
        std::vector<float> errors(count * gptqBlock);
        for (std::size_t begin = 0; begin < n; begin += gptqBlock) {
            const std::size_t size = std::min(gptqBlock, n - begin);
            for (std::size_t r = 0; r < count; ++r)
                runBlock(first + r, weights.data() + r * n, begin, size, errors.data() + r * gptqBlock, counts);
            if (begin + size == n)
                break;
            multiply(DenseProduct<float>{count,
                                         n - begin - size,
                                         size,
                                         {errors.data(), gptqBlock, Transposed::No},
                                         {m_prepared.factor.data() + begin * n + begin + size, n, Transposed::No},
                                         weights.data() + begin + size,
                                         n,
                                         -1,
                                         1});
        }
    }

private:
    bool staticGroups() const { return m_input.recipe.actOrder; }

    std::vector<float> originalGroup(std::size_t row, std::size_t group) const {
        const std::size_t n = m_prepared.cols;
        const std::size_t begin = group * m_grid.groupSize;
        std::vector<float> weights(std::min<std::size_t>(m_grid.groupSize, n - begin));
        for (std::size_t i = 0; i < weights.size(); ++i)
            weights[i] = m_prepared.dead[begin + i] ? 0.0F : m_input.weights[row * n + begin + i];
        return weights;
    }

    void setGroup(std::size_t row, std::size_t group, std::span<const float> weights, ScaleCounts &counts) const {
        GroupRange range;
        m_work.kernels.groupRanges(weights.data(), weights.size(), weights.size(), &range);
        const std::size_t place = row * m_grid.groupsPerRow() + group;
        ScaleSpan span;
        span.ranges = &range;
        span.count = 1;
        span.type = m_input.recipe.scaleType;
        span.scales = m_chosen.scales.data() + place;
        span.zeroPoints = m_chosen.zeroPoints.empty() ? nullptr : m_chosen.zeroPoints.data() + place;
        const ScaleRounding rounding = m_work.kernels.groupScales[static_cast<std::size_t>(format)](span);
        counts.underflow += rounding.underflow;
        counts.overflow += rounding.overflow;
    }

    Group groupOf(std::size_t row, std::size_t column) const {
        const std::size_t place = row * m_grid.groupsPerRow() + column / m_grid.groupSize;
        return {m_chosen.scales[place], m_chosen.zeroPoints.empty() ? std::uint8_t{0} : m_chosen.zeroPoints[place]};
    }

    // `weights` holds the updates of earlier blocks; it stays as it is, since scales of groups that begin in this block
    // are read from it. The errors, divided by the factor's diagonal, go to `errors`.
    void runBlock(std::size_t row, const float *weights, std::size_t begin, std::size_t size, float *errors,
                  ScaleCounts &counts) const {
        const std::size_t n = m_prepared.cols;
        std::array<float, gptqBlock> current;
        std::copy_n(weights + begin, size, current.begin());
        for (std::size_t i = 0; i < size; ++i) {
            const std::size_t step = begin + i;
            const std::size_t column = m_prepared.order[step];
            if (!staticGroups() && step % m_grid.groupSize == 0)
                setGroup(row, step / m_grid.groupSize,
                         {weights + step, std::min<std::size_t>(m_grid.groupSize, n - step)}, counts);
            const Group group = groupOf(row, column);
            const SortedLevels *levels = m_codebook ? &*m_codebook : nullptr;
            const std::uint8_t code = encodeOne<format>(current[i], group.scale, group.zeroPoint, levels);
            m_chosen.codes[row * n + column] = code;
            const float *factor = m_prepared.factor.data() + step * n + begin;
            const float error =
                (current[i] - decodeOne<format>(code, group.scale, group.zeroPoint, levels)) / factor[i];
            errors[i] = error;
            for (std::size_t k = i + 1; k < size; ++k)
                current[k] -= error * factor[k];
        }
    }

    const QuantizeInput &m_input;
    const Prepared &m_prepared;
    const GroupGrid &m_grid;
    ChosenCodes &m_chosen;
    const Work &m_work;
    std::optional<SortedLevels> m_codebook;
};

template <Format format>
void quantizeRows(const QuantizeInput &input, const Prepared &prepared, const GroupGrid &grid, ChosenCodes &chosen,
                  const Work &work) {
    const RowQuantizer<format> quantizer(input, prepared, grid, chosen, work);
    const std::size_t rows = input.shape.rows;
    const std::size_t tasks = (rows + rowsATask - 1) / rowsATask;
    std::vector<ScaleCounts> counts(tasks);
    work.parallelFor(tasks, [&](std::size_t task) {
        quantizer.run(task * rowsATask, std::min(rowsATask, rows - task * rowsATask), counts[task]);
    });
    for (const ScaleCounts &part : counts) {
        chosen.scaleCounts.underflow += part.underflow;
        chosen.scaleCounts.overflow += part.overflow;
    }
}

} // namespace

QuantizeOutcome quantizeSecondOrder(const QuantizeInput &input, const Work &work) {
    const InputStatistics &statistics = requireStatistics(input);
    const Prepared prepared = prepare(statistics, input.recipe, work);
    const GroupGrid grid = groupGrid(input.shape, input.recipe);
    ChosenCodes chosen;
    chosen.codes.resize(input.weights.size());
    chosen.scales.resize(grid.groups());
    chosen.codebook = codebookFor(input.weights, input.shape, input.recipe);
    if (traits(input.recipe.format).zeroPoint)
        chosen.zeroPoints.resize(grid.groups());
    const auto go = [&](auto quantizeAll) { quantizeAll(input, prepared, grid, chosen, work); };
    switch (input.recipe.format) {
    case Format::Int4:
        go(quantizeRows<Format::Int4>);
        break;
    case Format::Int4Max:
        go(quantizeRows<Format::Int4Max>);
        break;
    case Format::Int4Asym:
        go(quantizeRows<Format::Int4Asym>);
        break;
    case Format::Nf4:
        go(quantizeRows<Format::Nf4>);
        break;
    case Format::Fp4:
        go(quantizeRows<Format::Fp4>);
        break;
    case Format::Mxfp4:
        go(quantizeRows<Format::Mxfp4>);
        break;
    case Format::Fitted:
        go(quantizeRows<Format::Fitted>);
        break;
    case Format::Int8:
    case Format::None:
        throw Error(Fault::Call, "GPTQ works with the 4-bit formats.");
    }
    QuantizeOutcome outcome = assemble(input, std::move(chosen), work);
    if (!prepared.warning.empty())
        outcome.warnings.push_back(prepared.warning);
    return outcome;
}

std::optional<std::string> problemOfSecondOrder(const Recipe &recipe) {
    if (recipe.format == Format::Int8)
        return "GPTQ works with the 4-bit formats";
    if (recipe.groupSize.kind == GroupSize::Kind::Tensor)
        return "GPTQ works row by row: one scale for the whole tensor does not go with it";
    return problemOfRowMethods(recipe, "GPTQ");
}

} // namespace nibblescope
