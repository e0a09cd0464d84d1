// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/recipe_options.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

#include "core/base/error.h"
#include "core/model/calibration.h"
#include "core/model/sequential.h"
#include "core/quant/quantize.h"

namespace nibblescope::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uintmax_t largestRecipeFile = 1U << 20;

Json recipeFile(const std::filesystem::path &path) {
    std::error_code problem;
    const auto size = std::filesystem::file_size(path, problem);
    std::ifstream file(path, std::ios::binary);
    if (problem || !file)
        throw Error(Fault::Input, "The recipe " + path.string() + " cannot be read.").inFile(path.string());
    if (size > largestRecipeFile)
        throw Error(Fault::Input, path.string() + " is too large to be a recipe.").inFile(path.string());
    std::stringstream text;
    text << file.rdbuf();
    int depth = 0;
    const auto shallow = [&depth](int level, Json::parse_event_t, Json &) { return (depth = level) < 16; };
    Json json = Json::parse(text.str(), shallow, false);
    if (!json.is_object())
        throw Error(Fault::Input, path.string() + " is not a recipe: it holds no JSON object.").inFile(path.string());
    return json;
}

void set(Json &json, const char *key, const std::optional<std::string> &value) {
    if (value)
        json[key] = *value;
}

// What the format or double quantization fixes must not be given beside it.
void refuseFixed(const Json &json, const Recipe &recipe) {
    const bool mxfp4 = recipe.format == Format::Mxfp4;
    if (mxfp4 && json.contains("scale_type"))
        throw Error(Fault::Call, "--scale-type: MXFP4 fixes 32 weights and an 8-bit exponent as scale.");
    if (recipe.doubleQuant != DoubleQuant::Off && json.contains("scale_type"))
        throw Error(Fault::Call, "--scale-type beside --double-quant: double quantization stores scales in 8 bits.");
    if (const auto problem = problemOf(recipe))
        throw Error(Fault::Call, "--" + problem->option + ": " + problem->reason + ".");
}

bool matchesAny(const std::string &glob, const Model &model) {
    return std::any_of(model.tensors.begin(), model.tensors.end(),
                       [&glob](const TensorInfo &info) { return globMatches(glob, info.name); });
}

void requireMatch(const std::string &option, const std::string &glob, const Model &model) {
    if (!matchesAny(glob, model))
        throw Error(Fault::Call, option + " " + glob + " matches no tensor; 'info' lists their names.");
}

LayoutRule layoutRule(const std::string &written) {
    const std::size_t equals = written.rfind('=');
    const std::string way = equals == std::string::npos ? "" : written.substr(equals + 1);
    if (equals == 0 || (way != "in_out" && way != "out_in"))
        throw Error(Fault::Call, "--layout is '" + written + "'; it takes GLOB=out_in or GLOB=in_out.");
    return {written.substr(0, equals), way == "in_out" ? Layout::InOut : Layout::OutIn};
}

} // namespace

Recipe recipeFrom(const RecipeArguments &arguments, Format fallback) {
    Json json = arguments.file ? recipeFile(*arguments.file) : Json::object();
    // Another format than the file's starts from that format's own defaults.
    if (arguments.format && json.contains("format") && json["format"] != *arguments.format)
        json = Json::object();
    set(json, "format", arguments.format);
    if (!json.contains("format"))
        json["format"] = traits(fallback).id;
    set(json, "group_size", arguments.groupSize);
    set(json, "blocks", arguments.blocks);
    set(json, "scale_type", arguments.scaleType);
    set(json, "double_quant", arguments.doubleQuant);
    set(json, "method", arguments.method);
    if (arguments.actOrder)
        json["act_order"] = true;
    if (arguments.damp)
        json["damp"] = *arguments.damp;
    if (arguments.sequential)
        json["sequential"] = true;
    if (arguments.awqNoClip)
        json["awq_no_clip"] = true;
    const Recipe recipe = recipeFromJson(json);
    refuseFixed(json, recipe);
    return recipe;
}

std::shared_ptr<const StatisticsSource> calibrationFrom(const Arguments &arguments, const ModelPlan &plan,
                                                        const Model &model, std::vector<std::string> &warnings,
                                                        const Work &work) {
    const Recipe &recipe = plan.recipe;
    const MethodTraits *method = findMethod(recipe.method);
    const bool needed = recipe.format != Format::None && method != nullptr && method->needsCalibration;
    if (!arguments.calibration) {
        if (needed)
            throw Error(Fault::Call, "--method " + recipe.method +
                                         " needs statistics of the inputs: give --calibration FILE, which 'calibrate' "
                                         "writes.");
        return nullptr;
    }
    if (!needed)
        return nullptr;
    auto file = std::make_shared<const CalibrationFile>(*arguments.calibration, model, warnings);
    if (!recipe.sequential)
        return file;
    return sequentialStatistics(Llama(model), file->windows(), plan, work);
}

SelectionRule ruleFrom(const Arguments &arguments, const Model &model, std::vector<std::string> &warnings) {
    SelectionRule rule;
    rule.include = arguments.include;
    rule.exclude = arguments.exclude;
    for (const std::string &glob : rule.include) {
        requireMatch("--include", glob, model);
        if (hasWildcards(glob))
            continue;
        if (const auto index = model.find(glob); index && traits(model.tensors[*index].dtype).integer)
            throw Error(Fault::Call, "--include " + glob + " names a tensor of type " +
                                         std::string(traits(model.tensors[*index].dtype).name) +
                                         "; only floating point is quantized.");
    }
    for (const std::string &glob : rule.exclude)
        if (!matchesAny(glob, model))
            warnings.push_back("--exclude " + glob + " matches no tensor.");
    for (const std::string &written : arguments.layouts) {
        rule.layouts.push_back(layoutRule(written));
        requireMatch("--layout", rule.layouts.back().glob, model);
    }
    return rule;
}

std::vector<std::size_t> tensorsFrom(const Arguments &arguments, const Model &model) {
    for (const std::string &glob : arguments.only)
        requireMatch("--only", glob, model);
    std::vector<std::size_t> indices(model.tensors.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    if (arguments.only.empty())
        return indices;
    std::erase_if(indices, [&](std::size_t i) {
        return std::none_of(arguments.only.begin(), arguments.only.end(),
                            [&](const std::string &glob) { return globMatches(glob, model.tensors[i].name); });
    });
    return indices;
}

} // namespace nibblescope::cli
