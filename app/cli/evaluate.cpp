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
#include "core/model/evaluate.h"
#include "core/model/recipe_edit.h"
#include "core/model/token_ids.h"
#include "core/model/tokenizer.h"

namespace nibblescope::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t defaultContext = 256;

// The tokenizer decides whether windows begin with a BOS; where there is none, config.json does.
TokenWindows windowsFrom(const Arguments &arguments, const Llama &llama, std::vector<std::string> &warnings) {
    if (arguments.text.has_value() == arguments.tokens.has_value())
        throw Error(Fault::Call, "Give either --text FILE or --tokens FILE.npy.");
    const LlamaConfig &config = llama.config();
    std::unique_ptr<Tokenizer> tokenizer;
    try {
        tokenizer = openTokenizer(llama.model(), config.vocabulary);
    } catch (const Error &error) {
        if (arguments.text)
            throw;
        warnings.push_back(std::string(error.what()) +
                           " It is not needed for --tokens; BOS is taken from config.json.");
    }
    WindowOptions options;
    options.context = arguments.context.value_or(defaultContext);
    options.windows = arguments.windows;
    options.vocabulary = config.vocabulary;
    options.bos = tokenizer ? tokenizer->bos() : config.bos;
    if (config.contextLimit && options.context > *config.contextLimit)
        warnings.push_back("--context " + std::to_string(options.context) + " is beyond the " +
                           std::to_string(*config.contextLimit) + " positions that the model was made for.");
    if (arguments.tokens)
        return cutIntoWindows(readTokenIds(*arguments.tokens), options);
    if (!tokenizer)
        throw Error(Fault::Input,
                    shownName(llama.model().path) +
                        " has no tokenizer (tokenizer.json, tokenizer.model or tok*.bin) for --text: give "
                        "ids with --tokens.");
    return cutIntoWindows(tokenizer->encode(readText(*arguments.text, warnings), warnings), options);
}

void printEstimate(const char *name, const Estimate &estimate) {
    if (estimate.standardError)
        std::printf("%-24s %.6g ± %.2g\n", name, estimate.mean, *estimate.standardError);
    else
        std::printf("%-24s %.6g\n", name, estimate.mean);
}

void printText(const Evaluation &evaluation, const Recipe &recipe, double bpw) {
    const bool quantized = evaluation.comparison.has_value();
    if (quantized)
        std::printf("%-24s %s, %.4f bits a weight\n", "recipe", shortForm(recipe).c_str(), bpw);
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
}

} // namespace

void runEvaluate(const Arguments &arguments, const Surroundings &surroundings) {
    const Recipe recipe = recipeFrom(arguments.recipe, Format::None);
    const Model model = openModel(arguments.path);
    std::vector<std::string> warnings = model.warnings;
    const SelectionRule rule = ruleFrom(arguments, model, warnings);
    const Llama llama(model);
    warnings.insert(warnings.end(), llama.tensors().warnings.begin(), llama.tensors().warnings.end());
    const TokenWindows windows = windowsFrom(arguments, llama, warnings);
    std::optional<RecipeEdit> edit;
    if (recipe.format != Format::None)
        edit.emplace(model, ModelPlan{recipe, rule});
    for (const std::string &text : warnings)
        warn(text);
    WorkerPool pool(arguments.threads);
    const Work work{pool, surroundings.kernels, Priority::Batch, surroundings.stop, terminalProgress()};
    // Sums so far are only made where a stop may want them.
    const Evaluation evaluation =
        evaluate(llama, windows, edit ? &*edit : nullptr, work, [](const Evaluation & /*soFar*/) {});
    clearProgress();
    const double bpw = edit ? edit->bpw() : 0;
    if (arguments.json) {
        Json json;
        json["nibblescope"] = version();
        json["path"] = model.path.string();
        if (edit)
            json["recipe"] = toJson(recipe);
        json["context"] = evaluation.context;
        json["windows"] = evaluation.windows;
        if (edit)
            json["bpw"] = bpw;
        addJson(evaluation, json);
        json["warnings"] = warnings;
        std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    } else {
        printText(evaluation, recipe, bpw);
    }
    if (!evaluation.complete())
        throw Error(Fault::Interrupted, "Interrupted: the figures are those of the first " +
                                            std::to_string(evaluation.windows) + " of " +
                                            std::to_string(evaluation.plannedWindows) + " windows.");
}

} // namespace nibblescope::cli
