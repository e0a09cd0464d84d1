// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/evaluate.h"

#include <cmath>
#include <cstdio>
#include <iostream>

#include "app/cli/recipe_options.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/io/open.h"
#include "core/io/shown.h"
#include "core/model/activation_source.h"
#include "core/model/calibration.h"
#include "core/model/evaluate.h"
#include "core/model/evaluation_setup.h"
#include "core/model/linear_errors.h"
#include "core/model/recipe_edit.h"
#include "core/model/sensitivity.h"
#include "core/model/smooth.h"

namespace nibblescope::cli {
namespace {

using Json = nlohmann::ordered_json;

TokenWindows windowsOf(const Arguments &arguments, const Llama &llama, std::vector<std::string> &warnings) {
    if (arguments.text.has_value() == arguments.tokens.has_value())
        throw Error(Fault::Call, "Give either --text FILE or --tokens FILE.npy.");
    TextSource source;
    source.tokenIds = arguments.tokens.has_value();
    source.path = source.tokenIds ? *arguments.tokens : *arguments.text;
    source.context = arguments.context.value_or(usualContext);
    source.windows = arguments.windows;
    return windowsFrom(llama, source, warnings);
}

void addLinears(const std::vector<LinearError> &linears, Json &json) {
    ErrorSums all;
    Json list = Json::array();
    for (const LinearError &linear : linears) {
        all += linear.sums;
        Json entry;
        entry["name"] = linear.name;
        if (const auto sqnr = metricsFrom(linear.sums, {}).sqnrDb)
            entry["sqnr_db"] = *sqnr;
        if (linear.outputError)
            entry["output_error"] = *linear.outputError;
        list.push_back(std::move(entry));
    }
    if (const auto sqnr = metricsFrom(all, {}).sqnrDb)
        json["sqnr_db"] = *sqnr;
    json["linears"] = std::move(list);
}

void printEstimate(const char *name, const Estimate &estimate) {
    if (estimate.standardError)
        std::printf("%-24s %.6g ± %.2g\n", name, estimate.mean, *estimate.standardError);
    else
        std::printf("%-24s %.6g\n", name, estimate.mean);
}

std::optional<ActivationQuant> activationsFrom(const Arguments &arguments) {
    if (!arguments.activations) {
        if (arguments.activationScales)
            throw Error(Fault::Call, "--activation-scales says how --activations are rounded: give both.");
        return std::nullopt;
    }
    const auto bits = activationBitsFromId(*arguments.activations);
    if (!bits)
        throw Error(Fault::Call, "--activations is '" + *arguments.activations + "'; it takes int8 or int4.");
    const std::string scales = arguments.activationScales.value_or("token");
    const auto way = activationScalesFromId(scales);
    if (!way)
        throw Error(Fault::Call, "--activation-scales is '" + scales + "'; it takes tensor, token or channel.");
    return ActivationQuant{*bits, *way};
}

std::unique_ptr<const WeightEdit> smoothEdit(const Arguments &arguments, const Llama &llama, const ModelPlan &plan,
                                             std::vector<std::string> &warnings, const Work &work) {
    if (!arguments.calibration)
        throw Error(Fault::Call, "--smooth needs the largest inputs of each channel: give --calibration FILE, which "
                                 "'calibrate' writes.");
    const CalibrationFile inputs(*arguments.calibration, llama.model(), warnings);
    auto edit = std::make_unique<const SmoothEdit>(llama, plan, inputs, *arguments.smooth, work);
    warnings.insert(warnings.end(), edit->remarks().begin(), edit->remarks().end());
    return edit;
}

void addActivationKeys(const Arguments &arguments, const std::optional<ActivationQuant> &activations, Json &json) {
    if (activations) {
        json["activations"] = idOf(activations->bits);
        json["activation_scales"] = idOf(activations->scales);
    }
    if (arguments.smooth)
        json["smooth"] = *arguments.smooth;
}

std::optional<SensitivityBy> partsFrom(const Arguments &arguments, const Recipe &recipe) {
    if (!arguments.sensitivity)
        return std::nullopt;
    const auto by = sensitivityFromId(*arguments.sensitivity);
    if (!by)
        throw Error(Fault::Call, "--sensitivity is '" + *arguments.sensitivity + "'; it takes layers or kinds.");
    if (recipe.format == Format::None)
        throw Error(Fault::Call, "--sensitivity needs a recipe, whose parts are measured one by one: give --format.");
    return by;
}

Products productsFrom(const Arguments &arguments, const Recipe &recipe) {
    if (!arguments.products)
        return Products::Blas;
    const auto products = productsFromId(*arguments.products);
    if (!products)
        throw Error(Fault::Call,
                    "--products is '" + *arguments.products + "'; it takes blas, packed-f32 or packed-int8.");
    if (const auto problem = problemOf(recipe, *products))
        throw Error(Fault::Call, "--products: " + *problem + ".");
    if (*products == Products::PackedInt8 && arguments.activations)
        throw Error(Fault::Call, "--products packed-int8 rounds the activations itself: --activations does not go "
                                 "with it.");
    return *products;
}

void printSensitivity(const Sensitivity &sensitivity, double klOfAll) {
    std::printf("\n%-24s %10s  %-22s %-9s", "quantized alone", "weights", "KL divergence", "top-1");
    const bool layers = sensitivity.by == SensitivityBy::Layers;
    std::printf(layers ? "%9s %9s\n" : "\n", "local", "at end");
    for (const SensitivityPart &part : sensitivity.parts) {
        std::printf("%-24s %10llu  ", shown(part.name).c_str(), static_cast<unsigned long long>(part.weights));
        std::printf("%.6f ± %-11.2g %.4f", part.kl.mean, part.kl.standardError.value_or(0), part.top1Agreement);
        if (part.localError && part.finalError)
            std::printf("    %8.4f  %8.4f", *part.localError, *part.finalError);
        std::printf("\n");
    }
    std::printf("%-24s %10s  %.6f; all together %.6f\n", "sum of these", "", sensitivity.sumOfKl(), klOfAll);
    if (layers)
        std::printf(
            "local, at end: relative error of the hidden states behind the layer itself and behind the last.\n");
}

void printText(const Evaluation &evaluation, const Recipe &recipe, double bpw,
               const std::optional<ActivationQuant> &activations) {
    const bool quantized = evaluation.comparison.has_value();
    if (recipe.format != Format::None)
        std::printf("%-24s %s, %.4f bits a weight\n", "recipe", shortForm(recipe).c_str(), bpw);
    if (activations)
        std::printf("%-24s %s\n", "activations", shortForm(*activations).c_str());
    if (evaluation.products)
        std::printf("%-24s %s\n", "products", describe(*evaluation.products).c_str());
    std::printf("%-24s %zu in %zu windows of %zu\n", "predictions", evaluation.tokens, evaluation.windows,
                evaluation.context);
    std::printf("%-24s %.5f\n", "perplexity", evaluation.perplexity);
    printEstimate("nll", evaluation.nll);
    if (!quantized)
        return;
    const Comparison &comparison = *evaluation.comparison;
    std::printf("%-24s %.5f\n", "  unquantized", std::exp(comparison.referenceNll.mean));
    printEstimate("  nll, difference", comparison.nllDifference);
    printEstimate("KL divergence, mean", comparison.kl);
    std::printf("%-24s %.6g\n", "  median", comparison.klMedian);
    std::printf("%-24s %.6g\n", "  99 %", comparison.klP99);
    std::printf("%-24s %.4f\n", "top-1 agreement", comparison.top1Agreement);
    std::printf("%-24s", "error behind each layer");
    for (const double error : comparison.depthErrors)
        std::printf(" %.4f", error);
    std::printf("\n");
}

// The same file from inputs that another program wrote, of a model of any kind.
void calibrateOnFiles(const Arguments &arguments, const Surroundings &surroundings) {
    if (arguments.text || arguments.tokens || arguments.context || arguments.windows)
        throw Error(Fault::Call, "--activations stands in place of a text: --text, --tokens, --context and --windows "
                                 "do not go with it.");
    const Model model = openModel(arguments.path);
    std::vector<std::string> warnings = model.warnings;
    const auto files = findActivationFiles(model, *arguments.activationFiles, warnings);
    for (const std::string &text : warnings)
        warn(text);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    const FileCalibration made = writeCalibration(model, files, *arguments.out, work);
    clearProgress();
    if (!arguments.json) {
        std::printf("%zu inputs from %zu files are in %s\n", made.inputs, files.size(),
                    shown(arguments.out->string()).c_str());
        return;
    }
    Json json;
    json["nibblescope"] = version();
    json["path"] = model.path.string();
    json["positions"] = made.positions;
    json["inputs"] = made.inputs;
    json["out"] = arguments.out->string();
    json["warnings"] = warnings;
    std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

} // namespace

void runCalibrate(const Arguments &arguments, const Surroundings &surroundings) {
    if (!arguments.out)
        throw Error(Fault::Call, "calibrate needs --out FILE: the statistics are kept there, in HDF5.");
    if (arguments.activationFiles) {
        calibrateOnFiles(arguments, surroundings);
        return;
    }
    const Model model = openModel(arguments.path);
    std::vector<std::string> warnings = model.warnings;
    const Llama llama(model);
    warnings.insert(warnings.end(), llama.tensors().warnings.begin(), llama.tensors().warnings.end());
    const TokenWindows windows = windowsOf(arguments, llama, warnings);
    for (const std::string &text : warnings)
        warn(text);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    const CalibrationHeader header{model.name,
                                   fingerprintOf(model),
                                   windows.context,
                                   windows.count,
                                   windows.count * windows.context,
                                   llama.config().vocabulary};
    CalibrationWriter writer(*arguments.out, header, windows);
    std::size_t inputs = 0;
    calibrate(
        llama, windows,
        [&](const std::string &name, const InputStatistics &statistics) {
            writer.add(name, statistics);
            ++inputs;
        },
        work);
    writer.commit();
    clearProgress();
    if (arguments.json) {
        Json json;
        json["nibblescope"] = version();
        json["path"] = model.path.string();
        json["context"] = windows.context;
        json["windows"] = windows.count;
        json["positions"] = header.positions;
        json["inputs"] = inputs;
        json["out"] = arguments.out->string();
        json["warnings"] = warnings;
        std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
        return;
    }
    std::printf("%zu inputs over %zu positions are in %s\n", inputs, static_cast<std::size_t>(header.positions),
                shown(arguments.out->string()).c_str());
}

void runEvaluate(const Arguments &arguments, const Surroundings &surroundings) {
    const Recipe recipe = recipeFrom(arguments.recipe, Format::None);
    const std::optional<ActivationQuant> activations = activationsFrom(arguments);
    const std::optional<SensitivityBy> parts = partsFrom(arguments, recipe);
    const Products products = productsFrom(arguments, recipe);
    const Model model = openModel(arguments.path);
    std::vector<std::string> warnings = model.warnings;
    const SelectionRule rule = ruleFrom(arguments, model, warnings);
    const Llama llama(model);
    warnings.insert(warnings.end(), llama.tensors().warnings.begin(), llama.tensors().warnings.end());
    const TokenWindows windows = windowsOf(arguments, llama, warnings);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    const auto calibration = calibrationFrom(arguments, {recipe, rule}, model, warnings, work);
    const ModelPlan plan{recipe, rule, calibration};
    const std::unique_ptr<const WeightEdit> edit =
        arguments.smooth ? smoothEdit(arguments, llama, plan, warnings, work) : editFrom(llama, plan, warnings, work);
    clearProgress();
    for (const std::string &text : warnings)
        warn(text);
    // Sums so far are only made where a stop may want them.
    const Evaluation evaluation =
        evaluate(llama, windows, {edit.get(), activations, products}, work, [](const Evaluation & /*soFar*/) {});
    clearProgress();
    std::vector<std::string> remarks;
    if (edit)
        remarks = edit->warnings();
    if (evaluation.products && evaluation.products->decodedCount() > 0)
        remarks.push_back(decodedRemark(*evaluation.products));
    for (const std::string &text : remarks)
        warn(text);
    warnings.insert(warnings.end(), remarks.begin(), remarks.end());
    std::vector<LinearError> linears;
    const bool quantized = recipe.format != Format::None;
    if (quantized && arguments.calibration && evaluation.complete()) {
        std::vector<std::string> known;
        linears = linearErrors(llama, *edit, CalibrationFile(*arguments.calibration, model, known), work);
    }
    std::optional<Sensitivity> sensitivity;
    if (parts && evaluation.complete())
        sensitivity = measureSensitivity(llama, windows, *edit, *parts, arguments.smooth || recipe.method == "awq",
                                         work, {}, products);
    clearProgress();
    const double bpw = quantized ? bitsAWeight(model, {recipe, rule}) : 0;
    if (arguments.json) {
        Json json;
        json["nibblescope"] = version();
        json["path"] = model.path.string();
        if (quantized)
            json["recipe"] = toJson(recipe);
        addActivationKeys(arguments, activations, json);
        json["context"] = evaluation.context;
        json["windows"] = evaluation.windows;
        if (quantized)
            json["bpw"] = bpw;
        addJson(evaluation, json);
        if (!linears.empty())
            addLinears(linears, json);
        if (sensitivity)
            addJson(*sensitivity, json);
        json["warnings"] = warnings;
        std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    } else {
        printText(evaluation, recipe, bpw, activations);
        if (sensitivity)
            printSensitivity(*sensitivity, evaluation.comparison->kl.mean);
    }
    if (!evaluation.complete())
        throw Error(Fault::Interrupted, "Interrupted: the figures are those of the first " +
                                            std::to_string(evaluation.windows) + " of " +
                                            std::to_string(evaluation.plannedWindows) + " windows.");
}

} // namespace nibblescope::cli
