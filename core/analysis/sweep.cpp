// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/analysis/sweep.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/quant/fitted_codebook.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

constexpr std::array<std::uint32_t, 11> sizes = {16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512};
constexpr double reachTolerance = 0.005; // dB

void roundToNearest(Recipe &recipe) {
    const Recipe usual;
    recipe.method = usual.method;
    recipe.actOrder = usual.actOrder;
    recipe.damp = usual.damp;
    recipe.sequential = usual.sequential;
    recipe.awqNoClip = usual.awqNoClip;
}

// A sweep has no statistics of the inputs: what needs them is rounded to nearest.
Recipe withoutCalibration(Recipe recipe) {
    const MethodTraits *method = findMethod(recipe.method);
    if (method == nullptr || method->needsCalibration)
        roundToNearest(recipe);
    return recipe;
}

// The recipe with everything taken off that its format, or its groups, cannot be combined with.
std::optional<Recipe> feasible(Recipe recipe) {
    if (!problemOf(recipe))
        return recipe;
    const Recipe wanted = recipe;
    roundToNearest(recipe);
    if (!problemOf(recipe))
        return recipe;
    recipe = wanted;
    recipe.doubleQuant = DoubleQuant::Off;
    if (!problemOf(recipe))
        return recipe;
    roundToNearest(recipe);
    recipe.blocks = Blocks::Row;
    if (!problemOf(recipe))
        return recipe;
    return std::nullopt;
}

GroupSize withinRow(GroupSize size, MatrixShape shape, Blocks blocks) {
    const std::uint64_t longest = blocks == Blocks::Flat ? shape.size() : shape.cols;
    return size.kind == GroupSize::Kind::Count && size.count >= longest ? GroupSize::row() : size;
}

std::vector<GroupSize> groupSizes(MatrixShape shape, const Recipe &base) {
    std::vector<GroupSize> all;
    const auto add = [&all](GroupSize size) {
        if (std::find(all.begin(), all.end(), size) == all.end())
            all.push_back(size);
    };
    if (base.groupSize.kind == GroupSize::Kind::Tensor)
        add(GroupSize::tensor());
    add(GroupSize::row());
    std::vector<std::uint32_t> counts(sizes.begin(), sizes.end());
    if (base.groupSize.kind == GroupSize::Kind::Count && traits(base.format).fixedGroupSize == 0)
        counts.push_back(base.groupSize.count);
    std::sort(counts.rbegin(), counts.rend());
    for (const std::uint32_t count : counts)
        add(withinRow(GroupSize::of(count), shape, base.blocks));
    return all;
}

bool isFourBit(Format format) { return traits(format).codeBits == 4; }

SweepPoint measure(std::span<const float> weights, MatrixShape shape, const Recipe &recipe, const Work &work) {
    QuantizeInput input;
    input.weights = weights;
    input.shape = shape;
    input.recipe = recipe;
    const QuantizeOutcome outcome = quantize(input, work);
    const ErrorMetrics metrics = metricsFrom(outcome.sums, outcome.codeCounts);
    SweepPoint point;
    point.recipe = recipe;
    point.bpw = static_cast<double>(storedBits(shape, recipe).total()) / static_cast<double>(shape.size());
    point.sqnrDb = metrics.sqnrDb;
    point.exact = metrics.exact();
    return point;
}

SweepBound boundOf(std::span<const float> weights, MatrixShape shape, const Recipe &recipe) {
    const CodebookFit fit(weights, groupGrid(shape, recipe));
    SweepBound bound;
    bound.recipe = recipe;
    bound.bpw = static_cast<double>(storedBits(shape, recipe).total()) / static_cast<double>(shape.size());
    const double error = fit.error(fit.optimum());
    if (error > 0 && fit.signal() > 0)
        bound.sqnrDb = 10 * std::log10(fit.signal() / error);
    return bound;
}

// One group in the tensor: double quantization has nothing to work on and the quantizer refuses it.
bool canBeMeasured(MatrixShape shape, const Recipe &recipe) {
    return recipe.doubleQuant == DoubleQuant::Off || groupGrid(shape, recipe).groups() > 1;
}

} // namespace

std::span<const std::uint32_t> sweepSizes() { return sizes; }

bool isMarkedSweepSize(GroupSize size) {
    if (size.kind != GroupSize::Kind::Count)
        return true;
    static constexpr std::array<std::uint32_t, 4> marked = {16, 32, 64, 128};
    return std::find(marked.begin(), marked.end(), size.count) != marked.end();
}

