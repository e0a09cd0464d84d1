// SPDX-License-Identifier: GPL-3.0-or-later
// What the Bins page needs to know of every weight.
#include "core/report/figures_bins.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "core/kernels/encode_rules.h"
#include "core/quant/quantize.h"
#include "core/report/figure_pieces.h"

namespace nibblescope {
namespace {

constexpr std::size_t taskWeights = 64 * chunkWeights;
constexpr std::size_t spanWeights = 4 * chunkWeights; // the histogram kernel sets up its tables once a span
std::size_t tasksOf(std::uint64_t weights) {
    return static_cast<std::size_t>((weights + taskWeights - 1) / taskWeights);
}
// Ends of the axis. A rounded zero-point shifts a group by up to half a step, which is 1/15.
double axisEnd(Format format) { return format == Format::Int4Asym ? 1.1 : 1.06; }

// The normalised axis of a format: x = (weight / scale + offset) / unit.
struct Normaliser {
    double unit = 1;
    double offset = 0; // int4-asym: the group's zero-point less 7.5, in units of the scale
};

double unitOf(Format format) {
    switch (format) {
    case Format::Int4:
        return 7;
    case Format::Int4Max:
    case Format::Mxfp4:
        return 8;
    case Format::Int4Asym:
        return 7.5;
    case Format::Int8:
        return 127;
    case Format::None:
    case Format::Nf4:
    case Format::Fp4:
    case Format::Fitted:
        break;
    }
    return 1;
}

double offsetOf(Format format, double zeroPoint) { return format == Format::Int4Asym ? zeroPoint - 7.5 : 0; }

// Level of a code in units of the scale on the normalised axis; int4-asym as if the zero-point were 7.5. `table`: what
// 4-bit codes stand for.
double levelInScales(Format format, std::span<const float, 16> table, unsigned code) {
    if (format == Format::Int8)
        return static_cast<double>(static_cast<std::int8_t>(code));
    const auto level = static_cast<double>(table[code]);
    return format == Format::Int4Asym ? level - 7.5 : level;
}

// ---- levels and boundaries

std::vector<NormalisedLevel> normalisedLevels(Format format, std::span<const float, 16> table,
                                              const ErrorMetrics *metrics) {
    std::vector<NormalisedLevel> all;
    const unsigned codes = format == Format::Int8 ? 256 : 16;
    for (unsigned code = 0; code < codes; ++code) {
        const bool negativeZero = format == Format::Mxfp4 && code == 8; // no weight is encoded to it
        const bool belowInt8 = format == Format::Int8 && code == 0x80;
        if (negativeZero || belowInt8)
            continue;
        NormalisedLevel level;
        level.code = code;
        level.text = format == Format::Int8 ? std::to_string(static_cast<int>(static_cast<std::int8_t>(code)))
                                            : codeText(format, code);
        level.at = levelInScales(format, table, code) / unitOf(format);
        level.reachable = metrics == nullptr || metrics->codeCounts.size() <= code || metrics->codeCounts[code] > 0;
        all.push_back(std::move(level));
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const NormalisedLevel &a, const NormalisedLevel &b) { return a.at < b.at; });
    return all;
}

std::vector<double> boundariesOf(const std::vector<NormalisedLevel> &sorted) {
    std::vector<double> boundaries;
    for (std::size_t i = 1; i < sorted.size(); ++i)
        boundaries.push_back((sorted[i - 1].at + sorted[i].at) / 2);
    return boundaries;
}

// ---- one pass over the weights

struct GroupScale {
    double scale = 0;
    double offset = 0;
};

// What brings the weights of groups to the normalised axis.
struct GroupFactors {
    std::vector<float> factors; // both 0 where the scale is: such a group's weights, which decode to 0, stand at 0
    std::vector<float> shifts;
};

float factorOf(double scale, double unit) {
    constexpr double largest = std::numeric_limits<float>::max(); // scales below 1e-38
    return scale == 0 ? 0.0F : static_cast<float>(std::clamp(1 / (scale * unit), -largest, largest));
}

// Scales that the weights are held against: of their groups, or one for the whole tensor.
class ScaleSource {
public:
    ScaleSource(const TensorView &view, BinsScale kind) : m_view(view) {
        if (view.quantized)
            m_format = view.quantized->recipe.format;
        m_grid = view.quantized ? view.quantized->grid
                                : GroupGrid{view.weights->shape.rows, view.weights->shape.cols,
                                            std::max<std::uint64_t>(1, view.weights->shape.cols)};
        if (kind == BinsScale::Tensor)
            m_whole = ofRange(wholeRange());
        else if (!view.quantized)
            measureRows();
    }

