// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/quantize_stream.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/io/matrix_reader.h"
#include "core/io/shown.h"
#include "core/io/weight_blocks.h"
#include "core/quant/group_quantizer.h"

namespace nibblescope {
namespace {

struct NotFinite {
    std::uint64_t nan = 0;
    std::uint64_t inf = 0;
    std::uint64_t first = 0;

    void look(std::uint64_t start, std::span<const float> weights) {
        for (std::size_t i = 0; i < weights.size(); ++i) {
            if (std::isfinite(weights[i])) [[likely]]
                continue;
            if (nan + inf == 0)
                first = start + i;
            (std::isnan(weights[i]) ? nan : inf) += 1;
        }
    }
};

// All finite values have an exponent below the top one; this loop has no branch and runs at the speed of memory.
bool allFinite(std::span<const float> weights) {
    std::uint32_t odd = 0;
    for (const float weight : weights)
        odd |= static_cast<std::uint32_t>(!(std::fabs(weight) <= 3.4028235e38F));
    return odd == 0;
}

[[noreturn]] void throwNotFinite(const TensorInfo &info, MatrixShape shape, const NotFinite &odd) {
    std::string what;
    if (odd.nan > 0)
        what = shownCount(odd.nan) + " NaN";
    if (odd.inf > 0)
        what += (what.empty() ? "" : " and ") + shownCount(odd.inf) + " Inf";
    throw Error(Fault::Input, shown(info.name) + " holds " + what + " (first at row " +
                                  shownCount(odd.first / shape.cols) + ", column " +
                                  shownCount(odd.first % shape.cols) + "). Keep it unquantized or mend it.")
        .inTensor(info.name);
}

class Streamer {
public:
    Streamer(const Model &model, std::size_t tensor, Layout layout, const Recipe &recipe, const Work &work)
        : m_model(model), m_tensor(tensor), m_layout(layout), m_recipe(recipe), m_work(work),
          m_info(model.tensors[tensor]), m_shape(matrixShape(m_info, layout)) {}

    // rtn and mse work group by group.
    QuantizeOutcome inGroups(ScaleChoice choice, const QuantizedSink &sink) {
        GroupQuantizer quantizer(m_recipe, m_shape, choice);
        const bool whole = choice == ScaleChoice::ClipSearch && quantizer.groupsCrossBlocks();
        if (!quantizer.canFuse()) {
            blocks(quantizer.blockAlignment(), whole, [&](std::uint64_t first, std::span<const float> weights) {
                quantizer.observe(first, weights, m_work);
            });
            quantizer.finishScales();
        }
        std::vector<std::uint8_t> codes;
        std::vector<float> decoded;
        blocks(quantizer.blockAlignment(), whole, [&](std::uint64_t first, std::span<const float> weights) {
            codes.resize(codeBytes(quantizer.grid(), first, weights.size()));
            decoded.resize(weights.size());
            quantizer.encode(first, weights, {codes.data(), decoded.data()}, m_work);
            sink({first, decoded, codes});
        });
        QuantizeOutcome outcome;
        outcome.sums = quantizer.sums();
        outcome.codeCounts = quantizer.codeCounts();
        outcome.scaleCounts = quantizer.scaleCounts();
        outcome.tensor = std::move(quantizer).takeConstants();
        return outcome;
    }

    // Other methods see the whole tensor.
    QuantizeOutcome whole(const QuantizedSink &sink, const StatisticsSource *calibration) {
        QuantizeOutcome outcome;
        std::shared_ptr<const InputStatistics> inputs;
        if (calibration != nullptr && findMethod(m_recipe.method)->needsCalibration)
            inputs = calibration->statisticsFor(m_info.name);
        blocks(1, true, [&](std::uint64_t, std::span<const float> weights) {
            std::vector<float> decoded(weights.size());
            outcome = quantize({weights, m_shape, m_recipe, decoded.data(), inputs.get()}, m_work);
            sink({0, decoded, outcome.tensor.codes});
            outcome.tensor.codes.clear();
        });
        return outcome;
    }

private:
    std::size_t codeBytes(const GroupGrid &grid, std::uint64_t first, std::uint64_t count) const {
        if (traits(m_recipe.format).codeBits == 8)
            return count;
        const auto before = [&grid](std::uint64_t weight) {
            return weight / grid.cols * ((grid.cols + 1) / 2) + (weight % grid.cols + 1) / 2;
        };
        return before(first + count) - before(first);
    }

    template <typename Body>
    void blocks(std::uint64_t alignment, bool whole, Body body) {
        NotFinite odd;
        forEachBlock(m_model, m_tensor, m_layout, alignment, whole, m_work,
                     [&](std::uint64_t first, std::span<const float> weights) {
                         // Once one was found, the rest is only read to count them.
                         if (odd.nan + odd.inf > 0 || !allFinite(weights))
                             odd.look(first, weights);
                         if (odd.nan + odd.inf == 0)
                             body(first, weights);
                     });
        if (odd.nan + odd.inf > 0)
            throwNotFinite(m_info, m_shape, odd);
    }

    const Model &m_model;
    std::size_t m_tensor;
    Layout m_layout;
    const Recipe &m_recipe;
    const Work &m_work;
    const TensorInfo &m_info;
    MatrixShape m_shape;
};

} // namespace

QuantizeOutcome quantizeFromFile(const Model &model, std::size_t tensor, Layout layout, const Recipe &recipe,
                                 const QuantizedSink &sink, const Work &work, const StatisticsSource *calibration) {
    if (const auto problem = problemOf(recipe))
        throw Error(Fault::Call, "--" + problem->option + ": " + problem->reason + ".");
    const TensorInfo &info = model.tensors[tensor];
    if (recipe.doubleQuant != DoubleQuant::Off && groupGrid(matrixShape(info, layout), recipe).groups() == 1)
        throw Error(Fault::Input, shown(info.name) + " has a single group: double quantization has nothing to save. "
                                                     "Exclude it or choose a smaller group size.")
            .inTensor(info.name);
    Streamer streamer(model, tensor, layout, recipe, work);
    const MethodTraits &method = *findMethod(recipe.method);
    refuseIfTooLarge(info, matrixShape(info, layout), recipe);
    return needsWholeTensor(recipe) ? streamer.whole(sink, calibration) : streamer.inGroups(*method.groupWise, sink);
}

} // namespace nibblescope
