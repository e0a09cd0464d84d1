// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/activations.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/kernels/dense.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::size_t outputsATask = 64;
constexpr std::size_t tokensATask = 16;
constexpr std::size_t columnsATask = 512;
constexpr double smallestScale = 1e-5;
constexpr std::uint64_t fewestTokens = 64;
constexpr std::uint64_t fewestOutputs = 64;

double medianOf(std::vector<float> values) {
    if (values.empty())
        return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    const double upper = static_cast<double>(*middle);
    if (values.size() % 2 == 1)
        return upper;
    return (upper + static_cast<double>(*std::max_element(values.begin(), middle))) / 2;
}

// SplitMix64 (Steele, Lea and Flood, 2014) of a counter: the same numbers whatever the order they are asked for.
double uniform(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + (index + 1) * 0xd1b54a32d192ed03ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    x ^= x >> 31;
    return (static_cast<double>(x >> 11) + 0.5) * 0x1p-53;
}

// Box and Muller (1958).
double normal(std::uint64_t seed, std::uint64_t index) {
    const double radius = std::sqrt(-2 * std::log(uniform(seed, 2 * index)));
    return radius * std::cos(6.283185307179586 * uniform(seed, 2 * index + 1));
}

std::vector<float> evenRows(std::span<const float> rows, std::uint64_t count, std::uint64_t wanted,
                            std::uint64_t cols) {
    std::vector<float> taken;
    taken.reserve(wanted * cols);
    for (std::uint64_t i = 0; i < wanted; ++i) {
        const auto row = rows.subspan(i * count / wanted * cols, cols);
        taken.insert(taken.end(), row.begin(), row.end());
    }
    return taken;
}

struct Energy {
    double error = 0;
    double signal = 0;
    double relative() const { return signal > 0 ? std::sqrt(error / signal) : 0; }
};

Energy energyOf(std::span<const float> changed, std::span<const float> original, const Work &work) {
    std::vector<Energy> parts((original.size() + chunkWeights - 1) / chunkWeights);
    work.parallelFor(parts.size(), [&](std::size_t task) {
        const std::size_t first = task * chunkWeights;
        const ErrorSums sums = work.kernels.errorSums(original.data() + first, changed.data() + first,
                                                      std::min(chunkWeights, original.size() - first));
        parts[task] = {sums.error, sums.signal};
    });
    Energy sum;
    for (const Energy &part : parts) {
        sum.error += part.error;
        sum.signal += part.signal;
    }
    return sum;
}

// Outputs [first, first + count) of all tokens: X W', [tokens, count].
void outputsInto(std::span<const float> x, std::span<const float> weights, std::size_t channels, std::size_t first,
                 std::size_t count, float *y) {
    DenseProduct<float> product;
    product.rows = x.size() / channels;
    product.cols = count;
    product.inner = channels;
    product.a = {x.data(), channels, Transposed::No};
    product.b = {weights.data() + first * channels, channels, Transposed::Yes};
    product.c = y;
    product.cStride = count;
    multiply(product);
}

// Measures outputs against those of the original input and weights, which are kept.
class OutputMeter {
public:
    OutputMeter(const ActivationProblem &problem, const Work &work) : m_problem(problem), m_work(work) {
        m_tiles.resize((problem.shape.rows + outputsATask - 1) / outputsATask);
        work.parallelFor(m_tiles.size(), [&](std::size_t task) {
            const std::size_t count = countOf(task);
            m_tiles[task].resize(problem.x.tokens * count);
            outputsInto(problem.x.values, problem.weights, problem.shape.cols, task * outputsATask, count,
                        m_tiles[task].data());
        });
    }

