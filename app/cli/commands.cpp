// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "app/cli/recipe_options.h"
#include "app/cli/terminal.h"
#include "core/analysis/analyze.h"
#include "core/analysis/memory_model.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/io/atomic_file.h"
#include "core/io/export.h"
#include "core/io/open.h"
#include "core/io/shown.h"
#include "core/model/calibration.h"
#include "core/model/evaluation_setup.h"
#include "core/report/claim_runs.h"
#include "core/report/claim_weights.h"
#include "core/report/number_text.h"
#include "core/report/report.h"

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

// Columns on a terminal: a character may take several bytes.
std::size_t widthOf(const std::string &text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string padded(const std::string &text, std::size_t width, bool right = false) {
    const std::string blanks(widthOf(text) < width ? width - widthOf(text) : 0, ' ');
    return right ? blanks + text : text + blanks;
}

void printTensorList(const std::vector<TensorResult> &results) {
    std::size_t name = 4;
    for (const TensorResult &result : results)
        name = std::min<std::size_t>(48, std::max(name, widthOf(shown(result.info.name))));
    std::cout << padded("name", name) << padded("shape", 16, true) << "  " << padded("type", 8)
              << padded("size", 9, true) << "  quantized by default\n";
    for (const TensorResult &result : results)
        std::cout << padded(elidedName(shown(result.info.name), name), name)
                  << padded(shapeText(result.info.shape), 16, true) << "  "
                  << padded(std::string(traits(result.info.dtype).name), 8)
                  << padded(bytesText(static_cast<double>(result.info.bytes)), 9, true) << "  "
                  << (result.keptReason.empty() ? "yes" : "no: " + result.keptReason) << "\n";
}

MemoryOptions memoryOptions(const Arguments &arguments) {
    const auto type = cacheTypeFromId(arguments.cacheType);
    if (!type)
        throw Error(Fault::Call, "--cache-type is '" + arguments.cacheType + "'; it can be f16, f32, int8 or int4.");
    if (arguments.context == 0 || arguments.batch == 0)
        throw Error(Fault::Call, "--context and --batch are at least 1.");
    return {arguments.context, arguments.batch, *type};
}

MemoryBreakdown memoryFor(const Arguments &arguments, const Model &model, const std::vector<TensorResult> &results) {
    return memoryOf(results, modelGeometry(model.config), memoryOptions(arguments));
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
    printTensorList(results);
    const ModelTotals totals = totalsOf(results);
    std::cout << countText(totals.tensors) << " tensors · " << countText(totals.params) << " parameters · "
              << bytesText(static_cast<double>(totals.bytes)) << "\n";
}

namespace {

// What analyze and report have in common.
struct Measured {
    Opened opened;
    ModelPlan plan;
    std::vector<TensorResult> results;
    std::vector<std::string> warnings;
};

Measured measure(const Arguments &arguments, const Recipe &recipe, const Work &work) {
    Measured measured{open(arguments), {}, {}, {}};
    measured.plan = {recipe, measured.opened.rule, {}};
    std::vector<std::string> told;
    measured.plan.calibration = calibrationFrom(arguments, measured.plan, measured.opened.model, told, work);
    warnAll(told);
    measured.results = analyzeModel(measured.opened.model, measured.opened.tensors, measured.plan, work);
    clearProgress();
    measured.warnings = measured.opened.warnings;
    measured.warnings.insert(measured.warnings.end(), told.begin(), told.end());
    for (const TensorResult &result : measured.results) {
        warnAll(result.warnings);
        measured.warnings.insert(measured.warnings.end(), result.warnings.begin(), result.warnings.end());
    }
    return measured;
}

// What --text, --tokens and --speed ask for.
ClaimEvidence evidenceFor(const Arguments &arguments, Measured &measured, const Work &work) {
    ClaimEvidence evidence;
    if (arguments.speed)
        evidence = speedEvidence(work.stop, work.progress);
    if (arguments.text && arguments.tokens)
        throw Error(Fault::Call, "Give either --text FILE or --tokens FILE.npy.");
    if (!arguments.text && !arguments.tokens)
        return evidence;
    const Model &model = measured.opened.model;
    std::vector<std::string> told;
    const Llama llama(model);
    const TextSource source{arguments.tokens ? *arguments.tokens : *arguments.text, arguments.tokens.has_value(),
                            usualContext, arguments.windows};
    const TokenWindows windows = windowsFrom(llama, source, told);
    ClaimRuns runs{measured.plan, nullptr, source.path.filename().string()};
    if (arguments.calibration)
        runs.calibration = std::make_shared<const CalibrationFile>(*arguments.calibration, model, told);
    merge(evidence, runEvidence(llama, windows, runs, told, work));
    warnAll(told);
    measured.warnings.insert(measured.warnings.end(), told.begin(), told.end());
    return evidence;
}

Report reportOf(const Arguments &arguments, const Measured &measured, ClaimEvidence evidence, const Work &work) {
    ReportRequest request;
    request.evidence = std::move(evidence);
    request.plan = measured.plan;
    request.memory = memoryOptions(arguments);
    request.warnings = measured.warnings;
    return makeReport(measured.opened.model, measured.results, request, work);
}

} // namespace

void runAnalyze(const Arguments &arguments, const Surroundings &surroundings) {
    const Recipe recipe = recipeFrom(arguments.recipe, Format::None);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    const Measured measured = measure(arguments, recipe, work);
    if (!arguments.json) {
        std::cout << toTerminal(reportOf(arguments, measured, {}, work));
        return;
    }
    Json json = documentFor(measured.opened.model);
    json["recipe"] = toJson(recipe);
    json["tensors"] = tensorList(measured.results, true);
    json["totals"] = toJson(totalsOf(measured.results));
    if (recipe.format != Format::None)
        json["memory"] = toJson(memoryFor(arguments, measured.opened.model, measured.results));
    json["warnings"] = measured.warnings;
    print(json);
}

void runReport(const Arguments &arguments, const Surroundings &surroundings) {
    const Recipe recipe = recipeFrom(arguments.recipe, Format::Nf4);
    const std::string ending = arguments.out ? arguments.out->extension().string() : "";
    if (arguments.out && ending != ".html" && ending != ".json" && ending != ".csv")
        throw Error(Fault::Call, "--out ends in '" + ending + "'; it can end in .html, .json or .csv.");
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    Measured measured = measure(arguments, recipe, work);
    ClaimEvidence evidence = evidenceFor(arguments, measured, work);
    const Report report = reportOf(arguments, measured, std::move(evidence), work);
    clearProgress();
    if (arguments.out) {
        const std::string text = ending == ".html"   ? toHtml(report)
                                 : ending == ".json" ? jsonText(toJson(report))
                                                     : toCsv(report.results);
        AtomicFile file(*arguments.out, text.size());
        file.write(std::as_bytes(std::span(text)));
        file.commit();
    }
    if (arguments.json)
        std::cout << jsonText(toJson(report));
    else if (!arguments.out)
        std::cout << toTerminal(report);
}

namespace {

void printSummary(const Arguments &arguments, const Recipe &recipe, const ExportSummary &summary, bool readBack) {
    const double bpw = summary.quantizedParams == 0
                           ? 0
                           : static_cast<double>(summary.bits.total()) / static_cast<double>(summary.quantizedParams);
    if (arguments.json) {
        Json json;
        json["nibblescope"] = version();
        json["out"] = arguments.out->string();
        json["recipe"] = toJson(recipe);
        json["bytes"] = summary.fileBytes;
        json["tensors"] = summary.tensors;
        json["quantized_tensors"] = summary.quantizedTensors;
        json["bpw"] = bpw;
        json["warnings"] = summary.warnings;
        print(json);
        return;
    }
    std::cout << "Wrote " << arguments.out->string() << ": " << bytesText(static_cast<double>(summary.fileBytes))
              << ", " << countText(summary.quantizedTensors) << " of " << countText(summary.tensors) << " tensors at "
              << bpwText(bpw) << " bpw" << (readBack ? ", read back and equal.\n" : ".\n");
}

} // namespace

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
    ModelPlan plan{recipe, opened.rule};
    std::vector<std::string> warnings;
    plan.calibration = calibrationFrom(arguments, plan, opened.model, warnings, work);
    warnAll(warnings);
    const ExportSummary summary =
        quantized ? exportQuantized(opened.model, opened.tensors, plan, *arguments.out, work)
                  : exportDequantized(opened.model, opened.tensors, plan, *arguments.out, type, work);
    clearProgress();
    warnAll(summary.warnings);
    printSummary(arguments, recipe, summary, quantized);
}

} // namespace nibblescope::cli