    const GroupGrid &grid() const { return m_grid; }

    // Of `count` groups from `first` on.
    GroupFactors factors(std::uint64_t first, std::size_t count) const {
        const double unit = unitOf(m_format);
        GroupFactors all{std::vector<float>(count), std::vector<float>(count)};
        const auto set = [&](auto scaleOf) {
            for (std::size_t i = 0; i < count; ++i)
                all.factors[i] = factorOf(scaleOf(first + i), unit);
        };
        if (m_whole) {
            set([&](std::uint64_t) { return m_whole->scale; });
            std::fill(all.shifts.begin(), all.shifts.end(), shiftOf(m_whole->scale, m_whole->offset));
        } else if (!m_view.quantized) {
            set([&](std::uint64_t group) { return m_rowMaxima[group]; });
        } else {
            const QuantizedTensor &tensor = *m_view.quantized;
            set([&](std::uint64_t group) { return static_cast<double>(tensor.decodeScales[group]); });
            if (m_format == Format::Int4Asym)
                for (std::size_t i = 0; i < count; ++i)
                    all.shifts[i] = shiftOf(static_cast<double>(tensor.decodeScales[first + i]),
                                            offsetOf(m_format, zeroOf(tensor, first + i)));
        }
        return all;
    }

private:
    float shiftOf(double scale, double offset) const {
        return scale == 0 ? 0.0F : static_cast<float>(offset / unitOf(m_format));
    }

    GroupRange wholeRange() const {
        const Statistics &statistics = m_view.result.statistics;
        const auto low = static_cast<float>(statistics.min.value_or(0));
        const auto high = static_cast<float>(statistics.max.value_or(0));
        GroupRange range;
        range.min = std::min(low, 0.0F);
        range.max = std::max(high, 0.0F);
        range.absmax = std::max(std::fabs(low), std::fabs(high));
        range.signedMax = std::fabs(low) > std::fabs(high) ? low : high;
        return range;
    }

    GroupScale ofRange(const GroupRange &range) const {
        if (m_format == Format::None)
            return {static_cast<double>(range.absmax), 0};
        const float scale = exactScale(m_format, range);
        return {static_cast<double>(scale), offsetOf(m_format, zeroPointFor(range.min, scale))};
    }

    void measureRows() {
        const auto &weights = m_view.weights->weights;
        m_rowMaxima.assign(m_grid.rows, 0);
        for (std::uint64_t row = 0; row < m_grid.rows; ++row) {
            for (std::uint64_t i = row * m_grid.cols; i < (row + 1) * m_grid.cols; ++i) {
                const auto magnitude = static_cast<double>(std::fabs(weights[i]));
                if (std::isfinite(magnitude))
                    m_rowMaxima[row] = std::max(m_rowMaxima[row], magnitude);
            }
        }
    }

    const TensorView &m_view;
    Format m_format = Format::None;
    GroupGrid m_grid;
    std::optional<GroupScale> m_whole;
    std::vector<double> m_rowMaxima;
};

// Whether no weight stands farther apart under the two than scales of the same maximum do that were rounded to F16
// each: less than a tenth of a bin.
bool alike(const GroupFactors &a, const GroupFactors &b) {
    constexpr float rounding = 0x1p-10F;
    const auto near = [](float x, float y) { return std::fabs(x - y) <= rounding * std::fabs(x); };
    return a.shifts == b.shifts &&
           std::equal(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(), near);
}

// Counts of the weights over their groups' scales.
class DensityCounter {
public:
    DensityCounter(ScaleSource scales, const BinRange &axis, std::size_t tasks)
        : m_scales(std::move(scales)), m_axis(axis), m_parts(tasks, std::vector<std::uint64_t>(axis.bins + 2)) {}

    // Of the groups that weights [at, at + size) of a grid row lie in.
    GroupFactors factorsOf(std::uint64_t at, std::size_t size) const {
        const GroupGrid &grid = m_scales.grid();
        const std::uint64_t column = at % grid.cols;
        const std::uint64_t row = at / grid.cols * grid.groupsPerRow();
        const std::uint64_t first = row + column / grid.groupSize;
        return m_scales.factors(first, row + (column + size - 1) / grid.groupSize + 1 - first);
    }

