// SPDX-License-Identifier: GPL-3.0-or-later
// The one file that includes CLI11, which costs seconds to compile.
#include "app/cli/arguments.h"

#include <algorithm>
#include <array>
#include <iostream>

#include <CLI/CLI.hpp>

#include "core/analysis/selection_rule.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/quant/quantize.h"

namespace nibblescope::cli {
namespace {

template <typename Table>
std::string idList(const Table &table) {
    std::string text;
    for (const auto &row : table)
        text += (text.empty() ? "" : "|") + std::string(row.id);
    return text;
}

void addCommon(CLI::App &app, Arguments &arguments) {
    app.add_flag("--json", arguments.json, "Print one JSON document instead of text");
    app.set_version_flag("--version", std::string("nibblescope-cli ") + version());
    app.allow_extras(); // so that we can name the nearest option ourselves
}

void addPath(CLI::App &app, Arguments &arguments) {
    app.add_option("PATH", arguments.path, "A weights file or a model folder")->required()->type_name("");
    app.add_option("--threads", arguments.threads, "Worker threads (default: all processors)")->type_name("N");
}

// What a model is run on.
void addText(CLI::App &app, Arguments &arguments) {
    app.add_option("--text", arguments.text, "Run the model on a text, through its own tokenizer")->type_name("FILE");
    app.add_option("--tokens", arguments.tokens, "Run the model on token ids: .npy, one dimension of integers")
        ->type_name("FILE.npy");
    app.add_option("--context", arguments.context, "Tokens in a window, BOS included (default: 256)")->type_name("N");
    app.add_option("--windows", arguments.windows, "Only the first N windows (default: all)")->type_name("N");
}

// What a report can measure beyond the weights, for the claims in it.
void addClaims(CLI::App &app, Arguments &arguments) {
    const char *group = "What the field claims";
    app.add_option("--text", arguments.text,
                   "Run the model on a text, with the recipes and activations that the claims are about")
        ->type_name("FILE")
        ->group(group);
    app.add_option("--tokens", arguments.tokens, "The same on token ids: .npy, one dimension of integers")
        ->type_name("FILE.npy")
        ->group(group);
    app.add_option("--windows", arguments.windows, "Only the first N windows of 256 (default: all)")
        ->type_name("N")
        ->group(group);
    app.add_flag("--speed", arguments.speed, "Time products of 4 and 8 bits on this machine (10 s)")->group(group);
}

void addActivations(CLI::App &app, Arguments &arguments) {
    const auto text = [&app](const char *name, auto &target, const std::string &help, const char *type) {
        app.add_option(name, target, help)->type_name(type)->group("Activations");
    };
    text("--activations", arguments.activations, "int8|int4: round the inputs of every linear in the layers too",
         "TYPE");
    text("--activation-scales", arguments.activationScales,
         "tensor|token|channel: inputs that share a scale, each window by itself (default: token)", "WAY");
    text("--smooth", arguments.smooth,
         "SmoothQuant: divide inputs by max|x|^ALPHA / max|w|^(1 - ALPHA), multiply weights by it; needs --calibration",
         "ALPHA");
}

void addModel(CLI::App &app, Arguments &arguments) {
    addPath(app, arguments);
    app.add_option("--only", arguments.only, "Look at the tensors whose name matches, and at no others (repeatable)")
        ->type_name("GLOB")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--layout", arguments.layouts, "Read matching matrices that way: GLOB=out_in or GLOB=in_out")
        ->type_name("GLOB=LAYOUT")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--context", arguments.context, "Tokens in the KV cache (default: 4096 or the model's limit)")
        ->type_name("N");
    app.add_option("--batch", arguments.batch, "Sequences in the KV cache (default: 1)")->type_name("N");
    app.add_option("--cache-type", arguments.cacheType, "f16|f32|int8|int4 (default: f16)")->type_name("TYPE");
}

void addRecipe(CLI::App &app, Arguments &arguments, const std::string &defaultFormat) {
    RecipeArguments &recipe = arguments.recipe;
    const auto text = [&app](const char *name, auto &target, const std::string &help, const char *type) {
        app.add_option(name, target, help)->type_name(type)->group("Recipe");
    };
    text("--format", recipe.format, idList(allFormats()) + " (default: " + defaultFormat + ")", "FORMAT");
    text("--group-size", recipe.groupSize, "2 to 1048576, row or tensor (default: 64; mxfp4 32; int8 row)", "N");
    text("--blocks", recipe.blocks, "row|flat: groups along rows, or through row ends (default: row)", "WAY");
    text("--scale-type", recipe.scaleType, "f32|f16|bf16 (default: f16)", "TYPE");
    text("--double-quant", recipe.doubleQuant, "dynamic|int8: scales as 8-bit codes in blocks of 256", "MAP");
    text("--method", recipe.method, idList(allMethods()) + " (default: rtn)", "METHOD");
    app.add_flag("--act-order", recipe.actOrder, "gptq: columns with the largest inputs first")->group("Recipe");
    app.add_option("--damp", recipe.damp, "gptq: share of the mean that is added to the diagonal (default: 0.01)")
        ->type_name("X")
        ->group("Recipe");
    app.add_flag("--sequential", recipe.sequential, "gptq: statistics anew behind each set that was quantized")
        ->group("Recipe");
    app.add_flag("--awq-no-clip", recipe.awqNoClip, "awq: do not search for narrower ranges")->group("Recipe");
    app.add_option("--calibration", arguments.calibration, "Statistics of inputs, for the methods that need them")
        ->type_name("FILE")
        ->group("Recipe");
    text("--recipe", recipe.file, "Read the recipe from a JSON file with these names as keys", "FILE");
    const auto globs = [&app](const char *name, auto &target, const std::string &help) {
        app.add_option(name, target, help)
            ->type_name("GLOB")
            ->group("Which tensors")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    };
    globs("--include", arguments.include,
          "Quantize these too (repeatable). By default: " + std::string(defaultRuleInWords()));
    globs("--exclude", arguments.exclude, "Leave these alone (repeatable)");
}

// Levenshtein, for suggestions.
std::size_t editDistance(const std::string &a, const std::string &b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row.back();
}

std::string nearest(const std::string &word, const std::vector<std::string> &known) {
    const auto best = std::min_element(known.begin(), known.end(), [&word](const auto &a, const auto &b) {
        return editDistance(word, a) < editDistance(word, b);
    });
    if (best == known.end() || editDistance(word, *best) > std::max<std::size_t>(2, word.size() / 2))
        return {};
    return *best;
}

[[noreturn]] void refuseUnknown(const CLI::App &app, const std::string &written) {
    const std::string word = written.substr(0, written.find('='));
    if (word.empty() || word[0] != '-')
        throw Error(Fault::Call, "'" + written + "' is one argument too many; " + app.get_name() + " takes one PATH.");
    std::vector<std::string> known;
    for (const CLI::Option *option : app.get_options())
        for (const std::string &name : option->get_lnames())
            known.push_back("--" + name);
    const std::string suggestion = nearest(word, known);
    throw Error(Fault::Call,
                "There is no option " + word + " of " + app.get_name() +
                    (suggestion.empty() ? "; --help lists them all." : "; did you mean " + suggestion + "?"));
}

// CLI11 puts some of its messages on two lines.
std::string oneLine(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    while (!text.empty() && text.back() == ' ')
        text.pop_back();
    return text;
}

[[noreturn]] void refuseCommand(int argc, const char *const *argv, const std::vector<std::string> &commands) {
    std::string list;
    for (const std::string &name : commands)
        list += (list.empty() ? "" : ", ") + name;
    if (argc < 2)
        throw Error(Fault::Call, "Which command? There are " + list + "; --help says more.");
    const std::string suggestion = nearest(argv[1], commands);
    throw Error(Fault::Call, "There is no command '" + std::string(argv[1]) + "'; " +
                                 (suggestion.empty() ? "there are " + list + "." : "did you mean " + suggestion + "?"));
}

} // namespace

std::optional<Arguments> parseArguments(int argc, const char *const *argv) {
    Arguments arguments;
    CLI::App app("See what 4-bit quantization does to a model's weights, and write the quantized files.",
                 "nibblescope-cli");
    app.set_version_flag("--version", std::string("nibblescope-cli ") + version());
    app.require_subcommand(0, 1);
    CLI::App *info = app.add_subcommand("info", "List the tensors of a model, from its headers");
    CLI::App *analyze = app.add_subcommand("analyze", "Statistics of every tensor, and what a recipe does to them");
    CLI::App *quantize = app.add_subcommand("quantize", "Write a quantized (.h5) or dequantized (.safetensors) model");
    CLI::App *report = app.add_subcommand("report", "A report of the model under a recipe");
    CLI::App *bench = app.add_subcommand("bench", "Time the kernels on this machine");
    CLI::App *evaluate = app.add_subcommand("evaluate", "Run the model on a text: perplexity, and KL under a recipe");
    CLI::App *calibrate = app.add_subcommand("calibrate", "Collect statistics of every linear's inputs on a text");
    const std::array<std::pair<CLI::App *, Command>, 7> commands{{{info, Command::Info},
                                                                  {analyze, Command::Analyze},
                                                                  {quantize, Command::Quantize},
                                                                  {report, Command::Report},
                                                                  {bench, Command::Bench},
                                                                  {evaluate, Command::Evaluate},
                                                                  {calibrate, Command::Calibrate}}};
    for (const auto &[sub, command] : commands) {
        addCommon(*sub, arguments);
        if (command == Command::Bench)
            continue;
        if (command == Command::Evaluate || command == Command::Calibrate) {
            addPath(*sub, arguments);
            addText(*sub, arguments);
        } else {
            addModel(*sub, arguments);
        }
        if (command != Command::Info && command != Command::Calibrate)
            addRecipe(*sub, arguments,
                      command == Command::Analyze    ? "none, statistics only"
                      : command == Command::Evaluate ? "none, the model as it is"
                      : command == Command::Report   ? "nf4"
                                                     : "must be given");
    }
    addActivations(*evaluate, arguments);
    calibrate
        ->add_option("--activations", arguments.activationFiles,
                     "In place of a text: inputs of the linears as NAME.npy, float32 [tokens, in], for models that "
                     "cannot be run here")
        ->type_name("FOLDER");
    calibrate->add_option("--out", arguments.out, "The HDF5 file to write")->type_name("FILE");
    quantize->add_option("--out", arguments.out, "The file to write: .h5, .hdf5 or .safetensors")->type_name("FILE");
    quantize->add_option("--dequant-type", arguments.dequantType, "f32|f16|bf16 (default: the source's own)")
        ->type_name("TYPE");
    addClaims(*report, arguments);
    evaluate
        ->add_option("--sensitivity", arguments.sensitivity,
                     "layers|kinds: KL when one layer, or one kind of matrix, alone is quantized")
        ->type_name("PARTS");
    evaluate
        ->add_option("--products", arguments.products,
                     "blas|packed-f32|packed-int8: multiply quantized linears decoded, in F32 (default), or on the "
                     "packed kernels with F32 or INT8 activations")
        ->type_name("KIND");
    report->add_option("--out", arguments.out, "The file to write: .html, .json or .csv (default: the terminal)")
        ->type_name("FILE");
    bench->add_option("--rows", arguments.rows, "Rows of the matrix (default: 4096)")->type_name("N");
    bench->add_option("--cols", arguments.cols, "Columns of the matrix (default: 4096)")->type_name("N");
    bench->add_option("--formats", arguments.formats, "Comma-separated: fp32,fp16,int8,int4,nf4 ...")
        ->delimiter(',')
        ->type_name("LIST");
    bench->add_option("--isa", arguments.isas, "Comma-separated: scalar,avx2,avx512 ...")
        ->delimiter(',')
        ->type_name("LIST");
    bench->add_option("--threads", arguments.threadCounts, "Comma-separated thread counts (default: 1 and all)")
        ->delimiter(',')
        ->type_name("LIST");
    bench->add_flag("--quick", arguments.quick, "Only what matters most, within 40 seconds");

    std::vector<std::string> names;
    for (const auto &row : commands)
        names.push_back(row.first->get_name());
    if (argc < 2 || (argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end()))
        refuseCommand(argc, argv, names);
    try {
        app.parse(argc, const_cast<char **>(argv)); // NOLINT: CLI11 2.1 takes no const
    } catch (const CLI::CallForHelp &) {
        const auto chosen = app.get_subcommands();
        std::cout << (chosen.empty() ? app.help() : chosen.front()->help());
        return std::nullopt;
    } catch (const CLI::CallForVersion &asked) {
        std::cout << asked.what() << "\n";
        return std::nullopt;
    } catch (const CLI::ParseError &problem) {
        // An unknown option can hide behind "PATH is required": say the former.
        for (const CLI::App *sub : app.get_subcommands())
            for (const std::string &extra : sub->remaining())
                if (extra.size() > 1 && extra[0] == '-')
                    refuseUnknown(*sub, extra);
        throw Error(Fault::Call, oneLine(problem.what()));
    }
    const auto chosen = app.get_subcommands();
    if (chosen.empty())
        refuseCommand(1, argv, names);
    for (const auto &[sub, command] : commands)
        if (sub == chosen.front())
            arguments.command = command;
    if (const auto extras = chosen.front()->remaining(); !extras.empty())
        refuseUnknown(*chosen.front(), extras.front());
    return arguments;
}

} // namespace nibblescope::cli
