// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/recipe.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"
#include "core/quant/quantize.h"

namespace nibblescope {
namespace {

template <typename Value>
struct Id {
    Value value;
    std::string_view id;
};
constexpr std::array blocksIds{Id<Blocks>{Blocks::Row, "row"}, Id<Blocks>{Blocks::Flat, "flat"}};
constexpr std::array scaleTypeIds{Id<ScaleType>{ScaleType::F32, "f32"}, Id<ScaleType>{ScaleType::F16, "f16"},
                                  Id<ScaleType>{ScaleType::BF16, "bf16"}};
constexpr std::array doubleQuantIds{Id<DoubleQuant>{DoubleQuant::Off, "off"},
                                    Id<DoubleQuant>{DoubleQuant::Dynamic, "dynamic"},
                                    Id<DoubleQuant>{DoubleQuant::Int8, "int8"}};

template <typename Table>
std::string list(const Table &table) {
    std::string text;
    for (const auto &row : table)
        text += (text.empty() ? "" : ", ") + std::string(row.id);
    return text;
}

template <typename Value, std::size_t n>
Value valueOf(const std::array<Id<Value>, n> &table, const std::string &key, const std::string &id) {
    for (const auto &row : table)
        if (row.id == id)
            return row.value;
    throw Error(Fault::Call, key + " is '" + id + "'; it can be " + list(table) + ".");
}

bool scaleTypeIsFixed(const Recipe &recipe) {
    return recipe.format == Format::None || recipe.format == Format::Mxfp4 || recipe.doubleQuant != DoubleQuant::Off;
}

std::string text(const nlohmann::ordered_json &value, const std::string &key) {
    if (!value.is_string())
        throw Error(Fault::Call, key + " in the recipe must be a text.");
    return value.get<std::string>();
}

bool flag(const nlohmann::ordered_json &value, const std::string &key) {
    if (!value.is_boolean())
        throw Error(Fault::Call, key + " in the recipe must be true or false.");
    return value.get<bool>();
}

double number(const nlohmann::ordered_json &value, const std::string &key) {
    if (!value.is_number())
        throw Error(Fault::Call, key + " in the recipe must be a number.");
    return value.get<double>();
}

// Parameters go with the method that they are of.
std::optional<RecipeProblem> problemOfParameters(const Recipe &recipe) {
    if (!(recipe.damp > 0 && recipe.damp <= 1))
        return RecipeProblem{"damp", "the damping is a share above 0 and up to 1"};
    if (recipe.method != "gptq") {
        const std::string reason = "it is a parameter of gptq";
        if (recipe.actOrder)
            return RecipeProblem{"act-order", reason};
        if (recipe.sequential)
            return RecipeProblem{"sequential", reason};
        if (recipe.damp != defaultDamp)
            return RecipeProblem{"damp", reason};
    }
    if (recipe.awqNoClip && recipe.method != "awq")
        return RecipeProblem{"awq-no-clip", "it is a parameter of awq"};
    return std::nullopt;
}

GroupSize groupSizeFrom(const nlohmann::ordered_json &value) {
    const std::string written = value.is_number_unsigned() ? std::to_string(value.get<std::uint64_t>())
                                : value.is_string()        ? value.get<std::string>()
                                                           : value.dump();
    if (const auto size = groupSizeFromString(written))
        return *size;
    throw Error(Fault::Call, "group_size is '" + written + "'; it can be 2 to 1048576, row or tensor.");
}

} // namespace

std::string toString(GroupSize size) {
    if (size.kind == GroupSize::Kind::Row)
        return "row";
    if (size.kind == GroupSize::Kind::Tensor)
        return "tensor";
    return std::to_string(size.count);
}

std::optional<GroupSize> groupSizeFromString(std::string_view text) {
    if (text == "row")
        return GroupSize::row();
    if (text == "tensor")
        return GroupSize::tensor();
    std::uint32_t count = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (problem != std::errc() || end != text.data() + text.size() || count < minimumGroupSize ||
        count > maximumGroupSize)
        return std::nullopt;
    return GroupSize::of(count);
}

std::string_view idOf(Blocks blocks) { return blocksIds[static_cast<std::size_t>(blocks)].id; }
std::string_view idOf(ScaleType type) { return scaleTypeIds[static_cast<std::size_t>(type)].id; }
std::string_view idOf(DoubleQuant kind) { return doubleQuantIds[static_cast<std::size_t>(kind)].id; }
unsigned bitsOf(ScaleType type) { return type == ScaleType::F32 ? 32 : 16; }

Recipe defaultRecipe(Format format) {
    Recipe recipe;
    recipe.format = format;
    if (traits(format).fixedGroupSize != 0)
        recipe.groupSize = GroupSize::of(traits(format).fixedGroupSize);
    else if (format == Format::Int8)
        recipe.groupSize = GroupSize::row();
    return recipe;
}

std::string shortForm(const Recipe &recipe) {
    const FormatTraits &format = traits(recipe.format);
    std::string name(format.shortName);
    if (recipe.format == Format::None)
        return name;
    if (format.fixedGroupSize == 0 || recipe.groupSize != GroupSize::of(format.fixedGroupSize))
        name += " " + toString(recipe.groupSize);
    if (recipe.blocks == Blocks::Flat)
        name += " flat";
    if (recipe.doubleQuant != DoubleQuant::Off)
        name += recipe.doubleQuant == DoubleQuant::Dynamic ? " DQ" : " DQ8";
    else if (recipe.scaleType != ScaleType::F16 && !scaleTypeIsFixed(recipe))
        name += recipe.scaleType == ScaleType::F32 ? " F32" : " BF16";
    if (const MethodTraits *method = findMethod(recipe.method); method != nullptr && !method->shortName.empty())
        name += " " + std::string(method->shortName);
    name += recipe.actOrder ? " act-order" : "";
    name += recipe.sequential ? " sequential" : "";
    name += recipe.awqNoClip ? " without clip" : "";
    return name;
}

std::optional<RecipeProblem> problemOf(const Recipe &recipe) {
    const bool doubled = recipe.doubleQuant != DoubleQuant::Off;
    if (recipe.format == Format::Mxfp4) {
        const std::string reason = "MXFP4 fixes 32 weights and an 8-bit exponent";
        if (recipe.groupSize != GroupSize::of(traits(Format::Mxfp4).fixedGroupSize))
            return RecipeProblem{"group-size", reason};
        if (doubled)
            return RecipeProblem{"double-quant", reason};
    }
    if (recipe.format != Format::None) {
        if (doubled && recipe.groupSize.kind == GroupSize::Kind::Tensor)
            return RecipeProblem{"double-quant", "one scale a tensor: nothing to save"};
        if (recipe.blocks == Blocks::Flat && recipe.groupSize.kind == GroupSize::Kind::Row)
            return RecipeProblem{"blocks", "a whole row is along rows by definition"};
        const MethodTraits *method = findMethod(recipe.method);
        if (method == nullptr)
            return RecipeProblem{"method",
                                 "no method is called '" + recipe.method + "'; there are " + list(allMethods())};
        if (const auto reason = method->problem(recipe))
            return RecipeProblem{"method", *reason};
        if (auto problem = problemOfParameters(recipe))
            return problem;
    }
    return std::nullopt;
}

std::optional<std::string> problemWithFormat(const Recipe &recipe, Format format) {
    Recipe changed = recipe;
    changed.format = format;
    // A fixed group size follows the format by itself; what remains is what the user would have to change first.
    if (traits(format).fixedGroupSize != 0)
        changed.groupSize = GroupSize::of(traits(format).fixedGroupSize);
    const auto problem = problemOf(changed);
    return problem ? std::optional(problem->reason) : std::nullopt;
}

std::optional<std::string> problemWithMethod(const Recipe &recipe, std::string_view method) {
    const MethodTraits *row = findMethod(method);
    if (row == nullptr)
        return "there is no such method";
    if (auto reason = row->problem(recipe))
        return reason;
    return row->needsCalibration ? std::optional<std::string>("needs a calibration of the model on a text")
                                 : std::nullopt;
}

nlohmann::ordered_json toJson(const Recipe &recipe) {
    nlohmann::ordered_json json;
    json["format"] = traits(recipe.format).id;
    if (recipe.format == Format::None)
        return json;
    if (recipe.groupSize.kind == GroupSize::Kind::Count)
        json["group_size"] = recipe.groupSize.count;
    else
        json["group_size"] = toString(recipe.groupSize);
    json["blocks"] = idOf(recipe.blocks);
    if (!scaleTypeIsFixed(recipe))
        json["scale_type"] = idOf(recipe.scaleType);
    if (recipe.doubleQuant != DoubleQuant::Off)
        json["double_quant"] = idOf(recipe.doubleQuant);
    json["method"] = recipe.method;
    if (recipe.actOrder)
        json["act_order"] = true;
    if (recipe.damp != defaultDamp)
        json["damp"] = recipe.damp;
    if (recipe.sequential)
        json["sequential"] = true;
    if (recipe.awqNoClip)
        json["awq_no_clip"] = true;
    return json;
}

Recipe recipeFromJson(const nlohmann::ordered_json &json) {
    if (!json.is_object() || !json.contains("format"))
        throw Error(Fault::Call, "A recipe is a JSON object with the key format.");
    const auto format = formatFromId(text(json["format"], "format"));
    if (!format)
        throw Error(Fault::Call, "format is " + json["format"].dump() + "; it can be " + list(allFormats()) + ".");
    Recipe recipe = defaultRecipe(*format);
    for (const auto &[key, value] : json.items()) {
        if (key == "format")
            continue;
        if (key == "group_size")
            recipe.groupSize = groupSizeFrom(value);
        else if (key == "blocks")
            recipe.blocks = valueOf(blocksIds, key, text(value, key));
        else if (key == "scale_type")
            recipe.scaleType = valueOf(scaleTypeIds, key, text(value, key));
        else if (key == "double_quant")
            recipe.doubleQuant = valueOf(doubleQuantIds, key, text(value, key));
        else if (key == "method")
            recipe.method = text(value, key);
        else if (key == "act_order")
            recipe.actOrder = flag(value, key);
        else if (key == "damp")
            recipe.damp = number(value, key);
        else if (key == "sequential")
            recipe.sequential = flag(value, key);
        else if (key == "awq_no_clip")
            recipe.awqNoClip = flag(value, key);
        else
            throw Error(Fault::Call, "The recipe has the unknown key '" + key +
                                         "'; keys are format, group_size, blocks, scale_type, double_quant, method, "
                                         "act_order, damp, sequential, awq_no_clip.");
    }
    return recipe;
}

const std::vector<Preset> &presets() {
    static const std::vector<Preset> table = [] {
        const auto with = [](Format format, GroupSize size) {
            Recipe recipe = defaultRecipe(format);
            recipe.groupSize = size;
            return recipe;
        };
        Recipe qlora = with(Format::Nf4, GroupSize::of(64));
        qlora.blocks = Blocks::Flat;
        qlora.doubleQuant = DoubleQuant::Dynamic;
        return std::vector<Preset>{
            {"NF4 64", with(Format::Nf4, GroupSize::of(64)), "Normal-quantile levels, groups of 64."},
            {"QLoRA", qlora, "NF4 in flat groups of 64 with dynamic double quantization, as QLoRA stores it."},
            {"INT4 asym 128", with(Format::Int4Asym, GroupSize::of(128)), "The usual layout of GPTQ and AWQ files."},
            {"INT4 32 signed max", with(Format::Int4Max, GroupSize::of(32)), "As Q4_0 stores it."},
            {"INT4 64 symmetric", with(Format::Int4, GroupSize::of(64)), "Scale max/7: one level idles."},
            {"MXFP4", defaultRecipe(Format::Mxfp4), "The Microscaling format: 32 weights share a power of two."},
            {"INT8 row", defaultRecipe(Format::Int8), "The yardstick: 8 bits, one scale a row."},
            {"INT4 tensor (naive)", with(Format::Int4, GroupSize::tensor()), "One scale for all: why groups exist."},
        };
    }();
    return table;
}

} // namespace nibblescope