    // Those weights, which begin at `weights`.
    std::vector<std::uint64_t> count(const GroupFactors &constants, std::uint64_t at, const float *weights,
                                     std::size_t size, const Kernels &kernels) const {
        const GroupGrid &grid = m_scales.grid();
        std::vector<std::uint64_t> counts(m_axis.bins + 2);
        HistogramSpan span;
        span.values = weights;
        span.count = size;
        span.lower = static_cast<float>(m_axis.lower);
        span.inverseWidth = static_cast<float>(static_cast<double>(m_axis.bins) / (m_axis.upper - m_axis.lower));
        span.bins = m_axis.bins;
        span.counts = counts.data();
        span.factors = constants.factors.data();
        span.shifts = constants.shifts.data();
        span.groupSize = grid.groupSize;
        span.firstInGroup = at % grid.cols % grid.groupSize;
        kernels.histogram(span);
        return counts;
    }
    void add(std::size_t task, const std::vector<std::uint64_t> &counts) {
        auto &part = m_parts[task];
        std::transform(part.begin(), part.end(), counts.begin(), part.begin(), std::plus<>());
    }

    Histogram total() const {
        std::vector<std::uint64_t> total(m_axis.bins + 2);
        for (const auto &part : m_parts)
            std::transform(part.begin(), part.end(), total.begin(), total.begin(), std::plus<>());
        return {m_axis.lower, m_axis.upper, {total.begin() + 1, total.end() - 1}, total.front(), total.back()};
    }

    const GroupGrid &grid() const { return m_scales.grid(); }

private:
    ScaleSource m_scales;
    BinRange m_axis;
    std::vector<std::vector<std::uint64_t>> m_parts; // one a task
};

// Weights [at, at + size) under one recipe or two. Where their scales differ by rounding alone they are counted once.
void countDensities(DensityCounter &density, std::optional<DensityCounter> &other, std::size_t task, std::uint64_t at,
                    const float *weights, std::size_t size, const Kernels &kernels) {
    const GroupFactors factors = density.factorsOf(at, size);
    const auto counts = density.count(factors, at, weights, size, kernels);
    density.add(task, counts);
    if (!other)
        return;
    const GroupFactors others = other->factorsOf(at, size);
    const bool same = other->grid() == density.grid() && alike(factors, others);
    other->add(task, same ? counts : other->count(others, at, weights, size, kernels));
}

// Squared error under each stored code. Tasks are the same whatever runs them, and so are the sums.
class CodeErrorCounter {
public:
    CodeErrorCounter(const QuantizedTensor &tensor, std::size_t tasks)
        : m_tensor(tensor), m_bytes(traits(tensor.recipe.format).codeBits == 8), m_parts(tasks) {}

    // Weights [at, at + size) of a grid row, which begin at `weights`.
    void add(std::size_t task, std::uint64_t at, const float *weights, std::size_t size, const Kernels &kernels) {
        std::array<float, chunkWeights> decoded;
        for (std::size_t done = 0; done < size; done += chunkWeights)
            addChunk(m_parts[task], at + done, {weights + done, std::min(chunkWeights, size - done)}, decoded, kernels);
    }

    std::vector<double> total() const {
        std::vector<double> total(m_bytes ? 256 : 16);
        for (const Part &part : m_parts)
            for (std::size_t byte = 0; byte < 256; ++byte)
                if (m_bytes) {
                    total[byte] += part.sums[byte][0];
                } else {
                    total[byte >> 4] += part.sums[byte][0];
                    total[byte & 15U] += part.sums[byte][1];
                }
        return total;
    }

private:
    // By byte of codes: of its high nibble and its low one, or the first alone for a code of 8 bits.
    struct Part {
        double sums[256][2] = {};
    };

    void addChunk(Part &part, std::uint64_t at, std::span<const float> weights,
                  std::array<float, chunkWeights> &decoded, const Kernels &kernels) const {
        const std::uint64_t column = at % m_tensor.grid.cols;
        const std::uint8_t *const codes = m_tensor.codes.data() + at / m_tensor.grid.cols * m_tensor.bytesPerGridRow();
        dequantizeRange(m_tensor, at, weights.size(), decoded.data(), kernels);
        if (m_bytes)
            addBytes(codes + column, weights, decoded.data(), part);
        else
            addNibbles(codes, column, weights, decoded.data(), part, kernels);
    }