    double relativeError(std::span<const float> x, std::span<const float> weights) const {
        m_work.checkStop();
        std::vector<Energy> parts(m_tiles.size());
        m_work.parallelFor(m_tiles.size(), [&](std::size_t task) {
            std::vector<float> y(m_tiles[task].size());
            outputsInto(x, weights, m_problem.shape.cols, task * outputsATask, countOf(task), y.data());
            for (std::size_t i = 0; i < y.size(); ++i) {
                const double exact = static_cast<double>(m_tiles[task][i]);
                const double error = static_cast<double>(y[i]) - exact;
                parts[task].error += error * error;
                parts[task].signal += exact * exact;
            }
        });
        Energy sum;
        for (const Energy &part : parts) {
            sum.error += part.error;
            sum.signal += part.signal;
        }
        return sum.relative();
    }

private:
    std::size_t countOf(std::size_t task) const {
        return std::min<std::size_t>(outputsATask, m_problem.shape.rows - task * outputsATask);
    }

    const ActivationProblem &m_problem;
    const Work &m_work;
    std::vector<std::vector<float>> m_tiles;
};

std::vector<float> rounded(std::span<const float> x, std::size_t channels, ActivationQuant quant, const Work &work) {
    const std::vector<float> scales = activationScales(x, channels, quant);
    std::vector<float> out(x.size());
    const std::size_t tokens = x.size() / channels;
    work.parallelFor((tokens + tokensATask - 1) / tokensATask, [&](std::size_t task) {
        const std::size_t first = task * tokensATask;
        const std::size_t size = std::min(tokensATask, tokens - first) * channels;
        roundActivations(x.subspan(first * channels, size), channels, quant, scales, first,
                         std::span(out).subspan(first * channels, size));
    });
    return out;
}

std::vector<float> roundedWeights(std::span<const float> weights, MatrixShape shape, const Recipe &recipe,
                                  const Work &work) {
    std::vector<float> decoded(weights.begin(), weights.end());
    if (recipe.format != Format::None)
        quantize({weights, shape, recipe, decoded.data()}, work);
    return decoded;
}

enum class Direction : std::uint8_t { Multiply, Divide };
std::vector<float> scaledColumns(std::span<const float> values, const std::vector<float> &scales, Direction direction,
                                 const Work &work) {
    std::vector<float> out(values.size());
    const std::size_t cols = scales.size();
    const std::size_t rows = values.size() / cols;
    work.parallelFor((rows + tokensATask - 1) / tokensATask, [&](std::size_t task) {
        for (std::size_t row = task * tokensATask; row < std::min(rows, (task + 1) * tokensATask); ++row)
            for (std::size_t i = 0; i < cols; ++i) {
                const std::size_t at = row * cols + i;
                out[at] = direction == Direction::Multiply ? values[at] * scales[i] : values[at] / scales[i];
            }
    });
    return out;
}

std::optional<double> sqnrOf(const Energy &energy) {
    if (!(energy.error > 0) || !(energy.signal > 0))
        return std::nullopt;
    return 10 * std::log10(energy.signal / energy.error);
}

std::vector<ActivationCost> costsOf(std::span<const float> x, std::span<const float> weights,
                                    std::span<const float> decoded, std::size_t channels, const OutputMeter &meter,
                                    const Work &work) {
    std::vector<ActivationCost> costs;
    for (const ActivationQuant quant : allActivationQuants()) {
        const std::vector<float> codes = rounded(x, channels, quant, work);
        ActivationCost cost;
        cost.quant = quant;
        cost.sqnrDb = sqnrOf(energyOf(codes, x, work));
        cost.outputError = meter.relativeError(codes, weights);
        cost.withWeights = meter.relativeError(codes, decoded);
        costs.push_back(cost);
    }
    return costs;
}

Recipe usualWeights(const Recipe &recipe) {
    return recipe.format == Format::None ? defaultRecipe(Format::Int4) : recipe;
}

SmoothingPoint pointOf(const ActivationProblem &problem, std::span<const float> x, std::span<const float> weights,
                       ActivationQuant quant, const OutputMeter &meter, const Work &work) {
    const std::vector<float> codes = rounded(x, problem.shape.cols, quant, work);
    const std::vector<float> decoded = roundedWeights(weights, problem.shape, problem.recipe, work);
    SmoothingPoint point;
    point.activationError = energyOf(codes, x, work).relative();
    point.weightError = energyOf(decoded, weights, work).relative();
    point.fromActivations = meter.relativeError(codes, weights);
    point.fromWeights = meter.relativeError(x, decoded);
    point.output = meter.relativeError(codes, decoded);
    return point;
}

} // namespace

