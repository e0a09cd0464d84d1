// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/quantize.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/quant/awq.h"
#include "core/quant/fitted_codebook.h"
#include "core/quant/gptq.h"
#include "core/quant/group_quantizer.h"
#include "core/quant/hqq.h"
#include "core/quant/iw.h"
#include "core/quant/mse.h"
#include "core/quant/rtn.h"

namespace nibblescope {
namespace {

constexpr std::array methodTable{rtnMethod, mseMethod, iwMethod, hqqMethod, gptqMethod, awqMethod};

} // namespace

std::span<const MethodTraits> allMethods() { return methodTable; }

const MethodTraits *findMethod(std::string_view id) {
    const auto found =
        std::find_if(methodTable.begin(), methodTable.end(), [id](const MethodTraits &row) { return row.id == id; });
    return found == methodTable.end() ? nullptr : &*found;
}

QuantizeOutcome quantize(const QuantizeInput &input, const Work &work) {
    if (input.recipe.format == Format::None)
        throw Error(Fault::Call, "The recipe has no format: there is nothing to quantize to.");
    if (const auto problem = problemOf(input.recipe))
        throw Error(Fault::Call, "--" + problem->option + ": " + problem->reason + ".");
    if (input.recipe.doubleQuant != DoubleQuant::Off && groupGrid(input.shape, input.recipe).groups() == 1)
        throw Error(Fault::Input, "it has a single group, so that double quantization has nothing to save");
    return findMethod(input.recipe.method)->quantize(input, work);
}

const InputStatistics &requireStatistics(const QuantizeInput &input) {
    if (input.statistics == nullptr)
        throw Error(Fault::Call, "--method " + input.recipe.method +
                                     " needs statistics of the inputs: give --calibration FILE, which 'calibrate' "
                                     "writes.");
    if (input.statistics->cols != input.shape.cols)
        throw Error(Fault::Input, "the calibration has " + std::to_string(input.statistics->cols) +
                                      " channels for it, and it has " + std::to_string(input.shape.cols) +
                                      " columns: the calibration is of another model");
    return *input.statistics;
}

std::optional<std::string> problemOfRowMethods(const Recipe &recipe, std::string_view name) {
    if (recipe.doubleQuant != DoubleQuant::Off)
        return std::string(name) + " does not go with double quantization";
    if (recipe.blocks == Blocks::Flat)
        return std::string(name) + " needs groups along rows";
    return std::nullopt;
}

bool needsWholeTensor(const Recipe &recipe) {
    const MethodTraits *method = findMethod(recipe.method);
    return recipe.format == Format::Fitted || method == nullptr || !method->groupWise;
}

std::vector<float> codebookFor(std::span<const float> weights, MatrixShape shape, const Recipe &recipe) {
    if (recipe.format != Format::Fitted)
        return {};
    const Codebook levels = CodebookFit(weights, groupGrid(shape, recipe)).lloydMax();
    return {levels.begin(), levels.end()};
}

QuantizeOutcome quantizeInGroups(const QuantizeInput &input, ScaleChoice choice, const Work &work,
                                 std::span<const double> importance) {
    GroupQuantizer quantizer(input.recipe, input.shape, choice, importance);
    const std::vector<float> codebook = codebookFor(input.weights, input.shape, input.recipe);
    if (!codebook.empty())
        quantizer.setCodebook(std::span<const float, 16>(codebook.data(), 16));
    if (!quantizer.canFuse()) {
        quantizer.observe(0, input.weights, work);
        quantizer.finishScales();
    }
    QuantizeOutcome outcome;
    const GroupGrid &grid = quantizer.grid();
    LargeArray<std::uint8_t> codes(grid.rows *
                                   (traits(input.recipe.format).codeBits == 8 ? grid.cols : (grid.cols + 1) / 2));
    quantizer.encode(0, input.weights, {codes.data(), input.decoded}, work);
    outcome.sums = quantizer.sums();
    outcome.codeCounts = quantizer.codeCounts();
    outcome.scaleCounts = quantizer.scaleCounts();
    outcome.tensor = std::move(quantizer).takeConstants();
    outcome.tensor.codes = std::move(codes);
    return outcome;
}

} // namespace nibblescope