    static void addBytes(const std::uint8_t *codes, std::span<const float> weights, const float *decoded, Part &part) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const double error = static_cast<double>(decoded[i]) - static_cast<double>(weights[i]);
            if (std::isfinite(weights[i]))
                part.sums[codes[i]][0] += error * error;
        }
    }

    // `column`: of the first weight in its row, which holds its code at `codes`.
    static void addNibbles(const std::uint8_t *codes, std::uint64_t column, std::span<const float> weights,
                           const float *decoded, Part &part, const Kernels &kernels) {
        if (column % 2 != 0) { // behind a row of odd length: the low nibble alone
            const double error = static_cast<double>(*decoded) - static_cast<double>(weights.front());
            if (std::isfinite(weights.front()))
                part.sums[codes[column / 2]][1] += error * error;
            weights = weights.subspan(1);
            ++decoded;
            ++column;
        }
        kernels.codeErrors(weights.data(), decoded, codes + column / 2, weights.size(), part.sums);
    }

    const QuantizedTensor &m_tensor;
    bool m_bytes;
    std::vector<Part> m_parts; // one a task
};

// Calls `part(task, at, size)` for parts of a grid's rows, so small that they lie in the cache for all who count them.
template <typename Part>
void forParts(std::uint64_t size, std::uint64_t cols, const Work &work, Part part) {
    work.parallelFor(tasksOf(size), [&](std::size_t task) {
        const std::uint64_t end = std::min<std::uint64_t>(size, (task + 1) * taskWeights);
        for (std::uint64_t at = task * taskWeights; at < end;) {
            const std::size_t count = std::min({spanWeights, end - at, cols - at % cols});
            part(task, at, count);
            at += count;
        }
    });
}

// ---- shares

struct Counted {
    std::uint64_t weights = 0;
    double error = 0;
};

double shareOf(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::vector<CodeShare> sharesOf4Bit(const BinsSide &side, const std::vector<std::uint64_t> &counts,
                                    const std::vector<double> &errors, const Counted &total) {
    std::vector<CodeShare> shares;
    for (const NormalisedLevel &level : side.levels) {
        CodeShare share;
        share.text = level.text;
        share.code = level.code;
        share.level = side.recipe.format == Format::Fitted // its unit is 1, and its table the tensor's own
                          ? level.at
                          : levelInScales(side.recipe.format, levels(side.recipe.format), level.code);
        share.weights = counts[level.code];
        share.weightShare = shareOf(static_cast<double>(share.weights), static_cast<double>(total.weights));
        share.errorShare = shareOf(errors[level.code], total.error);
        shares.push_back(std::move(share));
    }
    return shares;
}

// The 256 codes of INT8 in 16 ranges.
std::vector<CodeShare> sharesOf8Bit(const std::vector<std::uint64_t> &counts, const std::vector<double> &errors,
                                    const Counted &total) {
    std::vector<CodeShare> shares(16);
    for (int range = 0; range < 16; ++range) {
        CodeShare &share = shares[static_cast<std::size_t>(range)];
        const int first = range * 16 - 128;
        share.text = std::to_string(first) + " ... " + std::to_string(first + 15);
        share.code = static_cast<std::uint8_t>(static_cast<std::int8_t>(first));
        share.level = first + 7.5;
        double error = 0;
        for (int code = first; code < first + 16; ++code) {
            const auto byte = static_cast<std::uint8_t>(static_cast<std::int8_t>(code));
            share.weights += counts[byte];
            error += errors[byte];
        }
        share.weightShare = shareOf(static_cast<double>(share.weights), static_cast<double>(total.weights));
        share.errorShare = shareOf(error, total.error);
    }
    return shares;
}

std::vector<CodeShare> codeShares(const TensorView &view, const BinsSide &side, const std::vector<double> &errors) {
    const std::vector<std::uint64_t> &counts = view.result.metrics->codeCounts;
    if (counts.size() != errors.size())
        return {};
    Counted total;
    for (std::size_t code = 0; code < counts.size(); ++code) {
        total.weights += counts[code];
        total.error += errors[code];
    }
    return errors.size() == 16 ? sharesOf4Bit(side, counts, errors, total) : sharesOf8Bit(counts, errors, total);
}

BinsSide emptySide(const TensorView &view) {
    BinsSide side;
    side.recipe = view.result.recipe;
    side.finite = view.result.statistics.finite;
    if (!view.quantized)
        return side;
    side.recipe = view.quantized->recipe;
    side.levels = normalisedLevels(side.recipe.format, levelsOf(*view.quantized),
                                   view.result.metrics ? &*view.result.metrics : nullptr);
    side.boundaries = boundariesOf(side.levels);
    return side;
}

} // namespace