std::vector<Recipe> sweepRecipes(MatrixShape shape, const Recipe &given) {
    const Recipe base = withoutCalibration(given);
    std::vector<Recipe> recipes;
    const std::vector<GroupSize> all = groupSizes(shape, base);
    for (const FormatTraits &format : allFormats()) {
        if (!isFourBit(format.format))
            continue;
        Recipe recipe = format.format == base.format ? base : defaultRecipe(format.format);
        recipe.scaleType = base.scaleType;
        recipe.blocks = base.blocks;
        recipe.doubleQuant = base.doubleQuant;
        recipe.method = base.method;
        std::vector<Recipe> ofFormat;
        for (const GroupSize size : all) {
            if (format.fixedGroupSize == 0)
                recipe.groupSize = size;
            const auto possible = feasible(recipe);
            if (possible && canBeMeasured(shape, *possible) &&
                std::find(ofFormat.begin(), ofFormat.end(), *possible) == ofFormat.end())
                ofFormat.push_back(*possible);
        }
        recipes.insert(recipes.end(), ofFormat.begin(), ofFormat.end());
    }
    return recipes;
}

namespace {

// At the marked sizes of the NF4 curve and at the groups of `base`.
void addBounds(Sweep &sweep, std::span<const float> weights, const Recipe &base, const Work &work) {
    for (const SweepCurve &curve : sweep.curves) {
        if (curve.format != Format::Nf4)
            continue;
        for (const SweepPoint &point : curve.points) {
            work.checkStop();
            if (isMarkedSweepSize(point.recipe.groupSize) || point.recipe.groupSize == base.groupSize)
                sweep.bounds.push_back(boundOf(weights, sweep.shape, point.recipe));
        }
    }
}

} // namespace

Sweep sweepGroupSizes(std::span<const float> weights, MatrixShape shape, bool sample, const Recipe &base,
                      const Work &work, const std::function<void(const Sweep &)> &partial) {
    Sweep sweep;
    sweep.sample = sample;
    sweep.shape = shape;
    if (shape.size() == 0)
        return sweep;
    const std::vector<Recipe> recipes = sweepRecipes(shape, base);
    Work quiet{work.pool, work.kernels, work.priority, work.stop, {}};
    for (std::size_t i = 0; i < recipes.size(); ++i) {
        work.checkStop();
        work.report({i, recipes.size(), shortForm(recipes[i])});
        if (sweep.curves.empty() || sweep.curves.back().format != recipes[i].format) {
            if (partial && !sweep.curves.empty())
                partial(sweep);
            sweep.curves.push_back({recipes[i].format, {}});
        }
        sweep.curves.back().points.push_back(measure(weights, shape, recipes[i], quiet));
    }
    addBounds(sweep, weights, base, quiet);
    work.report({recipes.size(), recipes.size(), {}});
    return sweep;
}

const SweepPoint *findPoint(const Sweep &sweep, const Recipe &recipe) {
    const GroupGrid grid = groupGrid(sweep.shape, recipe);
    for (const SweepCurve &curve : sweep.curves) {
        if (curve.format != recipe.format)
            continue;
        for (const SweepPoint &point : curve.points) {
            Recipe same = point.recipe;
            same.groupSize = recipe.groupSize;
            same.blocks = recipe.blocks;
            if (same == recipe && groupGrid(sweep.shape, point.recipe) == grid)
                return &point;
        }
    }
    return nullptr;
}

const SweepBound *findBound(const Sweep &sweep, const Recipe &recipe) {
    const GroupGrid grid = groupGrid(sweep.shape, recipe);
    for (const SweepBound &bound : sweep.bounds) {
        if (groupGrid(sweep.shape, bound.recipe) == grid)
            return &bound;
    }
    return nullptr;
}

const SweepPoint *cheapestReaching(const Sweep &sweep, Format format, double sqnrDb) {
    const SweepPoint *best = nullptr;
    for (const SweepCurve &curve : sweep.curves) {
        if (curve.format != format)
            continue;
        for (const SweepPoint &point : curve.points) {
            const bool reaches = point.exact || (point.sqnrDb && *point.sqnrDb >= sqnrDb - reachTolerance);
            if (reaches && (best == nullptr || point.bpw < best->bpw))
                best = &point;
        }
    }
    return best;
}

} // namespace nibblescope