double ActivationStatistics::largest() const {
    return channelMax.empty() ? 0 : static_cast<double>(*std::max_element(channelMax.begin(), channelMax.end()));
}

std::optional<double> ActivationStatistics::spread() const {
    return medianChannelMax > 0 ? std::optional(largest() / medianChannelMax) : std::nullopt;
}

void ActivationStatisticsBuilder::add(std::span<const float> rows, const Work &work) {
    m_values.add(rows, work);
    m_numbers += rows.size();
    const std::size_t channels = m_channelMax.size();
    work.parallelFor((channels + columnsATask - 1) / columnsATask, [&](std::size_t task) {
        const std::size_t first = task * columnsATask;
        const std::size_t last = std::min(channels, first + columnsATask);
        for (std::size_t at = 0; at < rows.size(); at += channels)
            for (std::size_t i = first; i < last; ++i) {
                const float magnitude = std::fabs(rows[at + i]);
                if (magnitude > m_channelMax[i] && std::isfinite(magnitude))
                    m_channelMax[i] = magnitude;
            }
    });
}

ActivationStatistics ActivationStatisticsBuilder::finish(const Work &work) {
    ActivationStatistics statistics;
    statistics.tokens = m_channelMax.empty() ? 0 : m_numbers / m_channelMax.size();
    statistics.values = m_values.finish(work);
    statistics.channelMax = m_channelMax;
    statistics.medianChannelMax = medianOf(m_channelMax);
    for (std::size_t i = 0; i < m_channelMax.size(); ++i) {
        if (static_cast<double>(m_channelMax[i]) > outlierRatio * statistics.medianChannelMax)
            statistics.outliers.push_back(i);
        if (m_channelMax[i] >= llmInt8Threshold)
            ++statistics.beyondSix;
    }
    std::stable_sort(statistics.outliers.begin(), statistics.outliers.end(),
                     [this](std::size_t a, std::size_t b) { return m_channelMax[a] > m_channelMax[b]; });
    return statistics;
}

ActivationStatistics activationStatistics(const ActivationMatrix &x, const Work &work) {
    ActivationStatisticsBuilder builder(x.channels);
    builder.add(x.values, work);
    return builder.finish(work);
}

ActivationMatrix syntheticActivations(const SyntheticActivations &options) {
    ActivationMatrix x;
    x.tokens = options.tokens;
    x.channels = options.channels;
    const std::uint64_t outliers = std::min(options.outliers, options.channels);
    std::vector<double> sizes(options.channels, 1);
    for (std::uint64_t k = 0; k < outliers; ++k)
        sizes[(2 * k + 1) * options.channels / (2 * outliers)] = options.magnitude;
    x.values.resize(options.tokens * options.channels);
    for (std::uint64_t i = 0; i < x.values.size(); ++i)
        x.values[i] = static_cast<float>(sizes[i % options.channels] * normal(options.seed, i));
    return x;
}

std::vector<float> columnMaxima(std::span<const float> weights, MatrixShape shape) {
    std::vector<float> maxima(shape.cols);
    for (std::size_t at = 0; at < weights.size(); at += shape.cols)
        for (std::size_t i = 0; i < shape.cols; ++i)
            maxima[i] = std::max(maxima[i], std::fabs(weights[at + i]));
    return maxima;
}

std::vector<float> smoothingScales(std::span<const float> channelMax, std::span<const float> weightMax, double alpha) {
    std::vector<float> scales(channelMax.size(), 1.0F);
    for (std::size_t i = 0; i < scales.size(); ++i) {
        const double x = static_cast<double>(channelMax[i]);
        const double w = static_cast<double>(weightMax[i]);
        if (x > 0 && w > 0)
            scales[i] = static_cast<float>(std::max(std::pow(x, alpha) / std::pow(w, 1 - alpha), smallestScale));
    }
    return scales;
}

