// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/session/work_state.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/quant/method_parameters.h"
#include "core/quant/quantize.h"
#include "core/report/number_text.h"

namespace nibblescope {

namespace {

constexpr int sessionVersion = 1;
const std::string arrow = " → ";

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string &what) {
    throw Error(Fault::Input, "The session file is not usable: " + what + ".");
}

const Json *member(const Json &object, const char *key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string stringOf(const Json &value, const char *key) {
    if (!value.is_string())
        refuse("`" + std::string(key) + "` is not a text");
    return value.get<std::string>();
}

std::vector<std::string> stringsOf(const Json &value, const char *key) {
    if (!value.is_array())
        refuse("`" + std::string(key) + "` is not a list");
    std::vector<std::string> texts;
    for (const auto &item : value)
        texts.push_back(stringOf(item, key));
    return texts;
}

std::uint64_t numberOf(const Json &value, const char *key) {
    if (!value.is_number_unsigned())
        refuse("`" + std::string(key) + "` is not a whole number");
    return value.get<std::uint64_t>();
}

void readOverrides(const Json &json, SelectionRule &rule) {
    if (!json.is_object())
        refuse("`overrides` is not an object");
    for (const auto &[name, quantized] : json.items()) {
        if (!quantized.is_boolean())
            refuse("the override of `" + name + "` is neither true nor false");
        rule.overrides[name] = quantized.get<bool>();
    }
}

void readLayouts(const Json &json, SelectionRule &rule) {
    if (!json.is_object())
        refuse("`layouts` is not an object");
    for (const auto &[glob, layout] : json.items()) {
        const std::string text = stringOf(layout, "layouts");
        if (text != "in_out" && text != "out_in")
            refuse("the layout of `" + glob + "` is neither out_in nor in_out");
        rule.layouts.push_back({glob, text == "in_out" ? Layout::InOut : Layout::OutIn});
    }
}

std::string methodName(const std::string &id) {
    const MethodTraits *method = findMethod(id);
    return method == nullptr ? id : std::string(method->name);
}

std::string doubleQuantName(DoubleQuant kind) {
    switch (kind) {
    case DoubleQuant::Off:
        return "Off";
    case DoubleQuant::Dynamic:
        return "Dynamic 8-bit";
    case DoubleQuant::Int8:
        return "INT8";
    }
    return {};
}

std::string scaleName(ScaleType type) {
    std::string name(idOf(type));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return name;
}

ChangeDescription describeRecipe(const Recipe &a, const Recipe &b) {
    std::vector<ChangeDescription> changes;
    if (a.format != b.format)
        changes.push_back({"format", "Format " + std::string(traits(a.format).shortName) + arrow +
                                         std::string(traits(b.format).shortName)});
    if (!(a.groupSize == b.groupSize))
        changes.push_back({"group-size", "Group Size " + toString(a.groupSize) + arrow + toString(b.groupSize)});
    if (a.blocks != b.blocks)
        changes.push_back({"blocks", std::string("Groups Run ") + (b.blocks == Blocks::Flat ? "Flat" : "Along Rows")});
    if (a.scaleType != b.scaleType)
        changes.push_back({"scale-type", "Scale Type " + scaleName(a.scaleType) + arrow + scaleName(b.scaleType)});
    if (a.doubleQuant != b.doubleQuant)
        changes.push_back({"double-quant", "Double Quantization " + doubleQuantName(a.doubleQuant) + arrow +
                                               doubleQuantName(b.doubleQuant)});
    if (a.method != b.method)
        changes.push_back({"method", "Method " + methodName(a.method) + arrow + methodName(b.method)});
    for (const MethodParameter &parameter : allMethodParameters()) {
        const bool differs = parameter.flag != nullptr ? a.*parameter.flag != b.*parameter.flag
                                                       : a.*parameter.number != b.*parameter.number;
        if (differs && a.method == b.method)
            changes.push_back({std::string(parameter.option), std::string(parameter.name)});
    }
    if (changes.size() == 1)
        return changes.front();
    // A format can bring its own group size along; the user changed the format.
    if (a.format != b.format && shortForm(a) != shortForm(b))
        return {"format", "Format " + shortForm(a) + arrow + shortForm(b)};
    return {"recipe", "Recipe " + shortForm(a) + arrow + shortForm(b)};
}

ChangeDescription describeRule(const SelectionRule &a, const SelectionRule &b) {
    if (a.include == b.include && a.exclude == b.exclude && a.layouts == b.layouts) {
        std::vector<std::pair<std::string, std::optional<bool>>> changed;
        for (const auto &[name, quantized] : b.overrides)
            if (const auto old = a.overrides.find(name); old == a.overrides.end() || old->second != quantized)
                changed.emplace_back(name, quantized);
        for (const auto &[name, quantized] : a.overrides)
            if (b.overrides.count(name) == 0)
                changed.emplace_back(name, std::nullopt);
        if (changed.size() == 1) {
            const auto &[name, quantized] = changed.front();
            const char *verb = !quantized ? "By the Rule: " : *quantized ? "Quantize " : "Keep ";
            return {"override:" + name, verb + elidedName(shortTensorName(name), 40)};
        }
        return {"overrides", "Quantize or Keep " + std::to_string(changed.size()) + " Tensors"};
    }
    if (a.include == b.include && a.exclude == b.exclude)
        return {"layout", "Read As"};
    return {"rule", "Which Tensors"};
}

ChangeDescription describeBaseline(const Setup &before, const Setup &after) {
    if (!after.baseline)
        return {"baseline", "Clear Baseline"};
    if (before.baseline && *after.baseline == before.recipe && *before.baseline == after.recipe)
        return {"swap", "Swap with Baseline"};
    return {"baseline", "Pin " + shortForm(*after.baseline) + " as Baseline"};
}

ChangeDescription describeOptions(const Json &a, const Json &b) {
    for (const auto &[page, options] : b.items()) {
        const auto old = a.find(page);
        if (old != a.end() && *old == options)
            continue;
        std::string title = page;
        if (!title.empty() && title[0] >= 'a' && title[0] <= 'z')
            title[0] = static_cast<char>(title[0] - 'a' + 'A');
        return {"options:" + page, title + " Options"};
    }
    return {"options", "Page Options"};
}

} // namespace

WorkState initialWorkState() {
    WorkState state;
    state.setup.recipe = defaultRecipe(Format::Nf4);
    return state;
}

Json toJson(const SelectionRule &rule) {
    Json json = Json::object();
    if (!rule.include.empty())
        json["include"] = rule.include;
    if (!rule.exclude.empty())
        json["exclude"] = rule.exclude;
    if (!rule.overrides.empty())
        json["overrides"] = rule.overrides;
    for (const auto &layout : rule.layouts)
        json["layouts"][layout.glob] = layout.layout == Layout::InOut ? "in_out" : "out_in";
    return json;
}

SelectionRule selectionRuleFromJson(const Json &json) {
    if (!json.is_object())
        refuse("`rule` is not an object");
    SelectionRule rule;
    if (const Json *include = member(json, "include"))
        rule.include = stringsOf(*include, "include");
    if (const Json *exclude = member(json, "exclude"))
        rule.exclude = stringsOf(*exclude, "exclude");
    if (const Json *overrides = member(json, "overrides"))
        readOverrides(*overrides, rule);
    if (const Json *layouts = member(json, "layouts"))
        readLayouts(*layouts, rule);
    return rule;
}

Json toJson(const WorkState &state) {
    Json json;
    json["nibblescope_session"] = sessionVersion;
    json["model"] = state.model;
    json["recipe"] = toJson(state.setup.recipe);
    json["rule"] = toJson(state.setup.rule);
    if (state.setup.baseline)
        json["baseline"] = toJson(*state.setup.baseline);
    Json selection;
    selection["tensor"] = state.tensor;
    selection["tensors"] = state.selectedTensors;
    selection["group"] = state.group;
    if (state.code)
        selection["code"] = *state.code;
    json["selection"] = std::move(selection);
    json["page"] = state.page;
    json["options"] = state.setup.pageOptions;
    if (!state.calibration.empty())
        json["calibration"] = state.calibration;
    if (!state.accuracy.empty())
        json["accuracy"] = state.accuracy;
    return json;
}

WorkState workStateFromJson(const Json &json) {
    if (!json.is_object() || member(json, "nibblescope_session") == nullptr)
        refuse("it is not a session of Nibblescope");
    WorkState state = initialWorkState();
    if (const Json *model = member(json, "model"))
        state.model = stringOf(*model, "model");
    if (const Json *recipe = member(json, "recipe"))
        state.setup.recipe = recipeFromJson(*recipe);
    if (const Json *rule = member(json, "rule"))
        state.setup.rule = selectionRuleFromJson(*rule);
    if (const Json *baseline = member(json, "baseline"))
        state.setup.baseline = recipeFromJson(*baseline);
    if (const Json *selection = member(json, "selection"); selection != nullptr && selection->is_object()) {
        if (const Json *tensor = member(*selection, "tensor"))
            state.tensor = stringOf(*tensor, "tensor");
        if (const Json *tensors = member(*selection, "tensors"))
            state.selectedTensors = stringsOf(*tensors, "tensors");
        if (const Json *group = member(*selection, "group"))
            state.group = numberOf(*group, "group");
        if (const Json *code = member(*selection, "code"))
            state.code = static_cast<unsigned>(std::min<std::uint64_t>(numberOf(*code, "code"), 255));
    }
    if (const Json *page = member(json, "page"))
        state.page = stringOf(*page, "page");
    if (const Json *options = member(json, "options"); options != nullptr && options->is_object())
        state.setup.pageOptions = *options;
    if (const Json *calibration = member(json, "calibration"))
        state.calibration = stringOf(*calibration, "calibration");
    if (const Json *accuracy = member(json, "accuracy"); accuracy != nullptr && accuracy->is_array())
        state.accuracy = *accuracy;
    return state;
}

ChangeDescription describeChange(const Setup &before, const Setup &after) {
    if (before == after)
        return {};
    if (before.baseline != after.baseline)
        return describeBaseline(before, after);
    if (!(before.recipe == after.recipe))
        return describeRecipe(before.recipe, after.recipe);
    if (!(before.rule == after.rule))
        return describeRule(before.rule, after.rule);
    return describeOptions(before.pageOptions, after.pageOptions);
}

} // namespace nibblescope
