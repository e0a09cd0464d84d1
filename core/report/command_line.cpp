// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/report/command_line.h"

#include <string_view>

#include "core/quant/quantize.h"
#include "core/report/figure_table.h"

namespace nibblescope {
namespace {

constexpr std::string_view plainCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./=:,+@%";

void add(std::string &line, const std::string &option, const std::string &value) {
    line += (line.empty() ? "" : " ") + option + " " + shellQuoted(value);
}

void addParameters(std::string &line, const Recipe &recipe, const Recipe &usual, const std::string &calibration) {
    if (recipe.actOrder)
        line += " --act-order";
    if (recipe.damp != usual.damp)
        add(line, "--damp", csvNumber(recipe.damp));
    if (recipe.sequential)
        line += " --sequential";
    if (recipe.awqNoClip)
        line += " --awq-no-clip";
    if (const MethodTraits *method = findMethod(recipe.method); method != nullptr && method->needsCalibration)
        add(line, "--calibration", calibration);
}

// Names may hold what globs give a meaning to.
std::string asGlob(const std::string &name) {
    std::string glob;
    for (const char c : name)
        glob += c == '*' || c == '?' || c == '[' ? std::string("[") + c + "]" : std::string(1, c);
    return glob;
}

} // namespace

std::string shellQuoted(const std::string &word) {
    if (!word.empty() && word.find_first_not_of(plainCharacters) == std::string::npos)
        return word;
    std::string quoted = "'";
    for (const char c : word)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

std::string optionsOf(const Recipe &recipe, const SelectionRule &rule, const std::string &calibration) {
    std::string line;
    if (recipe.format != Format::None) {
        const Recipe usual = defaultRecipe(recipe.format);
        add(line, "--format", std::string(traits(recipe.format).id));
        if (!(recipe.groupSize == usual.groupSize))
            add(line, "--group-size", toString(recipe.groupSize));
        if (recipe.blocks != usual.blocks)
            add(line, "--blocks", std::string(idOf(recipe.blocks)));
        if (recipe.doubleQuant != DoubleQuant::Off)
            add(line, "--double-quant", std::string(idOf(recipe.doubleQuant)));
        else if (recipe.scaleType != usual.scaleType && traits(recipe.format).fixedGroupSize == 0)
            add(line, "--scale-type", std::string(idOf(recipe.scaleType)));
        if (recipe.method != usual.method)
            add(line, "--method", recipe.method);
        addParameters(line, recipe, usual, calibration);
    }
    for (const std::string &glob : rule.include)
        add(line, "--include", glob);
    for (const auto &[name, quantize] : rule.overrides) {
        if (quantize)
            add(line, "--include", asGlob(name));
    }
    for (const std::string &glob : rule.exclude)
        add(line, "--exclude", glob);
    for (const auto &[name, quantize] : rule.overrides) {
        if (!quantize)
            add(line, "--exclude", asGlob(name));
    }
    for (const LayoutRule &layout : rule.layouts)
        add(line, "--layout", layout.glob + (layout.layout == Layout::OutIn ? "=out_in" : "=in_out"));
    return line;
}

std::string commandLineOf(const std::string &command, const std::filesystem::path &path, const Recipe &recipe,
                          const SelectionRule &rule, const std::string &calibration) {
    std::string word = path.string();
    if (word.starts_with('-'))
        word = "./" + word;
    const std::string options = optionsOf(recipe, rule, calibration);
    return "nibblescope-cli " + command + " " + shellQuoted(word) + (options.empty() ? "" : " " + options);
}

} // namespace nibblescope
