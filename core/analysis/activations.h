// SPDX-License-Identifier: GPL-3.0-or-later
// The inputs of linears: how they are spread over channels, and what it costs to round them.
//
// Activations are harder than weights because a few channels are many times larger than the rest in every token: one
// scale for a token or for all of them is set by those, and the other channels fall between few levels. Outliers are
// counted in two ways:
//   outlier channels  channels whose max |x| exceeds 6 times the median over the channels
//   beyond 6          channels that hold any |x| >= 6.0, the ones that LLM.int8() takes out of the integer product
//                     (Dettmers et al., 2022)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/analysis/results.h"
#include "core/analysis/statistics.h"
#include "core/base/work.h"
#include "core/quant/activation_quant.h"

namespace nibblescope {

inline constexpr double outlierRatio = 6;
inline constexpr float llmInt8Threshold = 6.0F;

// The input X [tokens, channels] of a linear, row-major, finite: all tokens that were seen, or a part of them.
struct ActivationMatrix {
    std::vector<float> values;
    std::uint64_t tokens = 0;
    std::uint64_t channels = 0;
};

// Over all tokens that were seen.
struct ActivationStatistics {
    std::uint64_t tokens = 0;
    Statistics values;                 // over all numbers of X; kurtosis is m4 / m2^2, 3 for a normal
    std::vector<float> channelMax;     // max |x| of each channel
    double medianChannelMax = 0;       // over the channels; the mean of the middle two where their number is even
    std::vector<std::size_t> outliers; // outlier channels, the largest first
    std::uint64_t beyondSix = 0;

    double largest() const; // max |x|
    // Largest over median channel; absent where the median is 0.
    std::optional<double> spread() const;
};

class ActivationStatisticsBuilder {
public:
    explicit ActivationStatisticsBuilder(std::uint64_t channels) : m_channelMax(channels) {}
    // Whole rows, in order. Values that are not finite are counted and left out.
    void add(std::span<const float> rows, const Work &work);
    ActivationStatistics finish(const Work &work);

private:
    std::vector<float> m_channelMax;
    StatisticsBuilder m_values;
    std::uint64_t m_numbers = 0;
};
ActivationStatistics activationStatistics(const ActivationMatrix &x, const Work &work);

// Normal tokens with `outliers` channels, evenly spread, that are `magnitude` times as large in every token: x ~ N(0,
// 1)
// * magnitude there, N(0, 1) elsewhere. Equal for equal values on every machine.
struct SyntheticActivations {
    std::uint64_t tokens = 512;
    std::uint64_t channels = 64;
    std::uint64_t outliers = 4;
    double magnitude = 20;
    std::uint64_t seed = 1;
    bool operator==(const SyntheticActivations &) const = default;
};
ActivationMatrix syntheticActivations(const SyntheticActivations &options);

// ---- SmoothQuant (Xiao et al., 2022): x_j / s_j times w_j * s_j is the same product, and easier to round.

// max |w| of each column of W [out, in].
std::vector<float> columnMaxima(std::span<const float> weights, MatrixShape shape);
// s_j = max|x_j|^alpha / max|w_j|^(1 - alpha), held to at least 1e-5 as the published code does; 1 for a channel that
// is all zero in X or in W.
std::vector<float> smoothingScales(std::span<const float> channelMax, std::span<const float> weightMax, double alpha);

// ---- What rounding costs

// A linear with its input. Large ones are looked at through evenly spread tokens and outputs (see sample()).
struct ActivationProblem {
    ActivationMatrix x;
    std::vector<float> weights; // [out, in]
    MatrixShape shape;
    std::vector<float> channelMax; // of all tokens that were seen
    std::vector<float> weightMax;  // of all linears that read this input
    Recipe recipe;                 // of the weights; Format::None: they stay as they are
    bool sample = false;           // some outputs or tokens are left out
};
// Takes as many evenly spread rows of `weights` and of `x` as `products` multiplications and additions allow for one
// product. A recipe whose method needs calibration is rounded to nearest.
inline constexpr std::uint64_t usualProducts = 1ULL << 29;
ActivationProblem activationProblem(const ActivationMatrix &x, const ActivationStatistics &statistics,
                                    std::span<const float> weights, MatrixShape shape, std::span<const float> weightMax,
                                    const Recipe &recipe, std::uint64_t products = usualProducts);

// Errors are relative: sqrt(sum (a' - a)^2 / sum a^2). Of the output Y = X W' (no bias) they are against F32 inputs and
// weights.
struct ActivationCost {
    ActivationQuant quant;
    std::optional<double> sqnrDb; // of x; of x / s where smoothed. Absent: no error
    double outputError = 0;       // rounded activations, F32 weights
    double withWeights = 0;       // rounded activations and the recipe's weights
};
struct ActivationCosts {
    std::vector<ActivationCost> plain;    // in the order of allActivationQuants()
    std::vector<ActivationCost> smoothed; // the same behind smoothing with alpha
    double alpha = 0;
    double weightsAlone = 0; // F32 activations, weights of `weightsRecipe`
    Recipe weightsRecipe;    // the recipe; INT4 64 where it is Format::None
    bool sample = false;
};
ActivationCosts activationCosts(const ActivationProblem &problem, double alpha, const Work &work);

struct SmoothingPoint {
    double alpha = 0;
    double activationError = 0; // of x / s
    double weightError = 0;     // of w * s; 0 where the recipe keeps them
    double fromActivations = 0; // of the output: rounded activations, F32 weights
    double fromWeights = 0;     // F32 activations, rounded weights
    double output = 0;          // both rounded
};
struct SmoothingCurve {
    ActivationQuant quant;
    Recipe recipe;
    std::vector<SmoothingPoint> points; // alpha 0, 0.05 ... 1
    SmoothingPoint none;                // without smoothing; its alpha means nothing
    bool sample = false;

    const SmoothingPoint &best() const; // the least output error, the smallest alpha of equal ones
};
inline constexpr int smoothingSteps = 20;
// Progress counts points.
SmoothingCurve smoothingCurve(const ActivationProblem &problem, ActivationQuant quant, const Work &work);

} // namespace nibblescope
