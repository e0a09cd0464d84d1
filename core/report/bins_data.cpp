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
    Format format() const { return m_format; }

    GroupScale of(std::uint64_t group) const {
        if (m_whole)
            return *m_whole;
        if (!m_view.quantized)
            return {m_rowMaxima[group], 0};
        const QuantizedTensor &tensor = *m_view.quantized;
        return {static_cast<double>(tensor.decodeScales[group]), offsetOf(m_format, zeroOf(tensor, group))};
    }

private:
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

// Calls `group(index, begin, end)` for each group's part of the flat range [begin, end).
template <typename Body>
void forGroups(const GroupGrid &grid, std::uint64_t begin, std::uint64_t end, Body body) {
    for (std::uint64_t at = begin; at < end;) {
        std::uint64_t group = grid.groupOf(at);
        std::uint64_t stop = grid.begin(group) + grid.length(group);
        const std::uint64_t rowEnd = std::min(end, (at / grid.cols + 1) * grid.cols);
        for (; at < rowEnd; ++group, stop += grid.groupSize) {
            const std::uint64_t until = std::min(stop, rowEnd);
            body(group, at, until);
            at = until;
        }
    }
}

// weight * factor + shift; NaN, over which the kernel passes, where that is not finite.
void normaliseRun(const float *weights, std::size_t count, double factor, double shift, float *out) {
    for (std::size_t i = 0; i < count; ++i) {
        const double x = static_cast<double>(weights[i]) * factor + shift;
        out[i] = static_cast<float>(x) + static_cast<float>(x - x); // + 0, or NaN
    }
}

void normalise(const ScaleSource &scales, std::span<const float> weights, std::uint64_t begin, std::span<float> out) {
    const double unit = unitOf(scales.format());
    forGroups(scales.grid(), begin, begin + out.size(), [&](std::uint64_t group, std::uint64_t from, std::uint64_t to) {
        const GroupScale scale = scales.of(group);
        float *const place = out.data() + (from - begin);
        if (scale.scale == 0) // weights of 0 lie at 0, others nowhere
            std::transform(
                weights.begin() + static_cast<std::ptrdiff_t>(from), weights.begin() + static_cast<std::ptrdiff_t>(to),
                place, [](float weight) { return weight == 0.0F ? 0.0F : std::numeric_limits<float>::quiet_NaN(); });
        else
            normaliseRun(weights.data() + from, to - from, 1 / (scale.scale * unit), scale.offset / unit, place);
    });
}

Histogram densityOf(const TensorView &view, const ScaleSource &scales, double lower, double upper, std::size_t bins,
                    const Work &work) {
    const std::span<const float> weights = view.weights->weights;
    std::vector<std::vector<std::uint64_t>> parts((weights.size() + taskWeights - 1) / taskWeights);
    work.parallelFor(parts.size(), [&](std::size_t task) {
        parts[task].resize(bins + 2);
        std::array<float, spanWeights> buffer;
        const std::size_t end = std::min(weights.size(), (task + 1) * taskWeights);
        for (std::size_t at = task * taskWeights; at < end; at += spanWeights) {
            const std::span<float> part = std::span(buffer).first(std::min(spanWeights, end - at));
            normalise(scales, weights, at, part);
            work.kernels.histogram({part.data(), part.size(), static_cast<float>(lower),
                                    static_cast<float>(static_cast<double>(bins) / (upper - lower)), bins,
                                    parts[task].data()});
        }
    });
    std::vector<std::uint64_t> total(bins + 2);
    for (const auto &part : parts)
        std::transform(part.begin(), part.end(), total.begin(), total.begin(), std::plus<>());
    return {lower, upper, {total.begin() + 1, total.end() - 1}, total.front(), total.back()};
}

// Squared errors of finite weights; 0 for the others.
void squaredErrors(const float *weights, const float *decoded, std::size_t count, double *out) {
    for (std::size_t i = 0; i < count; ++i) {
        const double error = static_cast<double>(decoded[i]) - static_cast<double>(weights[i]);
        const float finite = weights[i] - weights[i]; // 0, or NaN
        out[i] = finite == 0.0F ? error * error : 0.0;
    }
}