BinsData computeBins(const TensorView &view, const TensorView *compared, const BinsOptions &options, const Work &work) {
    BinsData data;
    data.result = view.result;
    data.options = options;
    data.current = emptySide(view);
    const bool two = compared != nullptr && compared->quantized && view.quantized;
    if (two)
        data.compared = emptySide(*compared);
    double upper = axisEnd(data.current.recipe.format);
    if (two)
        upper = std::max(upper, axisEnd(data.compared->recipe.format));
    double lower = -upper;
    for (const BinsSide *side : {&data.current, two ? &*data.compared : &data.current}) {
        if (!side->levels.empty() && side->levels.front().at < -1)
            lower = std::min(lower, side->levels.front().at * 1.11);
    }
    ScaleSource scales(view, options.scale);
    data.groups = scales.grid().groups();
    const BinRange axis{lower, upper, options.bins};
    const std::span<const float> weights = view.weights->weights;
    const std::size_t tasks = tasksOf(weights.size());
    DensityCounter density(std::move(scales), axis, tasks);
    std::optional<DensityCounter> other;
    if (two)
        other.emplace(ScaleSource(*compared, options.scale), axis, tasks);
    std::optional<CodeErrorCounter> errors;
    if (view.quantized && view.result.metrics)
        errors.emplace(*view.quantized, tasks);
    // Rows of the narrower grid are parts of the wider one's: flat blocks are one row.
    const std::uint64_t cols = view.weights->shape.cols;
    forParts(weights.size(), cols, work, [&](std::size_t task, std::uint64_t at, std::size_t size) {
        countDensities(density, other, task, at, weights.data() + at, size, work.kernels);
        if (errors)
            errors->add(task, at, weights.data() + at, size, work.kernels);
    });
    data.current.density = density.total();
    if (other)
        data.compared->density = other->total();
    if (errors)
        data.shares = codeShares(view, data.current, errors->total());
    return data;
}

Recipe defaultComparison(const Recipe &recipe, const std::optional<Recipe> &baseline) {
    if (baseline && baseline->format != Format::None && !(*baseline == recipe))
        return *baseline;
    const bool codebook = traits(recipe.format).codebook;
    Recipe other = recipe;
    other.format = codebook ? Format::Int4 : Format::Nf4;
    const MethodTraits *method = findMethod(recipe.method);
    if (!problemOf(other) && method != nullptr && !method->needsCalibration)
        return other;
    other = defaultRecipe(other.format);
    other.groupSize = recipe.groupSize;
    return other;
}

std::uint64_t worstGroup(const TensorView &view, const Work &work) {
    if (!view.quantized)
        return 0;
    struct Worst {
        double ratio = std::numeric_limits<double>::infinity(); // signal / error
        std::uint64_t group = 0;
    };
    constexpr std::uint64_t taskGroups = 4096;
    const GroupGrid &grid = view.quantized->grid;
    const std::span<const float> weights = view.weights->weights;
    std::vector<Worst> parts((grid.groups() + taskGroups - 1) / taskGroups);
    work.parallelFor(parts.size(), [&](std::size_t task) {
        const std::uint64_t last = std::min<std::uint64_t>(grid.groups(), (task + 1) * taskGroups);
        std::vector<float> decoded;
        for (std::uint64_t group = task * taskGroups; group < last; ++group) {
            const std::uint64_t begin = grid.begin(group);
            decoded.resize(grid.length(group));
            dequantizeRange(*view.quantized, begin, decoded.size(), decoded.data(), work.kernels);
            double signal = 0;
            double error = 0;
            for (std::uint64_t i = 0; i < decoded.size(); ++i) {
                const auto weight = static_cast<double>(weights[begin + i]);
                const double difference = static_cast<double>(decoded[i]) - weight;
                if (std::isfinite(weight)) {
                    signal += weight * weight;
                    error += difference * difference;
                }
            }
            if (error > 0 && signal / error < parts[task].ratio)
                parts[task] = {signal / error, group};
        }
    });
    Worst worst;
    for (const Worst &part : parts) {
        if (part.ratio < worst.ratio)
            worst = part;
    }
    return worst.group;
}

} // namespace nibblescope