ActivationProblem activationProblem(const ActivationMatrix &x, const ActivationStatistics &statistics,
                                    std::span<const float> weights, MatrixShape shape, std::span<const float> weightMax,
                                    const Recipe &recipe, std::uint64_t products) {
    ActivationProblem problem;
    const double all = static_cast<double>(x.tokens) * static_cast<double>(shape.size());
    const double share = std::min(1.0, static_cast<double>(products) / std::max(all, 1.0));
    // Outputs go first: they only repeat each other's statistics.
    const auto outputs = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(static_cast<double>(shape.rows) * share),
                                                   std::min(fewestOutputs, shape.rows), shape.rows);
    const double rest = static_cast<double>(products) / std::max(1.0, static_cast<double>(outputs * shape.cols));
    const auto tokens = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::min(rest, 1e15)),
                                                  std::min(fewestTokens, x.tokens), x.tokens);
    problem.x = {evenRows(x.values, x.tokens, tokens, x.channels), tokens, x.channels};
    problem.weights = evenRows(weights, shape.rows, outputs, shape.cols);
    problem.shape = {outputs, shape.cols};
    problem.channelMax = statistics.channelMax;
    problem.weightMax.assign(weightMax.begin(), weightMax.end());
    problem.recipe = recipe;
    const MethodTraits *method = findMethod(recipe.method);
    if (method == nullptr || method->needsCalibration) {
        const Recipe usual;
        problem.recipe.method = usual.method;
        problem.recipe.actOrder = usual.actOrder;
        problem.recipe.damp = usual.damp;
        problem.recipe.sequential = usual.sequential;
        problem.recipe.awqNoClip = usual.awqNoClip;
    }
    problem.sample = outputs < shape.rows || tokens < statistics.tokens;
    return problem;
}

ActivationCosts activationCosts(const ActivationProblem &problem, double alpha, const Work &work) {
    const OutputMeter meter(problem, work);
    ActivationCosts costs;
    costs.alpha = alpha;
    costs.sample = problem.sample;
    costs.weightsRecipe = usualWeights(problem.recipe);
    const std::span<const float> x = problem.x.values;
    const std::vector<float> decoded = roundedWeights(problem.weights, problem.shape, problem.recipe, work);
    costs.weightsAlone =
        meter.relativeError(x, problem.recipe.format == Format::None
                                   ? roundedWeights(problem.weights, problem.shape, costs.weightsRecipe, work)
                                   : decoded);
    costs.plain = costsOf(x, problem.weights, decoded, problem.shape.cols, meter, work);
    const std::vector<float> scales = smoothingScales(problem.channelMax, problem.weightMax, alpha);
    const std::vector<float> easier = scaledColumns(x, scales, Direction::Divide, work);
    const std::vector<float> harder = scaledColumns(problem.weights, scales, Direction::Multiply, work);
    costs.smoothed = costsOf(easier, harder, roundedWeights(harder, problem.shape, problem.recipe, work),
                             problem.shape.cols, meter, work);
    return costs;
}

const SmoothingPoint &SmoothingCurve::best() const {
    return *std::min_element(points.begin(), points.end(),
                             [](const SmoothingPoint &a, const SmoothingPoint &b) { return a.output < b.output; });
}

SmoothingCurve smoothingCurve(const ActivationProblem &problem, ActivationQuant quant, const Work &work) {
    const OutputMeter meter(problem, work);
    SmoothingCurve curve;
    curve.quant = quant;
    curve.recipe = problem.recipe;
    curve.sample = problem.sample;
    curve.none = pointOf(problem, problem.x.values, problem.weights, quant, meter, work);
    for (int step = 0; step <= smoothingSteps; ++step) {
        work.report({static_cast<std::uint64_t>(step), smoothingSteps + 1, "smoothing"});
        const double alpha = static_cast<double>(step) / smoothingSteps;
        const std::vector<float> scales = smoothingScales(problem.channelMax, problem.weightMax, alpha);
        curve.points.push_back(pointOf(problem, scaledColumns(problem.x.values, scales, Direction::Divide, work),
                                       scaledColumns(problem.weights, scales, Direction::Multiply, work), quant, meter,
                                       work));
        curve.points.back().alpha = alpha;
    }
    work.report({smoothingSteps + 1, smoothingSteps + 1, {}});
    return curve;
}

} // namespace nibblescope
