// SPDX-License-Identifier: GPL-3.0-or-later
// A recipe: everything that decides the result of quantizing a tensor. A plain value with one JSON form, whose keys are
// the options of the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/kernels/format.h"

namespace nibblescope {

enum class Blocks : std::uint8_t { Row, Flat }; // groups run along rows, or through the whole tensor
enum class DoubleQuant : std::uint8_t { Off, Dynamic, Int8 };

// Weights that share one scale: a number, a whole row, or the whole tensor.
struct GroupSize {
    enum class Kind : std::uint8_t { Count, Row, Tensor };
    Kind kind = Kind::Count;
    std::uint32_t count = 64; // for Kind::Count

    static GroupSize of(std::uint32_t count) { return {Kind::Count, count}; }
    static GroupSize row() { return {Kind::Row, 0}; }
    static GroupSize tensor() { return {Kind::Tensor, 0}; }
    bool operator==(const GroupSize &other) const {
        return kind == other.kind && (kind != Kind::Count || count == other.count);
    }
};
inline constexpr std::uint32_t minimumGroupSize = 2;
inline constexpr std::uint32_t maximumGroupSize = 1U << 20;

std::string toString(GroupSize size);                                // "64", "row", "tensor"
std::optional<GroupSize> groupSizeFromString(std::string_view text); // nullopt: not one of these, or out of range
std::string_view idOf(Blocks blocks);
std::string_view idOf(ScaleType type);
std::string_view idOf(DoubleQuant kind);
unsigned bitsOf(ScaleType type);

inline constexpr double defaultDamp = 0.01;

struct Recipe {
    Format format = Format::None;
    GroupSize groupSize;
    Blocks blocks = Blocks::Row;
    ScaleType scaleType = ScaleType::F16;
    DoubleQuant doubleQuant = DoubleQuant::Off;
    std::string method = "rtn"; // id in the registry of methods
    // gptq: columns with the most input energy first; the share of the mean energy that is added to the diagonal;
    // statistics collected anew behind each set of linears that was quantized.
    bool actOrder = false;
    double damp = defaultDamp;
    bool sequential = false;
    // awq: scales only, ranges are not searched.
    bool awqNoClip = false;

    bool operator==(const Recipe &) const = default;
};

// The recipe that a format starts with: group size 64 (mxfp4 32, int8 whole rows), scales F16.
Recipe defaultRecipe(Format format);

// "NF4 64", "INT4 row", "NF4 64 flat DQ", "INT4 asym 32 MSE"; the scale type only where it is not F16.
std::string shortForm(const Recipe &recipe);

// Why the recipe cannot be carried out, as a sentence ("MXFP4 fixes 32 weights and an 8-bit exponent"), and the option
// it is about ("group-size"); nullopt if it can.
struct RecipeProblem {
    std::string option;
    std::string reason;
};
std::optional<RecipeProblem> problemOf(const Recipe &recipe);
// Whether single choices can be combined with the rest of the recipe, for editors that disable what cannot.
std::optional<std::string> problemWithFormat(const Recipe &recipe, Format format);
std::optional<std::string> problemWithMethod(const Recipe &recipe, std::string_view method);

// Keys: format, group_size (number or "row", "tensor"), blocks, scale_type, double_quant, method, act_order, damp,
// sequential, awq_no_clip. `double_quant` is absent when off; `scale_type` is absent where the format or double
// quantization fixes it; the last four are absent where they have their default.
nlohmann::ordered_json toJson(const Recipe &recipe);
// Unknown keys and values are Errors that name the key and what would do.
Recipe recipeFromJson(const nlohmann::ordered_json &json);

// The named recipes of the product.
struct Preset {
    std::string name;
    Recipe recipe;
    std::string help;
};
const std::vector<Preset> &presets();

} // namespace nibblescope