// Sums of four, each of every fourth weight, so that equal codes in a row do not wait for each other.
struct CodeSums {
    static constexpr std::size_t tables = 4;
    std::array<std::array<double, 256>, tables> sums{};
    std::size_t next = 0;

    void add(unsigned code, double error) {
        sums[next][code] += error;
        next = (next + 1) % tables;
    }
};

// `column`: of the first weight in its row, which holds its code at `codes`.
void addNibbles(const std::uint8_t *codes, std::uint64_t column, std::size_t count, const double *errors,
                CodeSums &sums) {
    std::size_t i = 0;
    if (column % 2 != 0 && count > 0)
        sums.add(codes[column / 2] & 15U, errors[i++]);
    const std::uint8_t *byte = codes + (column + i) / 2;
    for (; i + 4 <= count; i += 4, byte += 2) {
        sums.sums[0][byte[0] >> 4] += errors[i];
        sums.sums[1][byte[0] & 15U] += errors[i + 1];
        sums.sums[2][byte[1] >> 4] += errors[i + 2];
        sums.sums[3][byte[1] & 15U] += errors[i + 3];
    }
    for (; i < count; ++i)
        sums.add((column + i) % 2 == 0 ? codes[(column + i) / 2] >> 4 : codes[(column + i) / 2] & 15U, errors[i]);
}

// Squared error under each stored code. Tasks and tables are the same whatever runs them, and so are the sums.
std::vector<double> errorByCode(const TensorView &view, const Work &work) {
    const QuantizedTensor &tensor = *view.quantized;
    const std::span<const float> weights = view.weights->weights;
    const bool bytes = traits(tensor.recipe.format).codeBits == 8;
    const std::size_t codes = bytes ? 256 : 16;
    const std::uint64_t cols = tensor.grid.cols;
    std::vector<CodeSums> parts((weights.size() + taskWeights - 1) / taskWeights);
    work.parallelFor(parts.size(), [&](std::size_t task) {
        std::array<float, chunkWeights> decoded;
        std::array<double, chunkWeights> errors;
        const std::uint64_t end = std::min<std::uint64_t>(weights.size(), (task + 1) * taskWeights);
        for (std::uint64_t at = task * taskWeights; at < end;) {
            const std::uint64_t row = at / cols;
            const std::uint64_t count = std::min({chunkWeights, end - at, (row + 1) * cols - at});
            dequantizeRange(tensor, at, count, decoded.data(), work.kernels);
            squaredErrors(weights.data() + at, decoded.data(), count, errors.data());
            const std::uint8_t *const ofRow = tensor.codes.data() + row * tensor.bytesPerGridRow();
            if (bytes)
                for (std::uint64_t i = 0; i < count; ++i)
                    parts[task].add(ofRow[at - row * cols + i], errors[i]);
            else
                addNibbles(ofRow, at - row * cols, count, errors.data(), parts[task]);
            at += count;
        }
    });
    std::vector<double> total(codes);
    for (const CodeSums &part : parts)
        for (const auto &sums : part.sums)
            for (std::size_t code = 0; code < codes; ++code)
                total[code] += sums[code];
    return total;
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

std::vector<CodeShare> codeShares(const TensorView &view, const BinsSide &side, const Work &work) {
    const std::vector<std::uint64_t> &counts = view.result.metrics->codeCounts;
    const std::vector<double> errors = errorByCode(view, work);
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
    const ScaleSource scales(view, options.scale);
    data.groups = scales.grid().groups();
    data.current.density = densityOf(view, scales, lower, upper, options.bins, work);
    if (two)
        data.compared->density =
            densityOf(*compared, ScaleSource(*compared, options.scale), lower, upper, options.bins, work);
    if (view.quantized && view.result.metrics)
        data.shares = codeShares(view, data.current, work);
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
