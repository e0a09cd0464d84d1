// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"

#include <cstdio>
#include <iostream>

#include "app/cli/recipe_options.h"
#include "app/cli/terminal.h"
#include "core/analysis/analyze.h"
#include "core/analysis/memory_model.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/io/export.h"
#include "core/io/open.h"

namespace nibblescope::cli {
namespace {

using Json = nlohmann::ordered_json;

void warnAll(const std::vector<std::string> &warnings) {
    clearProgress();
    for (const std::string &text : warnings)
        warn(text);
}

// A model with its selection, and all that was to be told about it.
struct Opened {
    Model model;
    SelectionRule rule;
    std::vector<std::size_t> tensors;
    std::vector<std::string> warnings;
};

Opened open(const Arguments &arguments) {
    Opened opened;
    opened.model = openModel(arguments.path);
    opened.warnings = opened.model.warnings;
    opened.rule = ruleFrom(arguments, opened.model, opened.warnings);
    opened.tensors = tensorsFrom(arguments, opened.model);
    warnAll(opened.warnings);
    return opened;
}

Json documentFor(const Model &model) {
    Json json;
    json["nibblescope"] = version();
    json["path"] = model.path.string();
    json["format"] = model.format;
    return json;
}

void print(const Json &json) { std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n"; }

std::string shapeText(const std::vector<std::uint64_t> &shape) {
    std::string text;
    for (const std::uint64_t side : shape)
        text += (text.empty() ? "" : " × ") + std::to_string(side);
    return text.empty() ? "scalar" : text;
}

MemoryBreakdown memoryFor(const Arguments &arguments, const Model &model, const std::vector<TensorResult> &results) {
    const auto type = cacheTypeFromId(arguments.cacheType);
    if (!type)
        throw Error(Fault::Call, "--cache-type is '" + arguments.cacheType + "'; it can be f16, f32, int8 or int4.");
    if (arguments.context == 0 || arguments.batch == 0)
        throw Error(Fault::Call, "--context and --batch are at least 1.");
    return memoryOf(results, modelGeometry(model.config), {arguments.context, arguments.batch, *type});
}

Json tensorList(const std::vector<TensorResult> &results, bool withStatistics) {
    Json list = Json::array();
    for (const TensorResult &result : results)
        list.push_back(toJson(result, withStatistics));
    return list;
}

} // namespace

void warn(const std::string &text) { std::fprintf(stderr, "nibblescope-cli: %s\n", text.c_str()); }

void runInfo(const Arguments &arguments, const Surroundings & /*surroundings*/) {
    const Opened opened = open(arguments);
    std::vector<TensorResult> results;
    for (const std::size_t index : opened.tensors)
        results.push_back(describeTensor(opened.model.tensors[index], {Recipe{}, opened.rule}));
    if (arguments.json) {
        Json json = documentFor(opened.model);
        json["tensors"] = tensorList(results, false);
        json["totals"] = toJson(totalsOf(results));
        json["memory"] = toJson(memoryFor(arguments, opened.model, results));
        json["warnings"] = opened.warnings;
        print(json);
        return;
    }
    for (const TensorResult &result : results)
        std::printf("%-58s %16s  %-7s %s\n", result.info.name.c_str(), shapeText(result.info.shape).c_str(),
                    std::string(traits(result.info.dtype).name).c_str(), result.keptReason.c_str());
}

void runAnalyze(const Arguments &arguments, const Surroundings &surroundings) {
    const Recipe recipe = recipeFrom(arguments.recipe, Format::None);
    const Opened opened = open(arguments);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    const auto results = analyzeModel(opened.model, opened.tensors, {recipe, opened.rule}, work);
    clearProgress();
    std::vector<std::string> warnings = opened.warnings;
    for (const TensorResult &result : results) {
        warnAll(result.warnings);
        warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
    }
    const ModelTotals totals = totalsOf(results);
    if (arguments.json) {
        Json json = documentFor(opened.model);
        json["recipe"] = toJson(recipe);
        json["tensors"] = tensorList(results, true);
        json["totals"] = toJson(totals);
        if (recipe.format != Format::None)
            json["memory"] = toJson(memoryFor(arguments, opened.model, results));
        json["warnings"] = warnings;
        print(json);
    }
}

void runQuantize(const Arguments &arguments, const Surroundings &surroundings) {
    const Recipe recipe = recipeFrom(arguments.recipe, Format::None);
    if (recipe.format == Format::None)
        throw Error(Fault::Call, "quantize needs a --format (or a --recipe that names one).");
    if (!arguments.out)
        throw Error(Fault::Call, "quantize needs --out FILE, ending in .h5, .hdf5 or .safetensors.");
    const std::string ending = arguments.out->extension().string();
    const bool quantized = ending == ".h5" || ending == ".hdf5";
    if (!quantized && ending != ".safetensors")
        throw Error(Fault::Call, "--out ends in '" + ending + "'; it can end in .h5, .hdf5 or .safetensors.");
    std::optional<DType> type;
    if (arguments.dequantType) {
        type = *arguments.dequantType == "f16"    ? std::optional(DType::F16)
               : *arguments.dequantType == "bf16" ? std::optional(DType::BF16)
               : *arguments.dequantType == "f32"  ? std::optional(DType::F32)
                                                  : std::nullopt;
        if (!type)
            throw Error(Fault::Call, "--dequant-type is '" + *arguments.dequantType + "'; it can be f32, f16 or bf16.");
    }
    if (quantized && type)
        throw Error(Fault::Call, "--dequant-type goes with --out FILE.safetensors: an HDF5 file holds codes.");
    const Opened opened = open(arguments);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    const ModelPlan plan{recipe, opened.rule};
    const ExportSummary summary =
        quantized ? exportQuantized(opened.model, opened.tensors, plan, *arguments.out, work)
                  : exportDequantized(opened.model, opened.tensors, plan, *arguments.out, type, work);
    clearProgress();
    warnAll(summary.warnings);
}

} // namespace nibblescope::cli
